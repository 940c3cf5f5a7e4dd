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

    /// Whether it is this file, whatever was written to it since. A disk may have another number after the machine started again: then it is only if
    /// nobody wrote to it.
    pub(crate) fn is(&self, now: &Self) -> bool {
        (self.device, self.inode) == (now.device, now.inode) || self.is_untouched(now)
    }

    /// Whether it is this file, and nobody wrote to it since.
    pub(crate) fn is_untouched(&self, now: &Self) -> bool {
        (self.inode, self.size_bytes, self.modified) == (now.inode, now.size_bytes, now.modified)
    }

    /// Whether it is called by the same number on a disk of another number: this file if it is the same disk, which then cannot be told.
    pub(crate) fn may_be(&self, now: &Self) -> bool {
        self.inode == now.inode && self.device != now.device
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_may_get_another_number() {
        let then = Seen { device: 1, inode: 7, size_bytes: 3, modified: (5, 6) };
        let moved = Seen { device: 2, ..then.clone() };
        assert!(then.is(&moved) && then.is_untouched(&moved) && then.may_be(&moved));
        let written = Seen { size_bytes: 4, ..then.clone() };
        assert!(then.is(&written) && !then.is_untouched(&written) && !then.may_be(&written));
        let moved_and_written = Seen { device: 2, ..written };
        assert!(!then.is(&moved_and_written) && then.may_be(&moved_and_written));
        let another = Seen { inode: 8, ..then.clone() };
        assert!(!then.is(&another) && !then.may_be(&another));
    }
}
