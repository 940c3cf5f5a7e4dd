//! A job while it runs: its row, its staging folder under a lock, and the monitor that carries its progress to every process.
//!
//! The order at the beginning and at the end makes a killed process visible. A row is `running` only while the lock beside it is held or its
//! holder is dead: both are made under the claim lock, and [`super::recover`] looks under the same lock. At the end the row is written
//! first and the folder goes after, so that a crash in between leaves only a folder that nobody needs.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use keepstone_model::{
    event::EventResult,
    id::{BackupId, DatabaseId, JobId},
    job::{Job, JobError, JobState, Progress, Step, Verb},
};

use super::JobRequest;
use crate::{
    Error, Monitor, Result, Throttle, Vault,
    activity::{self, NewEvent},
    durable::{self, Lock, LockMode},
};

/// Progress reaches `live.sqlite`, and a wish to cancel is looked up, at most this often.
const LIVE_INTERVAL: Duration = Duration::from_millis(250);
/// How long a process may hold the claim lock before another gives up; it is held for a few milliseconds.
const CLAIM_WAIT: Duration = Duration::from_secs(10);
/// How long the lock of a database is waited for.
const A_MOMENT: Duration = Duration::from_millis(100);

/// A number nobody can guess or repeat, for ids.
pub(crate) fn random() -> u32 {
    getrandom::u32().expect("the operating system gives random numbers")
}

/// Excludes every other process from claiming and from recovery, for the moment in which a row and its lock are made.
pub(crate) fn claim_lock(vault: &Vault) -> Result<Lock> {
    vault.make_dir(&vault.staging_root())?;
    let path = vault.staging_root().join("claim.lock");
    let begun = Instant::now();
    loop {
        if let Some(lock) = durable::try_lock(&path, LockMode::Exclusive)? {
            return Ok(lock);
        }
        if begun.elapsed() > CLAIM_WAIT {
            return Err(Error::Internal("another process has held the vault's claim lock for ten seconds".to_owned()));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A folder to work in for what is no job: it goes with this value, and with the next start if its process dies.
#[derive(Debug)]
pub(crate) struct Workplace {
    path: PathBuf,
    _lock: Lock,
}

impl Workplace {
    pub(crate) fn begin(vault: &Vault) -> Result<Self> {
        // Recovery removes staging folders whose lock is free, and looks under the claim lock.
        let _claim = claim_lock(vault)?;
        let path = vault.staging_dir(&JobId::compose(Timestamp::now(), random()));
        vault.make_dir(&path)?;
        let lock = durable::try_lock(&path.join("lock"), LockMode::Exclusive)?
            .ok_or_else(|| Error::Internal("another process has the same staging folder".to_owned()))?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        if let Err(error) = remove_staging(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a staging folder could not be removed; the next start does it");
        }
    }
}

pub(crate) struct Running<'v> {
    pub(crate) vault: &'v Vault,
    pub(crate) staging: PathBuf,
    job: Mutex<Job>,
    _lock: Lock,
}

impl std::fmt::Debug for Running<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("staging", &self.staging).finish_non_exhaustive()
    }
}

impl<'v> Running<'v> {
    /// Makes a job of one's own and starts it at once; busy if another job runs on the same database. On a full disk the reserve gives the room for
    /// it: it may be the one that makes room, or one that needs none.
    pub(crate) fn begin(vault: &'v Vault, request: &JobRequest) -> Result<Self> {
        match Self::begin_once(vault, request) {
            Err(Error::NoSpace { .. }) if vault.make_room() => Self::begin_once(vault, request),
            begun => begun,
        }
    }

    fn begin_once(vault: &'v Vault, request: &JobRequest) -> Result<Self> {
        let now = Timestamp::now();
        let job = Job { state: JobState::Running, started_at: Some(now), ..super::new_job(vault, request, now)? };
        let claim = claim_lock(vault)?;
        if let Some(database) = job.database.as_ref().filter(|_| job.verb != Verb::Verify) {
            super::refuse_if_busy(vault, database)?;
        }
        let running = Self::lock(vault, job)?;
        vault.catalog().add_job(&running.job(), &super::to_json(request)?, None)?;
        drop(claim);
        Ok(running)
    }

