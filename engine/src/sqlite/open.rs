//! Opening a live database without harming it, and each refusal with its own fault. Not what is read from it afterwards.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, MAIN_DB, OpenFlags, config::DbConfig};
use rustix::fs::{Access as Right, AtFlags, CWD};

use super::{
    fault, names,
    pages::{self, Geometry, Method},
    scratch::{beside, open_immutable},
    still::{FileId, file_id},
    watch,
};
use crate::{Error, Monitor, Result, Silent};

/// What a first look at a live database tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    pub path: PathBuf,
    pub page_size: u32,
    pub page_count: u64,
    /// `wal`, `delete`, …
    pub journal_mode: String,
    /// `UTF-8`, `UTF-16le`, `UTF-16be`.
    pub encoding: String,
    /// `device:inode` as stat(2) has it.
    pub identity: String,
}

/// Opens the database once, reads what it is, and leaves it as it was. A damaged one that can still be read is not refused.
pub fn probe(path: &Path, busy_wait: Duration) -> Result<SourceInfo> {
    let live = Live::open(path, Access::Read)?;
    live.watched(&Silent, &watch::unlimited, || {
        live.begin_read(busy_wait)?;
        let geometry = Geometry::read(&live.connection).map_err(fault::at(path))?;
        pages::rollback(&live.connection);
        Ok(SourceInfo {
            path: path.to_owned(),
            page_size: geometry.page_size,
            page_count: geometry.page_count,
            journal_mode: geometry.journal_mode,
            encoding: geometry.encoding,
            identity: identity(path)?,
        })
    })
}

/// `device:inode`, by stat(2) alone.
pub(crate) fn identity(path: &Path) -> Result<String> {
    let found = stat(path)?;
    Ok(format!("{}:{}", found.dev(), found.ino()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing is written, not even by a checkpoint on close.
    Read,
    Write,
}

/// A connection to a live database, the only way it is ever touched.
pub(super) struct Live {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
    /// What stood there when it was opened.
    pub(super) file: FileId,
}

impl Live {
    /// Opens it, never making it. Nothing is read yet and no lock is taken.
    pub(super) fn open(path: &Path, access: Access) -> Result<Self> {
        let found = stat(path)?;
        if !found.is_file() {
            return Err(Error::NotADatabase { path: path.to_owned() });
        }
        if found.len() == 0 {
            return Err(Error::SourceEmpty { path: path.to_owned() });
        }
        if !may(path, Right::READ_OK) {
            return Err(Error::SourceUnreadable { path: path.to_owned() });
        }
        names::only_one(path, &found)?;
        side_files_do_no_harm(path, found.uid())?;
        if access == Access::Write {
            journal_does_no_harm(path, &found)?;
        }
        // Read-write even for reading: a WAL database needs it for its locks, a hot journal for its rollback. Where this user may only
        // read, SQLite falls back to that by itself.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)
            .or_else(|error| if access == Access::Read { Connection::open_with_flags(path, read_only) } else { Err(error) })
            .map_err(fault::at(path))?;
        watch::be_patient(&mut connection).map_err(fault::at(path))?;
        let live = Self { connection, path: path.to_owned(), file: file_id(&found) };
        live.prepare(access).map_err(fault::at(path))?;
        if access == Access::Write && live.connection.is_readonly(MAIN_DB).map_err(fault::at(path))? {
            let on_read_only_disk = rustix::fs::accessat(CWD, path, Right::WRITE_OK, AtFlags::EACCESS) == Err(rustix::io::Errno::ROFS);
            let reason = if on_read_only_disk { "its disk is mounted read-only" } else { "this user may not write it" }.to_owned();
            return Err(Error::TargetUnusable { path: path.to_owned(), reason });
        }
        Ok(live)
    }

    fn prepare(&self, access: Access) -> rusqlite::Result<()> {
        let connection = &self.connection;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.execute_batch("PRAGMA cell_size_check=ON")?;
        match access {
            // Whoever closes last checkpoints: that must not be us, with all of it on our time and under our user.
            Access::Read => {
                connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
                connection.execute_batch("PRAGMA query_only=ON")
            }
            // A checkpoint must not lengthen the commit.
            Access::Write => connection.execute_batch("PRAGMA wal_autocheckpoint=0"),
        }
    }

    /// [`watch::watched`] on this connection.
    pub(super) fn watched<T>(
        &self,
        monitor: &dyn Monitor,
        verdict: &(dyn Fn() -> Option<Error> + Sync),
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        watch::watched(&self.connection, monitor, verdict, work)
    }

    /// Starts a read transaction, waiting for locks so long at most. Damage that was stepped around comes back as a sentence.
    pub(super) fn begin_read(&self, busy_wait: Duration) -> Result<Option<String>> {
        let damage = watch::waiting(busy_wait, || pages::begin_read(&self.connection, &self.path)).map_err(|error| match error {
            // It can be read, but for the transaction that its journal has to take back first.
            Error::SourceUnreadable { path } if fs::metadata(beside(&path, "-journal")).is_ok_and(|journal| journal.len() > 0) => {
                Error::SourceHotJournal { path }
            }
            other => other,
        })?;
        // Too short for a header it passes with SQLite for a new database.
        if self.connection.query_row("PRAGMA main.page_count", [], |row| row.get::<_, i64>(0)) == Ok(0) {
            pages::rollback(&self.connection);
            return Err(Error::NotADatabase { path: self.path.clone() });
        }
        Ok(damage)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // With an empty log there is nothing to checkpoint, and a normal close takes away the -wal and -shm if nobody else has them open:
        // a database that had none before has none after.
        if fs::metadata(beside(&self.path, "-wal")).is_ok_and(|wal| wal.len() == 0) {
            let tidied = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false);
            drop(tidied); // else an empty log stays behind, which harms nobody
        }
    }
}

fn stat(path: &Path) -> Result<fs::Metadata> {
    fs::metadata(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Error::SourceMissing { path: path.to_owned() },
        ErrorKind::PermissionDenied => Error::SourceUnreadable { path: path.to_owned() },
        _ => Error::io(path, error),
    })
}

