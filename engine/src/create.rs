//! Create: one consistent copy of one database, published only once it is proven.

use std::time::{Duration, Instant};

use keepstone_model::{
    anomaly::Changes,
    backup::{Backup, Check, Encryption, SuspectCause, Verdict},
    coverage::{Coverage, Rows, TablePattern},
    database::Database,
    event::EventResult,
    human,
    id::{DatabaseId, JobId, Kind},
    job::Step,
    metadata::Compression,
    validate,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Monitor, Result, Vault,
    activity::{self, NewEvent},
    baseline::Baseline,
    checkup, databases,
    driver::{self, ImageOptions, Source},
    image::ImageFacts,
    jobs::{self, JobMonitor, JobRequest, Running, STOPPED_KEY},
    keys,
    proof::Depth,
    scheduler,
    take::{TakeOptions, size_and_time, take},
    unchanged::equal_backup,
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateOptions {
    pub database: DatabaseId,
    pub kind: Kind,
    pub description: String,
    pub tags: Vec<String>,
    pub app_label: Option<String>,
    pub pin: bool,
    /// None: what the vault's [`Defaults`](crate::Defaults) say, zstd as a rule.
    #[serde(default)]
    pub compression: Option<Compression>,
    /// zstd 1–19 or gzip 1–9; none: the default of the compression.
    pub level: Option<i32>,
    /// How the database is read, where its engine has more than one way.
    #[serde(default)]
    pub image: ImageOptions,
    /// Whether the archive is encrypted; none: what the environment and the database say.
    #[serde(default)]
    pub encrypt: Option<bool>,
    /// Whether the archive is read back, opened and checked before it counts; none: what the vault's [`Defaults`](crate::Defaults) say, yes as a rule.
    #[serde(default)]
    pub verify: Option<bool>,
    /// Make none if the newest good backup is younger than this and holds the same content already: what starts and stops ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unless_equal_within_secs: Option<u64>,
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
            compression: None,
            level: None,
            image: ImageOptions::default(),
            encrypt: None,
            verify: None,
            unless_equal_within_secs: None,
            actor: actor.into(),
        }
    }
}

#[derive(Debug, Clone)]
pub struct CreateReport {
    pub job: JobId,
    /// The backup that was made, or the one that holds the same content already.
    pub backup: Backup,
    /// Nothing was made: `backup` is an earlier one of the same content.
    pub unchanged: bool,
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
    if stopped && options.actor == scheduler::ACTOR && !matches!(options.kind, Kind::Startup | Kind::Shutdown) {
        // The schedule has moved on; without this the run would be lost in silence.
        jobs::submit(running.vault, &JobRequest::Create(options.clone()), Some(&format!("{STOPPED_KEY}{}", running.id())))?;
    }
    running.conclude(result, outcome, None, monitor.stopping())
}

fn make(running: &Running<'_>, options: &CreateOptions, monitor: &dyn Monitor) -> Result<CreateReport> {
    let begun = Instant::now();
    let database = databases::database(running.vault, &options.database)?;
    refuse(&database, options)?;
    let _lock = running.lock_database(&database.id)?;
    databases::follow(running.vault, &database, &options.actor)?;
    if let Err(error) = databases::write_if_lost(running.vault, &database) {
        tracing::warn!(database = %database.id, %error, "its database.json is lost and could not be written anew");
    }
    // Before anything is read: a wish for encryption that cannot be met ends it here.
    let encrypt = keys::for_new(running.vault, &database, options.encrypt, keys::Follows::Newest)?;
    let defaults = running.vault.defaults();
    let driver = driver::of(database.engine);
    let source = Source { vault: running.vault, database: &database, staging: &running.staging };
    if let Some(secs) = options.unless_equal_within_secs
        && let Some(backup) = equal_backup(running, &database, Duration::from_secs(secs), &source, monitor)?
    {
        return Ok(CreateReport { job: running.id(), backup, unchanged: true, elapsed_ms: ms_since(begun), hold_ms: 0 });
    }
    let mut image = options.image.clone();
    // What stands beside a dump by the database's own setting is not for a backup of some rows.
    image.globals |= database.globals && driver.has_server() && image.rows.coverage() == Coverage::Whole;
    // What leaves rows out on purpose is compared with nothing: they would look lost.
    let coverage = options.image.rows.coverage();
    let baseline = match coverage {
        Coverage::Whole => Baseline::of(running.vault, &database.id, monitor)?,
        Coverage::Partial => None,
    };
    if baseline.as_ref().is_some_and(Baseline::is_unknown) {
        monitor.log("there are backups before it, and none can be read: whether the database lost anything since is not known");
    }
    let compared = |facts: &ImageFacts| baseline.as_ref().map(|baseline| baseline.compare(facts, &database.loss)).unwrap_or_default();
    let take_options = TakeOptions {
        database: &database,
        kind: options.kind,
        coverage,
        form: driver.form(&options.image),
        description: &options.description,
        tags: &options.tags,
        app_label: options.app_label.as_deref(),
        pin: options.pin,
        compression: options.compression.unwrap_or(defaults.compression),
        level: options.level,
        loss: &|facts| compared(facts).loss,
        encrypt,
        proof: options.verify.unwrap_or(defaults.verify).then_some(Depth::Opened),
        actor: &options.actor,
        past: None,
    };
    monitor.step(Step::Snapshot);
    let (backup, facts) = take(running, &take_options, &mut |sink| driver.snapshot(&source, &image, sink, monitor), monitor)?;
    running.concerns(&backup.id)?;
    if let Some(left_out) = &facts.left_out {
        monitor.log(&format!("{}: it never counts as a backup of the whole database", left_out.words()));
    }
    tell(running, options, &backup, &compared(&facts), baseline.as_ref());
    Ok(CreateReport { job: running.id(), backup, unchanged: false, elapsed_ms: ms_since(begun), hold_ms: facts.source.hold_ms })
}

