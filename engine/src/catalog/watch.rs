//! Notices changes of the catalog and of running jobs, whichever process makes them.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use keepstone_model::{id::JobId, job::Progress};
use rusqlite::Connection;

use super::{Stop, connect, live, meta};
use crate::{Result, Vault};

/// How often it looks. Asking for `data_version` costs microseconds and no disk access.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What changed since the last call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    /// Something in the catalog: pages show other facts now.
    pub catalog: bool,
    /// Progress of running jobs that moved.
    pub progress: Vec<(JobId, Progress)>,
}

impl Change {
    fn is_empty(&self) -> bool {
        !self.catalog && self.progress.is_empty()
    }
}

/// Watches a vault by SQLite's `data_version` of the catalog and of `live.sqlite`, each through a connection that never writes. In the catalog
/// it is asked then whether the revision moved: not every commit is one that a page shows.
#[derive(Debug)]
pub struct Watch {
    catalog: Watched,
    revision: i64,
    live: Watched,
    progress: BTreeMap<JobId, Progress>,
}

impl Watch {
    /// From now on: what is there already is no change.
    pub fn new(vault: &Vault) -> Result<Self> {
        let catalog = Watched::new(&vault.catalog_path())?;
        let live = Watched::new(&vault.live_path())?;
        let mut watch = Self { catalog, revision: 0, live, progress: BTreeMap::new() };
        watch.revision = watch.revision()?;
        watch.progress = watch.all_progress()?;
        Ok(watch)
    }

    /// Waits up to `timeout` for a change, looking every 100 ms or so; an empty change is a timeout.
    pub fn next(&mut self, timeout: Duration) -> Result<Change> {
        let until = Instant::now() + timeout;
        loop {
            let change = self.look()?;
            let left = until.saturating_duration_since(Instant::now());
            if !change.is_empty() || left.is_zero() {
                return Ok(change);
            }
            std::thread::sleep(LOOK_EVERY.min(left));
        }
    }

    fn look(&mut self) -> Result<Change> {
        let mut catalog = false;
        if self.catalog.changed()? {
            let revision = self.revision()?;
            catalog = std::mem::replace(&mut self.revision, revision) != revision;
        }
        let mut progress = Vec::new();
        if self.live.changed()? {
            let now = self.all_progress()?;
            progress = now.iter().filter(|(job, p)| self.progress.get(*job) != Some(*p)).map(|(job, p)| (job.clone(), p.clone())).collect();
            self.progress = now;
        }
        Ok(Change { catalog, progress })
    }

    fn revision(&self) -> Result<i64> {
        meta::revision(&self.catalog.connection).map_err(|e| Stop::from(e).into_error(&self.catalog.path))
    }

    fn all_progress(&self) -> Result<BTreeMap<JobId, Progress>> {
        let all = live::all(&self.live.connection).map_err(|e| Stop::from(e).into_error(&self.live.path))?;
        Ok(all.into_iter().collect())
    }
}

/// One file and the version of it that was seen last. <https://www.sqlite.org/pragma.html#pragma_data_version>
#[derive(Debug)]
struct Watched {
    path: std::path::PathBuf,
    connection: Connection,
    version: i64,
}

impl Watched {
    fn new(path: &Path) -> Result<Self> {
        let open = || {
            let connection = connect(path)?;
            connection.pragma_update(None, "query_only", true)?;
            let version = data_version(&connection)?;
            Ok((connection, version))
        };
        let (connection, version) = open().map_err(|e: rusqlite::Error| Stop::from(e).into_error(path))?;
        Ok(Self { path: path.to_owned(), connection, version })
    }

    fn changed(&mut self) -> Result<bool> {
        let version = data_version(&self.connection).map_err(|e| Stop::from(e).into_error(&self.path))?;
        Ok(std::mem::replace(&mut self.version, version) != version)
    }
}

fn data_version(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}
