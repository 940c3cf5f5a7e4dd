//! Notices changes of the catalog and of running jobs, whichever process makes them.

use std::time::Duration;

use keepstone_model::{id::JobId, job::Progress};

use crate::{Result, Vault};

/// What changed since the last call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Change {
    /// Something in the catalog: pages show other facts now.
    pub catalog: bool,
    /// Progress of running jobs that moved.
    pub progress: Vec<(JobId, Progress)>,
}

/// Watches a vault by SQLite's `data_version` of the catalog and of `live.sqlite`, each through a connection that never writes.
#[derive(Debug)]
pub struct Watch {}

impl Watch {
    pub fn new(_vault: &Vault) -> Result<Self> {
        todo!()
    }

    /// Waits up to `timeout` for a change, looking every 100 ms or so; an empty change is a timeout.
    pub fn next(&mut self, _timeout: Duration) -> Result<Change> {
        todo!()
    }
}
