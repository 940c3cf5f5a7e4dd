//! The index of everything: `<data>/catalog.sqlite`. All SQL of the catalog stays below this folder.
//!
//! One connection writes and one reads, each behind a lock of this process; other processes have their own. Every write is one `BEGIN
//! IMMEDIATE` transaction, so that what it read before it wrote is still so.

mod backups;
mod cleanup;
pub(crate) mod copies;
mod databases;
mod events;
mod factors;
mod jobs;
mod keep;
mod live;
mod meta;
mod reserve;
mod restore_tests;
mod row;
mod schedules;
mod schema;
mod sessions;
mod storage;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
mod tokens;
mod users;
mod watch;

use std::{
    fs::OpenOptions,
    io::ErrorKind,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

pub(crate) use backups::Number;
pub use copies::TakenOver;
pub use factors::Factor;
pub(crate) use jobs::JobRow;
pub use live::Live;
pub(crate) use reserve::give_up as give_up_reserve;
pub(crate) use row::rounded;
pub(crate) use schedules::{RUN_KEY, ScheduleRow, Standing, run_key};
pub use sessions::{Session, handle as session_handle};
pub(crate) use users::SessionsAfter;
pub use users::User;
pub use watch::{Change, Watch};

use crate::{Error, Result, durable, vault::FULL_BYTES};

/// How long a statement waits for another process's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How often an open catalog's file is looked at for damage.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// SQLite says after so many steps of a statement that it took them.
const STEPS_TOLD: i32 = 500;
/// Up to this size every page is checked at the start; a larger catalog only by what its header and schema say, so that opening stays quick.
const CHECKED_WHOLE_BYTES: u64 = 16 << 20;

/// What a catalog consists of: its file and what SQLite keeps beside it.
pub(crate) const SIDES: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// The open catalog: WAL, synchronous=FULL. What is written is durable when the call returns.
#[derive(Debug)]
pub struct Catalog {
    path: PathBuf,
    /// Device and inode of the file that is open.
    identity: (u64, u64),
    /// SQLite called it damaged since it was opened.
    is_damaged: AtomicBool,
    /// When it was last opened once more to see that.
    looked_at: Mutex<Instant>,
    writer: Mutex<Connection>,
    reader: Mutex<Connection>,
    steps: Arc<AtomicU64>,
    /// The newest event up to which the chain was found whole: its number and hash.
    verified: Mutex<Option<(u64, String)>>,
}

impl Catalog {
    /// Opens the catalog, or makes an empty one, and brings it to this version. `CatalogDamaged` if it does not pass its first checks.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::open_by(path, schema::Before::Kept)
    }

    /// What SQLite calls damage may be a disk that could not read: looked at once more, and read through by other means, before anybody is told to
    /// rebuild it.
    fn open_by(path: &Path, before: schema::Before) -> Result<Self> {
        match Self::open_once(path, before) {
            Err(Error::CatalogDamaged { .. }) => match Self::open_once(path, before) {
                Err(damaged @ Error::CatalogDamaged { .. }) => Err(unreadable(path).unwrap_or(damaged)),
                other => other,
            },
            other => other,
        }
    }

    fn open_once(path: &Path, before: schema::Before) -> Result<Self> {
        let whole = |stop: Stop| stop.into_error(path);
        make_private(path)?;
        let mut writer = connect(path).map_err(|e| whole(e.into()))?;
        let identity = identity(path)?;
        check(&writer, path).map_err(whole)?;
        use_wal(&writer).map_err(|e| whole(e.into()))?;
        writer.pragma_update(None, "synchronous", "FULL").map_err(|e| whole(e.into()))?;
        schema::migrate(&mut writer, before).map_err(whole)?;
        reserve::keep(path);
        let mut reader = connect_to_read(path).map_err(|e| whole(e.into()))?;
        let steps = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&steps);
        let count = move || {
            counted.fetch_add(STEPS_TOLD.unsigned_abs().into(), Ordering::Relaxed);
            false // true would end the statement
        };
        reader.progress_handler(STEPS_TOLD, Some(count)).map_err(|e| whole(e.into()))?;
        Ok(Self {
            path: path.to_owned(),
            identity,
            is_damaged: AtomicBool::new(false),
            looked_at: Mutex::new(Instant::now()),
            writer: Mutex::new(writer),
            reader: Mutex::new(reader),
            steps,
            verified: Mutex::new(None),
        })
    }

    /// What tells the catalog's file from another that is put in its place: its inode, and when that was made, as inodes are used again.
    pub(crate) fn file_identity(&self) -> Result<String> {
        let meta = std::fs::metadata(&self.path).map_err(|error| Error::io(&self.path, error))?;
        let made_at = meta.created().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        Ok(format!("{}:{}", meta.ino(), made_at.unwrap_or_default().as_nanos()))
    }

    /// About how many steps SQLite took in long reads since the catalog was opened: what a page costs, on whatever machine. Statements that take a
    /// few hundred are not counted.
    pub fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Reads on a connection of its own: what takes long keeps nobody else waiting.
    fn read_apart<T>(&self, act: impl FnOnce(&Connection) -> Result<T, Stop>) -> Result<T> {
        connect_to_read(&self.path).map_err(Stop::from).and_then(|c| act(&c)).map_err(|stop| self.fault(stop))
    }

    /// `CatalogReplaced` where another file lies under the catalog's name by now, or none: what was written to the open one would be lost, and
    /// what is read there is another truth than everybody else's.
    pub fn refuse_replaced(&self) -> Result<()> {
        match identity(&self.path) {
            Ok(identity) if identity == self.identity => Ok(()),
            Err(Error::Io { source, .. }) if source.kind() != ErrorKind::NotFound => Err(Error::io(&self.path, source)),
            _ => Err(Error::CatalogReplaced { path: self.path.clone() }),
        }
    }

    /// `CatalogDamaged` where a read or a write met damage since the catalog was opened, and a look through all of it on a connection of its own finds
    /// it, too. To be asked now and then: each minute it reads the beginning of the file, which the open connections may have in memory.
    pub fn refuse_damaged(&self) -> Result<()> {
        let due = {
            let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
            let due = looked_at.elapsed() >= LOOK_AGAIN;
            if due {
                *looked_at = Instant::now();
            }
            due
        };
        if due {
            self.read_apart(|c| Ok(c.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?)).or_else(|error| match error {
                Error::CatalogDamaged { .. } => Ok(()), // looked at right below
                error => Err(error),
            })?;
        }
        if !self.is_damaged.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let looked = connect_to_read(&self.path).map_err(Stop::from).and_then(|c| check_whole(&c));
        looked.map_err(|stop| {
            // Also where it could not be looked at: then nothing is known by now.
            self.is_damaged.store(true, Ordering::Release);
            stop.into_error(&self.path)
        })
    }

    fn fault(&self, stop: Stop) -> Error {
        let error = stop.into_error(&self.path);
        if matches!(error, Error::CatalogDamaged { .. }) {
            self.is_damaged.store(true, Ordering::Release);
        }
        error
    }

    fn read<T>(&self, act: impl FnOnce(&Connection) -> Result<T, Stop>) -> Result<T> {
        self.refuse_replaced()?;
        act(&lock(&self.reader)).map_err(|stop| self.fault(stop))
    }

    /// All of `act` is durable when this returns, or nothing of it happened. On a full disk of the reserve is given up what it needs:
    /// what a person does to make room must not fail for want of room.
    fn write<T>(&self, act: impl Fn(&Transaction<'_>) -> Result<T, Stop>) -> Result<T> {
        self.write_as(News::Told, act)
    }

    fn write_as<T>(&self, news: News, act: impl Fn(&Transaction<'_>) -> Result<T, Stop>) -> Result<T> {
        self.refuse_replaced()?;
        let mut connection = lock(&self.writer);
        let mut all = || {
            let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let before = tx.total_changes();
            let out = act(&tx)?;
            if news == News::Told && tx.total_changes() != before {
                meta::count_revision(&tx)?;
            }
            tx.commit()?;
            Ok(out)
        };
        loop {
            match all().map_err(|stop: Stop| self.fault(stop)) {
                Err(Error::NoSpace { .. }) if reserve::give_up(&self.path) => {}
                outcome => return outcome,
            }
        }
    }
}

/// Whether whoever watches the catalog learns of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    Told,
    /// What follows from merely looking: when a session or a token was last used. Told, every look would make all open pages look again.
    Kept,
}

