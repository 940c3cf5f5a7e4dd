//! The console's server: axum, the pages, the feed of live changes.

use std::{net::SocketAddr, sync::Arc};

use keepstone_engine::Vault;

/// What `keepstone serve` is told.
#[derive(Debug, Clone)]
pub(crate) struct ServeOptions {
    pub(crate) vault: Arc<Vault>,
    pub(crate) listen: SocketAddr,
    /// As browsers reach it, where that is not the listen address, e.g. `https://backup.example.org`.
    pub(crate) public_url: Option<String>,
    /// Also keep a small live shop in the vault and protect it.
    pub(crate) demo: bool,
}

/// Serves until the process is told to stop. Makes its own runtime.
pub(crate) fn serve(_options: ServeOptions) -> anyhow::Result<()> {
    todo!()
}
