//! The file side of auto-recovery: a corrupt database is moved aside whole, and the newest good backup put in its place. When that is done, and
//! when it is not, is `doctor`'s to say.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    backup::Backup,
    database::{Database, Recovered},
    id::{DatabaseId, JobId, Kind},
    job::Step,
    metadata::Metadata,
    restore::{Binding, Loading, Ownership, PLAN_LIFETIME_SECS, RestorePlan, StateBefore, Target, WhileOpen},
};

use super::{
    RestoreOptions, RestoreReport,
    act::{conclude, extract, look_after, take_note},
    aside::{self, Attempt, By},
    checked::{Damage, check_image},
};
use crate::{
    Error, Monitor, Result, Vault,
    backups::{self, BackupFilter},
    checkup, durable,
    floor::{Floor, floor_bytes},
    jobs::{self, JobMonitor, JobRequest, Running},
    sqlite,
    temporary::Temporary,
    verify::VerifyOptions,
};

/// Recovers a database from its newest good backup, as a job; whether that helped is in the report. `confirm` is asked under the database's lock, when
/// everything that can fail for reasons of ours is done, and just before anything moves.
pub(crate) fn recover(
    vault: &Vault,
    database: &Database,
    (finding, actor): (&str, &str),
    confirm: &dyn Fn() -> Result<()>,
    monitor: &dyn Monitor,
) -> Result<(JobId, Recovered, RestoreReport)> {
    let good = good_backups(vault, &database.id)?;
    let Some(newest) = good.first() else { return Err(Error::UnknownBackup { id: format!("latest of {}", database.id) }) };
    let options = RestoreOptions { plan: plan(newest, database, finding)?, verify: true, actor: actor.to_owned() };
    let running = Running::begin(vault, &JobRequest::Restore(options))?;
    let monitor = JobMonitor::new(&running, monitor);
    let acted = act(&running, database, (finding, actor), &good, confirm, &monitor);
    let (recovered, result) = match acted {
        Ok((recovered, report)) => (Some(recovered), Ok(report)),
        Err(error) => (None, Err(error)),
    };
    let report = conclude(&running, result, &monitor)?;
    let recovered = recovered.ok_or_else(|| Error::Internal("a recovery without a result".to_owned()))?;
    Ok((running.id(), recovered, report))
}

/// Ends an attempt that a died process left although its database has its name and is sound.
pub(crate) fn finish(vault: &Vault, database: &DatabaseId, attempt: &Attempt) -> Result<Recovered> {
    let recovered = recovered(attempt);
    // The alarm first: an attempt that has ended is looked at by nobody.
    checkup::recovered(vault, database, &attempt.actor, attempt.job.clone(), &attempt.finding, recovered.clone())?;
    attempt.end();
    Ok(recovered)
}

fn recovered(attempt: &Attempt) -> Recovered {
    Recovered { backup: attempt.backup.clone(), taken_at: attempt.taken_at, kept: attempt.folder.display().to_string() }
}

fn act(
    running: &Running<'_>,
    database: &Database,
    (finding, actor): (&str, &str),
    good: &[Backup],
    confirm: &dyn Fn() -> Result<()>,
    monitor: &dyn Monitor,
) -> Result<(Recovered, RestoreReport)> {
    let vault = running.vault;
    let begun = std::time::Instant::now();
    let live = sqlite::location::path_of(&database.location)?;
    let _lock = running.lock_database(&database.id)?;
    monitor.step(Step::Verify);
    if let (Some(floor), Some(newest)) = (Floor::between(database, &running.staging)?, good.first()) {
        // The image in the vault, and the file that takes the database's place.
        floor.look(newest.original_size_bytes.saturating_mul(2))?;
    }
    let (backup, metadata, image) = first_that_opens(running, good, monitor)?;
    running.concerns(&backup.id)?;
    let folder = live.parent().unwrap_or(Path::new("/"));
    if durable::free_bytes(folder)? < metadata.original_size.saturating_add(floor_bytes(database)) {
        return Err(Error::NoSpace { path: folder.to_owned() });
    }
    let mut report = RestoreReport {
        replaced: true,
        pages_written: metadata.source.page_count,
        size_bytes: metadata.original_size,
        hash_equal: true,
        before: StateBefore::KeptAside,
        ..RestoreReport::of(backup.id.clone(), live.clone())
    };
    let attempt = Attempt::new(By::Doctor, running, (backup.id.clone(), backup.created_at), finding, actor);
    let attempt = aside::replace(running, (&live, &image.0), attempt, &mut report, (WhileOpen::Refused, confirm), monitor)?;
    monitor.step(Step::Check);
    report.after = Some(look_after(&live, &metadata, monitor));
    let recovered = if report.damage_after().is_some() {
        // The alarm first here, too.
        take_note(vault, &database.id, actor, &report);
        attempt.end();
        recovered(&attempt)
    } else {
        finish(vault, &database.id, &attempt)?
    };
    aside::prune(vault, &database.id);
    report.job = Some(running.id());
    report.elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok((recovered, report))
}

