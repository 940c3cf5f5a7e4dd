//! The certificate that is shown now. The files are looked at every few seconds, and at once on SIGHUP; new ones are taken up without a restart,
//! and ones that do not fit (half written, say) leave the one before.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use keepstone_app::server::{Certificate, ShownCertificate};
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::{Files, Loaded, TlsFault, load};

const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How often a certificate that ends soon, or has ended, is told of.
const TELL_EVERY: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug)]
pub(crate) struct Current {
    files: Files,
    loaded: RwLock<Loaded>,
}

impl Current {
    pub(crate) fn load(files: Files) -> Result<Arc<Self>, TlsFault> {
        let loaded = load(&files)?;
        let current = Self { files, loaded: RwLock::new(loaded) };
        current.tell();
        Ok(Arc::new(current))
    }

    /// What browsers refuse, or soon will: each as a sentence with what to do.
    pub(crate) fn doubts(&self) -> Vec<String> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.doubts(&self.files, Timestamp::now()).into_iter().map(|doubt| format!("{}. {}", doubt.message, doubt.remedy)).collect()
    }

    /// For which names browsers accept it.
    pub(crate) fn names(&self) -> Vec<String> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).names.clone()
    }

    /// Follows the files for as long as the runtime lives.
    pub(crate) fn follow(self: Arc<Self>) -> io::Result<()> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut seen = stamp(&self.files);
        tokio::spawn(async move {
            let mut told = tokio::time::Instant::now();
            loop {
                let asked = tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => false,
                    _ = hangup.recv() => true,
                };
                let now = stamp(&self.files);
                if asked || now != seen {
                    seen = now;
                    self.renew();
                }
                if told.elapsed() >= TELL_EVERY {
                    told = tokio::time::Instant::now();
                    self.tell();
                }
            }
        });
        Ok(())
    }

    fn renew(&self) {
        match load(&self.files) {
            Ok(loaded) => {
                let until = loaded.not_after;
                *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
                tracing::info!(certificate = %self.files.certificate.display(), %until, "the certificate was read again");
                self.tell();
            }
            Err(error) => tracing::warn!(%error, hint = error.hint(), "the certificate stays as it was"),
        }
    }

    fn tell(&self) {
        for doubt in self.doubts() {
            tracing::warn!("{doubt}");
        }
    }
}

impl Certificate for Current {
    fn now(&self) -> ShownCertificate {
        let until = self.loaded.read().unwrap_or_else(PoisonError::into_inner).not_after;
        ShownCertificate { names: self.names(), until, doubts: self.doubts() }
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.loaded.read().unwrap_or_else(PoisonError::into_inner).pair.clone())
    }
}

/// What tells one state of the files from another; certbot's are links that are turned to new files.
fn stamp(files: &Files) -> [Option<(u64, u64, i64, i64)>; 2] {
    let of = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()));
    [of(&files.certificate), of(&files.key)]
}
