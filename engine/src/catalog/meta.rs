//! Single facts of the vault that have no table of their own.

use jiff::Timestamp;
use keepstone_model::{
    id::{BackupId, DatabaseId, DatabaseUid},
    schedule::JobLimits,
};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    Catalog, Stop, events,
    row::{ms, to_json},
};
use crate::{Result, activity::NewEvent};

const REVISION: &str = "revision";
const TRASH_EMPTIED_AT: &str = "trash_emptied_at";
const TRASH_CLOCK: &str = "trash_clock";
const JOB_LIMITS: &str = "job_limits";
const NOTES_FOLLOWED_BY: &str = "notes_followed_by";
const KIT_MADE_AT: &str = "kit_made_at";
const KEYS_LOOKED_AT: &str = "keys_looked_at";
/// Before the id of a backup.
const TRY_AGAIN: &str = "try_again:";
/// Before the id of a database.
const MANAGED: &str = "managed:";
/// Before the uid of a database.
const LEADS_TO: &str = "leads_to:";
const LEFT_OUT: &str = "left_out:";

impl Catalog {
    /// When what had expired in the trash was last removed.
    pub(crate) fn trash_emptied_at(&self) -> Result<Option<Timestamp>> {
        self.meta_time(TRASH_EMPTIED_AT)
    }

    /// When the last recovery kit was made.
    pub(crate) fn kit_made_at(&self) -> Result<Option<Timestamp>> {
        self.meta_time(KIT_MADE_AT)
    }

    pub(crate) fn set_kit_made_at(&self, at: Timestamp) -> Result<()> {
        self.set_meta_time(KIT_MADE_AT, at)
    }

    pub(crate) fn set_trash_emptied_at(&self, at: Timestamp) -> Result<()> {
        self.set_meta_time(TRASH_EMPTIED_AT, at)
    }

    /// The last look at the clock by which the trash is emptied, as JSON.
    pub(crate) fn trash_clock(&self) -> Result<Option<String>> {
        self.read(|c| {
            Ok(c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([TRASH_CLOCK], |row| row.get(0)).optional()?)
        })
    }

