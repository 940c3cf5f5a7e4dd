//! What a file is, and whether somebody wrote to it since it was looked at: told by stat(2) alone.

use std::{
    fs::{self, Metadata},
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A file as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    size_bytes: u64,
    /// Seconds and nanoseconds. Renames and links leave it; every write changes it, as far as the clock of the file system tells.
    modified: (i64, i64),
}

impl Seen {
    pub(crate) fn of(found: &Metadata) -> Self {
        Self { device: found.dev(), inode: found.ino(), size_bytes: found.len(), modified: (found.mtime(), found.mtime_nsec()) }
    }

    pub(crate) fn at(path: &Path) -> Result<Self> {
        fs::metadata(path).map(|found| Self::of(&found)).map_err(|error| Error::io(path, error))
    }

    /// None where there is nothing.
    pub(crate) fn if_there(path: &Path) -> Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(found) => Ok(Some(Self::of(&found))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(path, error)),
        }
    }

    /// Whether it is this file, whatever was written to it since.
    pub(crate) fn is(&self, now: &Self) -> bool {
        (self.device, self.inode) == (now.device, now.inode)
    }
}
