//! The rows of tokens, and of the keys under which their holders asked for something once. Secrets come hashed.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{id::JobId, token::Token};
use rusqlite::{OptionalExtension, Row, named_params, params};

use super::{
    Catalog, News, events,
    row::{id, json, maybe_json, maybe_ms, maybe_time, ms, time, to_json},
};
use crate::{Error, Result, activity::NewEvent};

/// How exact `last_used_at` is: a program that polls is one write a minute.
const USED_EVERY: SignedDuration = SignedDuration::from_secs(60);

impl Catalog {
    pub(crate) fn tokens(&self) -> Result<Vec<Token>> {
        self.read(|c| Ok(c.prepare_cached("SELECT * FROM tokens ORDER BY number")?.query_map([], read)?.collect::<Result<_, _>>()?))
    }

    /// The token, with its number, and the event, in one transaction. `AlreadyExists` if the name is taken.
    pub(crate) fn add_token(&self, token: &Token, secret_hash: &str, event: &NewEvent<'_>) -> Result<Token> {
        self.write(|tx| {
            let added = tx.execute(
                "INSERT INTO tokens (name, secret_hash, scopes, databases, created_at, created_by, expires_at)
                 VALUES (:name, :secret_hash, :scopes, :databases, :created_at, :created_by, :expires_at) ON CONFLICT (name) DO NOTHING",
                named_params! {
                    ":name": token.name,
                    ":secret_hash": secret_hash,
                    ":scopes": to_json(&token.scopes),
                    ":databases": token.databases.as_ref().map(to_json),
                    ":created_at": ms(token.created_at),
                    ":created_by": token.created_by,
                    ":expires_at": maybe_ms(token.expires_at),
                },
            )?;
            if added == 0 {
                return Err(Error::AlreadyExists { what: "token", name: token.name.clone() }.into());
            }
            let number = tx.last_insert_rowid();
            events::append(tx, event, token.created_at)?;
            Ok(Token { number, ..token.clone() })
        })
    }

    /// Takes a token away, and writes the event, in one transaction: from then on its secret opens nothing.
    pub(crate) fn remove_token(&self, name: &str, event: &NewEvent<'_>, now: Timestamp) -> Result<Token> {
        self.write(|tx| {
            let found = tx.query_row("SELECT * FROM tokens WHERE name = ?1", [name], read).optional()?;
            let token = found.ok_or_else(|| Error::UnknownToken { name: name.to_owned() })?;
            tx.execute("DELETE FROM tokens WHERE number = ?1", [token.number])?;
            events::append(tx, event, now)?;
            Ok(token)
        })
    }

    /// The token of a secret, expired or not; touches `last_used_at` at most once a minute.
    pub(crate) fn token_of(&self, secret_hash: &str, now: Timestamp) -> Result<Option<Token>> {
        let found = self
            .read(|c| Ok(c.prepare_cached("SELECT * FROM tokens WHERE secret_hash = ?1")?.query_row([secret_hash], read).optional()?))?;
        let Some(mut token) = found else { return Ok(None) };
        // A clock that went back leaves a time from the future; then the present one is better.
        let fresh = token.last_used_at.is_some_and(|at| (SignedDuration::ZERO..USED_EVERY).contains(&now.duration_since(at)));
        if !fresh && !token.is_expired(now) {
            // What is asked for must not fail because that cannot be written down: on a full disk, say, where it is a clean-up.
            match self.write_as(News::Kept, |tx| {
                Ok(tx.execute("UPDATE tokens SET last_used_at = ?2 WHERE number = ?1", params![token.number, ms(now)]).map(drop)?)
            }) {
                Ok(()) => token.last_used_at = Some(super::rounded(now)),
                Err(error) => tracing::warn!(%error, token = token.name, "when a token was used could not be written down"),
            }
        }
        Ok(Some(token))
    }

    /// Notes what a token asked for under a key, unless it has used that key before; then it must have asked for the same (`KeyReused`).
    pub(crate) fn claim_key(&self, token: i64, key: &str, request_hash: &str, now: Timestamp) -> Result<()> {
        self.write(|tx| {
            tx.execute(
                "INSERT INTO idempotency (token, key, request_hash, created_at) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (token, key) DO NOTHING",
                params![token, key, request_hash, ms(now)],
            )?;
            let of: String =
                tx.query_row("SELECT request_hash FROM idempotency WHERE token = ?1 AND key = ?2", params![token, key], |row| row.get(0))?;
            if of == request_hash { Ok(()) } else { Err(Error::KeyReused { key: key.to_owned() }.into()) }
        })
    }

    /// The job that was submitted under this key.
    pub(crate) fn job_with_key(&self, key: &str) -> Result<Option<JobId>> {
        self.read(|c| Ok(c.prepare_cached("SELECT id FROM jobs WHERE key = ?1")?.query_row([key], |row| id(row, "id")).optional()?))
    }
}

fn read(row: &Row<'_>) -> Result<Token, rusqlite::Error> {
    Ok(Token {
        number: row.get("number")?,
        name: row.get("name")?,
        scopes: json(row, "scopes")?,
        databases: maybe_json(row, "databases")?,
        created_at: time(row, "created_at")?,
        created_by: row.get("created_by")?,
        expires_at: maybe_time(row, "expires_at")?,
        last_used_at: maybe_time(row, "last_used_at")?,
    })
}
