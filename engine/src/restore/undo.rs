//! Undo: the restore of the safety backup that a restore made.

use keepstone_model::{
    backup::BackupState,
    id::{BackupId, DatabaseId, JobId},
    job::{JobState, Verb},
    restore::{RestorePlan, Target},
};

use super::{
    PlanOptions, RestoreReport, UndoOptions,
    act::{act, conclude},
    committed,
    plan::replacing_report,
    plan_restore,
};
use crate::{
    Error, Monitor, Result, Vault, backups,
    catalog::JobRow,
    databases, driver,
    jobs::{JobFilter, JobMonitor, JobRequest, Running},
};

/// The plan of an undo: the restore of that restore's safety backup. `UndoRefused` if there is none or it was undone already.
pub fn plan_undo(vault: &Vault, restore: &JobId) -> Result<RestorePlan> {
    let (backup, target) = way_back(vault, restore)?;
    let mut plan = plan_restore(vault, &PlanOptions { backup, target, safety_backup: true })?;
    plan.warnings.extend(newer(vault, &plan.database, restore)?);
    // What a server kept is of the moment of the exchange.
    if let (Target::PutBack { .. }, Some(row)) = (&plan.target, vault.catalog().get_job(restore)?) {
        plan.backup_taken_at = row.job.finished_at.unwrap_or(plan.backup_taken_at);
    }
    Ok(plan)
}

/// The restores after this one, which go with it: all but those that were undone.
fn newer(vault: &Vault, database: &DatabaseId, restore: &JobId) -> Result<Vec<String>> {
    let (mut undone, mut told) = (Vec::new(), Vec::new());
    // The newest first: of an undo that was undone itself, what it undid counts again.
    for (_, row) in vault.catalog().restores_of(database)? {
        if row.job.id == *restore {
            break;
        }
        let Some(report) = replacing_report(&row) else { continue };
        if undone.contains(&row.job.id) {
            continue;
        }
        if let Ok(JobRequest::Undo(options)) = serde_json::from_str(&row.request) {
            undone.push(options.restore);
        } else {
            told.push(format!("A newer restore is undone by this as well: {}, of {}.", row.job.id, report.backup));
        }
    }
    Ok(told)
}

/// What brings back the state before a restore that may be undone: its safety backup, or what the server kept.
fn way_back(vault: &Vault, restore: &JobId) -> Result<(BackupId, Target)> {
    let row = vault.catalog().get_job(restore)?.ok_or_else(|| Error::UnknownJob { id: restore.to_string() })?;
    if let Some(reason) = undo_refusal(vault, &row)? {
        return Err(Error::UndoRefused { reason });
    }
    let way = report_of(&row).and_then(|report| match (report.kept, report.safety_backup) {
        (Some(kept), _) => Some((report.backup, Target::PutBack { name: kept.name })),
        (None, safety) => Some((safety?, Target::Replace)),
    });
    way.ok_or_else(|| Error::UndoRefused { reason: format!("restore {restore} made no safety backup") })
}

/// Brings back the state before a restore; makes a safety backup itself, so an undo can be undone.
pub fn undo(vault: &Vault, options: &UndoOptions, monitor: &dyn Monitor) -> Result<RestoreReport> {
    let running = Running::begin(vault, &JobRequest::Undo(options.clone()))?;
    run_undo(&running, options, monitor)
}

pub(crate) fn run_undo(running: &Running<'_>, options: &UndoOptions, monitor: &dyn Monitor) -> Result<RestoreReport> {
    let monitor = JobMonitor::new(running, monitor);
    let result = check_undo(running.vault, options).and_then(|()| {
        running.concerns(&options.plan.backup)?;
        act(running, &options.plan, true, &options.actor, &monitor)
    });
    conclude(running, result, &monitor)
}

