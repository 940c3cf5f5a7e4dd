//! What became of a commit that SQLite called failed: it says so too where only what comes after the new content was durable fails, giving the lock
//! back, say, or the sync of the folder that the journal was removed from.

use super::super::{
    fault,
    open::{Access, Live},
    pages::{self, Geometry},
    watch,
};
use crate::{Error, Result, Silent, image::RestoreHasher};

/// A commit that failed, as its own connection saw it.
pub(super) struct Doubt<'a> {
    pub(super) cause: Error,
    /// The schema cookie before it: each restore that writes anything moves it on.
    pub(super) cookie: i64,
    pub(super) restore_hash: &'a str,
}

/// What the database is found to be.
enum Found {
    Before,
    Restored,
    Another,
}

impl Doubt<'_> {
    /// Looks, by a connection of its own. `Ok`: committed, and durably. The fault of before: it was not. `Unsure` in between.
    pub(super) fn settle(self, live: &Live) -> Result<()> {
        let unsure = |what: &str, cause| Err(Error::Unsure { what: what.to_owned(), cause: Box::new(cause) });
        match self.look(live) {
            Ok(Found::Before) => Err(self.cause),
            Ok(Found::Restored) if fault::is_of_locks(&self.cause) => {
                tracing::warn!(path = %live.path.display(), error = %self.cause, "the restore was committed, though SQLite could not end it as it should");
                Ok(())
            }
            Ok(Found::Restored) => unsure("the restore was committed, and it is not known whether the disk keeps it", self.cause),
            Ok(Found::Another) => {
                unsure("it is not known whether the restore was committed, as somebody wrote to the database since", self.cause)
            }
            Err(error) => {
                tracing::warn!(path = %live.path.display(), %error, "the database cannot be looked at after a commit that failed");
                unsure("it is not known whether the restore was committed", self.cause)
            }
        }
    }

    fn look(&self, live: &Live) -> Result<Found> {
        let fresh = Live::open(&live.path, Access::Read)?;
        fresh.watched(&Silent, &watch::unlimited, || {
            fresh.begin_read(super::super::BUSY_WAIT)?;
            let geometry = Geometry::read(&fresh.connection).map_err(fault::at(&fresh.path))?;
            if geometry.schema_version == self.cookie {
                return Ok(Found::Before);
            }
            let mut hasher = RestoreHasher::default();
            pages::stream(&fresh.connection, &fresh.path, (geometry.page_size, geometry.page_count), &mut |batch| {
                hasher.update(batch);
                Ok(())
            })?;
            Ok(if hasher.finish() == self.restore_hash { Found::Restored } else { Found::Another })
        })
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use std::fs;

    use rusqlite::{Connection, ffi};

    use super::*;

    fn failed(extended: i32) -> Error {
        Error::Sqlite(rusqlite::Error::SqliteFailure(ffi::Error::new(extended), None))
    }

    /// What a restore to the present state of the database is called whose commit failed like this, and began at this cookie.
    fn told(database: &std::path::Path, restored: &[u8], cookie: i64, extended: i32) -> Result<()> {
        let mut hasher = RestoreHasher::default();
        hasher.update(restored);
        Doubt { cause: failed(extended), cookie, restore_hash: &hasher.finish() }.settle(&Live::open(database, Access::Read)?)
    }

    #[test]
    fn what_stands_there_says_whether_a_failed_commit_was_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let connection = Connection::open(&path).unwrap();
        connection.execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
        let cookie: i64 = connection.query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap();
        let restored = fs::read(&path).unwrap();
        let before = told(&path, &restored, cookie, ffi::SQLITE_IOERR_UNLOCK).unwrap_err();
        assert_eq!(before.code(), "sqlite_error", "it stands at the cookie of before: {before}");
        told(&path, &restored, cookie - 1, ffi::SQLITE_IOERR_UNLOCK).unwrap();
        let unsynced = told(&path, &restored, cookie - 1, ffi::SQLITE_IOERR_DIR_FSYNC).unwrap_err();
        assert_eq!(unsynced.code(), "unsure");
        assert!(
            unsynced.to_string().starts_with("the restore was committed, and it is not known whether the disk keeps it: "),
            "{unsynced}"
        );
        connection.execute_batch("INSERT INTO t VALUES (2)").unwrap();
        let written = told(&path, &restored, cookie - 1, ffi::SQLITE_IOERR_UNLOCK).unwrap_err();
        assert!(written.to_string().starts_with("it is not known whether"), "{written}");
        drop(connection);
        let live = Live::open(&path, Access::Read).unwrap();
        fs::remove_file(&path).unwrap();
        let doubt = Doubt { cause: failed(ffi::SQLITE_IOERR_UNLOCK), cookie, restore_hash: "" };
        assert_eq!(doubt.settle(&live).unwrap_err().code(), "unsure", "what cannot be looked at is not known");
    }
}