    /// Takes the oldest queued job whose database is free.
    pub(crate) fn claim(vault: &'v Vault) -> Result<Option<(Self, JobRequest)>> {
        Self::claim_where(vault, &|_| false)
    }

    /// The same of those that are not skipped.
    pub(crate) fn claim_where(vault: &'v Vault, skip: &dyn Fn(&Job) -> bool) -> Result<Option<(Self, JobRequest)>> {
        let claim = match claim_lock(vault) {
            Err(Error::NoSpace { .. }) if vault.make_room() => return Self::claim_where(vault, skip),
            // A disk that is full, gone or read-only lets nothing begin: the job says so, and does not wait for ever.
            Err(error @ (Error::BackupsFolder { .. } | Error::Io { .. } | Error::NoSpace { .. })) => {
                if let Some(row) = vault.catalog().claim_job(Timestamp::now(), skip)? {
                    not_begun(vault, row.job, &error)?;
                }
                return Err(error);
            }
            claimed => claimed?,
        };
        let Some(row) = vault.catalog().claim_job(Timestamp::now(), skip)? else { return Ok(None) };
        let running = match Self::lock(vault, row.job.clone()) {
            Ok(running) => running,
            Err(error) => {
                not_begun(vault, row.job, &error)?;
                return Err(error);
            }
        };
        drop(claim);
        match serde_json::from_str(&row.request) {
            Ok(request) => Ok(Some((running, request))),
            Err(error) => {
                let error = Error::Internal(format!("a job's request cannot be read: {error}"));
                running.finish(Err(&error), String::new(), None, false)?;
                Ok(None)
            }
        }
    }

    fn lock(vault: &'v Vault, job: Job) -> Result<Self> {
        let staging = vault.staging_dir(&job.id);
        vault.make_dir(&staging)?;
        let lock = durable::try_lock(&staging.join("lock"), LockMode::Exclusive)?
            .ok_or_else(|| Error::Internal(format!("job {} is locked by another process", job.id)))?;
        Ok(Self { vault, staging, job: Mutex::new(job), _lock: lock })
    }

    pub(crate) fn id(&self) -> JobId {
        self.job().id
    }

    pub(crate) fn job(&self) -> Job {
        self.job.lock().expect("no holder panics").clone()
    }

    /// Writes down which backup the job is about as soon as that is known.
    pub(crate) fn concerns(&self, backup: &BackupId) -> Result<()> {
        let job = {
            let mut job = self.job.lock().expect("no holder panics");
            job.backup = Some(backup.clone());
            job.clone()
        };
        self.vault.catalog().put_job(&job, None)
    }

    /// Writes the report down before the verb is over, for the case that its process dies after the deed.
    pub(crate) fn note(&self, report: &str) -> Result<()> {
        self.vault.catalog().put_job(&self.job(), Some(report))
    }

    /// Holds the database against every other process that makes or restores backups of it.
    ///
    /// Waits for a moment: a program that this process starts just then has the lock of the job before for as long as its start takes.
    pub(crate) fn lock_database(&self, database: &DatabaseId) -> Result<Lock> {
        self.vault.make_dir(&self.vault.database_dir(database))?;
        let until = Instant::now() + A_MOMENT;
        loop {
            match durable::try_lock(&self.vault.database_lock_path(database), LockMode::Exclusive)? {
                Some(lock) => return Ok(lock),
                None if Instant::now() < until => std::thread::sleep(Duration::from_millis(5)),
                None => {
                    return Err(Error::DatabaseBusy { database: database.clone(), holder: "another process is working on it".to_owned() });
                }
            }
        }
    }

    /// What it is to do is done, and left this behind: its end says so.
    pub(crate) fn left_unsound(&self, what: JobError) {
        self.job.lock().expect("no holder panics").error = Some(what);
    }

