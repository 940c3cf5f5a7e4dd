//! The rows of events: appended with the hash of the one before, never changed, never removed.

use jiff::Timestamp;
use keepstone_model::{
    event::Event,
    id::{BackupId, DatabaseId, JobId},
};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter, types::Value};

use super::{
    Catalog, Stop, lock,
    row::{maybe_id, ms, rounded, time, word},
};
use crate::{
    Result,
    activity::{ChainReport, EventFilter, FIRST_PREVIOUS_HASH, NewEvent, event_hash},
};

impl Catalog {
    pub(crate) fn append_event(&self, event: &NewEvent<'_>, now: Timestamp) -> Result<Event> {
        self.write(|tx| append(tx, event, now))
    }

    pub(crate) fn events(&self, filter: &EventFilter) -> Result<Vec<Event>> {
        self.read(|c| {
            // Only the tests that are asked for: with them an index leads to the few lines of one database, however long the log is.
            let mut tests = vec!["1"];
            let mut values: Vec<Value> = Vec::new();
            let mut test = |sql, value: Value| {
                tests.push(sql);
                values.push(value);
            };
            if let Some(database) = &filter.database {
                test("database = ?", database.to_string().into());
            }
            if let Some(backup) = &filter.backup {
                test("backup = ?", backup.to_string().into());
            }
            if let Some(actor) = &filter.actor {
                test("instr(lower(actor), lower(?)) > 0", actor.clone().into());
            }
            if let Some(result) = filter.result {
                test("result = ?", result.as_str().to_owned().into());
            }
            if let Some(before) = filter.before {
                test("number < ?", i64::try_from(before).unwrap_or(i64::MAX).into());
            }
            values.push(filter.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX)).into());
            let sql = format!("SELECT * FROM events WHERE {} ORDER BY number DESC LIMIT ?", tests.join(" AND "));
            let mut statement = c.prepare_cached(&sql)?;
            let rows = statement.query_map(params_from_iter(&values), read)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Recomputes every hash. Lines that were cut off the end show, too: SQLite remembers the highest number that was ever given out.
    pub(crate) fn verify_events(&self) -> Result<ChainReport> {
        self.verify_events_after(None)
    }

    /// The same for what came after the last event up to which this process found the chain whole, as long as that event stands as it did.
    pub(crate) fn verify_new_events(&self) -> Result<ChainReport> {
        let verified = lock(&self.verified).clone();
        self.verify_events_after(verified)
    }

    fn verify_events_after(&self, verified: Option<(u64, String)>) -> Result<ChainReport> {
        let (report, last) = self.read_apart(|c| {
            let tx = c.unchecked_transaction()?;
            let stands = |(number, hash): &(u64, String)| {
                let found = tx.query_row("SELECT hash FROM events WHERE number = ?1", [number], |row| row.get::<_, String>(0));
                found.is_ok_and(|found| found == *hash)
            };
            let (first, mut previous) = verified.filter(stands).unwrap_or((0, FIRST_PREVIOUS_HASH.to_owned()));
            let (mut last, mut broken_at) = (first, None);
            let mut statement = tx.prepare("SELECT * FROM events WHERE number > ?1 ORDER BY number")?;
            let mut rows = statement.query([first])?;
            while let Some(row) = rows.next()? {
                let number: u64 = row.get("number")?;
                // A row that cannot be read as an event has been tampered with like one whose hash differs.
                let event = read(row).ok().filter(|event| event.previous_hash == previous && event.hash == event_hash(event));
                match event {
                    Some(event) if number == last + 1 => (last, previous) = (number, event.hash),
                    _ => {
                        broken_at = Some(number.min(last + 1));
                        break;
                    }
                }
            }
            // Up to here the numbers have no gap, so the last one is how many there are.
            let events = if broken_at.is_none() { last } else { tx.query_row("SELECT count(*) FROM events", [], |row| row.get(0))? };
            let given_out = tx.query_row("SELECT seq FROM sqlite_sequence WHERE name = 'events'", [], |row| row.get(0)).optional()?;
            if broken_at.is_none() && given_out.unwrap_or(0) > events {
                broken_at = Some(events + 1);
            }
            Ok((ChainReport { events, broken_at }, (last, previous)))
        })?;
        *lock(&self.verified) = (report.broken_at.is_none() && report.events > 0).then_some(last);
        Ok(report)
    }
}

/// Within a write transaction: nobody else takes the same number, or the same event before.
pub(super) fn append(c: &Connection, new: &NewEvent<'_>, now: Timestamp) -> Result<Event, Stop> {
    let last: Option<(u64, String)> = c
        .prepare_cached("SELECT number, hash FROM events ORDER BY number DESC LIMIT 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (number, previous_hash) = last.map_or((1, FIRST_PREVIOUS_HASH.to_owned()), |(number, hash)| (number + 1, hash));
    let mut event = Event {
        number,
        // As it will be read back.
        at: rounded(now),
        actor: new.actor.to_owned(),
        action: new.action.to_owned(),
        result: new.result,
        database: new.database.clone(),
        backup: new.backup.clone(),
        job: new.job.clone(),
        message: new.message.clone(),
        previous_hash,
        hash: String::new(),
    };
    event.hash = event_hash(&event);
    c.prepare_cached(
        "INSERT INTO events (number, at, actor, action, result, database, backup, job, message, previous_hash, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        event.number,
        ms(event.at),
        event.actor,
        event.action,
        event.result.as_str(),
        event.database.as_ref().map(DatabaseId::as_str),
        event.backup.as_ref().map(BackupId::as_str),
        event.job.as_ref().map(JobId::as_str),
        event.message,
        event.previous_hash,
        event.hash,
    ])?;
    Ok(event)
}

fn read(row: &Row<'_>) -> Result<Event, rusqlite::Error> {
    Ok(Event {
        number: row.get("number")?,
        at: time(row, "at")?,
        actor: row.get("actor")?,
        action: row.get("action")?,
        result: word(row, "result")?,
        database: maybe_id(row, "database")?,
        backup: maybe_id(row, "backup")?,
        job: maybe_id(row, "job")?,
        message: row.get("message")?,
        previous_hash: row.get("previous_hash")?,
        hash: row.get("hash")?,
    })
}
