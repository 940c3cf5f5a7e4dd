//! The rows of schedules, with where each stands.

use jiff::Timestamp;
use keepstone_model::{
    id::{DatabaseId, JobId},
    schedule::Schedule,
};
use rusqlite::{Connection, Row, named_params, params};

use super::{
    Catalog, Stop,
    row::{id, maybe_id, maybe_ms, maybe_time, ms, to_word, word},
};
use crate::Result;

/// A schedule and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScheduleRow {
    /// 0 until it has a row.
    pub number: i64,
    pub database: DatabaseId,
    pub schedule: Schedule,
    pub standing: Standing,
}

/// Where a schedule stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// What the clock said when `next_run_at` was reckoned: a clock that says less now was set back.
    pub planned_at: Option<Timestamp>,
    pub next_run_at: Option<Timestamp>,
    /// The time for which the last run was due.
    pub last_run_at: Option<Timestamp>,
    pub last_job: Option<JobId>,
}

impl Catalog {
    /// In the order in which they were added.
    pub(crate) fn schedules(&self, database: Option<&DatabaseId>) -> Result<Vec<ScheduleRow>> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT * FROM schedules WHERE ?1 IS NULL OR database = ?1 ORDER BY number")?;
            Ok(statement.query_map([database.map(DatabaseId::as_str)], read)?.collect::<Result<_, _>>()?)
        })
    }

    /// Moves a schedule on, if it still stands where `from` says; else another process has moved it, and this is false.
    pub(crate) fn move_schedule(&self, number: i64, from: &Standing, to: &Standing) -> Result<bool> {
        self.write(|tx| {
            let moved = tx.execute(
                "UPDATE schedules SET planned_at = ?4, next_run_at = ?5, last_run_at = ?6, last_job = ?7
                 WHERE number = ?1 AND planned_at IS ?2 AND next_run_at IS ?3",
                params![
                    number,
                    maybe_ms(from.planned_at),
                    maybe_ms(from.next_run_at),
                    maybe_ms(to.planned_at),
                    maybe_ms(to.next_run_at),
                    maybe_ms(to.last_run_at),
                    to.last_job.as_ref().map(JobId::as_str),
                ],
            )?;
            Ok(moved == 1)
        })
    }

    /// Takes the keys of runs that a wrong clock took for times which are still to come, so that those runs can be taken when they come.
    pub(crate) fn release_run_keys(&self, number: i64, after: Timestamp) -> Result<()> {
        self.write(|tx| {
            let prefix = run_key_prefix(number);
            tx.execute(
                "UPDATE jobs SET key = key || '-' || id
                 WHERE substr(key, 1, length(?1)) = ?1 AND CAST(substr(key, length(?1) + 1) AS INTEGER) > ?2",
                params![prefix, ms(after)],
            )?;
            Ok(())
        })
    }
}

/// What makes two submits of one run the same.
pub(crate) fn run_key(number: i64, due: Timestamp) -> String {
    format!("{}{}", run_key_prefix(number), ms(due))
}

fn run_key_prefix(number: i64) -> String {
    format!("schedule-{number}-")
}

pub(super) fn insert(c: &Connection, row: &ScheduleRow) -> Result<(), Stop> {
    let Schedule { kind, cron, time_zone, if_missed } = &row.schedule;
    c.execute(
        "INSERT INTO schedules (database, kind, cron, time_zone, if_missed, planned_at, next_run_at)
         VALUES (:database, :kind, :cron, :time_zone, :if_missed, :planned_at, :next_run_at)",
        named_params! {
            ":database": row.database.as_str(),
            ":kind": kind.as_str(),
            ":cron": cron,
            ":time_zone": time_zone,
            ":if_missed": to_word(if_missed),
            ":planned_at": maybe_ms(row.standing.planned_at),
            ":next_run_at": maybe_ms(row.standing.next_run_at),
        },
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<ScheduleRow, rusqlite::Error> {
    let schedule =
        Schedule { kind: id(row, "kind")?, cron: row.get("cron")?, time_zone: row.get("time_zone")?, if_missed: word(row, "if_missed")? };
    let standing = Standing {
        planned_at: maybe_time(row, "planned_at")?,
        next_run_at: maybe_time(row, "next_run_at")?,
        last_run_at: maybe_time(row, "last_run_at")?,
        last_job: maybe_id(row, "last_job")?,
    };
    Ok(ScheduleRow { number: row.get("number")?, database: id(row, "database")?, schedule, standing })
}
