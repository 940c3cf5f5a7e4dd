//! Jobs.

use keepstone_engine::jobs;
use keepstone_model::{
    id::BackupId,
    job::{Job, Progress},
    restore::AfterRestore,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A job, and how far it is while it runs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct JobStatus {
    #[serde(flatten)]
    pub(crate) job: Job,
    pub(crate) progress: Option<Progress>,
}

impl JobStatus {
    pub(crate) fn of(job: &Job, progress: Option<&Progress>) -> Self {
        Self { job: job.clone(), progress: progress.cloned() }
    }
}

/// A job with its log and what came out.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct JobDetail {
    #[serde(flatten)]
    pub(crate) job: JobStatus,
    /// Lines "HH:MM:SS text" in UTC, the oldest first.
    pub(crate) log: Vec<String>,
    /// Whether it is a restore that can be undone.
    pub(crate) can_undo: bool,
    /// For a restore: the file it wrote, and the backup of what was there before.
    pub(crate) restored_path: Option<String>,
    pub(crate) safety_backup: Option<BackupId>,
    /// How the database that was there before is called now, where a server keeps it.
    pub(crate) kept: Option<String>,
    /// Where the files of the database are that was there before and could not be opened.
    pub(crate) kept_aside: Option<String>,
    /// The live database right after a restore.
    pub(crate) after: Option<AfterRestore>,
}

impl From<&jobs::JobDetail> for JobDetail {
    fn from(detail: &jobs::JobDetail) -> Self {
        Self {
            job: JobStatus::of(&detail.job, detail.progress.as_ref()),
            log: detail.log.clone(),
            can_undo: detail.can_undo,
            restored_path: detail.restored_path.clone(),
            safety_backup: detail.safety_backup.clone(),
            kept: detail.kept.as_ref().map(|kept| kept.name.clone()),
            kept_aside: detail.kept_aside.clone(),
            after: detail.after.clone(),
        }
    }
}
