//! Lists of backups: pages, charts, what a cleanup looks at.

use std::collections::BTreeMap;

use keepstone_model::{
    backup::{Backup, BackupState, Outcome, Verdict, is_imported},
    id::{BackupId, DatabaseId},
    retention::{Candidate, holding_sequence},
};
use rusqlite::{OptionalExtension, params, params_from_iter, types::Value};

use super::read;
use crate::{
    Result,
    backups::{BackupFilter, BackupPage},
    catalog::{
        Catalog,
        row::{id, maybe_time, ms, one_of, time},
    },
    delete::TrashPage,
};

impl Catalog {
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
