//! The schedules of databases: listing, adding, editing, removing, triggering, presets, and what a schedule would do. Carrying them out is
//! `scheduler`'s business.

use jiff::{Timestamp, tz::TimeZone};
use keepstone_model::{
    database::Database,
    event::EventResult,
    id::{DatabaseId, JobId, Kind},
    schedule::{IfMissed, JobLimits, Preset, SCHEDULES_MAX, Schedule, Trigger, suggested_kind},
};

use crate::{
    Error, Result, Vault,
    activity::NewEvent,
    catalog::{ScheduleRow, rounded},
    cleanup::{self, Consent},
    create::CreateOptions,
    databases, durable, guard,
    jobs::{self, JobRequest},
    managed,
    scheduler::{self, Timing},
};

/// One schedule of a database as it stands in the catalog.
#[derive(Debug, Clone)]
pub struct ScheduleStatus {
    pub number: i64,
    pub database: DatabaseId,
    pub schedule: Schedule,
    /// In words, e.g. "Every day at 02:00".
    pub words: String,
    /// None: paused, not by the clock, or never again.
    pub next_run_at: Option<Timestamp>,
    /// The time for which the last run was due.
    pub last_run_at: Option<Timestamp>,
    pub last_job: Option<JobId>,
    /// Who alone may change it, e.g. `environment`.
    pub managed_by: Option<String>,
    /// The longest time between two of its runs, in seconds.
    pub longest_gap_secs: Option<u64>,
}

/// In the order in which they were added.
pub fn list(vault: &Vault, database: Option<&DatabaseId>, now: Timestamp) -> Result<Vec<ScheduleStatus>> {
    let paused: Vec<DatabaseId> = vault.catalog().databases()?.into_iter().filter(|d| d.paused).map(|d| d.id).collect();
    let rows = vault.catalog().schedules(database)?;
    Ok(rows.into_iter().map(|row| status_of(&row, paused.contains(&row.database), now)).collect())
}

/// Whether there is a schedule at all; what each of them is about to do is not reckoned for that.
pub fn any(vault: &Vault) -> Result<bool> {
    Ok(!vault.catalog().schedules(None)?.is_empty())
}

pub fn show(vault: &Vault, number: i64, now: Timestamp) -> Result<ScheduleStatus> {
    let row = row(vault, number)?;
    let paused = databases::database(vault, &row.database)?.paused;
    Ok(status_of(&row, paused, now))
}

fn status_of(row: &ScheduleRow, database_paused: bool, now: Timestamp) -> ScheduleStatus {
    let timing = Timing::of_row(row);
    // Overdue ones are shown as they stand; one that was never reckoned gets its first time.
    let next_run_at = match (row.standing.next_run_at, row.standing.planned_at) {
        _ if database_paused || row.schedule.paused => None,
        (None, None) => timing.as_ref().ok().and_then(|timing| timing.next_after(now)),
        (next, _) => next,
    };
    ScheduleStatus {
        number: row.number,
        database: row.database.clone(),
        words: timing.as_ref().map_or_else(|_| "cannot be read".to_owned(), Timing::words),
        longest_gap_secs: timing.as_ref().ok().and_then(|timing| timing.longest_gap_secs(now)),
        schedule: row.schedule.clone(),
        next_run_at,
        last_run_at: row.standing.last_run_at,
        last_job: row.standing.last_job.clone(),
        managed_by: row.managed_by.clone(),
    }
}

#[derive(Debug, Clone)]
pub struct AddScheduleOptions {
    pub database: DatabaseId,
    pub schedule: Schedule,
    pub actor: String,
}

/// Adds a schedule; its first run is the first one after `now`.
pub fn add(vault: &Vault, options: &AddScheduleOptions, now: Timestamp) -> Result<ScheduleStatus> {
    let now = rounded(now);
    let _guard = guard::lock_dir(vault.backups_dir())?;
    let database = databases::database(vault, &options.database)?;
    managed::refuse(vault, &database.id, "schedules", &options.actor)?;
    let row = new_row(&database.id, &options.schedule, now)?;
    let present = vault.catalog().schedules(Some(&database.id))?;
    refuse_double(&present, &row)?;
    if present.len() >= SCHEDULES_MAX {
        return Err(Error::Invalid { field: "schedule", message: format!("a database has at most {SCHEDULES_MAX} schedules") });
    }
    let message = format!("added a schedule of {}: {}", database.id, told(&row));
    databases::keep_schedules(vault, &database.id, &with(&present, &row))?;
    let number = vault.catalog().add_schedule(&row, &event("schedule.added", &options.actor, &database.id, message), now)?;
    Ok(status_of(&ScheduleRow { number, ..row }, database.paused, now))
}

