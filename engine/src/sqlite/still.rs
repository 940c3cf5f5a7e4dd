//! Whether the file of a live database stood still while it was read. Who keeps to SQLite's locks does not write to it then; `cp`, `rsync` or a virtual
//! machine's image that is put back does, and what is read is a mix of two moments that may well look sound.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::{open::Live, pages::Geometry, scratch::beside};
use crate::{Error, Result};

/// The file by device and inode, see stat(2).
pub(super) type FileId = (u64, u64);

pub(super) fn file_id(found: &Metadata) -> FileId {
    (found.dev(), found.ino())
}

/// Length and time of the last write, in seconds and nanoseconds. Not the time of the last change: that is for owner and mode, too.
type Written = (u64, i64, i64);

fn written(found: &Metadata) -> Written {
    (found.len(), found.mtime(), found.mtime_nsec())
}

/// What a file was when a read transaction had just begun on it. Looked at by its path: opening and closing it would drop SQLite's locks.
pub(super) struct Still<'a> {
    pub(super) path: &'a Path,
    file: FileId,
    /// None where those who keep to the locks may write to it: a checkpoint moves into it what stands in the log.
    content: Option<Written>,
}

impl<'a> Still<'a> {
    pub(super) fn since(live: &'a Live, geometry: &Geometry) -> Result<Self> {
        let path = live.path.as_path();
        let found = fs::metadata(path).map_err(|error| Error::io(path, error))?;
        // A log that is empty now was so when the transaction began, and then SQLite lets nobody checkpoint before it ends.
        let is_empty = || fs::metadata(beside(path, "-wal")).map_or(true, |log| log.len() == 0);
        let content = (!geometry.is_wal() || is_empty()).then(|| written(&found));
        Ok(Self { path, file: live.file, content })
    }

    /// A file that ends within its last page: SQLite fills up what is missing with zeros and says nothing.
    pub(super) fn cut_short(&self, geometry: &Geometry) -> Option<String> {
        let missing_bytes = geometry.size_bytes().checked_sub(self.content?.0).filter(|missing| *missing > 0)?;
        Some(format!("the file ends {missing_bytes} bytes before its last page does"))
    }

    /// Before the transaction ends: the file is the one that was opened, and nobody has written to it whom its locks kept out.
    pub(super) fn see(&self) -> Result<()> {
        let overwritten = |what: &str| Err(Error::SourceOverwritten { path: self.path.to_owned(), what: what.to_owned() });
        match fs::metadata(self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => overwritten("it was taken away"),
            Err(error) => Err(Error::io(self.path, error)),
            Ok(found) if file_id(&found) != self.file => overwritten("another file stands in its place"),
            Ok(found) if self.content.is_some_and(|content| content != written(&found)) => {
                overwritten("its length or the time of its last write is another one")
            }
            Ok(_) => Ok(()),
        }
    }
}