/// Whether the effective user has a right.
fn may(path: &Path, right: Right) -> bool {
    rustix::fs::accessat(CWD, path, right, AtFlags::EACCESS).is_ok()
}

/// A WAL database that nobody has open has no -wal and -shm: reading it makes them. In a folder that cannot be written they cannot be made,
/// and made by another user they can lock the application out ("attempt to write a readonly database"). SQLite gives those that root makes
/// to the owner of the database, so root may.
fn side_files_do_no_harm(path: &Path, owner_uid: u32) -> Result<()> {
    if beside(path, "-wal").exists() && beside(path, "-shm").exists() {
        return Ok(());
    }
    let is_wal = is_wal_file(path);
    if is_wal {
        names::log_is_not_elsewhere(path)?;
    }
    let user = rustix::process::geteuid();
    let foreign = !user.is_root() && user.as_raw() != owner_uid;
    let folder_closed = !path.parent().is_some_and(|folder| may(folder, Right::WRITE_OK));
    if (foreign || folder_closed) && is_wal {
        let path = path.to_owned();
        return Err(if folder_closed { Error::SourceReadOnlyWal { path } } else { Error::SourceForeignOwner { path, owner_uid } });
    }
    Ok(())
}

/// A process that dies while it writes leaves a journal that whoever comes next has to roll back, and one that is of another user, whom the
/// application is not, locks it out ("unable to open database file"). SQLite gives the journal that root makes to the owner of the database, and any
/// journal the mode of the database: in a folder that hands its group on, that may be enough.
fn journal_does_no_harm(path: &Path, found: &fs::Metadata) -> Result<()> {
    const HANDS_GROUP_ON: u32 = 0o2000;
    const GROUP_MAY: u32 = 0o060;
    let user = rustix::process::geteuid();
    if user.is_root() || user.as_raw() == found.uid() || is_wal_file(path) {
        return Ok(());
    }
    let shared = path
        .parent()
        .and_then(|folder| fs::metadata(folder).ok())
        .is_some_and(|folder| folder.mode() & HANDS_GROUP_ON != 0 && folder.gid() == found.gid() && found.mode() & GROUP_MAY == GROUP_MAY);
    if shared { Ok(()) } else { Err(Error::SourceForeignOwner { path: path.to_owned(), owner_uid: found.uid() }) }
}

/// Whether the header says WAL, asked without making any file. Unknown means yes. The header of an existing database only ever changes this
/// byte together with its journal mode, so reading it without a lock cannot mislead.
fn is_wal_file(path: &Path) -> bool {
    if Method::available() != Method::Dbpage {
        return true;
    }
    let version = open_immutable(path).and_then(|connection| {
        let page = "SELECT data FROM sqlite_dbpage WHERE pgno=1";
        let version = connection.query_row(page, [], |row| Ok(row.get_ref(0)?.as_blob()?.get(19).copied()));
        version.map_err(fault::at(path))
    });
    // What is no database at all is for the real open to say.
    !matches!(version, Ok(Some(1)) | Err(Error::NotADatabase { .. }))
}