/// What may be edited; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct EditScheduleOptions {
    pub kind: Option<Kind>,
    pub trigger: Option<Trigger>,
    pub if_missed: Option<IfMissed>,
    pub jitter_secs: Option<u64>,
    pub paused: Option<bool>,
    pub actor: String,
}

/// Changes a schedule. With another trigger or delay it begins anew: its next run is the first one after `now`. What is running goes on.
pub fn edit(vault: &Vault, number: i64, options: &EditScheduleOptions, now: Timestamp) -> Result<ScheduleStatus> {
    let now = rounded(now);
    let _guard = guard::lock_dir(vault.backups_dir())?;
    let old = row(vault, number)?;
    if options.kind.is_some() || options.trigger.is_some() || options.if_missed.is_some() || options.jitter_secs.is_some() {
        refuse_managed(&old)?;
    }
    let database = databases::database(vault, &old.database)?;
    let was = old.schedule.clone();
    let schedule = Schedule {
        kind: options.kind.unwrap_or(was.kind),
        trigger: options.trigger.clone().unwrap_or(was.trigger.clone()),
        if_missed: options.if_missed.unwrap_or(was.if_missed),
        jitter_secs: options.jitter_secs.unwrap_or(was.jitter_secs),
        paused: options.paused.unwrap_or(was.paused),
    };
    let same_times = schedule.trigger == was.trigger && schedule.jitter_secs == was.jitter_secs && schedule.kind == was.kind;
    let fresh = new_row(&old.database, &schedule, now)?;
    let edited = if same_times {
        ScheduleRow { schedule, ..old }
    } else {
        // The same interval goes on in its old rhythm.
        let anchor_at = if schedule.trigger == was.trigger { old.anchor_at } else { fresh.anchor_at };
        let timing = Timing::for_database(&old.database, &schedule, anchor_at)?;
        let first = scheduler::first_standing(&timing, now);
        ScheduleRow {
            anchor_at,
            standing: crate::catalog::Standing { next_run_at: first.next_run_at, planned_at: first.planned_at, ..old.standing },
            schedule,
            ..old
        }
    };
    let present = vault.catalog().schedules(Some(&edited.database))?;
    refuse_double(&present, &edited)?;
    let (action, verb) = match options.paused {
        Some(true) if !was.paused => ("schedule.paused", "paused"),
        Some(false) if was.paused => ("schedule.resumed", "resumed"),
        _ => ("schedule.edited", "edited"),
    };
    let message = format!("{verb} a schedule of {}: {}", database.id, told(&edited));
    databases::keep_schedules(vault, &database.id, &with(&present, &edited))?;
    vault.catalog().edit_schedule(&edited, &event(action, &options.actor, &database.id, message), now)?;
    Ok(status_of(&edited, database.paused, now))
}

/// Takes a schedule away; backups that it made stay, and what is running goes on.
pub fn remove(vault: &Vault, number: i64, actor: &str, now: Timestamp) -> Result<ScheduleStatus> {
    let _guard = guard::lock_dir(vault.backups_dir())?;
    let row = row(vault, number)?;
    refuse_managed(&row)?;
    let mut left = vault.catalog().schedules(Some(&row.database))?;
    left.retain(|other| other.number != number);
    databases::keep_schedules(vault, &row.database, &left)?;
    let message = format!("removed a schedule of {}: {}", row.database, told(&row));
    vault.catalog().remove_schedule(number, &event("schedule.removed", actor, &row.database, message), now)?;
    Ok(status_of(&row, false, now))
}

