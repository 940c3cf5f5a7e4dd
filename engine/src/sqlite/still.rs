//! Whether the file of a live database stood still while it was read. Who keeps to SQLite's locks does not write to it then; `cp`, `rsync` or a virtual
//! machine's image that is put back does, and what is read is a mix of two moments that may well look sound.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::Path,
};

use flate2::Crc;
use rusqlite::Connection;

use super::{checkpoints::Checkpoints, open::Live, pages::Geometry, scratch::beside};
use crate::{Error, Result};

/// The file by device and inode, see stat(2).
pub(super) type FileId = (u64, u64);

pub(super) fn file_id(found: &Metadata) -> FileId {
    (found.dev(), found.ino())
}

/// Length and time of the last write, in seconds and nanoseconds. Not the time of the last change: that is for owner and mode, too.
pub(super) type Written = (u64, i64, i64);

pub(super) fn written(found: &Metadata) -> Written {
    (found.len(), found.mtime(), found.mtime_nsec())
}

/// What a file was when a read transaction had just begun on it. Looked at by its path: opening and closing it would drop SQLite's locks.
pub(super) struct Still<'a> {
    pub(super) path: &'a Path,
    file: FileId,
    content: Content,
}

enum Content {
    /// Nobody who keeps to the locks writes to it.
    Still(Written),
    /// A checkpoint moves into it what stands in the log.
    Checkpointed(Checkpoints),
}

impl<'a> Still<'a> {
    pub(super) fn since(live: &'a Live, geometry: &Geometry) -> Result<Self> {
        let path = live.path.as_path();
        // A log that is empty now was so when the transaction began, and then SQLite lets nobody checkpoint before it ends.
        let is_empty = || fs::metadata(beside(path, "-wal")).map_or(true, |log| log.len() == 0);
        let checkpoints = if geometry.is_wal() && !is_empty() { Checkpoints::since(live)? } else { None };
        let found = || fs::metadata(path).map_err(|error| Error::io(path, error));
        let content = match checkpoints {
            Some(checkpoints) => Content::Checkpointed(checkpoints),
            None => Content::Still(written(&found()?)),
        };
        Ok(Self { path, file: live.file, content })
    }

    /// A file that ends within its last page: SQLite fills up what is missing with zeros and says nothing.
    pub(super) fn cut_short(&self, geometry: &Geometry) -> Option<String> {
        let Content::Still((size_bytes, ..)) = self.content else { return None };
        let missing_bytes = geometry.size_bytes().checked_sub(size_bytes).filter(|missing| *missing > 0)?;
        Some(format!("the file ends {missing_bytes} bytes before its last page does"))
    }

    /// While its pages are read from the first one on: so many bytes by now, of this checksum.
    pub(super) fn look(&self, read: &Crc, read_bytes: u64) -> Result<()> {
        match &self.content {
            Content::Still(_) => Ok(()),
            Content::Checkpointed(checkpoints) => checkpoints.look(self.path, read, read_bytes),
        }
    }

    /// Before the transaction ends: the file is the one that was opened, and nobody has written to it whom its locks kept out.
    pub(super) fn see(&self) -> Result<()> {
        self.see_after(&Crc::new(), 0)
    }

    /// The same after so much was read, with [`Self::look`] at each step; what was read before a checkpoint is read once more.
    pub(super) fn see_again(&self, connection: &Connection, geometry: &Geometry, read: &Crc, read_bytes: u64) -> Result<()> {
        self.see_after(read, read_bytes)?;
        match &self.content {
            Content::Checkpointed(checkpoints) if !checkpoints.reads_the_same(connection, self.path, geometry)? => {
                self.overwritten("what was read of it reads as something else now, and the application's checkpoint does not explain that")
            }
            _ => Ok(()),
        }
    }

    fn overwritten(&self, what: &str) -> Result<()> {
        Err(Error::SourceOverwritten { path: self.path.to_owned(), what: what.to_owned() })
    }

    fn see_after(&self, read: &Crc, read_bytes: u64) -> Result<()> {
        const OTHER: &str = "its length or the time of its last write is another one";
        let overwritten = |what: &str| self.overwritten(what);
        match fs::metadata(self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => overwritten("it was taken away"),
            Err(error) => Err(Error::io(self.path, error)),
            Ok(found) if file_id(&found) != self.file => overwritten("another file stands in its place"),
            Ok(found) => match &self.content {
                Content::Still(then) if *then != written(&found) => overwritten(OTHER),
                Content::Checkpointed(checkpoints) if !checkpoints.explain(self.path, read, read_bytes)? => {
                    overwritten(&format!("{OTHER}, and no checkpoint explains that"))
                }
                _ => Ok(()),
            },
        }
    }
}
