//! What all backups of a database come to.

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState, Verdict},
    id::{BackupId, DatabaseId},
    job::JobState,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::read;
use crate::{
    Result,
    catalog::{
        Catalog, Stop,
        row::{time, word},
    },
};

impl Catalog {
    /// What the row of a database on a page says of its backups.
    pub(crate) fn backup_stats(&self, database: &DatabaseId) -> Result<BackupStats> {
        self.read(|c| stats(c, database))
    }
}

/// See [`Catalog::backup_stats`].
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct BackupStats {
    pub newest_good_at: Option<Timestamp>,
    pub complete_count: u64,
    pub archive_size_bytes: u64,
    /// Complete ones that no known password opens.
    pub lost_count: u64,
    /// The size of the database in its newest complete backup.
    pub size_bytes: Option<u64>,
    /// The newest complete backup, where it is suspect.
    pub suspect: Option<Backup>,
    /// The newest one after the newest good one that was found bad.
    pub bad: Option<Backup>,
    /// The newest one after the newest good one whose checks could not run.
    pub unchecked: Option<Backup>,
    /// Those whose archive could not be read at the last check, the newest first.
    pub unreadable: Vec<BackupId>,
    /// When the newest complete whole one was taken.
    pub newest_at: Option<Timestamp>,
    /// The newest one after the newest good one whose archive is missing, and how many there are.
    pub missing: Option<(BackupId, u64)>,
    /// What went wrong in the last run, if it did: running and cancelled ones say nothing.
    pub last_error: Option<String>,
    pub last_run_failed: bool,
}

fn stats(c: &Connection, database: &DatabaseId) -> Result<BackupStats, Stop> {
    let of = [database.as_str()];
    let newest_good: Option<(Timestamp, i64)> = c
        .prepare_cached(
            "SELECT created_at, sequence FROM backups WHERE database = ?1 AND good AND kind <> 'safety' ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row(of, |row| Ok((time(row, "created_at")?, row.get("sequence")?)))
        .optional()?;
    let (newest_good_at, newest_good) = newest_good.unzip();
    let (complete_count, archive_size_bytes, lost_count) = c
        .prepare_cached(
            "SELECT count(*), coalesce(sum(archive_size_bytes), 0), coalesce(sum(encryption = 'lost'), 0) FROM backups
             WHERE database = ?1 AND state = 'complete'",
        )?
        .query_row(of, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let size_bytes = c
        .prepare_cached(
            "SELECT original_size_bytes FROM backups WHERE database = ?1 AND state = 'complete' AND coverage = 'whole'
             ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row(of, |row| row.get(0))
        .optional()?;
    let newest = c
        .prepare_cached(
            "SELECT * FROM backups WHERE database = ?1 AND state = 'complete' AND kind <> 'safety' AND coverage = 'whole'
             ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row(of, read)
        .optional()?;
    let newest_at = newest.as_ref().map(|backup| backup.created_at);
    let missing = c
        .prepare_cached(
            "SELECT id, count(*) OVER () FROM backups WHERE database = ?1 AND state = 'missing' AND NOT gone AND kind <> 'safety'
               AND coverage = 'whole' AND sequence > ?2 ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row(params![database.as_str(), newest_good.unwrap_or(i64::MIN)], |row| Ok((word(row, "id")?, row.get(1)?)))
        .optional()?;
    let suspect = newest.filter(|backup| backup.verdict() == Verdict::Suspect);
    let bad = c
        .prepare_cached(
            "SELECT * FROM backups WHERE database = ?1 AND state = 'complete' AND verdict = 'bad' AND kind <> 'safety'
               AND coverage = 'whole' AND sequence > ?2 ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row(params![database.as_str(), newest_good.unwrap_or(i64::MIN)], read)
        .optional()?;
    // Those without a proof were left unchecked on purpose.
    let unchecked = c
        .prepare_cached(
            "SELECT * FROM backups WHERE database = ?1 AND state = 'complete' AND verdict = 'unproven' AND kind <> 'safety'
               AND sequence > ?2 AND proof IS NOT NULL ORDER BY sequence DESC LIMIT 1",
        )?
        .query_row(params![database.as_str(), newest_good.unwrap_or(i64::MIN)], read)
        .optional()?
        .filter(|backup| backup.not_checked().is_some());
    // Also the older ones: what cannot be read is no copy that anybody may count on.
    let mut unreadable = Vec::new();
    let mut suspects = c.prepare_cached(
        "SELECT * FROM backups WHERE database = ?1 AND state = 'complete' AND verdict = 'unproven' AND proof LIKE '%could_not_run%'
         ORDER BY sequence DESC",
    )?;
    for backup in suspects.query_map(of, read)? {
        let backup = backup?;
        if backup.proof.as_ref().is_some_and(|proof| proof.unreadable().is_some()) {
            unreadable.push(backup.id);
        }
    }
    // A cancelled backup is a failed row whose job was cancelled; what was trashed or removed says nothing of the last run either. Safety
    // backups belong to restores, which report their own failures; partial ones say nothing of the whole.
    let last: Option<(BackupState, Option<String>)> = c
        .prepare_cached(
            "SELECT b.state, b.error FROM backups b LEFT JOIN jobs j ON j.id = b.job
             WHERE b.database = ?1 AND b.state IN ('complete', 'failed', 'interrupted', 'missing') AND NOT b.gone AND b.kind <> 'safety'
               AND b.coverage = 'whole'
               AND coalesce(j.state, '') <> 'cancelled'
             ORDER BY b.sequence DESC LIMIT 1",
        )?
        .query_row(of, |row| Ok((word(row, "state")?, row.get(1)?)))
        .optional()?;
    let failed_run = match last {
        Some((BackupState::Failed | BackupState::Interrupted, error)) => Some(error),
        _ => run_without_a_backup(c, database)?.map(Some),
    };
    let last_run_failed = failed_run.is_some();
    let last_error = failed_run.flatten();
    Ok(BackupStats {
        newest_good_at,
        complete_count,
        archive_size_bytes,
        lost_count,
        size_bytes,
        suspect,
        bad,
        unchecked,
        unreadable,
        newest_at,
        missing,
        last_error,
        last_run_failed,
    })
}

/// Why the last run failed, where that was so early that no backup was begun: its folder cannot be written, say, or there is no password.
fn run_without_a_backup(c: &Connection, database: &DatabaseId) -> Result<Option<String>, Stop> {
    let last: Option<(JobState, Option<String>, Option<i64>, bool)> = c
        .prepare_cached(
            "SELECT state, error ->> '$.message', finished_at, EXISTS (SELECT 1 FROM backups b WHERE b.job = jobs.id) FROM jobs
             WHERE database = ?1 AND +verb = 'create' AND +state IN ('done', 'failed', 'abandoned') ORDER BY number DESC LIMIT 1",
        )?
        .query_row([database.as_str()], |row| Ok((word(row, "state")?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let Some((JobState::Failed | JobState::Abandoned, error, finished_at, false)) = last else { return Ok(None) };
    // One that had begun before it may have ended well since.
    let done_since = c
        .prepare_cached("SELECT 1 FROM jobs WHERE database = ?1 AND verb = 'create' AND state = 'done' AND finished_at >= ?2")?
        .exists(params![database.as_str(), finished_at])?;
    Ok((!done_since).then(|| error.unwrap_or_default()))
}
