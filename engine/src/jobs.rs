//! Jobs: rows that a worker claims. The command line claims its own at once; the web queues, and a worker thread of any process runs.

use std::time::Duration;

use keepstone_model::{
    id::{DatabaseId, JobId},
    job::{Job, JobState, Progress},
};
use serde::{Deserialize, Serialize};

use crate::{
    Monitor, Result, Vault,
    create::CreateOptions,
    restore::{RestoreOptions, UndoOptions},
    verify::VerifyOptions,
};

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verb")]
pub enum JobRequest {
    Create(CreateOptions),
    Verify(VerifyOptions),
    Restore(RestoreOptions),
    Undo(UndoOptions),
}

/// Queues a job for whichever worker claims it first. `key`, if given, makes a repeated submit give back the first job.
pub fn submit(_vault: &Vault, _request: &JobRequest, _key: Option<&str>) -> Result<JobId> {
    todo!()
}

/// Claims the oldest queued job whose database is free and runs it to its end; `None` if there was none. The job's failure is written to its
/// row and is not an error here.
pub fn run_next(_vault: &Vault, _monitor: &dyn Monitor) -> Result<Option<JobId>> {
    todo!()
}

/// A job with its request's step titles, latest progress and log.
#[derive(Debug, Clone)]
pub struct JobDetail {
    pub job: Job,
    pub progress: Option<Progress>,
    /// Lines "HH:MM:SS text" in UTC, oldest first.
    pub log: Vec<String>,
    /// For a restore that is done and can be undone.
    pub can_undo: bool,
    /// For a restore: the file it wrote and its safety backup.
    pub restored_path: Option<String>,
    pub safety_backup: Option<keepstone_model::id::BackupId>,
}

pub fn job(_vault: &Vault, _id: &JobId) -> Result<JobDetail> {
    todo!()
}

#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    pub state: Option<JobState>,
    pub database: Option<DatabaseId>,
    /// Only queued and running ones.
    pub open: bool,
    pub limit: Option<u64>,
}

/// The newest first.
pub fn jobs(_vault: &Vault, _filter: &JobFilter) -> Result<Vec<(Job, Option<Progress>)>> {
    todo!()
}

/// Asks a job to stop; a queued one is cancelled at once. A restore that is writing finishes or rolls back.
pub fn cancel(_vault: &Vault, _id: &JobId, _actor: &str) -> Result<Job> {
    todo!()
}

/// Waits until the job is over or the time is up.
pub fn wait(_vault: &Vault, _id: &JobId, _timeout: Duration) -> Result<Job> {
    todo!()
}
