//! Mends what a killed process left. Jobs of live processes hold their locks and are left alone.

use std::{fs, path::Path};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState, Encryption, Level, Proof},
    id::{BackupId, JobId, Kind},
    job::{Job, JobError, JobState, Verb},
};

use super::{
    JobFilter, JobRequest, STOPPED_KEY, folder, has_archive, left,
    running::{claim_lock, record_end, remove_staging},
};
use crate::{
    Error, Result, Vault,
    archive::Archive,
    catalog::{JobRow, RUN_KEY},
    durable::{self, Lock, LockMode},
    guard, keys, layout, notes,
    restore::{
        aside::{self, Leaves, Settled},
        committed,
    },
    take::adopt,
};

/// The file in a staging folder that names a temporary file elsewhere, written before that file is made.
pub(crate) const TEMPORARY: &str = "temporary";
/// Why a backup was not published.
const DIED: &str = "the process ended before the backup was published";
const GIVEN_UP: &str = "it made no progress and was given up before the backup was published";

/// Ends jobs whose process died, adopts what they published, removes what they left, and compares the catalog with the folder. Item by item:
/// one that cannot be mended is logged and keeps no other from it. Cheap where there is nothing to mend; may be called at any time.
pub fn recover(vault: &Vault) -> Result<()> {
    let claim = claim_lock(vault)?;
    let (mut unproven, mut asked) = (Vec::new(), Vec::new());
    let running = JobFilter { state: Some(JobState::Running), ..JobFilter::default() };
    for row in vault.catalog().list_jobs(&running)? {
        let id = row.job.id.clone();
        let staging = vault.staging_dir(&id);
        let buried = match is_dead(&staging) {
            Ok(true) if committed::is_asked(row.result.as_deref()) => hold(vault, &staging).map(|lock| {
                asked.extend(lock.map(|lock| (row, lock)));
                Vec::new()
            }),
            Ok(true) => bury(vault, row),
            Ok(false) => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        match buried {
            Ok(of_it) => unproven.extend(of_it),
            Err(error) => not_mended(&id, &error),
        }
    }
    // Unknown means alive: whatever a job left is for another time then.
    let is_alive = |job: &JobId| !matches!(is_dead(&vault.staging_dir(job)), Ok(true));
    if let Err(error) = aside::settle_left(vault, &is_alive) {
        tracing::error!(%error, "what jobs left of databases could not be looked for");
    }
    // A row may also outlive its job: the job failed, and its backup could not be written down.
    let alive: Vec<JobId> = vault.catalog().list_jobs(&running)?.into_iter().map(|row| row.job.id).collect();
    for backup in vault.catalog().backups_in_state(BackupState::Running)? {
        if backup.job.as_ref().is_some_and(|job| alive.contains(job)) {
            continue;
        }
        match settle(vault, &backup, DIED) {
            Ok(adopted) => unproven.extend(adopted.filter(is_unproven).map(|backup| backup.id)),
            Err(error) => tracing::error!(backup = %backup.id, %error, "the row of a backup could not be mended"),
        }
    }
    remove_orphans(vault)?;
    drop(claim);
    // Nobody else waits for a server that does not answer; the lock of the job says meanwhile that it is seen to.
    for (row, lock) in asked {
        let id = row.job.id.clone();
        match bury(vault, row) {
            Ok(of_it) => unproven.extend(of_it),
            Err(error) => not_mended(&id, &error),
        }
        drop(lock);
    }
    unproven.extend(folder::compare(vault)?);
    if let Err(error) = sweep(vault) {
        tracing::warn!(%error, "unfinished small files could not be removed");
    }
    for id in unproven {
        // It was published, so it was proven if that was wished; but the proof died with the process, or the file was away.
        left::ask(vault, id)?;
    }
    Ok(())
}

/// Whether nobody holds the lock of this staging folder. Unknown means no: a lock that cannot be looked at is held.
fn is_dead(staging: &Path) -> Result<bool> {
    let lock = staging.join("lock");
    if !lock.try_exists().map_err(|error| Error::io(&lock, error))? {
        return Ok(true);
    }
    Ok(durable::try_lock(&lock, LockMode::Exclusive)?.is_some())
}

/// The lock of a dead job, as if one were the job.
fn hold(vault: &Vault, staging: &Path) -> Result<Option<Lock>> {
    vault.make_dir(staging)?;
    durable::try_lock(&staging.join("lock"), LockMode::Exclusive)
}

fn not_mended(job: &JobId, error: &Error) {
    tracing::error!(%job, %error, "a job that died could not be mended");
}

/// What an abandoned job leaves in the list of backups, decided as if its process had died: its thread may never come back.
pub(crate) fn settle_rows(vault: &Vault, job: &JobId) -> Result<()> {
    for backup in vault.catalog().backups_of_job(job)?.iter().filter(|backup| backup.state == BackupState::Running) {
        settle(vault, backup, GIVEN_UP)?;
    }
    Ok(())
}

/// Ends a dead job: first its published archives are adopted, then its row ends, then its staging goes. Each step may be done twice.
fn bury(vault: &Vault, row: JobRow) -> Result<Vec<BackupId>> {
    let JobRow { mut job, request, result, .. } = row;
    let staging = vault.staging_dir(&job.id);
    let (mut kept, mut unproven) = (0, Vec::new());
    for backup in vault.catalog().backups_of_job(&job.id)? {
        let there = match backup.state {
            BackupState::Running => settle(vault, &backup, DIED)?,
            BackupState::Complete => Some(backup),
            _ => None,
        };
        kept += usize::from(there.is_some());
        unproven.extend(there.filter(is_unproven).map(|backup| backup.id));
    }
    // Before its row ends: whoever dies in between leaves a row that is buried again.
    take_again(vault, &job, &request)?;
    job.state = JobState::Abandoned;
    job.finished_at = Some(Timestamp::now());
    let Settled { sentence: message, leaves } = match job.verb {
        Verb::Restore | Verb::Undo => restored(vault, &job, &request, result.as_deref())?,
        verb => Settled { sentence: died(verb, kept).to_owned(), leaves: Leaves::Noted },
    };
    job.error = Some(JobError { code: "interrupted".to_owned(), message: message.clone(), hint: Some(hint(job.verb).to_owned()) });
    let report = match &leaves {
        Leaves::Noted => None,
        Leaves::Nothing => Some("null"),
        Leaves::Report(report) => Some(report.as_str()),
    };
    vault.catalog().put_job(&job, report)?;
    tracing::warn!(job = %job.id, verb = %job.verb, message, "a job was interrupted");
    record_end(vault, &job)?;
    vault.live().forget(&job.id)?;
    remove_temporary(&staging, &job.id)?;
    remove_staging(&staging)?;
    Ok(unproven)
}

/// Whether checks are still to be made: none was, or only those of the stored bytes, as of a safety backup while writers wait.
fn is_unproven(backup: &Backup) -> bool {
    let is_left = |proof: &Proof| !proof.failed() && proof.level() < Level::Opened && proof.not_run().is_none();
    backup.proof.as_ref().is_none_or(is_left)
}

fn died(verb: Verb, kept: usize) -> &'static str {
    match verb {
        Verb::Create if kept > 0 => "the process ended just after the backup was published; the backup was kept",
        Verb::Create => "the process ended before the backup was published; nothing of it was kept",
        Verb::Verify => "the process ended during the checks; the backup is as it was",
        Verb::Cleanup => "the process ended during the cleanup; what had not gone to the trash is where it was",
        Verb::Import => "the process ended during the import; what was imported is whole, and the files are where they were",
        Verb::Convert => "the process ended during the conversion; the archive that it was about is whole",
        Verb::Restore | Verb::Undo => "the process ended during the restore",
    }
}

