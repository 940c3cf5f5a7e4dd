//! The act: the plan, one archive after the other.

use keepstone_model::{
    Timestamp, human,
    id::{BackupId, DatabaseId},
    job::{Progress, Step},
    retention::{Fate, Keep, Pass},
};

use super::{CleanupOptions, CleanupReport, Gone, PlanOptions, clock, plan_cleanup, planning::CleanupPlan, space, standing};
use crate::{
    Error, Monitor, Result,
    catalog::rounded,
    delete,
    jobs::{JobMonitor, Running},
    notes,
};

/// Carries out a job that was begun or claimed, to its end and its row.
pub(crate) fn run(running: &Running<'_>, options: &CleanupOptions, monitor: &dyn Monitor) -> Result<CleanupReport> {
    let monitor = JobMonitor::new(running, monitor);
    let result = clean_up(running, options, &monitor);
    let outcome = result.as_ref().map(outcome).unwrap_or_default();
    if let Err(error) = standing::ended(running.vault, options, &result, rounded(Timestamp::now())) {
        // The next tick finds it due once more, and there is less to do.
        tracing::error!(database = %options.database, %error, "how cleanup stands could not be written down");
    }
    running.conclude(result, outcome, None, monitor.stopping())
}

fn clean_up(running: &Running<'_>, options: &CleanupOptions, monitor: &dyn Monitor) -> Result<CleanupReport> {
    let vault = running.vault;
    let now = rounded(Timestamp::now());
    clock::look(vault, now)?;
    // While this is held nobody makes or restores backups of this database, in whichever process or vault.
    let _lock = running.lock_database(&options.database)?;
    let pass = if options.confirmed.is_some() { Pass::Person } else { Pass::Unattended };
    let plan_options = PlanOptions {
        database: options.database.clone(),
        policy: options.policy.clone(),
        manual: options.manual,
        count_by: options.count_by,
        pass,
    };
    // Before the plan, as what waits for a person is found out by the catalog.
    notes::follow::readable(vault, &options.database)?;
    let plan = plan_cleanup(vault, &plan_options, now)?;
    if pass == Pass::Unattended
        && let Some(waiting) = standing::waits_for_consent(vault, &plan, now)?
    {
        return Err(Error::PolicyNotConfirmed { database: options.database.clone(), count: waiting });
    }
    tell(&plan, monitor);
    monitor.step(Step::Remove);
    let mut report = CleanupReport {
        job: running.id(),
        database: options.database.clone(),
        removed: Vec::new(),
        skipped: Vec::new(),
        freed_bytes: 0,
        unreadable: unreadable(&plan),
        postponed: plan.postponed,
        emptied: 0,
    };
    let seen = |line: &&super::Line| options.confirmed.as_ref().is_none_or(|confirmed| confirmed.contains(&line.backup.id));
    let wanted: Vec<_> = plan.removals().filter(seen).collect();
    // What was seen to go, and stays for a reason of by now.
    let confirmed = |line: &&super::Line| options.confirmed.as_ref().is_some_and(|confirmed| confirmed.contains(&line.backup.id));
    for line in plan.lines.iter().filter(confirmed).filter(|line| !line.fate.is_removed()) {
        monitor.log(&format!("kept {}: {}", line.backup.id, line.fate));
        report.skipped.push((line.backup.id.clone(), line.fate.to_string()));
    }
    let total_bytes = wanted.iter().map(|line| line.backup.archive_size_bytes).sum();
    let (begun, mut fault) = (std::time::Instant::now(), None);
    for line in wanted {
        if monitor.cancelled() {
            return Err(Error::CancelledHere);
        }
        let (id, reason) = (&line.backup.id, line.fate.to_string());
        match delete::clean_away(vault, id, &options.actor, &reason) {
            Ok(done) => {
                monitor.log(&format!("removed {id}: {reason}"));
                report.freed_bytes += done.backup.archive_size_bytes;
                report.removed.push(Gone { backup: done.backup, reason });
            }
            Err(error) if ends_all(&error) => return Err(error),
            // Something is the matter with this one, or has changed since the plan: it stays, and the rest is as it was.
            Err(error) => {
                monitor.log(&format!("kept {id}: {error}"));
                report.skipped.push((id.clone(), error.to_string()));
                // The disk's, not this one's: what can go goes, and then it is told as what it is.
                if matches!(error, Error::Io { .. }) {
                    fault.get_or_insert(error);
                }
            }
        }
        let elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        monitor.progress(&Progress { step: Step::Remove, done_bytes: report.freed_bytes, total_bytes, elapsed_ms });
    }
    report.emptied = space::relieve(vault)?;
    if report.emptied > 0 {
        monitor.log(&format!("the disk is nearly full, so for good gone from the trash: {}", human::counted(report.emptied, "archive")));
    }
    fault.map_or(Ok(report), Err)
}

