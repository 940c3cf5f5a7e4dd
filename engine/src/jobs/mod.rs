//! Jobs: rows that a worker claims. The command line claims its own at once; the web queues, and a worker thread of any process runs.

mod folder;
pub(crate) mod left;
mod recover;
mod running;
#[cfg(test)]
mod tests;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use keepstone_model::{
    backup::BackupState,
    id::{BackupId, DatabaseId, JobId},
    job::{Job, JobError, JobState, Progress, Verb},
    restore::AfterRestore,
};
use serde::{Deserialize, Serialize};

pub use left::{any_left, forget_left, run_left};
pub use recover::recover;
pub(crate) use recover::{TEMPORARY, settle_rows};
pub(crate) use running::{JobMonitor, Running, Workplace, ignore_missing, random};

use crate::{
    Error, Monitor, Result, Vault,
    catalog::JobRow,
    cleanup::{self, CleanupOptions},
    convert::{self, ConvertOptions},
    create::{self, CreateOptions},
    durable::Lock,
    import::{self, ImportOptions},
    restore::{self, KeptDatabase, RestoreOptions, RestoreReport, UndoOptions},
    verify::{self, VerifyOptions},
};

/// How the keys of runs begin that a stop of the process cut off, and that are taken again.
pub(crate) const STOPPED_KEY: &str = "stopped-";

/// What a job does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verb")]
pub enum JobRequest {
    Create(CreateOptions),
    Verify(VerifyOptions),
    Restore(RestoreOptions),
    Undo(UndoOptions),
    Cleanup(CleanupOptions),
    Import(ImportOptions),
    Convert(ConvertOptions),
}

impl JobRequest {
    pub fn verb(&self) -> Verb {
        match self {
            Self::Create(_) => Verb::Create,
            Self::Verify(_) => Verb::Verify,
            Self::Restore(_) => Verb::Restore,
            Self::Undo(_) => Verb::Undo,
            Self::Cleanup(_) => Verb::Cleanup,
            Self::Import(_) => Verb::Import,
            Self::Convert(_) => Verb::Convert,
        }
    }

    fn actor(&self) -> &str {
        match self {
            Self::Create(options) => &options.actor,
            Self::Verify(options) => &options.actor,
            Self::Restore(options) => &options.actor,
            Self::Undo(options) => &options.actor,
            Self::Cleanup(options) => &options.actor,
            Self::Import(options) => &options.actor,
            Self::Convert(options) => &options.actor,
        }
    }
}

/// Queues a job for whichever worker claims it first. `key`, if given, makes a repeated submit give back the first job.
pub fn submit(vault: &Vault, request: &JobRequest, key: Option<&str>) -> Result<JobId> {
    let job = new_job(vault, request, Timestamp::now())?;
    vault.catalog().add_job(&job, &to_json(request)?, key)
}

/// Claims the oldest queued job whose database is free and runs it to its end; `None` if there was none. The job's failure is written to its
/// row and is not an error here.
pub fn run_next(vault: &Vault, monitor: &dyn Monitor) -> Result<Option<JobId>> {
    let Some(claimed) = claim(vault)? else { return Ok(None) };
    let id = claimed.id();
    claimed.carry_out(monitor)?;
    Ok(Some(id))
}

/// A job that this process has claimed and not yet begun.
#[derive(Debug)]
pub(crate) struct Claimed<'v> {
    running: Running<'v>,
    request: JobRequest,
}

/// The running job that may be encrypting an archive, with any key that was the current one when it began; and the lock under which no other begins.
pub(crate) fn encrypting(vault: &Vault) -> Result<(Option<Job>, Lock)> {
    let claim = running::claim_lock(vault)?;
    let running = JobFilter { state: Some(JobState::Running), ..JobFilter::default() };
    let may_encrypt = |row: &JobRow| match serde_json::from_str(&row.request) {
        Ok(JobRequest::Create(options)) => options.encrypt != Some(false),
        Ok(JobRequest::Verify(_) | JobRequest::Cleanup(_)) => false,
        // The safety backup of a restore; or nobody knows what it does.
        Ok(_) | Err(_) => true,
    };
    let job = vault.catalog().list_jobs(&running)?.into_iter().find(may_encrypt).map(|row| row.job);
    Ok((job, claim))
}

/// Claims the oldest queued job whose database is free; none while as many run as may run at once.
pub(crate) fn claim(vault: &Vault) -> Result<Option<Claimed<'_>>> {
    // Before the lock: it is asked often, and most times nothing waits.
    if !vault.catalog().any_claimable()? {
        return Ok(None);
    }
    Ok(Running::claim(vault)?.map(|(running, request)| Claimed { running, request }))
}

