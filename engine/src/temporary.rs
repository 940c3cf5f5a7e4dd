//! A file that is gone when its guard is.

use std::path::PathBuf;

use crate::durable;

/// A file of our own, and what SQLite made beside it, removed when this goes, unless it was given another name by then. What cannot be removed is
/// told; in staging the next start does it.
#[derive(Debug)]
pub(crate) struct Temporary(pub(crate) PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            if let Err(error) = durable::remove(path.as_ref()) {
                tracing::warn!(path = %path.display(), %error, "a temporary file could not be removed");
            }
        }
    }
}