/// Gives a database the one schedule that `by` (`environment`, say) wants for it, and leaves all others. With none, the one that it had is
/// everybody's from now on.
pub fn set_managed(vault: &Vault, database: &DatabaseId, by: &str, schedule: Option<&Schedule>, now: Timestamp) -> Result<()> {
    let now = rounded(now);
    let _guard = guard::lock_dir(vault.backups_dir())?;
    let present = vault.catalog().schedules(Some(database))?;
    let own = present.iter().find(|row| row.managed_by.as_deref() == Some(by));
    let wanted = schedule.map(|schedule| new_row(database, schedule, now)).transpose()?;
    match (own, wanted) {
        (None, None) => Ok(()),
        (Some(own), None) => {
            let row = ScheduleRow { managed_by: None, ..own.clone() };
            let message = format!("the {by} no longer sets a schedule of {database}: {}", told(&row));
            databases::keep_schedules(vault, database, &with(&present, &row))?;
            vault.catalog().edit_schedule(&row, &event("schedule.edited", by, database, message), now)
        }
        (Some(own), Some(row)) if own.schedule.trigger == row.schedule.trigger && own.schedule.kind == row.schedule.kind => Ok(()),
        (Some(own), Some(row)) => {
            let row = ScheduleRow { number: own.number, managed_by: Some(by.to_owned()), ..row };
            let message = format!("the {by} set a schedule of {database}: {}", told(&row));
            databases::keep_schedules(vault, database, &with(&present, &row))?;
            vault.catalog().edit_schedule(&row, &event("schedule.edited", by, database, message), now)
        }
        (None, Some(row)) => {
            // One that is there already with the same times is taken over, so that no run is taken twice.
            let same = present.iter().find(|other| other.schedule.trigger == row.schedule.trigger);
            let message = format!("the {by} set a schedule of {database}: {}", told(&row));
            let event = event("schedule.added", by, database, message);
            let row = ScheduleRow { managed_by: Some(by.to_owned()), ..same.cloned().unwrap_or(row) };
            databases::keep_schedules(vault, database, &with(&present, &row))?;
            if row.number == 0 {
                vault.catalog().add_schedule(&row, &event, now).map(drop)
            } else {
                vault.catalog().edit_schedule(&row, &event, now)
            }
        }
    }
}

/// Queues a run of this schedule now, also of a paused one; its next run by the clock stays. `key` makes a repeated trigger the same job.
pub fn trigger(vault: &Vault, number: i64, actor: &str, key: Option<&str>) -> Result<JobId> {
    let row = row(vault, number)?;
    let options = CreateOptions { kind: row.schedule.kind, ..CreateOptions::new(row.database.clone(), actor) };
    let asked_at = rounded(Timestamp::now());
    let job = jobs::submit(vault, &JobRequest::Create(options), key)?;
    if jobs::job(vault, &job)?.job.created_at >= asked_at {
        record_trigger(vault, &row, actor, Some(&job))?;
    }
    Ok(job)
}

/// The same for who carries the run out at once: writes down that it was triggered, and gives back what to create.
pub fn trigger_here(vault: &Vault, number: i64, actor: &str) -> Result<CreateOptions> {
    let row = row(vault, number)?;
    record_trigger(vault, &row, actor, None)?;
    Ok(CreateOptions { kind: row.schedule.kind, ..CreateOptions::new(row.database, actor) })
}

fn record_trigger(vault: &Vault, row: &ScheduleRow, actor: &str, job: Option<&JobId>) -> Result<()> {
    let message = format!("triggered a schedule of {}: {}", row.database, told(row));
    crate::activity::record(vault, &NewEvent { job: job.cloned(), ..event("schedule.triggered", actor, &row.database, message) }).map(drop)
}

#[derive(Debug, Clone)]
pub struct PresetOptions {
    pub database: DatabaseId,
    pub preset: Preset,
    /// The host's where it is not said.
    pub time_zone: Option<String>,
    /// For [`Preset::Cron`]; other presets have their own times.
    pub cron: Option<String>,
    pub actor: String,
}

#[derive(Debug, Clone)]
pub struct PresetReport {
    pub database: Database,
    pub schedules: Vec<ScheduleStatus>,
    /// How many backups its retention would remove today.
    pub would_remove: u64,
}