/// What a restore left is settled before its row ends. A request that cannot be read, or of a database that is gone, has nothing to be settled by.
fn restored(vault: &Vault, job: &Job, request: &str, result: Option<&str>) -> Result<Settled> {
    let unknown = || Settled { sentence: died(job.verb, 0).to_owned(), leaves: Leaves::Noted };
    let Ok(request) = serde_json::from_str(request) else { return Ok(unknown()) };
    let settled = committed::settle(vault, &request, result).transpose();
    match settled.unwrap_or_else(|| aside::settle(vault, job, &request)) {
        Err(Error::UnknownDatabase { .. }) => Ok(unknown()),
        other => other,
    }
}

/// A run of a schedule that died with its process before its backup was published is taken once more: the schedule has moved on, and without
/// this the run would be lost. Once, for what kills its process each time must not do so for ever. May be called twice: the key is the same.
fn take_again(vault: &Vault, job: &Job, request: &str) -> Result<()> {
    let is_first = |key: String| key.starts_with(RUN_KEY) || key.starts_with(STOPPED_KEY);
    if !vault.catalog().job_key(&job.id)?.is_some_and(is_first) {
        return Ok(());
    }
    let published = vault.catalog().backups_of_job(&job.id)?.iter().any(|backup| has_archive(backup.state));
    if let (false, Ok(request @ JobRequest::Create(_))) = (published, serde_json::from_str(request)) {
        super::submit(vault, &request, Some(&format!("again-{}", job.id)))?;
    }
    Ok(())
}

