//! The rows of databases.

use jiff::Timestamp;
use keepstone_model::{
    database::{Checkup, Database},
    id::DatabaseId,
};
use rusqlite::{OptionalExtension, Row, Transaction, named_params, params};

use super::{
    Catalog, Stop, backups, events,
    row::{id, json, maybe_json, ms, time, to_json, word},
    schedules,
};
use crate::{Error, Result, activity::NewEvent, catalog::ScheduleRow};

impl Catalog {
    pub(crate) fn databases(&self) -> Result<Vec<Database>> {
        self.read(|c| Ok(c.prepare_cached("SELECT * FROM databases ORDER BY id")?.query_map([], read)?.collect::<Result<_, _>>()?))
    }

    pub(crate) fn get_database(&self, id: &DatabaseId) -> Result<Option<Database>> {
        self.read(|c| Ok(c.prepare_cached("SELECT * FROM databases WHERE id = ?1")?.query_row([id.as_str()], read).optional()?))
    }

    pub(crate) fn database_at(&self, location: &str) -> Result<Option<Database>> {
        self.read(|c| Ok(c.prepare_cached("SELECT * FROM databases WHERE location = ?1")?.query_row([location], read).optional()?))
    }

    /// The database, its schedules, the backups that are there of it already, and the event, in one transaction. Gives back the row that has
    /// the location by now, if another process was quicker.
    pub(crate) fn add_database(
        &self,
        database: &Database,
        schedules: &[ScheduleRow],
        adopted: &[keepstone_model::backup::Backup],
        event: &NewEvent<'_>,
    ) -> Result<Database> {
        self.write(|tx| {
            let there = tx.query_row("SELECT * FROM databases WHERE location = ?1", [&database.location], read).optional()?;
            if let Some(there) = there {
                return Ok(there);
            }
            if tx.prepare("SELECT 1 FROM databases WHERE id = ?1")?.exists([database.id.as_str()])? {
                return Err(Error::AlreadyExists { what: "database", name: database.id.to_string() }.into());
            }
            tx.execute(
                "INSERT INTO databases (id, uid, engine, location, added_at, objective_secs, never_replace, paused,
                                        retention, retention_managed_by, rhythm, auto_recovery, encrypt, plain, loss, globals, snapshot)
                 VALUES (:id, :uid, :engine, :location, :added_at, :objective_secs, :never_replace, :paused,
                         :retention, :retention_managed_by, :rhythm, :auto_recovery, :encrypt, :plain, :loss, :globals, :snapshot)",
                named_params! {
                    ":id": database.id.as_str(),
                    ":uid": database.uid.as_str(),
                    ":engine": database.engine.as_str(),
                    ":location": database.location,
                    ":added_at": ms(database.added_at),
                    ":objective_secs": database.objective_secs,
                    ":never_replace": database.never_replace,
                    ":paused": database.paused,
                    ":retention": to_json(&database.retention),
                    ":retention_managed_by": database.retention_managed_by,
                    ":rhythm": to_json(&database.cleanup_rhythm),
                    ":auto_recovery": database.auto_recovery,
                    ":globals": database.globals,
                    ":encrypt": database.encrypt,
                    ":plain": database.plain,
                    ":loss": to_json(&database.loss),
                    ":snapshot": to_json(&database.snapshot),
                },
            )?;
            for schedule in schedules {
                schedules::insert(tx, schedule)?;
            }
            for backup in adopted {
                backups::put(tx, backup)?;
            }
            events::append(tx, event, database.added_at)?;
            Ok(database.clone())
        })
    }

    /// What may be edited of a database, and the event.
    pub(crate) fn edit_database(&self, database: &Database, event: &NewEvent<'_>, now: Timestamp) -> Result<()> {
        self.write(|tx| {
            update(tx, database)?;
            events::append(tx, event, now)?;
            Ok(())
        })
    }

    /// Forgets the database, its schedules and the rows of its backups; what waits for it is cancelled. `DatabaseBusy` if a job runs on it.
    pub(crate) fn remove_database(&self, id: &DatabaseId, event: &NewEvent<'_>, now: Timestamp) -> Result<()> {
        self.write(|tx| {
            if let Some(job) = running_job(tx, id)? {
                return Err(Error::DatabaseBusy { database: id.clone(), holder: format!("job {job}") }.into());
            }
            tx.execute(
                "UPDATE jobs SET state = 'cancelled', cancel_requested = 1, finished_at = ?2 WHERE database = ?1 AND state = 'queued'",
                params![id.as_str(), ms(now)],
            )?;
            if tx.execute("DELETE FROM databases WHERE id = ?1", [id.as_str()])? == 0 {
                return Err(Error::UnknownDatabase { id: id.to_string() }.into());
            }
            events::append(tx, event, now)?;
            Ok(())
        })
    }

    /// What the last look at the live database found, if it was not well.
    pub(crate) fn checkup(&self, id: &DatabaseId) -> Result<Option<Checkup>> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT checkup FROM databases WHERE id = ?1")?;
            Ok(statement.query_row([id.as_str()], |row| maybe_json(row, "checkup")).optional()?.flatten())
        })
    }

    /// Writes down what a look at the live database found, with the event of it; without one, that all is well again.
    pub(crate) fn set_checkup(
        &self,
        id: &DatabaseId,
        checkup: Option<&Checkup>,
        event: Option<&NewEvent<'_>>,
        now: Timestamp,
    ) -> Result<()> {
        self.write(|tx| {
            tx.execute("UPDATE databases SET checkup = ?2 WHERE id = ?1", params![id.as_str(), checkup.map(to_json)])?;
            if let Some(event) = event {
                events::append(tx, event, now)?;
            }
            Ok(())
        })
    }

    /// Whether a backup of this database is being made.
    pub(crate) fn creates_now(&self, database: &DatabaseId) -> Result<bool> {
        self.read(|c| {
            // The + keeps it from going through every job that the database ever had: few run.
            Ok(c.prepare_cached("SELECT 1 FROM jobs WHERE +database = ?1 AND state = 'running' AND verb = 'create'")?
                .exists([database.as_str()])?)
        })
    }
}

