//! TLS by certificate files: what they hold, which one is shown to browsers now, and connections encrypted by it. Certificates come from
//! elsewhere (an authority, certbot, `mkcert`): none is made here.

mod certificate;
mod current;
mod listener;

use std::{path::PathBuf, sync::Arc};

pub(crate) use certificate::{Doubt, Loaded, TlsFault, load};
pub(crate) use current::Current;
pub(crate) use listener::TlsListener;
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
};

/// Where the certificate with its chain, and its private key, lie; both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// The one that connections to PostgreSQL are encrypted by, too.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// TLS 1.2 and 1.3 with the certificate that is current when a connection begins; HTTP/2 for browsers that want it.
fn config(current: Arc<Current>) -> Arc<ServerConfig> {
    let versions = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let mut config = versions.expect("the provider has TLS 1.2 and 1.3").with_no_client_auth().with_cert_resolver(current);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}
