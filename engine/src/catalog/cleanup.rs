//! How cleanup stands with each database, and the removal of rows that are long over.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::id::DatabaseId;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{
    Catalog, Stop,
    row::{json, ms, to_json},
};
use crate::{Error, Result, cleanup::CleanupStanding};

const CLOCK_SEEN_AT: &str = "clock_seen_at";
const PRUNED_AT: &str = "pruned_at";
/// How long what is over stays: jobs with their logs, and the rows of backups that came to nothing.
const PRUNE_AFTER: SignedDuration = SignedDuration::from_hours(90 * 24);
/// How many rows one transaction removes at most: nobody waits long for it.
const PRUNE_AT_ONCE: u32 = 2000;

impl Catalog {
    pub(crate) fn cleanup_standing(&self, id: &DatabaseId) -> Result<CleanupStanding> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT cleanup FROM databases WHERE id = ?1")?;
            let found = statement.query_row([id.as_str()], |row| json(row, "cleanup")).optional()?;
            found.ok_or_else(|| Error::UnknownDatabase { id: id.to_string() }.into())
        })
    }

    /// Changes it in one transaction: what `change` sees is what no other process changes meanwhile. It may be called twice.
    pub(crate) fn change_cleanup_standing(&self, id: &DatabaseId, change: impl FnMut(&mut CleanupStanding)) -> Result<()> {
        let change = std::cell::RefCell::new(change);
        self.write(|tx| {
            let mut standing = standing(tx, id)?;
            (change.borrow_mut())(&mut standing);
            put(tx, id, &standing)
        })
    }

    /// Makes cleanup wait for a backup with a sequence that was not given out yet. Whether it did not wait for that already.
    pub(crate) fn guard_by_last_sequence(&self, id: &DatabaseId) -> Result<bool> {
        self.write(|tx| {
            let last: i64 = tx.query_row("SELECT last_sequence FROM databases WHERE id = ?1", [id.as_str()], |row| row.get(0))?;
            let mut standing = standing(tx, id)?;
            if last == 0 || standing.clock_guard == Some(last) {
                return Ok(false);
            }
            standing.clock_guard = Some(last);
            put(tx, id, &standing)?;
            Ok(true)
        })
    }

    /// What the clock said when cleanup last looked at it.
    pub(crate) fn clock_seen_at(&self) -> Result<Option<Timestamp>> {
        self.meta_time(CLOCK_SEEN_AT)
    }

    pub(crate) fn set_clock_seen_at(&self, at: Timestamp) -> Result<()> {
        self.set_meta_time(CLOCK_SEEN_AT, at)
    }

    pub(crate) fn pruned_at(&self) -> Result<Option<Timestamp>> {
        self.meta_time(PRUNED_AT)
    }

    pub(crate) fn set_pruned_at(&self, at: Timestamp) -> Result<()> {
        self.set_meta_time(PRUNED_AT, at)
    }

    /// Removes the rows of jobs that ended long ago, with their logs, unless a backup that the job made is still there; and those of failed and
    /// interrupted backups, but for the newest row of each database, which says how the last run went. Events stay. Gives back how many.
    pub(crate) fn prune(&self, now: Timestamp) -> Result<u64> {
        let before = now.checked_sub(PRUNE_AFTER).map_err(|e| Error::Internal(e.to_string()))?;
        self.write(|tx| {
            let backups = tx.execute(
                "DELETE FROM backups WHERE id IN
                     (SELECT id FROM backups AS old WHERE state IN ('failed', 'interrupted') AND created_at < ?1 AND EXISTS
                          (SELECT 1 FROM backups WHERE database = old.database AND sequence > old.sequence AND NOT gone
                               AND state IN ('complete', 'failed', 'interrupted', 'missing') AND kind <> 'safety')
                      LIMIT ?2)",
                params![ms(before), PRUNE_AT_ONCE],
            )?;
            let jobs = tx.execute(
                "DELETE FROM jobs WHERE number IN
                     (SELECT number FROM jobs WHERE state IN ('done', 'failed', 'cancelled', 'abandoned') AND finished_at < ?1
                          AND NOT EXISTS (SELECT 1 FROM backups WHERE job = jobs.id AND NOT gone)
                          AND NOT EXISTS (SELECT 1 FROM schedules WHERE last_job = jobs.id)
                      LIMIT ?2)",
                params![ms(before), PRUNE_AT_ONCE],
            )?;
            Ok((backups + jobs) as u64)
        })
    }
}

fn standing(tx: &Transaction<'_>, id: &DatabaseId) -> Result<CleanupStanding, Stop> {
    let found = tx.query_row("SELECT cleanup FROM databases WHERE id = ?1", [id.as_str()], |row| json(row, "cleanup")).optional()?;
    found.ok_or_else(|| Error::UnknownDatabase { id: id.to_string() }.into())
}

fn put(tx: &Transaction<'_>, id: &DatabaseId, standing: &CleanupStanding) -> Result<(), Stop> {
    tx.execute("UPDATE databases SET cleanup = ?2 WHERE id = ?1", params![id.as_str(), to_json(standing)])?;
    Ok(())
}