/// Device and inode.
fn identity(path: &Path) -> Result<(u64, u64)> {
    let found = std::fs::metadata(path).map_err(|error| Error::io(path, error))?;
    Ok((found.dev(), found.ino()))
}

/// A panic while the lock was held rolled its transaction back: the connection is as good as before.
fn lock<T>(connection: &Mutex<T>) -> MutexGuard<'_, T> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What ends a transaction early: SQLite's own fault, or one of ours.
enum Stop {
    Sqlite(rusqlite::Error),
    Ours(Error),
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl Stop {
    fn into_error(self, path: &Path) -> Error {
        match self {
            Self::Ours(error) => error,
            Self::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Error::CatalogDamaged { detail: error.to_string() },
                Some(ErrorCode::DiskFull) => Error::NoSpace { path: path.to_owned() },
                // The -shm that cannot grow is an I/O error to SQLite.
                Some(ErrorCode::SystemIoFailure) if durable::free_bytes(path).is_ok_and(|free| free < FULL_BYTES) => {
                    Error::NoSpace { path: path.to_owned() }
                }
                _ => Error::Catalog(error),
            },
        }
    }
}

/// Makes the file with mode 0600 before SQLite does with another; its -wal and -shm take over that mode.
fn make_private(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::io(path, error)),
    }
}

fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn connect_to_read(path: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = connect(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn check(connection: &Connection, path: &Path) -> Result<(), Stop> {
    let damaged = |detail: String| Stop::Ours(Error::CatalogDamaged { detail });
    let number = |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0));
    let (application_id, version) = (number("application_id")?, number("user_version")?);
    if version != 0 && application_id != schema::APPLICATION_ID {
        return Err(damaged(format!("{} is another program's database", path.display())));
    }
    let size = std::fs::metadata(path).map_err(|e| Error::io(path, e))?.len();
    if size <= CHECKED_WHOLE_BYTES { check_whole(connection) } else { Ok(()) }
}

fn check_whole(connection: &Connection) -> Result<(), Stop> {
    let finding: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if finding == "ok" { Ok(()) } else { Err(Stop::Ours(Error::CatalogDamaged { detail: finding })) }
}

/// The fault of a catalog's disk, if one of its files cannot be read to its end.
fn unreadable(path: &Path) -> Option<Error> {
    SIDES.iter().find_map(|side| {
        let file = crate::vault::beside(path, side);
        let mut opened = std::fs::File::open(&file).ok()?;
        std::io::copy(&mut opened, &mut std::io::sink()).err().map(|source| Error::io(&file, source))
    })
}

/// Removes a catalog with its side files; what is not there is gone already.
pub(crate) fn remove_all(database: &Path) -> Result<()> {
    SIDES.iter().try_for_each(|suffix| {
        let path = crate::vault::beside(database, suffix);
        durable::remove(&path)
    })
}

/// The change to WAL needs the file alone for a moment, and SQLite does not call the busy handler for it: so asked again, for a while.
fn use_wal(connection: &Connection) -> Result<(), rusqlite::Error> {
    let until = Instant::now() + BUSY_TIMEOUT;
    loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0)) {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            outcome => return outcome.map(drop),
        }
    }
}
