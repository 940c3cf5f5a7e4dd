//! Mends what a killed process left. Jobs of live processes hold their locks and are left alone.

use std::{fs, path::Path};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState},
    event::EventResult,
    id::JobId,
    job::{Job, JobError, JobState, Verb},
};

use super::{
    JobFilter, JobRequest, has_archive,
    running::{claim_lock, ignore_missing, record_end, remove_staging},
};
use crate::{
    Error, Result, Vault,
    activity::{self, NewEvent},
    archive::Archive,
    durable::{self, LockMode},
    notes,
    verify::VerifyOptions,
};

/// The file in a staging folder that names a temporary file elsewhere, written before that file is made.
pub(crate) const TEMPORARY: &str = "temporary";

pub(crate) fn recover(vault: &Vault) -> Result<()> {
    let claim = claim_lock(vault)?;
    let running = JobFilter { state: Some(JobState::Running), ..JobFilter::default() };
    let mut unproven = Vec::new();
    for row in vault.catalog().list_jobs(&running)? {
        if is_dead(&vault.staging_dir(&row.job.id))? {
            unproven.extend(bury(vault, row.job)?);
        }
    }
    remove_orphans(vault)?;
    drop(claim);
    compare_with_folder(vault)?;
    for id in unproven {
        // It was published, so it was proven if that was wished; but the proof died with the process.
        let options = VerifyOptions { backup: id, actor: "recovery".to_owned() };
        super::submit(vault, &JobRequest::Verify(options), None)?;
    }
    Ok(())
}

/// Whether nobody holds the lock of this staging folder. Unknown means no: a lock that cannot be looked at is held.
fn is_dead(staging: &Path) -> Result<bool> {
    if !staging.join("lock").exists() {
        return Ok(true);
    }
    Ok(durable::try_lock(&staging.join("lock"), LockMode::Exclusive)?.is_some())
}

/// Ends a dead job: first its published archives are adopted, then its rows end, then its staging goes. Each step may be done twice.
fn bury(vault: &Vault, mut job: Job) -> Result<Vec<keepstone_model::id::BackupId>> {
    let mut adopted = Vec::new();
    for mut backup in vault.catalog().backups_of_job(&job.id)? {
        if backup.state != BackupState::Running {
            continue;
        }
        let path = vault.archive_path(&backup.id);
        match Archive::open(&path) {
            Ok(archive) if archive.metadata().backup_id == backup.id => {
                adopt(vault, &mut backup, &archive)?;
                if backup.proof.is_none() {
                    adopted.push(backup.id.clone());
                }
            }
            _ => {
                backup.state = BackupState::Interrupted;
                backup.error = Some("the process ended before the backup was published".to_owned());
            }
        }
        vault.catalog().put_backup(&backup)?;
    }
    let staging = vault.staging_dir(&job.id);
    remove_temporary(&staging, &job.id)?;
    job.state = JobState::Abandoned;
    job.finished_at = Some(Timestamp::now());
    let message = match job.verb {
        Verb::Create if !adopted.is_empty() => "the process ended just after the backup was published; the backup was kept",
        Verb::Create => "the process ended before the backup was published; nothing of it was kept",
        Verb::Verify => "the process ended during the checks; the backup is as it was",
        Verb::Restore | Verb::Undo => {
            "the process ended during the restore; SQLite keeps the database either as it was or as the backup, never a mix"
        }
    };
    job.error = Some(JobError { code: "interrupted".to_owned(), message: message.to_owned(), hint: Some(hint(job.verb).to_owned()) });
    vault.catalog().put_job(&job, None)?;
    vault.live().forget(&job.id)?;
    record_end(vault, &job)?;
    remove_staging(&staging)?;
    tracing::warn!(job = %job.id, verb = %job.verb, message, "a job was interrupted");
    Ok(adopted)
}

fn hint(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "Make a new backup.",
        Verb::Verify => "Verify it again.",
        Verb::Restore | Verb::Undo => "Look at the database; its safety backup, if one was published, is in the list of backups.",
    }
}

fn adopt(vault: &Vault, backup: &mut Backup, archive: &Archive) -> Result<()> {
    let metadata = archive.metadata();
    let notes = notes::read(vault, &backup.id)?;
    backup.state = BackupState::Complete;
    backup.created_at = metadata.created_at;
    backup.original_size_bytes = metadata.original_size;
    backup.archive_size_bytes = archive.size_bytes();
    backup.total_records = metadata.total_records;
    backup.payload_hash = Some(metadata.payload_hash.clone());
    backup.suspect = notes.suspect.or_else(|| metadata.suspect.clone());
    backup.pinned = notes.pinned;
    backup.proof = notes.proofs.last().cloned();
    Ok(())
}

/// A restore into a new file writes beside its target; the name carries the job's id, so nothing else can be meant.
fn remove_temporary(staging: &Path, job: &JobId) -> Result<()> {
    let Ok(path) = fs::read_to_string(staging.join(TEMPORARY)) else { return Ok(()) };
    let path = Path::new(&path);
    if path.file_name().is_some_and(|name| name.to_string_lossy().contains(job.as_str())) {
        fs::remove_file(path).or_else(ignore_missing).map_err(|error| Error::io(path, error))?;
    }
    Ok(())
}

/// Staging folders whose row ended or never came: only those that Keepstone named, and only with a free lock.
fn remove_orphans(vault: &Vault) -> Result<()> {
    let root = vault.staging_root();
    for entry in fs::read_dir(&root).map_err(|error| Error::io(&root, error))? {
        let path = entry.map_err(|error| Error::io(&root, error))?.path();
        let Some(job) = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<JobId>().ok()) else { continue };
        if is_dead(&path)? {
            remove_temporary(&path, &job)?;
            remove_staging(&path)?;
        }
    }
    Ok(())
}

/// A row without its archive becomes missing, with an alarm; one whose archive came back is complete again.
fn compare_with_folder(vault: &Vault) -> Result<()> {
    for database in crate::databases::databases(vault)? {
        for mut backup in vault.catalog().backups_of(&database.id)? {
            let there = vault.archive_path(&backup.id).exists();
            let state = if there { BackupState::Complete } else { BackupState::Missing };
            // One that is on its way into the trash or out of it is neither: that verb, or the mending of the trash, says what it is.
            if !has_archive(backup.state) || backup.state == state || vault.trash_path(&backup.id).exists() {
                continue;
            }
            backup.state = state;
            vault.catalog().put_backup(&backup)?;
            let (action, result, message) = if there {
                ("backup.found", EventResult::Ok, "its archive is in its place again")
            } else {
                ("backup.missing", EventResult::Failed, "its archive is not in the backups folder any more")
            };
            let event = NewEvent {
                actor: "recovery",
                action,
                result,
                database: Some(database.id.clone()),
                backup: Some(backup.id.clone()),
                job: None,
                message: format!("{}: {message}", backup.id),
            };
            activity::record(vault, &event)?;
        }
    }
    Ok(())
}