fn ms_since(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// The events of what was found out about the source. The backup is published: a fault here takes nothing away from it.
fn tell(running: &Running<'_>, options: &CreateOptions, backup: &Backup, changes: &Changes, baseline: Option<&Baseline>) {
    let vault = running.vault;
    let event = |action, result, message| NewEvent {
        actor: &options.actor,
        action,
        result,
        database: Some(backup.database.clone()),
        backup: Some(backup.id.clone()),
        job: Some(running.id()),
        message,
    };
    let mut events = Vec::new();
    if let Some(why) = &backup.suspect {
        let (result, what) = match backup.suspect_cause.unwrap_or_default() {
            SuspectCause::Damage => (EventResult::Failed, "the source is damaged"),
            SuspectCause::Loss => (EventResult::Warning, "the source lacks what an earlier backup had"),
        };
        let held = "no older good backup is removed until it is acknowledged";
        events.push(event("backup.suspect", result, format!("{}: {what}: {why}; {held}", backup.id)));
    }
    if let Some(check) = backup.not_checked() {
        events.push(event("backup.unchecked", EventResult::Failed, unchecked(backup, check)));
    }
    if baseline.is_some_and(Baseline::is_unknown) {
        let message = format!(
            "{}: whether the database lost anything is not known, as no backup before it can be read; look at what it holds",
            backup.id
        );
        events.push(event("backup.uncompared", EventResult::Warning, message));
    }
    if let Some(baseline) = baseline {
        let since = &baseline.backup;
        if !changes.warnings.is_empty() {
            events.push(event("database.anomaly", EventResult::Warning, format!("since {since}: {}", changes.warnings.join("; "))));
        }
        if !changes.news.is_empty() {
            events.push(event("database.changed", EventResult::Ok, format!("since {since}: {}", changes.news.join("; "))));
        }
    }
    for event in events {
        if let Err(error) = activity::record(vault, &event) {
            tracing::error!(backup = %backup.id, %error, action = event.action, message = event.message, "an event could not be written");
        }
    }
    if backup.is_good()
        && let Err(error) = checkup::is_backed_up(vault, backup)
    {
        tracing::warn!(database = %backup.database, %error, "what the last look found could not be taken back");
    }
}

/// What an event says of a backup whose checks could not run.
pub(crate) fn unchecked(backup: &Backup, check: &Check) -> String {
    format!("{}: {} could not run: {}; it was kept, and does not count as good until it is checked", backup.id, check.name, check.detail)
}

/// Refuses what cannot be made of this database, before anything is begun. What is not the whole is made by hand only: it stands in for no run of a
/// schedule, and no kind's rules count it.
pub fn refuse(database: &Database, options: &CreateOptions) -> Result<()> {
    validate::description(&options.description).map_err(invalid)?;
    validate::tags(&options.tags.join(",")).map_err(invalid)?;
    let rows = &options.image.rows;
    if let Rows::Only(patterns) | Rows::Except(patterns) = rows {
        TablePattern::refuse_too_many(patterns).map_err(invalid)?;
        if patterns.is_empty() {
            return Err(Error::Invalid { field: "tables", message: "no table is named".to_owned() });
        }
    }
    let has_server = driver::of(database.engine).has_server();
    if options.image.globals && !has_server {
        let message = format!("{} is a {} database, which has no server with roles and tablespaces", database.id, database.engine);
        return Err(Error::Invalid { field: "globals", message });
    }
    if rows.coverage() == Coverage::Whole {
        return Ok(());
    }
    if !has_server {
        let message = format!("{} is a {} database, which is always backed up whole", database.id, database.engine);
        return Err(Error::Invalid { field: "tables", message });
    }
    if options.kind == Kind::Manual {
        return Ok(());
    }
    let message = format!(
        "a backup that leaves rows out is of the kind manual, not {kind}: it is no {kind} one of the whole database",
        kind = options.kind
    );
    Err(Error::Invalid { field: "kind", message })
}

fn invalid(refusal: validate::Refusal) -> Error {
    Error::Invalid { field: refusal.field, message: refusal.message }
}

fn outcome(report: &CreateReport) -> String {
    let backup = &report.backup;
    if report.unchanged {
        return format!("nothing changed since {}, so no backup was made", backup.id);
    }
    let made = size_and_time(backup.original_size_bytes, report.elapsed_ms);
    let packed = human::bytes(backup.archive_size_bytes);
    let packed = if backup.encryption == Encryption::None { format!("{packed} packed") } else { format!("{packed} packed and encrypted") };
    match backup.verdict() {
        Verdict::Good => format!("backed up {made}, {packed}, read back and checked"),
        Verdict::Suspect => {
            let what = match backup.suspect_cause.unwrap_or_default() {
                SuspectCause::Damage => "is damaged",
                SuspectCause::Loss => "lacks what an earlier backup had",
            };
            format!("backed up {made}, but the source {what}: {}", backup.suspect.as_deref().unwrap_or_default())
        }
        Verdict::Partial => format!("backed up {made}, {packed}: not the whole database, as rows were left out on purpose"),
        Verdict::Unproven | Verdict::Bad => match backup.not_checked() {
            Some(check) => format!("backed up {made}, {packed}, but it could not be checked: {}: {}", check.name, check.detail),
            None => format!("backed up {made}, {packed}, not checked"),
        },
    }
}
