//! `<data>/live.sqlite`: how far running jobs are, for every process that shows it. Disposable: losing it loses nothing that lasts.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use keepstone_model::{id::JobId, job::Progress};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::{
    Stop, lock, make_private,
    row::{id, json, to_json},
};
use crate::{Error, Result};

/// The open file of progress. Written without fsync; made anew when it cannot be read.
#[derive(Debug)]
pub struct Live {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Live {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let connection = match connect(path) {
            Ok(connection) => connection,
            // After a power cut it may be anything, for it is never fsynced; nothing in it is worth a question.
            Err(cause) => {
                tracing::warn!(path = %path.display(), %cause, "the file of progress could not be read and is made anew");
                for suffix in ["", "-wal", "-shm", "-journal"] {
                    let mut side = path.as_os_str().to_owned();
                    side.push(suffix);
                    match std::fs::remove_file(&side) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io(&side, error)),
                        _ => {}
                    }
                }
                connect(path)?
            }
        };
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    pub(crate) fn put(&self, job: &JobId, progress: &Progress) -> Result<()> {
        self.with(|c| {
            c.prepare_cached("INSERT OR REPLACE INTO progress (job, progress) VALUES (?1, ?2)")?
                .execute(params![job.as_str(), to_json(progress)])
                .map(drop)
        })
    }

    pub(crate) fn get(&self, job: &JobId) -> Result<Option<Progress>> {
        self.with(|c| {
            c.prepare_cached("SELECT progress FROM progress WHERE job = ?1")?
                .query_row([job.as_str()], |row| json(row, "progress"))
                .optional()
        })
    }

    pub(crate) fn all(&self) -> Result<Vec<(JobId, Progress)>> {
        self.with(all)
    }

    pub(crate) fn forget(&self, job: &JobId) -> Result<()> {
        self.with(|c| c.prepare_cached("DELETE FROM progress WHERE job = ?1")?.execute([job.as_str()]).map(drop))
    }

    fn with<T>(&self, act: impl FnOnce(&Connection) -> Result<T, rusqlite::Error>) -> Result<T> {
        act(&lock(&self.connection)).map_err(|error| Stop::from(error).into_error(&self.path))
    }
}

pub(super) fn all(c: &Connection) -> Result<Vec<(JobId, Progress)>, rusqlite::Error> {
    c.prepare_cached("SELECT job, progress FROM progress ORDER BY job")?
        .query_map([], |row| Ok((id(row, "job")?, json(row, "progress")?)))?
        .collect()
}

fn connect(path: &Path) -> Result<Connection> {
    make_private(path)?;
    let open = || -> Result<Connection, rusqlite::Error> {
        let c = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        c.busy_timeout(Duration::from_secs(2))?;
        super::use_wal(&c)?;
        c.pragma_update(None, "synchronous", "OFF")?;
        c.execute_batch("CREATE TABLE IF NOT EXISTS progress (job TEXT PRIMARY KEY, progress TEXT NOT NULL) STRICT")?;
        // A form that this version does not read is as good as no file.
        all(&c)?;
        Ok(c)
    };
    open().map_err(|error| Stop::from(error).into_error(path))
}