impl Claimed<'_> {
    pub(crate) fn id(&self) -> JobId {
        self.running.id()
    }

    #[cfg(test)]
    pub(crate) fn database(&self) -> Option<DatabaseId> {
        self.running.job().database
    }

    /// Runs it to its end. Its failure is written to its row and is not an error here.
    pub(crate) fn carry_out(self, monitor: &dyn Monitor) -> Result<()> {
        let Self { running, request } = self;
        let (id, vault) = (running.id(), running.vault);
        let run = || match &request {
            JobRequest::Create(options) => create::run(&running, options, monitor).map(drop),
            JobRequest::Verify(options) => verify::run(&running, options, monitor).map(drop),
            JobRequest::Restore(options) => restore::run(&running, options, monitor).map(drop),
            JobRequest::Undo(options) => restore::run_undo(&running, options, monitor).map(drop),
            JobRequest::Cleanup(options) => cleanup::run(&running, options, monitor).map(drop),
            JobRequest::Import(options) => import::run(&running, options, monitor).map(drop),
            JobRequest::Convert(options) => convert::run(&running, options, monitor).map(drop),
        };
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(job = %id, code = error.code(), %error, "a job failed"),
            Err(_) => {
                tracing::error!(job = %id, "a job panicked");
                drop(running);
                recover(vault)?;
            }
        }
        Ok(())
    }
}

/// Ends the row of a job whose thread gives no sign of life, or calls a job that was cancelled for that what it is: failed. What the thread
/// holds (its staging folder, the lock of its database) stays held until it ends; if it ends well after all, its row says so.
pub(crate) fn give_up(vault: &Vault, id: &JobId, state: JobState, silent_secs: u64) -> Result<()> {
    let Some(row) = vault.catalog().get_job(id)? else { return Ok(()) };
    let error = Error::JobHung { id: id.clone(), silent_secs };
    let job = Job {
        state,
        finished_at: Some(Timestamp::now()),
        error: Some(JobError { code: error.code().to_owned(), message: error.to_string(), hint: error.hint() }),
        ..row.job
    };
    vault.catalog().put_job(&job, None)?;
    running::record_end(vault, &job)
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
    /// For a restore: the file or database it wrote.
    pub restored_path: Option<String>,
    /// Whether that is the live database.
    pub replaced: bool,
    /// The backup of the state before.
    pub safety_backup: Option<BackupId>,
    /// What a server kept in its stead.
    pub kept: Option<KeptDatabase>,
    /// Where the files of a database are that could not be opened.
    pub kept_aside: Option<String>,
    /// The live database right after a restore.
    pub after: Option<AfterRestore>,
}

pub fn job(vault: &Vault, id: &JobId) -> Result<JobDetail> {
    let row = vault.catalog().get_job(id)?.ok_or_else(|| Error::UnknownJob { id: id.to_string() })?;
    let (row, found_out) = match restore::committed::found_out(vault, row.clone()) {
        Ok(row) => (row, true),
        Err(error) => {
            tracing::debug!(job = %id, %error, "whether a restore was committed could not be found out");
            (row, false)
        }
    };
    let report: Option<RestoreReport> = row.result.as_deref().and_then(|json| serde_json::from_str(json).ok());
    let log = vault.catalog().job_log(id)?;
    Ok(JobDetail {
        progress: if row.job.state.is_over() { None } else { vault.live().get(id)? },
        log: log.into_iter().map(|(at, line)| format!("{} {line}", at.strftime("%H:%M:%S"))).collect(),
        can_undo: found_out && matches!(row.job.verb, Verb::Restore | Verb::Undo) && restore::undo_refusal(vault, &row)?.is_none(),
        restored_path: report.as_ref().map(|report| report.path.display().to_string()),
        replaced: report.as_ref().is_some_and(|report| report.replaced),
        after: report.as_ref().and_then(|report| report.after.clone()),
        kept_aside: report.as_ref().and_then(|report| report.kept_aside.as_ref()).map(|folder| folder.display().to_string()),
        kept: report.as_ref().and_then(|report| report.kept.clone()),
        safety_backup: report.and_then(|report| report.safety_backup),
        job: row.job,
    })
}

#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    pub state: Option<JobState>,
    pub database: Option<DatabaseId>,
    /// Only queued and running ones.
    pub open: bool,
    pub limit: Option<u64>,
}

