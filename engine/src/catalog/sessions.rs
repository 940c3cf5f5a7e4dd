//! The rows of sessions: browsers that are signed in. Only the SHA-256 of a cookie's value is here.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{access::Role, preferences::Preferences};
use rusqlite::{OptionalExtension, Row, Transaction, named_params, params};

use super::{
    Catalog, News, Stop, events,
    row::{ms, time, word},
    users::{key, unknown},
};
use crate::{Result, activity::NewEvent};

/// How exact `last_seen_at` is: a page of twenty requests is one write.
const SEEN_EVERY: SignedDuration = SignedDuration::from_secs(60);
/// How much of a token's hash names its session. It opens nothing.
const HANDLE_CHARS: usize = 16;

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub user: String,
    /// The user's present role, not the one at the sign-in.
    pub role: Role,
    /// What the user set for themselves.
    pub preferences: Preferences,
    pub created_at: Timestamp,
    /// When the password was last given.
    pub authenticated_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
    /// From where it was begun, e.g. `192.168.1.7`.
    pub address: String,
    /// What the browser says it is.
    pub agent: String,
}

/// By what a session is named in lists, and ended.
pub fn handle(token_hash: &str) -> &str {
    token_hash.get(..HANDLE_CHARS).unwrap_or(token_hash)
}

impl Catalog {
    /// Also forgets the sessions that have expired by now.
    pub fn add_session(&self, token_hash: &str, session: &Session) -> Result<()> {
        self.write(|tx| {
            if !tx.prepare_cached("SELECT 1 FROM users WHERE key = ?1")?.exists([key(&session.user)])? {
                return Err(unknown(&session.user));
            }
            tx.execute("DELETE FROM sessions WHERE expires_at <= ?1", [ms(session.created_at)])?;
            tx.execute(
                "INSERT INTO sessions (token_hash, user, created_at, authenticated_at, last_seen_at, expires_at, address, agent)
                 VALUES (:token_hash, :user, :created_at, :authenticated_at, :last_seen_at, :expires_at, :address, :agent)",
                named_params! {
                    ":token_hash": token_hash,
                    ":user": key(&session.user),
                    ":created_at": ms(session.created_at),
                    ":authenticated_at": ms(session.authenticated_at),
                    ":last_seen_at": ms(session.last_seen_at),
                    ":expires_at": ms(session.expires_at),
                    ":address": session.address,
                    ":agent": session.agent,
                },
            )?;
            Ok(())
        })
    }

    /// The session, if it has not expired by `now`; touches `last_seen_at` at most once a minute.
    pub fn session(&self, token_hash: &str, now: Timestamp) -> Result<Option<Session>> {
        let Some(mut session) = self.peek_session(token_hash, now)? else { return Ok(None) };
        if now.duration_since(session.last_seen_at) >= SEEN_EVERY {
            // A page must not fail because that cannot be written down: on a full disk, say, where it is the one from which to make room.
            match self.write_as(News::Kept, |tx| {
                Ok(tx.execute("UPDATE sessions SET last_seen_at = ?2 WHERE token_hash = ?1", params![token_hash, ms(now)]).map(drop)?)
            }) {
                Ok(()) => session.last_seen_at = now,
                Err(error) => tracing::warn!(%error, user = session.user, "when a session was used could not be written down"),
            }
        }
        Ok(Some(session))
    }

    /// The session, if it has not expired by `now` and its user may sign in. Does not count as a use of it.
    pub fn peek_session(&self, token_hash: &str, now: Timestamp) -> Result<Option<Session>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT s.*, u.name, u.role, u.preferences FROM sessions s JOIN users u ON u.key = s.user
                 WHERE token_hash = ?1 AND expires_at > ?2 AND NOT u.disabled",
            )?;
            Ok(statement.query_row(params![token_hash, ms(now)], read).optional()?)
        })
    }

    /// With their handles, the one that was used last first; of one user or of all.
    pub(crate) fn sessions(&self, user: Option<&str>, now: Timestamp) -> Result<Vec<(String, Session)>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT s.*, u.name, u.role, u.preferences FROM sessions s JOIN users u ON u.key = s.user
                 WHERE (?1 IS NULL OR s.user = ?1) AND expires_at > ?2 ORDER BY last_seen_at DESC, s.created_at DESC",
            )?;
            let rows = statement.query_map(params![user.map(key), ms(now)], |row| {
                Ok((handle(&row.get::<_, String>("token_hash")?).to_owned(), read(row)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Written without an event, and no news to anybody: it is how one person reads the console.
    pub(crate) fn set_preferences(&self, user: &str, preferences: &str) -> Result<()> {
        self.write_as(News::Kept, |tx| {
            match tx.execute("UPDATE users SET preferences = ?2 WHERE key = ?1", params![key(user), preferences])? {
                0 => Err(unknown(user)),
                _ => Ok(()),
            }
        })
    }

    pub fn remove_session(&self, token_hash: &str) -> Result<()> {
        self.write(|tx| Ok(tx.execute("DELETE FROM sessions WHERE token_hash = ?1", [token_hash]).map(drop)?))
    }

    /// Ends this session of a user, with its event. False if there is none: then nothing is written.
    pub(crate) fn end_session(&self, user: &str, ended: &str, event: &NewEvent<'_>, now: Timestamp) -> Result<bool> {
        self.write(|tx| {
            let gone = tx.execute(
                &format!("DELETE FROM sessions WHERE user = ?1 AND substr(token_hash, 1, {HANDLE_CHARS}) = ?2"),
                params![key(user), ended],
            )?;
            if gone > 0 {
                events::append(tx, event, now)?;
            }
            Ok(gone > 0)
        })
    }

    /// Ends the sessions of a user but the one that is kept, with their event, and says how many there were.
    pub(crate) fn end_sessions(&self, user: &str, kept: Option<&str>, event: &NewEvent<'_>, now: Timestamp) -> Result<usize> {
        self.write(|tx| {
            let gone = end_others(tx, &key(user), kept.unwrap_or_default())?;
            if gone > 0 {
                events::append(tx, event, now)?;
            }
            Ok(gone)
        })
    }
}

pub(super) fn end_others(tx: &Transaction<'_>, user_key: &str, kept: &str) -> Result<usize, Stop> {
    let statement = format!("DELETE FROM sessions WHERE user = ?1 AND substr(token_hash, 1, {HANDLE_CHARS}) <> ?2");
    Ok(tx.execute(&statement, params![user_key, kept])?)
}

fn read(row: &Row<'_>) -> Result<Session, rusqlite::Error> {
    Ok(Session {
        user: row.get("name")?,
        role: word(row, "role")?,
        // Of a newer version, say: nobody is kept out by how their numbers are written.
        preferences: serde_json::from_str(&row.get::<_, String>("preferences")?).unwrap_or_default(),
        created_at: time(row, "created_at")?,
        authenticated_at: time(row, "authenticated_at")?,
        last_seen_at: time(row, "last_seen_at")?,
        expires_at: time(row, "expires_at")?,
        address: row.get("address")?,
        agent: row.get("agent")?,
    })
}
