//! What became of a commit that SQLite called failed: it says so too where only what comes after the new content was durable fails, giving the lock
//! back, say, or the sync of the folder that the journal was removed from.

use std::path::Path;

use crate::{
    Error, Result,
    sqlite::{
        committed::{CookieMark, was_committed},
        fault,
    },
};

/// A commit that failed, as its own connection saw it.
pub(super) struct Doubt {
    pub(super) cause: Error,
    pub(super) mark: CookieMark,
}

impl Doubt {
    /// Looks, by a connection of its own. `Ok`: committed, and durably. The fault of before: it was not. `Unsure` in between.
    pub(super) fn settle(self, live: &Path) -> Result<()> {
        let unsure = |what: &str, cause| Err(Error::Unsure { what: what.to_owned(), cause: Box::new(cause) });
        match was_committed(live, self.mark) {
            Ok(false) => Err(self.cause),
            Ok(true) if fault::is_of_locks(&self.cause) => {
                tracing::warn!(path = %live.display(), error = %self.cause, "the restore was committed, though SQLite could not end it as it should");
                Ok(())
            }
            Ok(true) => unsure("the restore was committed, and it is not known whether the disk keeps it", self.cause),
            Err(error) => {
                tracing::warn!(path = %live.display(), %error, "the database cannot be looked at after a commit that failed");
                unsure("it is not known whether the restore was committed", self.cause)
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use rusqlite::{Connection, ffi};

    use super::*;

    fn failed(extended: i32) -> Doubt {
        let cause = Error::Sqlite(rusqlite::Error::SqliteFailure(ffi::Error::new(extended), None));
        Doubt { cause, mark: CookieMark::far_from(1) }
    }

    #[test]
    fn what_stands_there_says_whether_a_failed_commit_was_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (a); CREATE TABLE u (a)").unwrap();
        let before = failed(ffi::SQLITE_IOERR_UNLOCK).settle(&path).unwrap_err();
        assert_eq!(before.code(), "sqlite_error", "the application has made a table, and that is all: {before}");
        connection.execute_batch(&format!("PRAGMA schema_version={}; INSERT INTO t VALUES (1)", CookieMark::far_from(1).after)).unwrap();
        failed(ffi::SQLITE_IOERR_UNLOCK).settle(&path).unwrap();
        let unsynced = failed(ffi::SQLITE_IOERR_DIR_FSYNC).settle(&path).unwrap_err();
        assert_eq!(unsynced.code(), "unsure");
        assert!(
            unsynced.to_string().starts_with("the restore was committed, and it is not known whether the disk keeps it: "),
            "{unsynced}"
        );
        std::fs::remove_file(&path).unwrap();
        let unseen = failed(ffi::SQLITE_IOERR_UNLOCK).settle(&path).unwrap_err();
        assert!(unseen.to_string().starts_with("it is not known whether the restore was committed: "), "{unseen}");
    }
}
