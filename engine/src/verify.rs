//! Verify: reads an archive back and checks it, from the stored bytes to the rows.

use std::path::Path;

use keepstone_model::{
    Timestamp,
    backup::{Backup, BackupState, CheckName, CheckResult, Encryption, Level, Proof},
    event::EventResult,
    id::{BackupId, DatabaseId, JobId},
    job::Step,
    metadata::Metadata,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Monitor, Result, Vault,
    activity::{self, NewEvent},
    archive::Archive,
    backups, create, databases, driver,
    floor::{Floor, prove_above},
    identity::another,
    jobs::{self, JobMonitor, JobRequest, Running},
    keys::{self, Passwords},
    monitor::Unhurried,
    notes,
    priority::at_low_priority,
    proof::{Depth, prove},
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyOptions {
    pub backup: BackupId,
    pub actor: String,
    /// How many bytes of the image are read in a second, at most, by the reading back and by each look into it; none: as fast as the disk gives them.
    #[serde(default)]
    pub rate_bytes_per_s: Option<u64>,
    /// Whether a restore is tried, too: into a scratch file, or a scratch database on the server.
    #[serde(default)]
    pub test_restore: bool,
}

impl VerifyOptions {
    /// As fast as it goes.
    pub fn new(backup: BackupId, actor: impl Into<String>) -> Self {
        Self { backup, actor: actor.into(), rate_bytes_per_s: None, test_restore: false }
    }
}

#[derive(Debug, Clone)]
pub struct VerifyReport {
    pub job: JobId,
    pub backup: Backup,
    pub proof: Proof,
    /// Why the proof does not stand in the notes beside the archive; none if it does. The archive is as it was found.
    pub not_noted: Option<String>,
}

/// Checks a backup again and keeps the proof beside it. A check that fails is a report, not an error: look at `proof.failed()`.
pub fn verify(vault: &Vault, options: &VerifyOptions, monitor: &dyn Monitor) -> Result<VerifyReport> {
    let running = Running::begin(vault, &JobRequest::Verify(options.clone()))?;
    run(&running, options, monitor)
}

pub(crate) fn run(running: &Running<'_>, options: &VerifyOptions, monitor: &dyn Monitor) -> Result<VerifyReport> {
    let unhurried = Unhurried::new(monitor, options.rate_bytes_per_s);
    let monitor = JobMonitor::new(running, &unhurried);
    let result = check(running, options, &monitor);
    let failure = result.as_ref().ok().and_then(|report| failure(&report.backup, &report.proof));
    if let Some(error) = failure {
        // The job of a backup that is bad is a failed job, so that nobody has to open it to see that; the caller still gets the report.
        running.finish(Err(&error), String::new(), None, false)?;
        return result;
    }
    let outcome = result.as_ref().map(|report| outcome(&report.proof)).unwrap_or_default();
    running.conclude(result, outcome, None, monitor.stopping())
}

fn check(running: &Running<'_>, options: &VerifyOptions, monitor: &dyn Monitor) -> Result<VerifyReport> {
    let vault = running.vault;
    let id = &options.backup;
    let backup = backups::backup(vault, id)?;
    let path = match backup.state {
        BackupState::Trashed => vault.trash_path(id),
        BackupState::Complete | BackupState::Missing => vault.archive_path(id),
        _ => return Err(Error::ArchiveMissing { id: id.to_string(), path: vault.archive_path(id) }),
    };
    monitor.step(Step::Verify);
    let (passwords, scratch) = (vault.keys().passwords(), &running.staging);
    let floor = Floor::between(&databases::database(vault, &backup.database)?, scratch)?;
    let check = || prove_above(floor.as_ref(), &path, &passwords, scratch, Depth::Opened, Step::Verify, monitor);
    let (metadata, mut proof) = at_low_priority(check)?;
    // However sound it is.
    let another = metadata.and_then(|metadata| another(&backup, &metadata));
    if let Some(why) = &another {
        for check in proof.checks.iter_mut().filter(|check| check.name == CheckName::FileExistence) {
            (check.result, check.detail) = (CheckResult::Failed, why.clone());
        }
    }
    if options.test_restore && !proof.failed() {
        let database = databases::database(vault, &backup.database)?;
        let archive = vault.open_backup(&backup)?;
        proof.checks.push(driver::of(archive.metadata().engine).test_restore(running, &database, &archive, monitor)?);
    }
    // What was not found because its disk went away meanwhile is not missing.
    vault.refuse_away()?;
    // What notes are worth says nothing of the archive.
    let not_noted = match notes::update(vault, id, |notes| notes.proofs.push(proof.clone())) {
        Ok(_) => None,
        Err(error @ (Error::NotesDamaged { .. } | Error::ArchiveTooNew { .. })) => {
            monitor.log(&format!("the proof is in the catalog only: {error}"));
            Some(error)
        }
        // What cannot be read has notes that cannot either, and must not go on as good for that.
        Err(error) if proof.level() < Level::Opened => Some(error),
        Err(error) => return Err(error),
    };
    // Only the proof: it may have been pinned, described or deleted meanwhile.
    let settled = || Archive::open(&path).and_then(|mut archive| keys::settle(vault, &mut archive)).unwrap_or(backup.encryption);
    let encryption = if another.is_some() { backup.encryption } else { settled() };
    let lost = encryption == Encryption::Lost;
    let alarm = |action, message: String| NewEvent {
        actor: &options.actor,
        action,
        result: EventResult::Failed,
        database: Some(backup.database.clone()),
        backup: Some(id.clone()),
        job: Some(running.id()),
        message,
    };
    if lost && backup.encryption != Encryption::Lost {
        activity::record(vault, &alarm("key.lost", format!("{id}: no password that the vault knows opens it")))?;
    }
    if let Some(error) = &not_noted {
        let way = error.hint().unwrap_or_default();
        activity::record(vault, &alarm("backup.notes", format!("{id}: the archive was checked, and {error}. {way}")))?;
    }
    let before = &backup;
    let backup = vault.catalog().change_backup(id, |backup| {
        backup.encryption = encryption;
        if proof.supersedes(backup.proof.as_ref()) {
            backup.proof = Some(proof.clone());
        }
    })?;
    // Once: it is tried again every day. That one cannot be read, its job says each time.
    if let Some(check) = backup.not_checked().filter(|_| before.not_checked().is_none() && proof.unreadable().is_none()) {
        activity::record(vault, &alarm("backup.unchecked", create::unchecked(&backup, check)))?;
    }
    if proof.failed() && options.actor == jobs::left::ACTOR {
        jobs::left::ask_for_next(vault, &backup)?;
    } else if options.actor != jobs::left::ACTOR {
        jobs::forget_left(vault, id, proof.checked_at)?;
    }
    if proof.level() == Level::Restored {
        vault.catalog().restore_was_tested(&backup.database, proof.checked_at)?;
    }
    databases::update_latest_link(vault, &backup.database)?;
    for check in &proof.checks {
        let detail = if check.detail.is_empty() { String::new() } else { format!(": {}", check.detail) };
        monitor.log(&format!("{} {}{detail}", check.name, check.result.as_str()));
    }
    if proof.unreadable().is_some() {
        refuse_newer(&path)?;
    }
    if lost && !proof.failed() {
        return Err(Error::WrongPassword { path, tried: vault.keys().passwords().count() });
    }
    Ok(VerifyReport { job: running.id(), backup, proof, not_noted: not_noted.map(|error| error.to_string()) })
}

/// The databases of which a restore was tried since then, and equalled the backup.
pub fn restores_tested_since(vault: &Vault, since: Timestamp) -> Result<Vec<DatabaseId>> {
    vault.catalog().restores_tested_since(since)
}

/// The failure that a proof amounts to, if it does: what it found bad, an archive that cannot be read, or an earlier finding that it did not
/// overrule.
pub fn failure(backup: &Backup, proof: &Proof) -> Option<Error> {
    if let Some(check) = proof.unreadable().filter(|_| !proof.failed()) {
        return Some(Error::ArchiveUnreadable { id: backup.id.to_string(), detail: format!("{}: {}", check.name, check.detail) });
    }
    let failed = |proof: &Proof| proof.checks.iter().find(|check| check.result == CheckResult::Failed).cloned();
    let check = failed(proof).or_else(|| failed(backup.proof.as_ref()?))?;
    let detail = if check.detail.is_empty() { check.name.to_string() } else { format!("{}: {}", check.name, check.detail) };
    Some(Error::VerificationFailed { id: backup.id.to_string(), detail })
}

fn outcome(proof: &Proof) -> String {
    let passed = proof.checks.iter().filter(|check| check.result == CheckResult::Passed).count();
    let not_run: Vec<&str> =
        proof.checks.iter().filter(|check| check.result == CheckResult::CouldNotRun).map(|check| check.name.as_str()).collect();
    if not_run.is_empty() {
        format!("{passed} checks passed")
    } else {
        format!("{passed} checks passed; could not run: {}", not_run.join(", "))
    }
}

/// `ArchiveTooNew` if it is of a later version: that is no finding about it, and the same fault in every verb.
fn refuse_newer(archive: &Path) -> Result<()> {
    match Archive::open(archive) {
        Err(error @ Error::ArchiveTooNew { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// Checks an archive file anywhere; needs no vault. `scratch` is a folder for the copy that is opened, which has a name of its own there and
/// goes afterwards. `WrongPassword` if it is encrypted, not damaged as far as that can be told, and none of the passwords opens it.
pub fn verify_file(archive: &Path, passwords: &Passwords, scratch: &Path, monitor: &dyn Monitor) -> Result<(Option<Metadata>, Proof)> {
    monitor.step(Step::Verify);
    refuse_newer(archive)?;
    let (metadata, proof) = prove(archive, passwords, scratch, Depth::Opened, Step::Verify, monitor)?;
    if !proof.failed() && metadata.as_ref().is_some_and(|metadata| metadata.encrypted) {
        // The checks went well; if none of the passwords was the right one that is what there is to say.
        Archive::open_with(archive, passwords)?;
    }
    Ok((metadata, proof))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