    pub(crate) fn set_trash_clock(&self, json: &str) -> Result<()> {
        self.write(|tx| {
            tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![TRASH_CLOCK, json])?;
            Ok(())
        })
    }

    /// What does not read as a time counts as never.
    pub(super) fn meta_time(&self, key: &str) -> Result<Option<Timestamp>> {
        let text: Option<String> =
            self.read(|c| Ok(c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?))?;
        Ok(text.and_then(|text| Timestamp::from_millisecond(text.parse().ok()?).ok()))
    }

    pub(super) fn set_meta_time(&self, key: &str, at: Timestamp) -> Result<()> {
        self.write(|tx| {
            tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![key, ms(at).to_string()])?;
            Ok(())
        })
    }

    /// What was set for all jobs of this vault, else the defaults. What does not read counts as not set.
    pub(crate) fn job_limits(&self) -> Result<JobLimits> {
        self.read(job_limits)
    }

    pub(crate) fn set_job_limits(&self, limits: &JobLimits, event: &NewEvent<'_>, now: Timestamp) -> Result<()> {
        self.write(|tx| {
            tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![JOB_LIMITS, to_json(limits)])?;
            events::append(tx, event, now)?;
            Ok(())
        })
    }

    /// What of a database is set from outside, as JSON.
    pub(crate) fn managed(&self, database: &DatabaseId) -> Result<Option<String>> {
        self.read(|c| {
            let key = format!("{MANAGED}{database}");
            Ok(c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?)
        })
    }

    pub(crate) fn set_managed(&self, database: &DatabaseId, json: &str) -> Result<()> {
        self.write(|tx| {
            tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![format!("{MANAGED}{database}"), json])?;
            Ok(())
        })
    }

    /// The file to which the path of a database led when it was last backed up, where a symbolic link stood on it.
    pub(crate) fn leads_to(&self, database: &DatabaseUid) -> Result<Option<String>> {
        self.read(|c| {
            let key = format!("{LEADS_TO}{}", database.as_str());
            Ok(c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?)
        })
    }

    pub(crate) fn set_leads_to(&self, database: &DatabaseUid, path: &str) -> Result<()> {
        self.write(|tx| {
            let key = format!("{LEADS_TO}{}", database.as_str());
            tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![key, path])?;
            Ok(())
        })
    }

    /// The archives of a database without which this catalog was made. What does not read counts as none.
    pub(crate) fn left_out(&self, database: &DatabaseUid) -> Result<Vec<BackupId>> {
        let text: Option<String> = self.read(|c| {
            let key = format!("{LEFT_OUT}{}", database.as_str());
            Ok(c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?)
        })?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    pub(crate) fn set_left_out(&self, database: &DatabaseUid, ids: &[BackupId]) -> Result<()> {
        self.write(|tx| {
            let key = format!("{LEFT_OUT}{}", database.as_str());
            tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![key, to_json(&ids)])?;
            Ok(())
        })
    }

    /// Which file of a catalog it was that was last brought in line with the notes: a copy that is put back in its place says another.
    pub(crate) fn notes_followed_by(&self) -> Result<Option<String>> {
        self.read(|c| {
            Ok(c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([NOTES_FOLLOWED_BY], |row| row.get(0)).optional()?)
        })
    }

    pub(crate) fn set_notes_followed_by(&self, file: &str) -> Result<()> {
        self.write(|tx| {
            tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![NOTES_FOLLOWED_BY, file])?;
            Ok(())
        })
    }

    /// The ids of the keys with which every archive was last tried.
    pub(crate) fn keys_looked_at(&self) -> Result<Option<String>> {
        self.read(|c| {
            Ok(c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([KEYS_LOOKED_AT], |row| row.get(0)).optional()?)
        })
    }

    pub(crate) fn set_keys_looked_at(&self, ids: &str) -> Result<()> {
        self.write(|tx| {
            tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![KEYS_LOOKED_AT, ids])?;
            Ok(())
        })
    }

    /// The backups whose archives are to be tried with the keys as soon as they can be read.
    pub(crate) fn to_be_tried(&self) -> Result<Vec<String>> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT substr(key, ?1) FROM meta WHERE key GLOB ?2")?;
            let ids = statement.query_map(params![TRY_AGAIN.len() + 1, format!("{TRY_AGAIN}*")], |row| row.get(0))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
    }

    pub(crate) fn try_again(&self, id: &BackupId) -> Result<()> {
        self.write(|tx| {
            tx.execute("INSERT OR IGNORE INTO meta (key, value) VALUES (?1, '')", [format!("{TRY_AGAIN}{id}")])?;
            Ok(())
        })
    }

    pub(crate) fn was_tried(&self, id: &str) -> Result<()> {
        self.write(|tx| {
            tx.execute("DELETE FROM meta WHERE key = ?1", [format!("{TRY_AGAIN}{id}")])?;
            Ok(())
        })
    }
}

/// One more commit that pages may show.
pub(super) fn count_revision(tx: &Transaction<'_>) -> Result<(), Stop> {
    tx.prepare_cached("INSERT INTO meta (key, value) VALUES (?1, '1') ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1")?
        .execute([REVISION])?;
    Ok(())
}

/// How many there were; only whether it moved says something.
pub(super) fn revision(c: &Connection) -> Result<i64, rusqlite::Error> {
    let found = c.prepare_cached("SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?1")?.query_row([REVISION], |row| row.get(0));
    Ok(found.optional()?.unwrap_or(0))
}

pub(super) fn job_limits(c: &Connection) -> Result<JobLimits, Stop> {
    let text: Option<String> =
        c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([JOB_LIMITS], |row| row.get(0)).optional()?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}
