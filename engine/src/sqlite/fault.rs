//! What SQLite's result codes mean for a source. <https://www.sqlite.org/rescode.html>

use std::path::Path;

use rusqlite::ffi;

use crate::{Error, error::LockedBy};

/// Turns SQLite's errors at a path into the engine's faults.
pub(super) fn at(path: &Path) -> impl Fn(rusqlite::Error) -> Error + '_ {
    move |error| translate(path, error)
}

/// What SQLite says of a header that it cannot read by.
const UNKNOWN_FORMAT: [&str; 2] = ["unsupported file format", "attached databases must use the same text encoding as main database"];

fn translate(path: &Path, error: rusqlite::Error) -> Error {
    let path = path.to_owned();
    let extended = extended_code(&error);
    match extended & 0xff {
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL => Error::SourceBusy { path, waited_ms: 0, by: LockedBy::Unknown },
        ffi::SQLITE_NOTADB => Error::NotADatabase { path },
        ffi::SQLITE_CORRUPT => Error::SourceCorrupt { path, detail: detail(&error) },
        ffi::SQLITE_IOERR if is_damage(&error) => Error::SourceCorrupt { path, detail: detail(&error) },
        ffi::SQLITE_READONLY
            if matches!(extended, ffi::SQLITE_READONLY_CANTINIT | ffi::SQLITE_READONLY_RECOVERY | ffi::SQLITE_READONLY_DIRECTORY) =>
        {
            Error::SourceReadOnlyWal { path }
        }
        ffi::SQLITE_READONLY if extended == ffi::SQLITE_READONLY_DBMOVED => {
            Error::StalePlan { reason: format!("{} was moved, replaced or deleted meanwhile", path.display()) }
        }
        // Met by who writes only.
        ffi::SQLITE_READONLY if extended == ffi::SQLITE_READONLY => {
            let reason = "SQLite may not write it: its disk is mounted read-only, or this user lacks the right to".to_owned();
            Error::TargetUnusable { path, reason }
        }
        ffi::SQLITE_READONLY | ffi::SQLITE_CANTOPEN | ffi::SQLITE_PERM | ffi::SQLITE_AUTH => Error::SourceUnreadable { path },
        ffi::SQLITE_FULL => Error::NoSpace { path },
        // The header names a format that this SQLite does not know: a newer one, or damage. It has no code of its own.
        ffi::SQLITE_ERROR if UNKNOWN_FORMAT.contains(&detail(&error).as_str()) => Error::SourceFormat { path },
        ffi::SQLITE_INTERRUPT => Error::CancelledHere,
        _ => Error::Sqlite(error),
    }
}

/// Whether the bytes are wrong, as against the disk, the rights or the moment: EACCES, ENOSPC and BUSY are never damage. EIO while a statement
/// runs is one of the faults that SQLite passes on as `SQLITE_CORRUPT` (it calls them `SQLITE_IOERR_CORRUPTFS` inside, see `unixRead`): whoever acts
/// on damage reads the file by other means first, see [`super::health::second_look`].
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    let extended = extended_code(error);
    matches!(extended & 0xff, ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB)
        || matches!(extended, ffi::SQLITE_IOERR_SHORT_READ | ffi::SQLITE_IOERR_DATA)
}

/// Whether a line of a check tells of a page that could not be read for a reason that is none of the page's: the code behind it is an I/O fault
/// but not that of a file cut short, or one of memory, rights or space.
pub(super) fn is_unread(line: &str) -> bool {
    let code = line.rsplit_once("unable to get the page. error code=").and_then(|(_, code)| code.trim().parse::<i32>().ok());
    code.is_some_and(|code| code & 0xff != ffi::SQLITE_CORRUPT && code != ffi::SQLITE_IOERR_SHORT_READ && code != ffi::SQLITE_IOERR_DATA)
}

pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(extended_code(error) & 0xff, ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_PROTOCOL)
}

/// Whether only a lock could not be given back or taken down a step, which the end of the connection does as well: what was to be synced was synced before.
pub(super) fn is_of_locks(error: &Error) -> bool {
    let Error::Sqlite(error) = error else { return false };
    matches!(extended_code(error), ffi::SQLITE_IOERR_UNLOCK | ffi::SQLITE_IOERR_RDLOCK)
}

/// Whether SQL could not be carried out for what it says (a missing module, collation, function), not for what the file holds.
pub(super) fn is_sql(error: &rusqlite::Error) -> bool {
    extended_code(error) & 0xff == ffi::SQLITE_ERROR
}

/// Whether SQLite went against a limit of its own or of the memory: it says nothing of what the file holds.
pub(crate) fn is_of_a_limit(error: &Error) -> bool {
    let Error::Sqlite(error) = error else { return false };
    matches!(extended_code(error) & 0xff, ffi::SQLITE_TOOBIG | ffi::SQLITE_NOMEM)
}

/// SQLite's own sentence.
pub(super) fn detail(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}

fn extended_code(error: &rusqlite::Error) -> i32 {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) | rusqlite::Error::SqlInputError { error: failure, .. } => failure.extended_code,
        _ => ffi::SQLITE_OK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_is_not_told_as_what_cannot_be_read() {
        let code = |extended| translate(Path::new("/srv/shop.db"), rusqlite::Error::SqliteFailure(ffi::Error::new(extended), None)).code();
        assert_eq!(code(ffi::SQLITE_READONLY_DBMOVED), "stale_plan");
        assert_eq!(code(ffi::SQLITE_READONLY), "target_unusable");
        assert_eq!(code(ffi::SQLITE_READONLY_CANTINIT), "source_read_only_wal");
        assert_eq!(code(ffi::SQLITE_CANTOPEN), "source_unreadable");
    }
}