/// Jobs whose id begins with a text, the newest first.
pub fn with_prefix(vault: &Vault, prefix: &str, limit: u32) -> Result<Vec<Job>> {
    vault.catalog().jobs_with_prefix(prefix, limit)
}

/// The newest first.
pub fn jobs(vault: &Vault, filter: &JobFilter) -> Result<Vec<(Job, Option<Progress>)>> {
    let live = vault.live().all()?;
    let rows = vault.catalog().list_jobs(filter)?;
    let progress_of = |job: &Job| live.iter().find(|(id, _)| *id == job.id && !job.state.is_over()).map(|(_, progress)| progress.clone());
    Ok(rows.into_iter().map(|row| (row.job.clone(), progress_of(&row.job))).collect())
}

/// Asks a job to stop; a queued one is cancelled at once. A restore that is writing finishes or rolls back.
pub fn cancel(vault: &Vault, id: &JobId, actor: &str) -> Result<Job> {
    // Under the claim lock no worker takes it up between the look and the write.
    let claim = running::claim_lock(vault)?;
    let row = vault.catalog().get_job(id)?.ok_or_else(|| Error::UnknownJob { id: id.to_string() })?;
    let mut job = row.job;
    match job.state {
        JobState::Queued => {
            job.state = JobState::Cancelled;
            job.finished_at = Some(Timestamp::now());
            job.outcome = Some(format!("cancelled by {actor} before it began"));
            vault.catalog().put_job(&job, None)?;
            running::record_end(vault, &job)?;
        }
        JobState::Running if !job.cancel_requested => {
            vault.catalog().request_cancel(id)?;
            vault.catalog().append_log(id, Timestamp::now(), &format!("{actor} asked to cancel"))?;
            job.cancel_requested = true;
        }
        _ => {}
    }
    drop(claim);
    Ok(job)
}

/// Waits until the job is over or the time is up.
pub fn wait(vault: &Vault, id: &JobId, timeout: Duration) -> Result<Job> {
    let begun = Instant::now();
    loop {
        let row = vault.catalog().get_job(id)?.ok_or_else(|| Error::UnknownJob { id: id.to_string() })?;
        if row.job.state.is_over() || begun.elapsed() >= timeout {
            return Ok(row.job);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The row of a request, queued.
fn new_job(vault: &Vault, request: &JobRequest, now: Timestamp) -> Result<Job> {
    let (database, backup) = match request {
        JobRequest::Create(options) => (Some(options.database.clone()), None),
        JobRequest::Cleanup(options) => (Some(options.database.clone()), None),
        JobRequest::Verify(options) => (Some(options.backup.database()), Some(options.backup.clone())),
        JobRequest::Import(options) => (Some(options.database.clone()), None),
        JobRequest::Convert(options) => (Some(options.backup.database()), Some(options.backup.clone())),
        JobRequest::Restore(options) => (Some(options.plan.database.clone()), Some(options.plan.backup.clone())),
        JobRequest::Undo(options) => {
            let restored = vault.catalog().get_job(&options.restore)?;
            let restored = restored.ok_or_else(|| Error::UnknownJob { id: options.restore.to_string() })?;
            (restored.job.database, None)
        }
    };
    Ok(Job {
        id: JobId::compose(now, random()),
        verb: request.verb(),
        state: JobState::Queued,
        database,
        backup,
        created_at: now,
        created_by: request.actor().to_owned(),
        started_at: None,
        finished_at: None,
        cancel_requested: false,
        error: None,
        outcome: None,
    })
}

/// The same database is never worked on twice at once. A verification works on an archive only: it keeps nobody out, or a slow one in the
/// background would hold up the backups.
fn refuse_if_busy(vault: &Vault, database: &DatabaseId) -> Result<()> {
    let filter = JobFilter { state: Some(JobState::Running), database: Some(database.clone()), ..JobFilter::default() };
    match vault.catalog().list_jobs(&filter)?.into_iter().find(|row| row.job.verb != Verb::Verify) {
        Some(row) => {
            Err(Error::DatabaseBusy { database: database.clone(), holder: format!("job {} ({}) is running", row.job.id, row.job.verb) })
        }
        None => Ok(()),
    }
}

pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| Error::Internal(format!("cannot be written as JSON: {error}")))
}

/// Whether a state means that the archive should be in its place.
pub(crate) fn has_archive(state: BackupState) -> bool {
    matches!(state, BackupState::Complete | BackupState::Missing)
}