/// Whether the next one would fare no better: no room, no catalog to write to; or nobody wants it any more.
fn ends_all(error: &Error) -> bool {
    matches!(
        error,
        Error::NoSpace { .. }
            | Error::DiskFloor { .. }
            | Error::Cancelled { .. }
            | Error::CancelledHere
            | Error::Catalog(_)
            | Error::CatalogDamaged { .. }
            | Error::CatalogInUse { .. }
            | Error::NotNoted { .. }
    )
}

/// What only its notes keep from being removed.
fn unreadable(plan: &CleanupPlan) -> Vec<BackupId> {
    plan.lines.iter().filter(|line| line.fate == Fate::Kept(Keep::Notes)).map(|line| line.backup.id.clone()).collect()
}

/// How many stay for which reason. Rules that count are told as one.
fn tell(plan: &CleanupPlan, monitor: &dyn Monitor) {
    monitor.log(&format!("{}: {}", plan.database.id, plan.policy.words()));
    let mut reasons: Vec<(String, u64)> = Vec::new();
    for line in &plan.lines {
        let words = match line.fate {
            Fate::Kept(Keep::Count { rule, of, .. }) => format!("{}, the newest {of}", rule.as_str()),
            Fate::Kept(Keep::OldestOfYear { of, .. }) => format!("the oldest monthly of {of} years"),
            Fate::Kept(keep) => keep.to_string(),
            Fate::Removed(_) => continue,
        };
        match reasons.iter_mut().find(|(known, _)| *known == words) {
            Some((_, count)) => *count += 1,
            None => reasons.push((words, 1)),
        }
    }
    for (words, count) in reasons {
        monitor.log(&format!("kept {count}: {words}"));
    }
}

fn outcome(report: &CleanupReport) -> String {
    let mut words = match report.removed.len() {
        0 if !report.skipped.is_empty() => format!("nothing of {} went", report.database),
        0 => format!("nothing of {} had to go", report.database),
        count => {
            format!("moved {} of {} to the trash, {}", human::counted(count, "backup"), report.database, human::bytes(report.freed_bytes))
        }
    };
    if !report.skipped.is_empty() {
        let count = report.skipped.len();
        words = format!("{words}; {count} could not go");
    }
    if !report.unreadable.is_empty() {
        words = format!("{words}; {}", unreadable_words(&report.unreadable));
    }
    if report.postponed > 0 {
        words = format!("{words}; {} more in later passes", report.postponed);
    }
    words
}

/// What keeps backups for ever until a person does something about it.
pub(super) fn unreadable_words(of: &[BackupId]) -> String {
    let [first, rest @ ..] = of else { return String::new() };
    let which = if rest.is_empty() { format!("the notes of {first}") } else { format!("the notes of {} backups, e.g. {first},", of.len()) };
    format!("{which} cannot be read, so that none of them goes: `keepstone pin` or `keepstone unpin` writes them anew")
}

/// What waits for a person, as it is said everywhere.
pub(super) fn waiting_words(database: &DatabaseId, count: u64) -> String {
    format!("the policy of {database} would remove {} at once: a person has to confirm it", human::counted(count, "backup"))
}