/// Gives a database the schedules, the retention and the auto-recovery of a preset in place of what it has.
pub fn apply_preset(vault: &Vault, options: &PresetOptions, now: Timestamp) -> Result<PresetReport> {
    let now = rounded(now);
    let database = databases::database(vault, &options.database)?;
    managed::refuse(vault, &database.id, "schedules", &options.actor)?;
    let schedules = preset_schedules(options.preset, options.time_zone.as_deref(), options.cron.as_deref(), now)?;
    let mut rows = schedules.iter().map(|schedule| new_row(&database.id, schedule, now)).collect::<Result<Vec<_>>>()?;
    // What others manage is not for a preset to take away.
    let managed = vault.catalog().schedules(Some(&database.id))?.into_iter().filter(|row| row.managed_by.is_some());
    rows.extend(managed);
    let message = format!("gave {} the preset {}: {}", database.id, options.preset, options.preset.words());
    let event = event("schedule.preset", &options.actor, &database.id, message);
    databases::set_schedules(vault, &database.id, options.preset.auto_recovery(), &rows, &event, now)?;
    // The retention that others manage stays, too.
    if database.retention_managed_by.is_some() {
        let database = databases::database(vault, &database.id)?;
        return Ok(PresetReport { schedules: list(vault, Some(&database.id), now)?, database, would_remove: 0 });
    }
    // Where it would remove many at once, cleanup waits until a person confirms that.
    let kept =
        cleanup::set_policy(vault, &database.id, &options.preset.retention(), Consent::Later, vault.defaults().count_by(), &options.actor)?;
    Ok(PresetReport { database: kept.database, schedules: list(vault, Some(&database.id), now)?, would_remove: kept.would_remove })
}

/// The schedules of a preset as they would be added now.
pub fn preset_schedules(preset: Preset, time_zone: Option<&str>, cron: Option<&str>, now: Timestamp) -> Result<Vec<Schedule>> {
    if cron.is_some() && preset != Preset::Cron {
        return Err(Error::Invalid { field: "cron", message: format!("the preset {preset} has its own times") });
    }
    let zone = time_zone.map_or_else(scheduler::host_time_zone, str::to_owned);
    let mut schedules = preset.schedules(&zone, cron);
    if preset == Preset::Cron {
        for schedule in &mut schedules {
            schedule.kind = kind_for(&schedule.trigger, now)?;
        }
    }
    Ok(schedules)
}

/// The kind that fits a trigger, e.g. weekly for a cron that comes up every Monday.
pub fn kind_for(trigger: &Trigger, now: Timestamp) -> Result<Kind> {
    let kind = suggested_kind(trigger, Some(0));
    let timing = Timing::of(&Schedule::of(kind, trigger.clone()))?;
    refuse_never(trigger, timing.next_after(now))?;
    Ok(suggested_kind(trigger, timing.longest_gap_secs(now)))
}

/// A run that lies ahead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRun {
    pub at: Timestamp,
    /// By the clock of the schedule's zone, e.g. `Fri 20 Nov 2026 02:00 CET`.
    pub local: String,
    /// What the clock does on that day, if a person would wonder.
    pub note: Option<String>,
}

/// What a schedule would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    pub words: String,
    pub runs: Vec<PlannedRun>,
    /// The changes of the clock within a year that touch it.
    pub clock_notes: Vec<String>,
    pub longest_gap_secs: Option<u64>,
}

/// Words and next runs of a schedule as it would run for `database`, whether or not it is there. Refuses what could not be added.
pub fn preview(database: &DatabaseId, schedule: &Schedule, runs: usize, now: Timestamp) -> Result<Preview> {
    preview_of(&new_row(database, schedule, rounded(now))?, runs, now)
}

/// The same of one that is there.
pub fn preview_number(vault: &Vault, number: i64, runs: usize, now: Timestamp) -> Result<Preview> {
    preview_of(&row(vault, number)?, runs, now)
}

fn preview_of(row: &ScheduleRow, runs: usize, now: Timestamp) -> Result<Preview> {
    let timing = Timing::of_row(row)?;
    let zone = timing.zone().cloned().unwrap_or_else(TimeZone::system);
    let ahead = std::iter::successors(timing.next_after(now), |run| timing.next_after(*run)).take(runs);
    let planned = |at: Timestamp| PlannedRun {
        at,
        local: at.to_zoned(zone.clone()).strftime("%a %-d %b %Y %H:%M %Z").to_string(),
        note: timing.note(at),
    };
    Ok(Preview {
        words: timing.words(),
        runs: ahead.map(planned).collect(),
        clock_notes: timing.clock_notes(now),
        longest_gap_secs: timing.longest_gap_secs(now),
    })
}

/// The host's time zone by its IANA name, e.g. `Europe/Berlin`; UTC where the host does not say.
pub fn host_time_zone() -> String {
    scheduler::host_time_zone()
}

/// What holds for all jobs of this vault.
pub fn job_limits(vault: &Vault) -> Result<JobLimits> {
    vault.catalog().job_limits()
}

