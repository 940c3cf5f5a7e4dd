//! Create: one consistent copy of one database, published only once it is proven.

use std::time::Instant;

use keepstone_model::{
    backup::{Backup, Verdict},
    human,
    id::{DatabaseId, JobId, Kind},
    job::Step,
    metadata::Compression,
    validate,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Monitor, Result, Vault, databases,
    jobs::{self, JobMonitor, JobRequest, Running},
    proof::Depth,
    scheduler,
    sqlite::{
        self,
        snapshot::{SnapshotLimits, SnapshotOptions},
    },
    take::{TakeOptions, size_and_time, take},
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateOptions {
    pub database: DatabaseId,
    pub kind: Kind,
    pub description: String,
    pub tags: Vec<String>,
    pub app_label: Option<String>,
    pub pin: bool,
    pub compression: Compression,
    /// zstd 1–19 or gzip 1–9; none: the default of the compression.
    pub level: Option<i32>,
    /// Whether the archive is read back, opened and checked before it counts.
    pub verify: bool,
    /// e.g. `alice`, `cli:root`, `schedule`.
    pub actor: String,
}

impl CreateOptions {
    /// A manual backup with the defaults: zstd, read back and checked.
    pub fn new(database: DatabaseId, actor: impl Into<String>) -> Self {
        Self {
            database,
            kind: Kind::Manual,
            description: String::new(),
            tags: Vec::new(),
            app_label: None,
            pin: false,
            compression: Compression::Zstd,
            level: None,
            verify: true,
            actor: actor.into(),
        }
    }
}

#[derive(Debug, Clone)]
pub struct CreateReport {
    pub job: JobId,
    pub backup: Backup,
    pub elapsed_ms: u64,
    /// How long the source's read transaction was held.
    pub hold_ms: u64,
}

/// Makes a backup. When this returns, the archive is published, durable and (unless asked otherwise) proven; on any fault nothing is
/// published and the older backups are as they were.
pub fn create(vault: &Vault, options: &CreateOptions, monitor: &dyn Monitor) -> Result<CreateReport> {
    let running = Running::begin(vault, &JobRequest::Create(options.clone()))?;
    run(&running, options, monitor)
}

/// Carries out a job that was begun or claimed, to its end and its row.
pub(crate) fn run(running: &Running<'_>, options: &CreateOptions, monitor: &dyn Monitor) -> Result<CreateReport> {
    let monitor = JobMonitor::new(running, monitor);
    let result = make(running, options, &monitor);
    let outcome = result.as_ref().map(outcome).unwrap_or_default();
    let stopped = monitor.stopping() && result.as_ref().is_err_and(|error| error.code() == "cancelled");
    if stopped && options.actor == scheduler::ACTOR {
        // The schedule has moved on; without this the run would be lost in silence.
        jobs::submit(running.vault, &JobRequest::Create(options.clone()), None)?;
    }
    running.conclude(result, outcome, None, monitor.stopping())
}

fn make(running: &Running<'_>, options: &CreateOptions, monitor: &dyn Monitor) -> Result<CreateReport> {
    let begun = Instant::now();
    validate(options)?;
    let database = databases::database(running.vault, &options.database)?;
    let _lock = running.lock_database(&database.id)?;
    let path = sqlite::location::path_of(&database.location)?;
    let snapshot = SnapshotOptions { spool_dir: &running.staging, busy_wait: sqlite::BUSY_WAIT, limits: SnapshotLimits::default() };
    let take_options = TakeOptions {
        database: &database,
        kind: options.kind,
        description: &options.description,
        tags: &options.tags,
        app_label: options.app_label.as_deref(),
        pin: options.pin,
        compression: options.compression,
        level: options.level,
        proof: options.verify.then_some(Depth::Opened),
        actor: &options.actor,
    };
    monitor.step(Step::Snapshot);
    let (backup, facts) = take(running, &take_options, &mut |sink| sqlite::snapshot::snapshot(&path, &snapshot, sink, monitor), monitor)?;
    running.concerns(&backup.id)?;
    let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(CreateReport { job: running.id(), backup, elapsed_ms, hold_ms: facts.source.hold_ms })
}

fn validate(options: &CreateOptions) -> Result<()> {
    validate::description(&options.description).map_err(invalid)?;
    validate::tags(&options.tags.join(",")).map(drop).map_err(invalid)
}

fn invalid(refusal: validate::Refusal) -> Error {
    Error::Invalid { field: refusal.field, message: refusal.message }
}

fn outcome(report: &CreateReport) -> String {
    let backup = &report.backup;
    let made = size_and_time(backup.original_size_bytes, report.elapsed_ms);
    let packed = human::bytes(backup.archive_size_bytes);
    match backup.verdict() {
        Verdict::Good => format!("backed up {made}, {packed} packed, read back and checked"),
        Verdict::Suspect => format!("backed up {made}, but the source is damaged: {}", backup.suspect.as_deref().unwrap_or_default()),
        Verdict::Unproven | Verdict::Bad => format!("backed up {made}, {packed} packed, not checked"),
    }
}