/// The newest good backup that opens; one that does not any more is checked by its own verb, so that it does not go on counting as good.
fn first_that_opens(running: &Running<'_>, good: &[Backup], monitor: &dyn Monitor) -> Result<(Backup, Metadata, Temporary)> {
    let vault = running.vault;
    let mut first_fault = None;
    for backup in good {
        let image = Temporary(running.staging.join("image.sqlite"));
        let opened = (|| {
            let archive = vault.open_backup(backup)?;
            let metadata = archive.metadata().clone();
            extract(&archive, &image.0, Step::Verify, monitor)?;
            check_image(&image.0, &metadata, Damage::Refused, monitor)?;
            Ok(metadata)
        })();
        match opened {
            Ok(metadata) => return Ok((backup.clone(), metadata, image)),
            Err(
                error @ (Error::ArchiveMissing { .. }
                | Error::ArchiveCorrupt { .. }
                | Error::NotItsArchive { .. }
                | Error::VerificationFailed { .. }),
            ) => {
                monitor.log(&format!("{} does not restore ({error}); an older one is tried", backup.id));
                let verify = JobRequest::Verify(VerifyOptions::new(backup.id.clone(), "recovery"));
                jobs::submit(vault, &verify, None)?;
                first_fault.get_or_insert(error);
            }
            Err(error @ Error::WrongPassword { .. }) => {
                monitor.log(&format!("{} cannot be opened ({error}); an older one is tried", backup.id));
                first_fault.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(first_fault.unwrap_or_else(|| Error::Internal("no good backup".to_owned())))
}

/// Every good backup, the newest first; safety backups are of states that somebody wanted to leave.
pub(crate) fn good_backups(vault: &Vault, database: &DatabaseId) -> Result<Vec<Backup>> {
    let all = backups::list(vault, &BackupFilter { database: Some(database.clone()), ..BackupFilter::default() })?.backups;
    Ok(all.into_iter().filter(|backup| backup.is_good() && backup.kind != Kind::Safety).collect())
}

/// What the job's page shows of it. Nobody confirms this plan; it is bound to nothing but its backup.
fn plan(backup: &Backup, database: &Database, finding: &str) -> Result<RestorePlan> {
    let now = Timestamp::now();
    Ok(RestorePlan {
        backup: backup.id.clone(),
        database: database.id.clone(),
        target: Target::Replace,
        backup_taken_at: backup.created_at,
        planned_at: now,
        expires_at: now.checked_add(SignedDuration::from_secs(PLAN_LIFETIME_SECS)).map_err(|e| Error::Internal(e.to_string()))?,
        safety_backup: false,
        before: StateBefore::KeptAside,
        tables: Vec::new(),
        size_bytes: backup.original_size_bytes,
        space_needed_bytes: backup.original_size_bytes,
        space_free_bytes: backup.original_size_bytes,
        writers_wait_ms: None,
        sessions: None,
        ownership: Ownership::default(),
        loading: Loading::default(),
        holders: Vec::new(),
        while_open: WhileOpen::default(),
        only_tables: None,
        warnings: vec![format!("The database is corrupt ({finding}): its files are kept aside, whole.")],
        binding: Binding {
            payload_hash: backup.payload_hash.clone().unwrap_or_default(),
            target_identity: None,
            target_schema_hash: None,
            target_page_size: None,
            target_journal_mode: None,
            last_restore: None,
        },
    })
}