    /// Ends the job and passes its result on. What the verb did is true whether or not its end can be written down: a fault of that is
    /// logged, and recovery ends the row.
    pub(crate) fn conclude<T>(&self, result: Result<T>, outcome: String, report: Option<&str>, stopping: bool) -> Result<T> {
        if let Err(error) = self.finish(result.as_ref().map(drop), outcome, report, stopping) {
            tracing::error!(job = %self.id(), %error, "the end of a job could not be written down; recovery does it");
        }
        result
    }

    /// Ends the job: row first, then event, progress and staging folder.
    pub(crate) fn finish(&self, result: Result<(), &Error>, outcome: String, report: Option<&str>, stopping: bool) -> Result<()> {
        let job = ended(self.job(), result, outcome, stopping);
        let left = match result {
            Ok(()) => report,
            // What it wrote down on its way stays: by that it is found out later what became of it.
            Err(error) if error.may_be_done() => None,
            Err(_) => Some("null"),
        };
        self.vault.catalog().put_job(&job, left)?;
        *self.job.lock().expect("no holder panics") = job.clone();
        for done in [record_end(self.vault, &job), self.vault.live().forget(&job.id), remove_staging(&self.staging)] {
            if let Err(error) = done {
                tracing::warn!(job = %job.id, %error, "something of a job that is over could not be put away; recovery does it");
            }
        }
        Ok(())
    }
}

/// Ends a job that was claimed and that nobody holds (its folder cannot be made, say): it must not stay `running`.
fn not_begun(vault: &Vault, job: Job, why: &Error) -> Result<()> {
    let job = ended(job, Err(why), String::new(), false);
    vault.catalog().put_job(&job, None)?;
    record_end(vault, &job)
}

/// A job's row at its end. `stopping`: the process is ending, and nobody wished the job away.
fn ended(mut job: Job, result: Result<(), &Error>, outcome: String, stopping: bool) -> Job {
    job.finished_at = Some(Timestamp::now());
    match result {
        Ok(()) => {
            job.state = JobState::Done;
            job.outcome = Some(outcome);
        }
        Err(error) if error.code() == "cancelled" && stopping => {
            job.state = JobState::Abandoned;
            let hint = Some("It is begun again at the next start if a schedule asked for it.".to_owned());
            job.error = Some(JobError { code: "interrupted".to_owned(), message: "the server was stopped".to_owned(), hint });
        }
        Err(error) => {
            job.state = if error.code() == "cancelled" { JobState::Cancelled } else { JobState::Failed };
            job.error = Some(JobError { code: error.code().to_owned(), message: error.to_string(), hint: error.hint() });
        }
    }
    job
}

/// Writes the event of a job that is over.
pub(crate) fn record_end(vault: &Vault, job: &Job) -> Result<()> {
    let noun = match job.verb {
        Verb::Create | Verb::Verify | Verb::Convert => "backup",
        Verb::Import => "import",
        Verb::Restore | Verb::Undo => "restore",
        Verb::Cleanup => "cleanup",
    };
    let well = if job.is_done_unsound() { EventResult::Failed } else { EventResult::Ok };
    let (past, result) = match (job.state, job.verb) {
        // A create that is done and made none found the content in an earlier backup.
        (JobState::Done, Verb::Create) if job.backup.is_none() => ("unchanged", EventResult::Ok),
        (JobState::Done, Verb::Create) => ("created", EventResult::Ok),
        (JobState::Done, Verb::Verify) => ("verified", EventResult::Ok),
        (JobState::Done, Verb::Convert) => ("converted", EventResult::Ok),
        (JobState::Done, Verb::Restore | Verb::Cleanup | Verb::Import) => ("done", well),
        (JobState::Done, Verb::Undo) => ("undone", well),
        (JobState::Cancelled, _) => ("cancelled", EventResult::Warning),
        (JobState::Abandoned, _) => ("interrupted", EventResult::Failed),
        (_, Verb::Verify) => ("verify_failed", EventResult::Failed),
        (_, Verb::Convert) => ("convert_failed", EventResult::Failed),
        (_, Verb::Undo) => ("undo_failed", EventResult::Failed),
        _ => ("failed", EventResult::Failed),
    };
    let message = match (&job.outcome, &job.error) {
        (Some(outcome), _) => outcome.clone(),
        (None, Some(error)) => error.message.clone(),
        (None, None) => String::new(),
    };
    let event = NewEvent {
        actor: &job.created_by,
        action: &format!("{noun}.{past}"),
        result,
        database: job.database.clone(),
        backup: job.backup.clone(),
        job: Some(job.id.clone()),
        message,
    };
    activity::record(vault, &event).map(drop)
}

