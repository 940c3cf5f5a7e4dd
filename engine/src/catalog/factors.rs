//! The second factors in the rows of users: since when, which code was used last, and the hashes of the recovery codes. The secret is elsewhere.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{
    Catalog, Stop, events,
    row::{maybe_json, to_json},
    users::{key, unknown},
};
use crate::{Result, activity::NewEvent};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    pub since: Timestamp,
    /// The step of the last code that was used: neither it nor an earlier one is good again.
    pub last_step: u64,
    /// SHA-256 of each recovery code that is left.
    pub recovery: Vec<String>,
}

impl Catalog {
    pub(crate) fn factor(&self, name: &str) -> Result<Option<Factor>> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT factor FROM users WHERE key = ?1")?;
            Ok(statement.query_row([key(name)], |row| maybe_json(row, "factor")).optional()?.flatten())
        })
    }

    pub(crate) fn set_factor(&self, name: &str, factor: Option<&Factor>, event: &NewEvent<'_>, now: Timestamp) -> Result<()> {
        self.write(|tx| {
            put(tx, name, factor)?;
            events::append(tx, event, now).map(drop)
        })
    }

    /// Two who come with the same code at once do not both get in.
    pub(crate) fn use_step(&self, name: &str, step: u64) -> Result<bool> {
        self.write(|tx| {
            let Some(mut factor) = of(tx, name)?.filter(|factor| factor.last_step < step) else { return Ok(false) };
            factor.last_step = step;
            put(tx, name, Some(&factor))?;
            Ok(true)
        })
    }

    pub(crate) fn use_recovery(&self, name: &str, hash: &str, event: &NewEvent<'_>, now: Timestamp) -> Result<bool> {
        self.write(|tx| {
            let Some(mut factor) = of(tx, name)? else { return Ok(false) };
            let before = factor.recovery.len();
            factor.recovery.retain(|kept| kept != hash);
            if factor.recovery.len() == before {
                return Ok(false);
            }
            put(tx, name, Some(&factor))?;
            events::append(tx, event, now)?;
            Ok(true)
        })
    }
}

fn of(tx: &Transaction<'_>, name: &str) -> Result<Option<Factor>, Stop> {
    Ok(tx.query_row("SELECT factor FROM users WHERE key = ?1", [key(name)], |row| maybe_json(row, "factor")).optional()?.flatten())
}

fn put(tx: &Transaction<'_>, name: &str, factor: Option<&Factor>) -> Result<(), Stop> {
    match tx.execute("UPDATE users SET factor = ?2 WHERE key = ?1", params![key(name), factor.map(to_json)])? {
        0 => Err(unknown(name)),
        _ => Ok(()),
    }
}
