//! The rows of backups: made, changed, found one by one. Lists are `listing`'s, sums `stats`', and the columns `record`'s.

mod listing;
mod record;
mod stats;

use std::collections::HashSet;

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState, Encryption},
    coverage::Coverage,
    id::{BackupId, DatabaseId, JobId, Kind},
    import::sequence_of,
};
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Catalog, Stop, row};
use crate::{Error, Result, activity::NewEvent};

pub(super) use record::{put, read};

impl Catalog {
    /// [`Self::begin_numbered`] with the next sequence.
    #[cfg(test)]
    #[expect(clippy::too_many_arguments, reason = "a row's first facts; each is a different noun")]
    pub(crate) fn begin_backup(
        &self,
        id: &BackupId,
        database: &DatabaseId,
        kind: Kind,
        created_at: Timestamp,
        created_by: &str,
        description: &str,
        tags: &[String],
        job: &JobId,
    ) -> Result<i64> {
        self.begin_numbered(id, Number::Above(0), database, kind, Coverage::Whole, created_at, created_by, description, tags, job)
    }

    /// Takes a sequence of the database and writes a `running` row with it, in one transaction.
    #[expect(clippy::too_many_arguments, reason = "a row's first facts; each is a different noun")]
    pub(crate) fn begin_numbered(
        &self,
        id: &BackupId,
        number: Number,
        database: &DatabaseId,
        kind: Kind,
        coverage: Coverage,
        created_at: Timestamp,
        created_by: &str,
        description: &str,
        tags: &[String],
        job: &JobId,
    ) -> Result<i64> {
        self.write(|tx| {
            let sequence = match number {
                Number::Above(highest) => next_sequence(tx, database, highest)?,
                Number::OfItsTime => sequence_of_time(tx, database, created_at)?,
            };
            let backup = Backup {
                id: id.clone(),
                database: database.clone(),
                kind,
                sequence,
                state: BackupState::Running,
                created_at,
                created_by: created_by.to_owned(),
                description: description.to_owned(),
                tags: tags.to_vec(),
                pinned: false,
                suspect: None,
                suspect_cause: None,
                acknowledged: None,
                original_size_bytes: 0,
                archive_size_bytes: 0,
                total_records: 0,
                payload_hash: None,
                encryption: Encryption::None,
                coverage,
                proof: None,
                error: None,
                job: Some(job.clone()),
                trashed_at: None,
                trash_until: None,
            };
            put(tx, &backup)?;
            Ok(sequence)
        })
    }

    /// Inserts or replaces the whole row.
    pub(crate) fn put_backup(&self, backup: &Backup) -> Result<()> {
        self.write(|tx| put(tx, backup))
    }

    /// Changes some facts of a row and leaves the others as another process may have written them meanwhile; with the event, in one transaction.
    pub(crate) fn change_backup_and_record(
        &self,
        id: &BackupId,
        event: &NewEvent<'_>,
        now: Timestamp,
        change: impl Fn(&mut Backup),
    ) -> Result<Backup> {
        self.write(|tx| {
            let backup = self::change(tx, id, &change)?;
            super::events::append(tx, event, now)?;
            Ok(backup)
        })
    }

    /// The same with several rows, each by what is known of it, and one event.
    pub(crate) fn change_backups_and_record<T>(
        &self,
        changes: &[(BackupId, T)],
        event: &NewEvent<'_>,
        now: Timestamp,
        change: impl Fn(&mut Backup, &T),
    ) -> Result<()> {
        self.write(|tx| {
            for (id, known) in changes {
                self::change(tx, id, |backup| change(backup, known))?;
            }
            super::events::append(tx, event, now)?;
            Ok(())
        })
    }

    /// Like `change_backup_and_record`, for what is no act of a person.
    pub(crate) fn change_backup(&self, id: &BackupId, change: impl Fn(&mut Backup)) -> Result<Backup> {
        self.write(|tx| self::change(tx, id, &change))
    }

    /// One backup takes another's place in the order, which goes to where imports of its time are; in one transaction.
    pub(crate) fn take_place(&self, new: &BackupId, old: &BackupId) -> Result<Backup> {
        self.write(|tx| {
            let (mut one, mut other) = (of_id(tx, new)?, of_id(tx, old)?);
            let place = other.sequence;
            // No two rows have the same number at any moment.
            other.sequence = sequence_of_time(tx, &other.database, other.created_at)?;
            put(tx, &other)?;
            one.sequence = place;
            put(tx, &one)?;
            Ok(one)
        })
    }

    pub(crate) fn get_backup(&self, id: &BackupId) -> Result<Option<Backup>> {
        self.read(|c| Ok(c.prepare_cached("SELECT * FROM backups WHERE id = ?1")?.query_row([id.as_str()], read).optional()?))
    }

    /// Every backup of a database in any state, the highest sequence first; not those that were emptied out of the trash.
    pub(crate) fn backups_of(&self, database: &DatabaseId) -> Result<Vec<Backup>> {
        self.select("WHERE database = ?1 AND NOT gone ORDER BY sequence DESC", database.as_str())
    }

    /// Every backup of a database that was published once, wherever its archive is by now, and though it was removed for good; the highest
    /// sequence first.
    pub(crate) fn once_published(&self, database: &DatabaseId) -> Result<Vec<Backup>> {
        self.select("WHERE database = ?1 AND state IN ('complete', 'missing', 'trashed') ORDER BY sequence DESC", database.as_str())
    }