/// What may be edited of a database.
pub(super) fn update(tx: &Transaction<'_>, database: &Database) -> Result<(), Stop> {
    tx.execute(
        "UPDATE databases SET objective_secs = ?2, never_replace = ?3, paused = ?4, retention = ?5, auto_recovery = ?6, encrypt = ?7,
             loss = ?8, retention_managed_by = ?9, rhythm = ?10, location = ?11, globals = ?12, snapshot = ?13, plain = ?14
         WHERE id = ?1",
        params![
            database.id.as_str(),
            database.objective_secs,
            database.never_replace,
            database.paused,
            to_json(&database.retention),
            database.auto_recovery,
            database.encrypt,
            to_json(&database.loss),
            database.retention_managed_by,
            to_json(&database.cleanup_rhythm),
            database.location,
            database.globals,
            to_json(&database.snapshot),
            database.plain,
        ],
    )?;
    Ok(())
}

fn running_job(tx: &Transaction<'_>, database: &DatabaseId) -> Result<Option<String>, Stop> {
    Ok(tx.query_row("SELECT id FROM jobs WHERE database = ?1 AND state = 'running'", [database.as_str()], |row| row.get(0)).optional()?)
}

fn read(row: &Row<'_>) -> Result<Database, rusqlite::Error> {
    Ok(Database {
        id: id(row, "id")?,
        uid: id(row, "uid")?,
        engine: word(row, "engine")?,
        location: row.get("location")?,
        added_at: time(row, "added_at")?,
        objective_secs: row.get("objective_secs")?,
        never_replace: row.get("never_replace")?,
        paused: row.get("paused")?,
        retention: json(row, "retention")?,
        retention_managed_by: row.get("retention_managed_by")?,
        cleanup_rhythm: json(row, "rhythm")?,
        auto_recovery: row.get("auto_recovery")?,
        encrypt: row.get("encrypt")?,
        plain: row.get("plain")?,
        globals: row.get("globals")?,
        loss: json(row, "loss")?,
        snapshot: json(row, "snapshot")?,
    })
}
