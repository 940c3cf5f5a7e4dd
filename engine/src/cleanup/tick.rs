//! The clockwork of cleanup: by the rhythm of each database, and after each successful scheduled backup. Its state is in the catalog, so that of two processes
//! only one begins a pass, and one that dies is followed by another pass an hour later.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    database::Database,
    id::JobId,
    job::{Job, JobState, Verb},
    retention::{CountBy, Fate, Keep, Manual, Pass},
};

use super::{
    ACTOR, CleanupOptions, CleanupStanding, PlanOptions,
    act::waiting_words,
    clock,
    planning::plan_by_catalog,
    rhythm::Rhythm,
    space,
    standing::{newest_scheduled, say_that_it_waits, waits_for_consent},
};
use crate::{
    Result, Vault,
    catalog::rounded,
    databases, driver,
    jobs::{self, JobFilter, JobRequest},
    restore::replacing_report,
};

/// How long a pass that did not end well, or whose process died, is let be.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// How often what is long over is removed from the catalog.
const PRUNE_EVERY: SignedDuration = SignedDuration::from_hours(24);
/// How long what a restore that failed may have left on a server is looked for.
const LEFT_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Queues a cleanup for every database that is due and has something to remove, gives room where the disk is short of it, and prunes what is
/// long over. Call it every few seconds.
pub fn tick(vault: &Vault, now: Timestamp, count_by: CountBy) -> Result<Vec<JobId>> {
    let now = rounded(now);
    clock::look(vault, now)?;
    space::relieve(vault)?;
    prune(vault, now)?;
    let full = space::is_full(vault);
    let mut queued = Vec::new();
    for database in databases::databases(vault)? {
        // What is wrong with one keeps no other from its cleanup.
        match one(vault, &database, now, count_by, full) {
            Ok(job) => queued.extend(job),
            Err(error) => tracing::error!(database = %database.id, %error, "whether there is something to clean up could not be found out"),
        }
    }
    Ok(queued)
}

fn one(vault: &Vault, database: &Database, now: Timestamp, count_by: CountBy, full: bool) -> Result<Option<JobId>> {
    let id = &database.id;
    let standing = vault.catalog().cleanup_standing(id)?;
    let newest = newest_scheduled(vault, id)?;
    let rhythm = &database.cleanup_rhythm;
    if database.paused || rhythm.paused {
        return Ok(None);
    }
    let newer = rhythm.after_backups && newest > standing.seen_sequence;
    if !is_due(&standing, &Rhythm::of(rhythm)?, newer, now, full) {
        return Ok(None);
    }
    let open = jobs::jobs(vault, &JobFilter { database: Some(id.clone()), open: true, ..JobFilter::default() })?;
    if open.iter().any(|(job, _)| job.verb == Verb::Cleanup) {
        return Ok(None);
    }
    // What is in its place again is not known yet to be what it was.
    if jobs::left::came_back(vault, id)?.is_some() {
        return Ok(None);
    }
    // Of several processes the one that writes this goes on. If it dies before the job is queued, another pass comes in an hour.
    let mut mine = false;
    vault.catalog().change_cleanup_standing(id, |now_standing| {
        // The closure may be run twice, on a disk that was full.
        mine = now_standing.tried_at == standing.tried_at && now_standing.looked_at == standing.looked_at;
        if mine {
            now_standing.tried_at = Some(now);
        }
    })?;
    if !mine {
        return Ok(None);
    }
    let options = PlanOptions { database: id.clone(), policy: None, manual: Manual::Kept, count_by, pass: Pass::Unattended };
    let plan = plan_by_catalog(vault, &options, now)?;
    let waits_for = if let Some(count) = waits_for_consent(vault, &plan, now)? {
        Some(waiting_words(id, count))
    } else if plan.removed.is_empty() {
        let clock = plan.lines.iter().any(|line| line.fate == Fate::Kept(Keep::Clock));
        clock.then(|| "the clock was changed: nothing goes until the next good backup".to_owned())
    } else {
        let options =
            CleanupOptions { database: id.clone(), policy: None, manual: Manual::Kept, count_by, confirmed: None, actor: ACTOR.to_owned() };
        return jobs::submit(vault, &JobRequest::Cleanup(options), None).map(Some);
    };
    vault.catalog().change_cleanup_standing(id, |standing| {
        standing.looked_at = Some(now);
        standing.seen_sequence = newest;
        standing.failure = None;
        standing.waits_for.clone_from(&waits_for);
    })?;
    if let Some(what) = waits_for.filter(|what| standing.waits_for.as_ref() != Some(what)) {
        say_that_it_waits(vault, id, what)?;
    }
    Ok(None)
}

fn is_due(standing: &CleanupStanding, rhythm: &Rhythm, newer: bool, now: Timestamp, full: bool) -> bool {
    // A time in the future is one of a wrong clock, and says nothing.
    let past = |at: Option<Timestamp>| at.filter(|&at| at <= now);
    let by_clock = |at: Timestamp| rhythm.next_after(at).is_some_and(|next| next <= now) || full && now.duration_since(at) >= AGAIN_AFTER;
    let wanted = newer || past(standing.looked_at).is_none_or(by_clock);
    let ended = standing.tried_at <= standing.looked_at && standing.failure.is_none();
    let rested = past(standing.tried_at).is_none_or(|at| now.duration_since(at) >= AGAIN_AFTER);
    wanted && (ended || rested)
}

fn prune(vault: &Vault, now: Timestamp) -> Result<()> {
    let due = |last: Timestamp| last > now || now.duration_since(last) >= PRUNE_EVERY;
    if vault.catalog().pruned_at()?.is_none_or(due) {
        vault.catalog().set_pruned_at(now)?;
        for database in databases::databases(vault)? {
            if let Err(error) = remove_kept(vault, &database, now) {
                tracing::warn!(database = %database.id, %error, "what a restore kept of it could not be removed; tomorrow it is tried again");
            }
        }
        let pruned = vault.catalog().prune(now)?;
        if pruned > 0 {
            tracing::info!(rows = pruned, "rows of jobs and of failed backups that are long over were removed");
        }
    }
    Ok(())
}

/// Whether a job may have begun something on a server that it could not remove. Of some days, as a server may be down for as long.
fn may_have_left(job: &Job, now: Timestamp) -> bool {
    let restores = matches!(job.verb, Verb::Restore | Verb::Undo | Verb::Verify);
    let ended_badly = matches!(job.state, JobState::Failed | JobState::Cancelled | JobState::Abandoned);
    restores && ended_badly && now.duration_since(job.created_at) <= LEFT_FOR
}

/// Removes what restores kept of a database on its server, and what those left there that did not end. No server is asked where neither was.
fn remove_kept(vault: &Vault, database: &Database, now: Timestamp) -> Result<()> {
    let restores = vault.catalog().restores_of(&database.id)?;
    let over = |until: Option<Timestamp>| until.is_some_and(|until| until <= now);
    let kept = restores.iter().filter_map(|(_, row)| replacing_report(row)?.kept).any(|kept| over(kept.until));
    let filter = JobFilter { database: Some(database.id.clone()), ..JobFilter::default() };
    let left = || vault.catalog().list_jobs(&filter).map(|jobs| jobs.iter().any(|row| may_have_left(&row.job, now)));
    if !kept && !left()? {
        return Ok(());
    }
    let removed = driver::of(database.engine).remove_kept(vault, database, now)?;
    if removed > 0 {
        tracing::info!(database = %database.id, removed, "what restores kept of it has had its time and was removed");
    }
    Ok(())
}