/// Sets it for every process that works on this vault; running ones mind it within seconds.
pub fn set_job_limits(vault: &Vault, limits: &JobLimits, actor: &str, now: Timestamp) -> Result<()> {
    limits.check().map_err(|refusal| Error::Invalid { field: refusal.field, message: refusal.message })?;
    let message = format!(
        "set the limits of jobs: {} at once, hung after {} s, {} s for the backups of a stop",
        limits.max_running, limits.hung_after_secs, limits.stop_within_secs
    );
    let event = NewEvent { actor, action: "jobs.limits_set", result: EventResult::Ok, database: None, backup: None, job: None, message };
    // The file first, as with a database: a rebuilt catalog finds them there.
    let mut json = serde_json::to_vec_pretty(limits).expect("our own types have string keys and serialise");
    json.push(b'\n');
    durable::write(&vault.limits_path(), &json)?;
    vault.catalog().set_job_limits(limits, &event, now)
}

/// Takes the limits that were set before the catalog was made anew, if there are any that can be read. Whether there were.
pub(crate) fn take_up_job_limits(vault: &Vault, actor: &str, now: Timestamp) -> Result<bool> {
    let path = vault.limits_path();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::io(&path, error)),
    };
    match serde_json::from_slice::<JobLimits>(&bytes) {
        Ok(limits) if limits.check().is_ok() => set_job_limits(vault, &limits, actor, now).map(|()| true),
        _ => {
            tracing::warn!(path = %path.display(), "the limits of jobs cannot be read: the default ones hold");
            Ok(false)
        }
    }
}

/// The row of a schedule that begins now; refuses what cannot be read or never runs.
pub(crate) fn new_row(database: &DatabaseId, schedule: &Schedule, now: Timestamp) -> Result<ScheduleRow> {
    let timing = Timing::for_database(database, schedule, now)?;
    let standing = scheduler::first_standing(&timing, now);
    refuse_never(&schedule.trigger, standing.next_run_at)?;
    Ok(ScheduleRow { number: 0, database: database.clone(), schedule: schedule.clone(), anchor_at: now, managed_by: None, standing })
}

fn refuse_never(trigger: &Trigger, next: Option<Timestamp>) -> Result<()> {
    match (trigger, next) {
        (Trigger::Cron { cron, .. }, None) => {
            Err(Error::Invalid { field: "cron", message: format!("\"{cron}\" never comes up: there is no such day") })
        }
        _ => Ok(()),
    }
}

fn row(vault: &Vault, number: i64) -> Result<ScheduleRow> {
    vault.catalog().get_schedule(number)?.ok_or(Error::UnknownSchedule { number })
}

/// Pausing is for everybody: in need a person must be able to hold a schedule. All else is for whoever manages it.
fn refuse_managed(row: &ScheduleRow) -> Result<()> {
    match &row.managed_by {
        Some(by) => Err(Error::Managed { what: format!("schedule {} of {}", row.number, row.database), by: by.clone() }),
        None => Ok(()),
    }
}

/// The rows as they are going to be with this one in its place, or behind them.
fn with(present: &[ScheduleRow], row: &ScheduleRow) -> Vec<ScheduleRow> {
    let mut all = present.to_vec();
    match all.iter_mut().find(|other| other.number == row.number) {
        Some(other) => other.clone_from(row),
        None => all.push(row.clone()),
    }
    all
}

fn refuse_double(present: &[ScheduleRow], row: &ScheduleRow) -> Result<()> {
    let same = |other: &&ScheduleRow| {
        other.number != row.number && other.schedule.trigger == row.schedule.trigger && other.schedule.kind == row.schedule.kind
    };
    match present.iter().find(same) {
        Some(other) => Err(Error::AlreadyExists { what: "schedule with the same times and kind", name: other.number.to_string() }),
        None => Ok(()),
    }
}

/// e.g. "daily, every day at 02:00 (Europe/Berlin)".
fn told(row: &ScheduleRow) -> String {
    let words = Timing::of_row(row).map_or_else(|_| "cannot be read".to_owned(), |timing| timing.words());
    let zone = match &row.schedule.trigger {
        Trigger::Cron { time_zone, .. } => format!(" ({time_zone})"),
        _ => String::new(),
    };
    let mut chars = words.chars();
    let words: String = chars.next().into_iter().flat_map(char::to_lowercase).chain(chars).collect();
    format!("{}, {words}{zone}", row.schedule.kind)
}

fn event<'a>(action: &'a str, actor: &'a str, database: &DatabaseId, message: String) -> NewEvent<'a> {
    NewEvent { actor, action, result: EventResult::Ok, database: Some(database.clone()), backup: None, job: None, message }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