/// Removes a job's staging folder, the lock file last: while that stands, a crash leaves a folder that recovery still recognises.
pub(crate) fn remove_staging(staging: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(staging) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(staging, error)),
    };
    for entry in entries {
        let path = entry.map_err(|error| Error::io(staging, error))?.path();
        if path.file_name().is_some_and(|name| name != "lock") {
            std::fs::remove_file(&path).map_err(|error| Error::io(&path, error))?;
        }
    }
    std::fs::remove_file(staging.join("lock")).or_else(ignore_missing).map_err(|error| Error::io(staging, error))?;
    std::fs::remove_dir(staging).or_else(ignore_missing).map_err(|error| Error::io(staging, error))
}

pub(crate) fn ignore_missing(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Passes everything on to the caller's monitor, and carries it to the other processes: progress into `live.sqlite`, lines into the log.
pub(crate) struct JobMonitor<'a> {
    vault: &'a Vault,
    job: JobId,
    inner: &'a dyn Monitor,
    seen: Mutex<Seen>,
}

struct Seen {
    told: Option<Instant>,
    asked: Option<Instant>,
    cancelled: bool,
}

impl<'a> JobMonitor<'a> {
    pub(crate) fn new(running: &Running<'a>, inner: &'a dyn Monitor) -> Self {
        Self { vault: running.vault, job: running.id(), inner, seen: Mutex::new(Seen { told: None, asked: None, cancelled: false }) }
    }

    /// Progress is a convenience: a job does not fail because it could not be told.
    fn tell(&self, progress: &Progress) {
        if let Err(error) = self.vault.live().put(&self.job, progress) {
            tracing::debug!(job = %self.job, %error, "progress could not be written");
        }
    }
}

impl Monitor for JobMonitor<'_> {
    fn step(&self, step: Step) {
        self.seen.lock().expect("no holder panics").told = Some(Instant::now());
        self.tell(&Progress { step, done_bytes: 0, total_bytes: 0, elapsed_ms: 0 });
        self.log(step.title());
        self.inner.step(step);
    }

    fn progress(&self, progress: &Progress) {
        let due = {
            let mut seen = self.seen.lock().expect("no holder panics");
            let due = seen.told.is_none_or(|told| told.elapsed() >= LIVE_INTERVAL);
            if due {
                seen.told = Some(Instant::now());
            }
            due
        };
        if due {
            self.tell(progress);
        }
        self.inner.progress(progress);
    }

    fn log(&self, line: &str) {
        if let Err(error) = self.vault.catalog().append_log(&self.job, Timestamp::now(), line) {
            tracing::warn!(job = %self.job, %error, line, "a line of the job's log could not be written");
        }
        self.inner.log(line);
    }

    fn stopping(&self) -> bool {
        self.inner.stopping()
    }

    fn throttle(&self) -> Option<&Throttle> {
        self.inner.throttle()
    }

    fn cancelled(&self) -> bool {
        if self.inner.cancelled() {
            return true;
        }
        let mut seen = self.seen.lock().expect("no holder panics");
        if !seen.cancelled && seen.asked.is_none_or(|asked| asked.elapsed() >= LIVE_INTERVAL) {
            seen.asked = Some(Instant::now());
            seen.cancelled = self.vault.catalog().cancel_requested(&self.job).unwrap_or(false);
        }
        seen.cancelled
    }
}
