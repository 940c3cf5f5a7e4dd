//! Verifications that recovery asks for: of backups whose proof died with their process, or whose archive was away. `serve` runs them like any job;
//! where none runs, whoever makes or checks a backup next does.

use jiff::Timestamp;
use keepstone_model::{
    backup::Backup,
    id::{BackupId, DatabaseId, JobId},
    job::{Job, JobState, Verb},
};

use super::{Claimed, JobFilter, JobRequest, Running, cancel, submit};
use crate::{Monitor, Result, Vault, verify::VerifyOptions};

/// Who acts, in jobs and events.
pub(crate) const ACTOR: &str = "recovery";

pub(super) fn ask(vault: &Vault, backup: BackupId) -> Result<JobId> {
    submit(vault, &JobRequest::Verify(VerifyOptions::new(backup, ACTOR)), None)
}

fn is_left(job: &Job) -> bool {
    job.verb == Verb::Verify && job.created_by == ACTOR
}

/// A backup that counts as good by a check of before its archive was away, while the one that is to say what came back has not ended.
pub(crate) fn came_back(vault: &Vault, database: &DatabaseId) -> Result<Option<BackupId>> {
    let open = JobFilter { database: Some(database.clone()), open: true, ..JobFilter::default() };
    for row in vault.catalog().list_jobs(&open)?.into_iter().filter(|row| is_left(&row.job)) {
        let Some(id) = row.job.backup else { continue };
        if vault.catalog().get_backup(&id)?.is_some_and(|backup| backup.is_good()) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// One that came back is not what it was: the next older good one is read, too, until one holds. What was made since was read then.
pub(crate) fn ask_for_next(vault: &Vault, bad: &Backup) -> Result<()> {
    let older = vault.catalog().backups_of(&bad.database)?.into_iter().find(|backup| backup.sequence < bad.sequence && backup.is_good());
    older.map_or(Ok(()), |next| ask(vault, next.id).map(drop))
}

/// Whether something waits that [`run_left`] would run.
pub fn any_left(vault: &Vault, databases: &[DatabaseId]) -> Result<bool> {
    let queued = JobFilter { state: Some(JobState::Queued), ..JobFilter::default() };
    Ok(vault.catalog().list_jobs(&queued)?.iter().any(|row| is_left_of(&row.job, databases)))
}

fn is_left_of(job: &Job, databases: &[DatabaseId]) -> bool {
    is_left(job) && job.database.as_ref().is_some_and(|of| databases.contains(of))
}

/// Runs what recovery asked for of these databases and nobody has begun. Gives back which backups were looked at. A job's failure is in its row and no
/// error here.
pub fn run_left(vault: &Vault, databases: &[DatabaseId], monitor: &dyn Monitor) -> Result<Vec<BackupId>> {
    let mut done = Vec::new();
    while !monitor.cancelled()
        && vault.catalog().any_claimable()?
        && let Some((running, request)) = Running::claim_where(vault, &|job| !is_left_of(job, databases))?
    {
        done.extend(running.job().backup);
        Claimed { running, request }.carry_out(monitor)?;
    }
    Ok(done)
}

/// Takes back what was asked of a backup that was checked meanwhile.
pub fn forget_left(vault: &Vault, backup: &BackupId, checked_at: Timestamp) -> Result<()> {
    let open = JobFilter { database: Some(backup.database()), open: true, ..JobFilter::default() };
    for row in vault.catalog().list_jobs(&open)? {
        if is_left(&row.job) && row.job.started_at.is_none() && row.job.backup.as_ref() == Some(backup) && row.job.created_at <= checked_at
        {
            cancel(vault, &row.job.id, ACTOR)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
