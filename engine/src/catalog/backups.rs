//! The rows of backups.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState, Encryption, Outcome, Verdict, is_imported},
    coverage::Coverage,
    id::{BackupId, DatabaseId, JobId, Kind},
    import::sequence_of,
    retention::{Candidate, holding_sequence},
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params, params, params_from_iter, types::Value};

use super::{
    Catalog, Stop,
    row::{id, json, maybe_id, maybe_json, maybe_ms, maybe_time, ms, one_of, time, to_json, to_word, word},
};
use crate::{
    Error, Result,
    activity::NewEvent,
    backups::{BackupFilter, BackupPage},
    delete::TrashPage,
};

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
        self.begin_numbered(id, Number::Next, database, kind, Coverage::Whole, created_at, created_by, description, tags, job)
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
                Number::Next => next_sequence(tx, database)?,
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

    pub(crate) fn backups_of_job(&self, job: &JobId) -> Result<Vec<Backup>> {
        self.select("WHERE job = ?1 ORDER BY sequence DESC", job.as_str())
    }

    /// Every backup in this state, the latest first; not those that were emptied out of the trash.
    pub(crate) fn backups_in_state(&self, state: BackupState) -> Result<Vec<Backup>> {
        self.select("WHERE state = ?1 AND NOT gone ORDER BY created_at DESC, sequence DESC", state.as_str())
    }

    /// Some of what is in the trash, the latest deletion first, and how much is in it in all.
    pub(crate) fn page_of_trash(&self, limit: u64, offset: u64) -> Result<TrashPage> {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.read(|c| {
            let tx = c.unchecked_transaction()?;
            let (total, size_bytes, newest_at) = tx
                .prepare_cached(
                    "SELECT count(*), coalesce(sum(archive_size_bytes), 0), max(trashed_at) AS newest_at FROM backups
                     WHERE state = 'trashed' AND NOT gone",
                )?
                .query_row([], |row| Ok((row.get(0)?, row.get(1)?, maybe_time(row, "newest_at")?)))?;
            let backups = tx
                .prepare_cached(
                    "SELECT * FROM backups WHERE state = 'trashed' AND NOT gone ORDER BY trashed_at DESC, created_at DESC, id
                     LIMIT ?1 OFFSET ?2",
                )?
                .query_map([whole(limit), whole(offset)], read)?
                .collect::<Result<_, _>>()?;
            Ok(TrashPage { backups, total, size_bytes, newest_at })
        })
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

    /// The nearest backups by sequence that are neither trashed nor gone: (before, after).
    pub(crate) fn neighbours(&self, of: &Backup) -> Result<(Option<BackupId>, Option<BackupId>)> {
        self.read(|c| {
            let beside = |relation: &str, order: &str| {
                let sql = format!(
                    "SELECT id FROM backups WHERE database = ?1 AND sequence {relation} ?2 AND state <> 'trashed'
                     ORDER BY sequence {order} LIMIT 1"
                );
                c.prepare_cached(&sql)?.query_row(params![of.database.as_str(), of.sequence], |row| id(row, "id")).optional()
            };
            Ok((beside("<", "DESC")?, beside(">", "ASC")?))
        })
    }

    pub(crate) fn page_of_backups(&self, filter: &BackupFilter) -> Result<BackupPage> {
        let (which, values) = sql_of(filter);
        let direction = if filter.oldest_first { "ASC" } else { "DESC" };
        // Within one database the order is by sequence, never by clock; across databases there is only the clock.
        let order = match filter.database {
            Some(_) => format!("sequence {direction}"),
            None => format!("created_at {direction}, sequence {direction}, id {direction}"),
        };
        let limit = filter.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
        let offset = i64::try_from(filter.offset).unwrap_or(i64::MAX);
        self.read(|c| {
            // One read transaction: the total is of the same moment as the page.
            let tx = c.unchecked_transaction()?;
            let total =
                tx.query_row(&format!("SELECT count(*) FROM backups WHERE {which}"), params_from_iter(&values), |row| row.get(0))?;
            let sql = format!("SELECT * FROM backups WHERE {which} ORDER BY {order} LIMIT {limit} OFFSET {offset}");
            let backups = tx.prepare(&sql)?.query_map(params_from_iter(&values), read)?.collect::<Result<_, _>>()?;
            Ok(BackupPage { backups, total })
        })
    }

    /// What a chart shows of each backup that the filter finds; its order, limit and offset say nothing here.
    pub(crate) fn outcomes(&self, filter: &BackupFilter) -> Result<Vec<Outcome>> {
        let (which, values) = sql_of(filter);
        self.read(|c| {
            let sql = format!("SELECT database, created_at, state, verdict, archive_size_bytes FROM backups WHERE {which}");
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(&values), |row| {
                Ok(Outcome {
                    database: id(row, "database")?,
                    created_at: time(row, "created_at")?,
                    state: one_of(row, "state", &BackupState::ALL, BackupState::as_str)?,
                    verdict: one_of(row, "verdict", &Verdict::ALL, Verdict::as_str)?,
                    archive_size_bytes: row.get("archive_size_bytes")?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// What the plan of a cleanup looks at, as far as the catalog knows it: of every backup that is not in the trash, the highest sequence first.
    /// And the sequence of the newest one of whose doubt nobody has taken note ([`Backup::holds`]).
    pub(crate) fn candidates(&self, database: &DatabaseId) -> Result<(Vec<Candidate>, Option<i64>)> {
        self.read(|c| {
            let tx = c.unchecked_transaction()?;
            let candidates = tx
                .prepare_cached(
                    "SELECT sequence, kind, state, verdict, created_at, archive_size_bytes, pinned FROM backups
                     WHERE database = ?1 AND state <> 'trashed' AND NOT gone ORDER BY sequence DESC",
                )?
                .query_map([database.as_str()], |row| {
                    let (kind, sequence) = (id(row, "kind")?, row.get("sequence")?);
                    Ok(Candidate {
                        kind,
                        sequence,
                        created_at: time(row, "created_at")?,
                        archive_size_bytes: row.get("archive_size_bytes")?,
                        state: one_of(row, "state", &BackupState::ALL, BackupState::as_str)?,
                        verdict: one_of(row, "verdict", &Verdict::ALL, Verdict::as_str)?,
                        pinned: row.get("pinned")?,
                        imported: is_imported(kind, sequence),
                        obstacle: None,
                    })
                })?
                .collect::<Result<_, _>>()?;
            let in_doubt: Vec<Backup> = tx
                .prepare_cached("SELECT * FROM backups WHERE database = ?1 AND suspect IS NOT NULL AND state <> 'trashed' AND NOT gone")?
                .query_map([database.as_str()], read)?
                .collect::<Result<_, _>>()?;
            Ok((candidates, holding_sequence(&in_doubt)))
        })
    }

    /// For each of these backups the archive size of the complete one of as much of the database before it in sequence.
    pub(crate) fn sizes_before(&self, of: &[Backup]) -> Result<BTreeMap<BackupId, u64>> {
        self.read(|c| {
            let mut before = c.prepare_cached(
                "SELECT archive_size_bytes FROM backups
                 WHERE database = ?1 AND sequence < ?2 AND state = 'complete' AND NOT gone AND coverage = ?3
                 ORDER BY sequence DESC LIMIT 1",
            )?;
            let mut sizes = BTreeMap::new();
            for backup in of {
                let size = before
                    .query_row(params![backup.database.as_str(), backup.sequence, backup.coverage.as_str()], |row| row.get(0))
                    .optional()?;
                sizes.extend(size.map(|size| (backup.id.clone(), size)));
            }
            Ok(sizes)
        })
    }

    /// What the row of a database on a page says of its backups.
    pub(crate) fn backup_stats(&self, database: &DatabaseId) -> Result<BackupStats> {
        self.read(|c| stats(c, database))
    }
}

/// What a filter asks of a row, and the values for it.
fn sql_of(filter: &BackupFilter) -> (String, Vec<Value>) {
    let mut tests: Vec<&str> = vec!["NOT gone"];
    let mut values: Vec<Value> = Vec::new();
    let mut test = |sql: &'static str, value: Value| {
        tests.push(sql);
        values.push(value);
    };
    if let Some(database) = &filter.database {
        test("database = ?", database.to_string().into());
    }
    if let Some(kind) = filter.kind {
        test("kind = ?", kind.as_str().to_owned().into());
    }
    match filter.state {
        Some(state) => test("state = ?", state.as_str().to_owned().into()),
        None => test("state <> ?", BackupState::Trashed.as_str().to_owned().into()),
    }
    if let Some(verdict) = filter.verdict {
        test("state = 'complete' AND verdict = ?", verdict.as_str().to_owned().into());
    }
    if let Some(text) = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        test("instr(search, ?) > 0", text.to_lowercase().into());
    }
    if let Some(from) = filter.from {
        test("created_at >= ?", ms(from).into());
    }
    if let Some(to) = filter.to {
        test("created_at <= ?", ms(to).into());
    }
    (tests.join(" AND "), values)
}

/// Which sequence a backup gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    Next,
    /// Below every own one: it was made before, elsewhere.
    OfItsTime,
}

fn next_sequence(tx: &Transaction<'_>, database: &DatabaseId) -> Result<i64, Stop> {
    let next = "UPDATE databases SET last_sequence = last_sequence + 1 WHERE id = ?1 RETURNING last_sequence";
    let next = tx.query_row(next, [database.as_str()], |row| row.get(0)).optional()?;
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
    /// What went wrong in the last run, if it did: running and cancelled ones say nothing.
    pub last_error: Option<String>,
    pub last_run_failed: bool,
}

fn stats(c: &Connection, database: &DatabaseId) -> Result<BackupStats, Stop> {
    let of = [database.as_str()];
    let newest_good_at = c
        .prepare_cached("SELECT created_at FROM backups WHERE database = ?1 AND good AND kind <> 'safety' ORDER BY sequence DESC LIMIT 1")?
        .query_row(of, |row| time(row, "created_at"))
        .optional()?;
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
    let suspect = newest.filter(|backup| backup.verdict() == Verdict::Suspect);
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
    let last_run_failed = matches!(last, Some((BackupState::Failed | BackupState::Interrupted, _)));
    let last_error = last.filter(|_| last_run_failed).and_then(|(_, error)| error);
    Ok(BackupStats { newest_good_at, complete_count, archive_size_bytes, lost_count, size_bytes, suspect, last_error, last_run_failed })
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

pub(super) fn put(tx: &Transaction<'_>, backup: &Backup) -> Result<(), Stop> {
    // The sequence of an adopted archive is used up, too.
    let known = tx.execute(
        "UPDATE databases SET last_sequence = max(last_sequence, ?2) WHERE id = ?1",
        params![backup.database.as_str(), backup.sequence],
    )?;
    if known == 0 {
        return Err(Error::UnknownDatabase { id: backup.database.to_string() }.into());
    }
    let search = [backup.id.as_str(), &backup.description, &backup.tags.join("\n")].join("\n").to_lowercase();
    tx.prepare_cached(
        "INSERT INTO backups (id, database, kind, sequence, state, created_at, created_by, description, tags, pinned, suspect,
             suspect_cause, acknowledged, original_size_bytes, archive_size_bytes, total_records, payload_hash, encryption, coverage, proof,
             error, job, trashed_at, trash_until, good, verdict, search)
         VALUES (:id, :database, :kind, :sequence, :state, :created_at, :created_by, :description, :tags, :pinned, :suspect,
             :suspect_cause, :acknowledged, :original_size_bytes, :archive_size_bytes, :total_records, :payload_hash, :encryption, :coverage,
             :proof, :error, :job, :trashed_at, :trash_until, :good, :verdict, :search)
         ON CONFLICT (id) DO UPDATE SET
             sequence = excluded.sequence, state = excluded.state, created_at = excluded.created_at, created_by = excluded.created_by,
             description = excluded.description, tags = excluded.tags, pinned = excluded.pinned, suspect = excluded.suspect,
             suspect_cause = excluded.suspect_cause, acknowledged = excluded.acknowledged,
             original_size_bytes = excluded.original_size_bytes, archive_size_bytes = excluded.archive_size_bytes,
             total_records = excluded.total_records, payload_hash = excluded.payload_hash, encryption = excluded.encryption,
             coverage = excluded.coverage,
             proof = excluded.proof, error = excluded.error, job = excluded.job, trashed_at = excluded.trashed_at,
             trash_until = excluded.trash_until, good = excluded.good, verdict = excluded.verdict, search = excluded.search,
             gone = CASE excluded.state WHEN 'trashed' THEN gone ELSE 0 END",
    )?
    .execute(named_params! {
        ":id": backup.id.as_str(),
        ":database": backup.database.as_str(),
        ":kind": backup.kind.as_str(),
        ":sequence": backup.sequence,
        ":state": backup.state.as_str(),
        ":created_at": ms(backup.created_at),
        ":created_by": backup.created_by,
        ":description": backup.description,
        ":tags": to_json(&backup.tags),
        ":pinned": backup.pinned,
        ":suspect": backup.suspect,
        ":suspect_cause": to_word(&backup.suspect_cause.unwrap_or_default()),
        ":acknowledged": backup.acknowledged.as_ref().map(to_json),
        ":original_size_bytes": backup.original_size_bytes,
        ":archive_size_bytes": backup.archive_size_bytes,
        ":total_records": backup.total_records,
        ":payload_hash": backup.payload_hash,
        ":encryption": backup.encryption.as_str(),
        ":coverage": backup.coverage.as_str(),
        ":proof": backup.proof.as_ref().map(to_json),
        ":error": backup.error,
        ":job": backup.job.as_ref().map(JobId::as_str),
        ":trashed_at": maybe_ms(backup.trashed_at),
        ":trash_until": maybe_ms(backup.trash_until),
        ":good": backup.is_good(),
        ":verdict": backup.verdict().as_str(),
        ":search": search,
    })?;
    Ok(())
}

pub(super) fn read(row: &Row<'_>) -> Result<Backup, rusqlite::Error> {
    Ok(Backup {
        id: id(row, "id")?,
        database: id(row, "database")?,
        kind: id(row, "kind")?,
        sequence: row.get("sequence")?,
        state: word(row, "state")?,
        created_at: time(row, "created_at")?,
        created_by: row.get("created_by")?,
        description: row.get("description")?,
        tags: json(row, "tags")?,
        pinned: row.get("pinned")?,
        suspect: row.get("suspect")?,
        suspect_cause: row.get::<_, Option<String>>("suspect")?.is_some().then(|| word(row, "suspect_cause")).transpose()?,
        acknowledged: maybe_json(row, "acknowledged")?,
        original_size_bytes: row.get("original_size_bytes")?,
        archive_size_bytes: row.get("archive_size_bytes")?,
        total_records: row.get("total_records")?,
        payload_hash: row.get("payload_hash")?,
        encryption: word(row, "encryption")?,
        coverage: word(row, "coverage")?,
        proof: maybe_json(row, "proof")?,
        error: row.get("error")?,
        job: maybe_id(row, "job")?,
        trashed_at: maybe_time(row, "trashed_at")?,
        trash_until: maybe_time(row, "trash_until")?,
    })
}
