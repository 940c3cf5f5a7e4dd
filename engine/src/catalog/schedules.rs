//! The rows of schedules, with where each stands.

use jiff::Timestamp;
use keepstone_model::{
    database::Database,
    id::{DatabaseId, JobId},
    schedule::{Schedule, Trigger},
};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::{
    Catalog, Stop, databases, events,
    row::{id, maybe_id, maybe_ms, maybe_time, ms, time, to_word, word},
};
use crate::{Error, Result, activity::NewEvent};

/// A schedule and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScheduleRow {
    /// 0 until it has a row.
    pub number: i64,
    pub database: DatabaseId,
    pub schedule: Schedule,
    /// From where an interval is counted: when its trigger was set.
    pub anchor_at: Timestamp,
    /// Who alone may change it, e.g. `environment`; none: everybody who may change schedules.
    pub managed_by: Option<String>,
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

    pub(crate) fn get_schedule(&self, number: i64) -> Result<Option<ScheduleRow>> {
        self.read(|c| Ok(c.prepare_cached("SELECT * FROM schedules WHERE number = ?1")?.query_row([number], read).optional()?))
    }

    /// Adds a schedule and the event; gives back its number.
    pub(crate) fn add_schedule(&self, row: &ScheduleRow, event: &NewEvent<'_>, now: Timestamp) -> Result<i64> {
        self.write(|tx| {
            if !tx.prepare("SELECT 1 FROM databases WHERE id = ?1")?.exists([row.database.as_str()])? {
                return Err(Error::UnknownDatabase { id: row.database.to_string() }.into());
            }
            insert(tx, row)?;
            let number = tx.last_insert_rowid();
            events::append(tx, event, now)?;
            Ok(number)
        })
    }

    /// Replaces what the schedule says, and the event. Where it stands is replaced with it: `row` was read a moment ago, and a run that came
    /// due in between is queued under its key all the same.
    pub(crate) fn edit_schedule(&self, row: &ScheduleRow, event: &NewEvent<'_>, now: Timestamp) -> Result<()> {
        self.write(|tx| {
            let columns = Columns::of(&row.schedule);
            let known = tx.execute(
                "UPDATE schedules SET kind = :kind, cron = :cron, time_zone = :time_zone, if_missed = :if_missed, every_secs = :every_secs,
                     at_event = :at_event, anchor_at = :anchor_at, jitter_secs = :jitter_secs, paused = :paused,
                     managed_by = :managed_by, planned_at = :planned_at, next_run_at = :next_run_at
                 WHERE number = :number",
                named_params! {
                    ":number": row.number,
                    ":kind": row.schedule.kind.as_str(),
                    ":cron": columns.cron,
                    ":time_zone": columns.time_zone,
                    ":if_missed": to_word(&row.schedule.if_missed),
                    ":every_secs": columns.every_secs,
                    ":at_event": columns.at_event,
                    ":anchor_at": ms(row.anchor_at),
                    ":jitter_secs": row.schedule.jitter_secs,
                    ":paused": row.schedule.paused,
                    ":managed_by": row.managed_by,
                    ":planned_at": maybe_ms(row.standing.planned_at),
                    ":next_run_at": maybe_ms(row.standing.next_run_at),
                },
            )?;
            if known == 0 {
                return Err(Error::UnknownSchedule { number: row.number }.into());
            }
            events::append(tx, event, now)?;
            Ok(())
        })
    }

    pub(crate) fn remove_schedule(&self, number: i64, event: &NewEvent<'_>, now: Timestamp) -> Result<()> {
        self.write(|tx| {
            if tx.execute("DELETE FROM schedules WHERE number = ?1", [number])? == 0 {
                return Err(Error::UnknownSchedule { number }.into());
            }
            events::append(tx, event, now)?;
            Ok(())
        })
    }

    /// A database's settings and all its schedules at once: either all of it is there afterwards or nothing of it.
    pub(crate) fn replace_schedules(&self, database: &Database, rows: &[ScheduleRow], event: &NewEvent<'_>, now: Timestamp) -> Result<()> {
        self.write(|tx| {
            databases::update(tx, database)?;
            tx.execute("DELETE FROM schedules WHERE database = ?1", [database.id.as_str()])?;
            for row in rows {
                insert(tx, row)?;
            }
            events::append(tx, event, now)?;
            Ok(())
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

/// How the keys of runs begin.
pub(crate) const RUN_KEY: &str = "schedule-";

/// What makes two submits of one run the same.
pub(crate) fn run_key(number: i64, due: Timestamp) -> String {
    format!("{}{}", run_key_prefix(number), ms(due))
}

fn run_key_prefix(number: i64) -> String {
    format!("{RUN_KEY}{number}-")
}

/// A trigger as the columns have it.
struct Columns<'a> {
    cron: &'a str,
    time_zone: &'a str,
    every_secs: Option<u64>,
    at_event: Option<&'static str>,
}

impl<'a> Columns<'a> {
    fn of(schedule: &'a Schedule) -> Self {
        let none = Columns { cron: "", time_zone: "", every_secs: None, at_event: None };
        match &schedule.trigger {
            Trigger::Cron { cron, time_zone } => Columns { cron, time_zone, ..none },
            Trigger::Interval { every_secs } => Columns { every_secs: Some(*every_secs), ..none },
            Trigger::Start => Columns { at_event: Some("start"), ..none },
            Trigger::Stop => Columns { at_event: Some("stop"), ..none },
        }
    }
}

pub(super) fn insert(c: &Connection, row: &ScheduleRow) -> Result<(), Stop> {
    let columns = Columns::of(&row.schedule);
    c.execute(
        "INSERT INTO schedules (database, kind, cron, time_zone, if_missed, every_secs, at_event, anchor_at, jitter_secs, paused,
             managed_by, planned_at, next_run_at)
         VALUES (:database, :kind, :cron, :time_zone, :if_missed, :every_secs, :at_event, :anchor_at, :jitter_secs, :paused,
             :managed_by, :planned_at, :next_run_at)",
        named_params! {
            ":database": row.database.as_str(),
            ":kind": row.schedule.kind.as_str(),
            ":cron": columns.cron,
            ":time_zone": columns.time_zone,
            ":if_missed": to_word(&row.schedule.if_missed),
            ":every_secs": columns.every_secs,
            ":at_event": columns.at_event,
            ":anchor_at": ms(row.anchor_at),
            ":jitter_secs": row.schedule.jitter_secs,
            ":paused": row.schedule.paused,
            ":managed_by": row.managed_by,
            ":planned_at": maybe_ms(row.standing.planned_at),
            ":next_run_at": maybe_ms(row.standing.next_run_at),
        },
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<ScheduleRow, rusqlite::Error> {
    let at_event: Option<String> = row.get("at_event")?;
    let trigger = match (at_event.as_deref(), row.get("every_secs")?) {
        (Some("start"), _) => Trigger::Start,
        (Some(_), _) => Trigger::Stop,
        (None, Some(every_secs)) => Trigger::Interval { every_secs },
        (None, None) => Trigger::Cron { cron: row.get("cron")?, time_zone: row.get("time_zone")? },
    };
    let schedule = Schedule {
        kind: id(row, "kind")?,
        trigger,
        if_missed: word(row, "if_missed")?,
        jitter_secs: row.get("jitter_secs")?,
        paused: row.get("paused")?,
    };
    let standing = Standing {
        planned_at: maybe_time(row, "planned_at")?,
        next_run_at: maybe_time(row, "next_run_at")?,
        last_run_at: maybe_time(row, "last_run_at")?,
        last_job: maybe_id(row, "last_job")?,
    };
    Ok(ScheduleRow {
        number: row.get("number")?,
        database: id(row, "database")?,
        schedule,
        anchor_at: time(row, "anchor_at")?,
        managed_by: row.get("managed_by")?,
        standing,
    })
}