    /// The ids of all backups of a database that there ever were, as far as the catalog knows.
    pub(crate) fn ids_of(&self, database: &DatabaseId) -> Result<HashSet<BackupId>> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT id FROM backups WHERE database = ?1")?;
            Ok(statement.query_map([database.as_str()], |row| row::id(row, "id"))?.collect::<Result<_, _>>()?)
        })
    }

    pub(crate) fn backups_of_job(&self, job: &JobId) -> Result<Vec<Backup>> {
        self.select("WHERE job = ?1 ORDER BY sequence DESC", job.as_str())
    }

    /// Every backup in this state, the latest first; not those that were emptied out of the trash.
    pub(crate) fn backups_in_state(&self, state: BackupState) -> Result<Vec<Backup>> {
        self.select("WHERE state = ?1 AND NOT gone ORDER BY created_at DESC, sequence DESC", state.as_str())
    }

    fn select(&self, rest: &str, value: &str) -> Result<Vec<Backup>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(&format!("SELECT * FROM backups {rest}"))?;
            Ok(statement.query_map([value], read)?.collect::<Result<_, _>>()?)
        })
    }

    /// Makes the row a tombstone: it stays for the events that name it, and is in no list any more.
    pub(crate) fn mark_gone(&self, id: &BackupId) -> Result<()> {
        self.write(|tx| Ok(tx.execute("UPDATE backups SET gone = 1, good = 0 WHERE id = ?1", [id.as_str()]).map(drop)?))
    }

    pub(crate) fn is_gone(&self, id: &BackupId) -> Result<bool> {
        self.read(|c| {
            let gone = c.query_row("SELECT gone FROM backups WHERE id = ?1", [id.as_str()], |row| row.get(0)).optional()?;
            Ok(gone.unwrap_or(false))
        })
    }

    /// The newest good backup, by sequence; of one kind, if that is asked for.
    pub(crate) fn newest_good(&self, database: &DatabaseId, kind: Option<Kind>) -> Result<Option<Backup>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT * FROM backups WHERE database = ?1 AND good AND (kind = ?2 OR ?2 IS NULL AND kind <> 'safety')
                 ORDER BY sequence DESC LIMIT 1",
            )?;
            Ok(statement.query_row(params![database.as_str(), kind.map(Kind::as_str)], read).optional()?)
        })
    }

    /// The newest that came to be, whatever became of it, but for safety backups.
    pub(crate) fn newest_made(&self, database: &DatabaseId) -> Result<Option<Backup>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT * FROM backups WHERE database = ?1 AND state IN ('complete', 'missing', 'trashed') AND kind <> 'safety' AND NOT gone
                 ORDER BY sequence DESC LIMIT 1",
            )?;
            Ok(statement.query_row([database.as_str()], read).optional()?)
        })
    }

    /// The ids that begin with a text, in order; at most `limit`.
    pub(crate) fn backups_with_prefix(&self, prefix: &str, database: Option<&DatabaseId>, limit: u32) -> Result<Vec<Backup>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT * FROM backups WHERE id >= ?1 AND id < ?1 || char(0x10FFFF) AND substr(id, 1, length(?1)) = ?1 AND (?2 IS NULL OR database = ?2) AND NOT gone
                 ORDER BY id LIMIT ?3",
            )?;
            Ok(statement.query_map(params![prefix, database.map(DatabaseId::as_str), limit], read)?.collect::<Result<_, _>>()?)
        })
    }
}

/// Which sequence a backup gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// The next one, above this and all that were ever given out.
    Above(i64),
    /// Below every own one: it was made before, elsewhere.
    OfItsTime,
}

fn next_sequence(tx: &Transaction<'_>, database: &DatabaseId, highest: i64) -> Result<i64, Stop> {
    let next = "UPDATE databases SET last_sequence = max(last_sequence, ?2) + 1 WHERE id = ?1 RETURNING last_sequence";
    let next = tx.query_row(next, params![database.as_str(), highest], |row| row.get(0)).optional()?;
    Ok(next.ok_or_else(|| Error::UnknownDatabase { id: database.to_string() })?)
}

/// The first free one from the time's own on: a millisecond apart are not two backups.
fn sequence_of_time(tx: &Transaction<'_>, database: &DatabaseId, created_at: Timestamp) -> Result<i64, Stop> {
    let mut sequence = sequence_of(created_at);
    let mut taken = tx.prepare_cached("SELECT 1 FROM backups WHERE database = ?1 AND sequence = ?2")?;
    while taken.exists(params![database.as_str(), sequence])? {
        sequence += 1;
    }
    Ok(sequence)
}

fn of_id(tx: &Transaction<'_>, id: &BackupId) -> Result<Backup, Stop> {
    let found = tx.query_row("SELECT * FROM backups WHERE id = ?1", [id.as_str()], read).optional()?;
    Ok(found.ok_or_else(|| Error::UnknownBackup { id: id.to_string() })?)
}

fn change(tx: &Transaction<'_>, id: &BackupId, change: impl FnOnce(&mut Backup)) -> Result<Backup, Stop> {
    let mut backup = of_id(tx, id)?;
    change(&mut backup);
    put(tx, &backup)?;
    Ok(backup)
}
