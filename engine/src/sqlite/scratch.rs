//! Files of our own beside the work: spools and scratch images, gone when they are dropped; and images opened for reading.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig, limits::Limit};

use super::fault;
use crate::{Error, Result, image::hex};

/// A file that only this process knows and that goes with this value. A process that dies leaves it to the cleanup of its staging folder.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes the file, empty and for this user only.
    pub(super) fn create(folder: &Path, name: &str) -> Result<(Self, File)> {
        let path = folder.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| Error::io(&path, error))?;
        Ok((Self { path }, file))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            match fs::remove_file(beside(&self.path, suffix)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::warn!(path = %self.path.display(), %error, "a scratch file could not be removed");
                }
                _ => {}
            }
        }
    }
}

/// The name of a file that belongs to a database, e.g. with `-wal`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Opens a file that nobody writes: read-only, without locks, without side files whatever its journal mode, and with every defence against
/// a file made to do harm (<https://www.sqlite.org/security.html>).
pub(super) fn open_image(path: &Path) -> Result<Connection> {
    let connection = open_immutable(path)?;
    let defend = || -> rusqlite::Result<()> {
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.execute_batch("PRAGMA cell_size_check=ON; PRAGMA mmap_size=0")?;
        // Far above what a real schema needs, far below what it takes to hurt.
        for (limit, value) in [
            (Limit::SQLITE_LIMIT_SQL_LENGTH, 16 << 20),
            (Limit::SQLITE_LIMIT_VDBE_OP, 25_000_000),
            (Limit::SQLITE_LIMIT_ATTACHED, 0),
            (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
            (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
        ] {
            connection.set_limit(limit, value)?;
        }
        Ok(())
    };
    defend().map_err(fault::at(path))?;
    Ok(connection)
}

/// `immutable=1`: SQLite takes no locks, looks for no journal or log, and makes no file. <https://www.sqlite.org/uri.html#uriimmutable>
pub(crate) fn open_immutable(path: &Path) -> Result<Connection> {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(byte)),
            other => {
                uri.push('%');
                uri.push_str(&hex(&[other]));
            }
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(uri, flags).map_err(fault::at(path))
}