/// Decides a row that its process left `running`: adopted if its archive is there, interrupted only if it certainly is not. Gives the backup
/// back if it was adopted.
fn settle(vault: &Vault, backup: &Backup, why: &str) -> Result<Option<Backup>> {
    let mut archive = match Archive::open(&vault.archive_path(&backup.id)) {
        Err(Error::ArchiveMissing { .. }) => {
            vault.refuse_away()?;
            // They are written first.
            notes::forget(vault, &backup.id)?;
            vault.catalog().change_backup(&backup.id, |backup| {
                backup.state = BackupState::Interrupted;
                backup.error = Some(why.to_owned());
            })?;
            return Ok(None);
        }
        // Published and damaged: it is listed, and the checks say what it is.
        Err(Error::ArchiveCorrupt { .. }) => None,
        Err(error) => return Err(error),
        Ok(archive) => Some(archive),
    };
    let notes = notes::read(vault, &backup.id)
        .inspect_err(|error| tracing::warn!(backup = %backup.id, %error, "its notes cannot be read; they count as empty"))
        .ok();
    let encryption = archive.as_mut().map_or(Ok(Encryption::None), |archive| keys::settle(vault, archive))?;
    let settled = vault.catalog().change_backup(&backup.id, |backup| match &archive {
        Some(archive) => adopt(backup, archive, encryption, notes.as_ref()),
        None => backup.state = BackupState::Complete,
    })?;
    Ok(Some(settled))
}

fn hint(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "Make a new backup.",
        Verb::Verify => "Verify it again.",
        Verb::Cleanup => "The next cleanup goes on; it may also be started by hand.",
        Verb::Import => "Import the same path again: it goes on with the rest.",
        Verb::Convert => "Look at the list: the new archive may stand beside the old one. Then convert it again.",
        Verb::Restore | Verb::Undo => "Look at the database; its safety backup, if one was published, is in the list of backups.",
    }
}

/// A restore into a new file writes beside its target; the name carries the job's id, so nothing else can be meant.
fn remove_temporary(staging: &Path, job: &JobId) -> Result<()> {
    let Ok(path) = fs::read_to_string(staging.join(TEMPORARY)) else { return Ok(()) };
    let path = Path::new(&path);
    if path.file_name().is_some_and(|name| name.to_string_lossy().contains(job.as_str())) {
        durable::remove(path)?;
    }
    Ok(())
}

/// Staging folders whose row ended or never came: only those that Keepstone named, and only with a free lock.
fn remove_orphans(vault: &Vault) -> Result<()> {
    let root = vault.staging_root();
    if root.join("rewrap").is_dir()
        && let Some(lock) = keys::lock_change(vault)?
    {
        keys::remove_leftovers(vault, &lock)?;
    }
    for entry in fs::read_dir(&root).map_err(|error| Error::io(&root, error))? {
        let path = entry.map_err(|error| Error::io(&root, error))?.path();
        let Some(job) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<JobId>().ok()) else { continue };
        let removed =
            is_dead(&path).and_then(|dead| if dead { remove_temporary(&path, &job).and_then(|()| remove_staging(&path)) } else { Ok(()) });
        if let Err(error) = removed {
            tracing::warn!(path = %path.display(), %error, "a staging folder that nobody needs could not be removed");
        }
    }
    Ok(())
}

/// Small files that were begun when a process died. Each folder under the lock that its writers hold; one that is held is left for another time.
fn sweep(vault: &Vault) -> Result<()> {
    let databases = crate::databases::databases(vault)?;
    if let Some(_guard) = guard::try_lock_dir(vault.backups_dir())? {
        durable::sweep(vault.backups_dir(), |target| target == layout::VAULT_MARK)?;
        for database in &databases {
            durable::sweep(&vault.database_dir(&database.id), |target| target == layout::DATABASE_JSON)?;
        }
    }
    for database in &databases {
        for kind in Kind::ALL {
            let folder = vault.database_dir(&database.id).join(kind.as_str());
            if folder.is_dir()
                && let Some(_guard) = guard::try_lock_dir(&folder)?
            {
                let of_a_backup = |target: &str| target.strip_suffix(layout::NOTES).is_some_and(|id| id.parse::<BackupId>().is_ok());
                durable::sweep(&folder, of_a_backup)?;
            }
        }
    }
    Ok(())
}
