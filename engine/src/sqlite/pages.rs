//! Reading the pages of a database through SQLite, and what its header pragmas say. <https://www.sqlite.org/dbpage.html>

use std::{io, path::Path, sync::OnceLock};

use rusqlite::{Connection, ErrorCode};

use super::fault;
use crate::{Error, Result};

/// The way pages are read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// The virtual table `sqlite_dbpage`, a compile-time option of SQLite.
    Dbpage,
    /// The online backup API, which every SQLite has.
    BackupApi,
}

impl Method {
    /// The better one that the SQLite of this process has.
    pub(super) fn available() -> Self {
        static DBPAGE: OnceLock<bool> = OnceLock::new();
        let has_dbpage = || Connection::open_in_memory().is_ok_and(|memory| memory.prepare("SELECT pgno, data FROM sqlite_dbpage").is_ok());
        if *DBPAGE.get_or_init(has_dbpage) { Self::Dbpage } else { Self::BackupApi }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Dbpage => "dbpage",
            Self::BackupApi => "backup_api",
        }
    }
}

/// Pages go through the engine in batches of at least this size: per-page calls cost more than the copying.
pub(super) const BATCH_BYTES: usize = 256 << 10;

/// What the pragmas say inside a transaction.
#[derive(Debug, Clone)]
pub(super) struct Geometry {
    pub(super) page_size: u32,
    pub(super) page_count: u64,
    pub(super) journal_mode: String,
    pub(super) encoding: String,
    pub(super) auto_vacuum: AutoVacuum,
    pub(super) schema_version: i64,
    pub(super) user_version: i64,
    pub(super) application_id: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AutoVacuum {
    None,
    Full,
    Incremental,
}

impl AutoVacuum {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Full => "full",
            Self::Incremental => "incremental",
        }
    }
}

impl Geometry {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let number = |pragma: &str| connection.query_row(&format!("PRAGMA main.{pragma}"), [], |row| row.get::<_, i64>(0));
        let word = |pragma: &str| connection.query_row(&format!("PRAGMA main.{pragma}"), [], |row| row.get::<_, String>(0));
        Ok(Self {
            page_size: u32::try_from(number("page_size")?).unwrap_or(0),
            page_count: u64::try_from(number("page_count")?).unwrap_or(0),
            journal_mode: word("journal_mode")?,
            encoding: word("encoding")?,
            auto_vacuum: match number("auto_vacuum")? {
                0 => AutoVacuum::None,
                1 => AutoVacuum::Full,
                _ => AutoVacuum::Incremental,
            },
            schema_version: number("schema_version")?,
            user_version: number("user_version")?,
            application_id: number("application_id")?,
        })
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.page_count * u64::from(self.page_size)
    }

    pub(super) fn is_wal(&self) -> bool {
        self.journal_mode.eq_ignore_ascii_case("wal")
    }
}

/// Starts a read transaction that stays at its moment until it is ended. Damage that keeps the schema from being read is stepped around
/// (`writable_schema` makes SQLite take what it can) and given back as a sentence.
pub(super) fn begin_read(connection: &Connection, path: &Path) -> Result<Option<String>> {
    let begin = || -> rusqlite::Result<()> {
        connection.execute_batch("BEGIN")?;
        // BEGIN alone takes no lock and no moment; the first read does.
        let read = connection.query_row("SELECT count(*) FROM main.sqlite_schema", [], |_| Ok(()));
        if read.is_err() {
            rollback(connection);
        }
        read
    };
    match begin() {
        Ok(()) => Ok(None),
        Err(error) if fault::is_damage(&error) && !is_not_a_database(&error) => {
            // A disk that could not read once, SQLite takes for damage as well. What is damaged is so again.
            if begin().is_ok() {
                return Ok(None);
            }
            tolerate_damage(connection).map_err(fault::at(path))?;
            begin().map_err(fault::at(path))?;
            Ok(Some(fault::detail(&error)))
        }
        Err(error) => Err(fault::at(path)(error)),
    }
}

/// Lets a damaged schema be read as far as it can be. Not for a connection that writes rows.
pub(super) fn tolerate_damage(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_DEFENSIVE, false)?;
    connection.execute_batch("PRAGMA writable_schema=ON")
}

fn is_not_a_database(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase)
}

/// Ends a transaction without keeping anything. One that SQLite ended itself (after an interrupt, say) needs no more.
pub(super) fn rollback(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::warn!(%error, "a transaction could not be rolled back; closing the connection does it");
    }
}

/// Reads pages 1 to `page_count` in order, some at a time, within the transaction that is open.
pub(super) fn stream(
    connection: &Connection,
    path: &Path,
    (page_size, page_count): (u32, u64),
    take: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let short = |got: u64| Error::SourceCorrupt { path: path.to_owned(), detail: format!("{got} of {page_count} pages could be read") };
    // A page is given as it is, whatever is in it: what SQLite calls malformed here is a page that the disk does not give.
    let unread = |got: u64, error: rusqlite::Error| match error {
        error if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => Error::io(
            path,
            io::Error::other(format!("the disk does not give page {} of {page_count} ({})", got + 1, fault::detail(&error))),
        ),
        error => fault::at(path)(error),
    };
    let page_bytes = page_size as usize;
    let mut batch: Vec<u8> = Vec::with_capacity(BATCH_BYTES.max(page_bytes));
    let mut statement = connection.prepare("SELECT data FROM sqlite_dbpage").map_err(fault::at(path))?;
    let mut rows = statement.query([]).map_err(fault::at(path))?;
    for read in 0..page_count {
        let Some(row) = rows.next().map_err(|error| unread(read, error))? else { return Err(short(read)) };
        let page = row.get_ref(0).map_err(fault::at(path))?.as_blob().map_err(|_| short(read))?;
        if page.len() != page_bytes {
            return Err(short(read));
        }
        batch.extend_from_slice(page);
        if batch.len() >= BATCH_BYTES {
            take(&batch)?;
            batch.clear();
        }
    }
    if batch.is_empty() { Ok(()) } else { take(&batch) }
}
