//! Takes the backups that are due. Its state is in the catalog, so a restart neither forgets a run nor takes it twice.

mod decide;
mod service;
mod timing;
mod watchdog;
mod words;
mod workers;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use keepstone_model::{
    id::{DatabaseId, JobId},
    job::JobState,
    schedule::{Trigger, UNCHANGED_WITHIN_SECS, due_order},
};

pub(crate) use decide::first_standing;
use decide::{Circumstances, Decision, decide};
pub use service::{Firing, Scheduler, SchedulerInfo, SchedulerOptions, StopReport};
pub(crate) use timing::Timing;

use crate::{
    Result, Vault,
    catalog::{ScheduleRow, Standing, rounded, run_key},
    create::CreateOptions,
    delete,
    jobs::{self, JobRequest},
};

/// Who acts, in jobs and events.
pub(crate) const ACTOR: &str = "schedule";
/// How often what expired in the trash is removed.
const EMPTY_TRASH_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Queues a job for every schedule that is due at `now` and gives their ids back; a run missed while nothing ran is made up exactly once.
/// Call it every few seconds. Two processes that call it at once queue a run only once.
pub fn tick(vault: &Vault, now: Timestamp) -> Result<Vec<JobId>> {
    // So that what is compared was rounded alike.
    let now = rounded(now);
    let paused: BTreeMap<DatabaseId, bool> = vault.catalog().databases()?.into_iter().map(|d| (d.id, d.paused)).collect();
    let mut due = Vec::new();
    for row in vault.catalog().schedules(None)? {
        let timing = match Timing::of_row(&row) {
            Ok(timing) => timing,
            Err(cause) => {
                tracing::warn!(schedule = row.number, %cause, "a schedule cannot be read, and does not run");
                continue;
            }
        };
        let paused = row.schedule.paused || paused.get(&row.database) != Some(&false);
        let circumstances = Circumstances { now, paused, waiting: is_waiting(vault, &row)? };
        match decide(&row.schedule, &timing, &row.standing, &circumstances) {
            Decision::Wait => {}
            Decision::Move(to) => drop(vault.catalog().move_schedule(row.number, &row.standing, &to)?),
            Decision::ForgetFuture(to) => {
                vault.catalog().release_run_keys(row.number, now)?;
                vault.catalog().move_schedule(row.number, &row.standing, &to)?;
            }
            Decision::Run { due_at, then } => due.push((row, due_at, then)),
        }
    }
    due.sort_by_key(|(row, ..)| (due_order(row.schedule.kind), row.number));
    let mut queued = Vec::new();
    for (row, due_at, then) in due {
        queued.extend(queue(vault, &row, due_at, then)?);
    }
    Ok(queued)
}

/// What is to be done now and then beside the schedules, on a thread that no schedule waits for: what has expired in the trash goes.
pub fn housekeep(vault: &Vault, now: Timestamp) -> Result<()> {
    empty_expired_trash(vault, rounded(now))
}

/// The job first, under a key that names the run; then the schedule moves on. A process that dies in between leaves the schedule due: whoever
/// comes next submits the same key, gets the same job, and moves it. Of two at once, one moves it.
fn queue(vault: &Vault, row: &ScheduleRow, due_at: Timestamp, mut then: Standing) -> Result<Option<JobId>> {
    let options = CreateOptions { kind: row.schedule.kind, ..CreateOptions::new(row.database.clone(), ACTOR) };
    let job = jobs::submit(vault, &JobRequest::Create(options), Some(&run_key(row.number, due_at)))?;
    then.last_job = Some(job.clone());
    let moved = vault.catalog().move_schedule(row.number, &row.standing, &then)?;
    Ok(moved.then_some(job))
}

/// Queues the backups that are taken when Keepstone starts. `start` names this start, so that asked twice it queues each only once.
pub(crate) fn queue_starts(vault: &Vault, start: &str) -> Result<Vec<JobId>> {
    let mut queued = Vec::new();
    for row in on_event(vault, &Trigger::Start)? {
        let job = jobs::submit(vault, &JobRequest::Create(event_options(&row)), Some(&format!("start-{start}-{}", row.number)))?;
        let to = Standing { last_run_at: Some(rounded(Timestamp::now())), last_job: Some(job.clone()), ..row.standing.clone() };
        vault.catalog().move_schedule(row.number, &row.standing, &to)?;
        queued.push(job);
    }
    Ok(queued)
}

/// The schedules of this event that are not paused.
fn on_event(vault: &Vault, event: &Trigger) -> Result<Vec<ScheduleRow>> {
    let paused: Vec<DatabaseId> = vault.catalog().databases()?.into_iter().filter(|d| d.paused).map(|d| d.id).collect();
    let mut rows = vault.catalog().schedules(None)?;
    rows.retain(|row| row.schedule.trigger == *event && !row.schedule.paused && !paused.contains(&row.database));
    Ok(rows)
}

/// A crash loop of starts and stops must not fill the vault: what equals a young backup is not taken again.
fn event_options(row: &ScheduleRow) -> CreateOptions {
    CreateOptions {
        kind: row.schedule.kind,
        unless_equal_within_secs: Some(UNCHANGED_WITHIN_SECS),
        ..CreateOptions::new(row.database.clone(), ACTOR)
    }
}

/// Whether this schedule's last run has not even begun.
fn is_waiting(vault: &Vault, row: &ScheduleRow) -> Result<bool> {
    let Some(job) = &row.standing.last_job else { return Ok(false) };
    Ok(vault.catalog().get_job(job)?.is_some_and(|row| row.job.state == JobState::Queued))
}

fn empty_expired_trash(vault: &Vault, now: Timestamp) -> Result<()> {
    let due = |last: Timestamp| last > now || now.duration_since(last) >= EMPTY_TRASH_EVERY;
    if vault.catalog().trash_emptied_at()?.is_none_or(due) {
        vault.catalog().set_trash_emptied_at(now)?;
        delete::empty_trash(vault, Some(now), ACTOR)?;
    }
    Ok(())
}

/// The host's time zone by its IANA name, e.g. `Europe/Berlin`; UTC where the host does not say.
pub(crate) fn host_time_zone() -> String {
    let zone = TimeZone::system();
    // A name that cannot be looked up again would make a schedule that never runs.
    zone.iana_name().filter(|name| TimeZone::get(name).is_ok()).unwrap_or("UTC").to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod simulation;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