/// The plan that was confirmed is the undo of this restore, which is still open to one.
fn check_undo(vault: &Vault, options: &UndoOptions) -> Result<()> {
    let (backup, target) = way_back(vault, &options.restore)?;
    if options.plan.backup != backup || options.plan.target != target {
        return Err(Error::StalePlan { reason: "it is the plan of something else".to_owned() });
    }
    Ok(())
}

fn report_of(row: &JobRow) -> Option<RestoreReport> {
    row.result.as_deref().and_then(|json| serde_json::from_str(json).ok())
}

/// Of a database that a replacement kept.
pub(crate) fn gone(name: &str) -> String {
    format!("the server does not keep {name} any more, so there is nothing to go back to")
}

/// Why a job cannot be undone; none if it can.
pub(crate) fn undo_refusal(vault: &Vault, row: &JobRow) -> Result<Option<String>> {
    let id = &row.job.id;
    if !matches!(row.job.verb, Verb::Restore | Verb::Undo) {
        return Ok(Some(format!("job {id} is no restore")));
    }
    // A restore whose process died, or whose server did, may have been committed: it left its report before it wrote, so it can be undone, too.
    let over = matches!(row.job.state, JobState::Done | JobState::Abandoned | JobState::Failed);
    let row = &match committed::found_out(vault, row.clone()) {
        Ok(row) => row,
        Err(error) => return Ok(Some(format!("whether restore {id} was committed cannot be found out now: {error}"))),
    };
    let Some(report) = report_of(row).filter(|_| over) else {
        return Ok(Some(format!("restore {id} was not completed, so there is nothing to undo")));
    };
    if !report.replaced {
        return Ok(Some(format!("restore {id} made a new file and left the live database as it was: remove {}", report.path.display())));
    }
    if let Some(folder) = &report.kept_aside {
        let kept = folder.file_name().unwrap_or_default().to_string_lossy();
        return Ok(Some(format!(
            "restore {id} replaced a database that could not be opened: there is no backup of it; its files are kept in corrupted/{kept} beside its backups"
        )));
    }
    if report.safety_backup.is_none() && report.kept.is_none() {
        return Ok(Some(format!("restore {id} made no safety backup")));
    }
    let filter = JobFilter { state: Some(JobState::Done), database: row.job.database.clone(), ..JobFilter::default() };
    let undone = vault.catalog().list_jobs(&filter)?.into_iter().find(|later| {
        later.job.verb == Verb::Undo
            && matches!(serde_json::from_str(&later.request), Ok(JobRequest::Undo(options)) if options.restore == *id)
    });
    if let Some(later) = undone {
        return Ok(Some(format!("restore {id} was undone already, by {}", later.job.id)));
    }
    if let (Some(kept), Some(database)) = (&report.kept, &row.job.database) {
        let database = databases::database(vault, database)?;
        match driver::of(database.engine).keeps(vault, &database, &kept.name) {
            Ok(false) => return Ok(Some(gone(&kept.name))),
            Ok(true) => {}
            // Who undoes it hears of that.
            Err(error) => tracing::debug!(%error, "whether a server keeps the state before a restore could not be found out"),
        }
    }
    match &report.safety_backup {
        Some(safety) if report.kept.is_none() => away(vault, safety),
        _ => Ok(None),
    }
}

/// Why a safety backup cannot be restored, and what brings it back; none if it can.
fn away(vault: &Vault, safety: &BackupId) -> Result<Option<String>> {
    let gone = || Some(format!("its safety backup {safety} was deleted for good"));
    let backup = match backups::backup(vault, safety) {
        Err(Error::UnknownBackup { .. }) => return Ok(gone()),
        found => found?,
    };
    Ok(match backup.state {
        BackupState::Complete => None,
        BackupState::Trashed if !vault.trash_path(safety).exists() => gone(),
        BackupState::Trashed => Some(format!("its safety backup is in the trash: `keepstone trash put-back {safety}` takes it out again")),
        _ => Some(format!("the archive of its safety backup is missing: put {} back", vault.archive_path(safety).display())),
    })
}
