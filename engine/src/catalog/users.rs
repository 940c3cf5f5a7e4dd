//! Users, their sessions and the first set-up link. Passwords come hashed and tokens are stored as SHA-256: this file sees no secret that
//! would open anything.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::access::Role;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, named_params, params};

use super::{
    Catalog, Stop,
    row::{ms, time, word},
};
use crate::{Error, Result};

/// How exact `last_seen_at` is: a page of twenty requests is one write.
const SEEN_EVERY: SignedDuration = SignedDuration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub role: Role,
    /// A PHC string (Argon2id).
    pub password_hash: String,
    pub created_at: Timestamp,
}

/// A signed-in browser. `token_hash` is the SHA-256 of the cookie's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub user: String,
    /// The user's present role, not the one at the sign-in.
    pub role: Role,
    pub created_at: Timestamp,
    /// When the password was last given.
    pub authenticated_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
}

/// The one-time link of the first start. Only its hash is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupLink {
    pub expires_at: Timestamp,
}

impl Catalog {
    pub fn users(&self) -> Result<Vec<User>> {
        self.read(|c| Ok(c.prepare_cached("SELECT * FROM users ORDER BY key")?.query_map([], read)?.collect::<Result<_, _>>()?))
    }

    pub fn user(&self, name: &str) -> Result<Option<User>> {
        self.read(|c| Ok(c.prepare_cached("SELECT * FROM users WHERE key = ?1")?.query_row([key(name)], read).optional()?))
    }

    /// Fails with `AlreadyExists` if the name is taken (names compare without case).
    pub fn add_user(&self, user: &User) -> Result<()> {
        self.write(|tx| insert(tx, user))
    }

    /// Also ends the user's sessions.
    pub fn set_password_hash(&self, name: &str, password_hash: &str) -> Result<()> {
        self.write(|tx| {
            if tx.execute("UPDATE users SET password_hash = ?2 WHERE key = ?1", params![key(name), password_hash])? == 0 {
                return Err(unknown(name));
            }
            tx.execute("DELETE FROM sessions WHERE user = ?1", [key(name)])?;
            Ok(())
        })
    }

    /// Refused (`Invalid`) for the last admin. Also ends the user's sessions.
    pub fn remove_user(&self, name: &str) -> Result<()> {
        self.write(|tx| {
            let role: Role = tx
                .query_row("SELECT role FROM users WHERE key = ?1", [key(name)], |row| word(row, "role"))
                .optional()?
                .ok_or_else(|| unknown(name))?;
            if role == Role::Admin && admins(tx)? <= 1 {
                return Err(invalid("name", format!("{name} is the last admin: make another one first")));
            }
            // The sessions go with their user.
            tx.execute("DELETE FROM users WHERE key = ?1", [key(name)])?;
            Ok(())
        })
    }

    /// Also forgets the sessions that have expired by now.
    pub fn add_session(&self, token_hash: &str, session: &Session) -> Result<()> {
        self.write(|tx| {
            if !tx.prepare_cached("SELECT 1 FROM users WHERE key = ?1")?.exists([key(&session.user)])? {
                return Err(unknown(&session.user));
            }
            tx.execute("DELETE FROM sessions WHERE expires_at <= ?1", [ms(session.created_at)])?;
            tx.execute(
                "INSERT INTO sessions (token_hash, user, created_at, authenticated_at, last_seen_at, expires_at)
                 VALUES (:token_hash, :user, :created_at, :authenticated_at, :last_seen_at, :expires_at)",
                named_params! {
                    ":token_hash": token_hash,
                    ":user": key(&session.user),
                    ":created_at": ms(session.created_at),
                    ":authenticated_at": ms(session.authenticated_at),
                    ":last_seen_at": ms(session.last_seen_at),
                    ":expires_at": ms(session.expires_at),
                },
            )?;
            Ok(())
        })
    }

    /// The session, if it has not expired by `now`; touches `last_seen_at` at most once a minute.
    pub fn session(&self, token_hash: &str, now: Timestamp) -> Result<Option<Session>> {
        let Some(mut session) = self.peek_session(token_hash, now)? else { return Ok(None) };
        if now.duration_since(session.last_seen_at) >= SEEN_EVERY {
            self.write(|tx| {
                Ok(tx.execute("UPDATE sessions SET last_seen_at = ?2 WHERE token_hash = ?1", params![token_hash, ms(now)]).map(drop)?)
            })?;
            session.last_seen_at = now;
        }
        Ok(Some(session))
    }

    /// The session, if it has not expired by `now`. Does not count as a use of it.
    pub fn peek_session(&self, token_hash: &str, now: Timestamp) -> Result<Option<Session>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT s.*, u.name, u.role FROM sessions s JOIN users u ON u.key = s.user WHERE token_hash = ?1 AND expires_at > ?2",
            )?;
            Ok(statement
                .query_row(params![token_hash, ms(now)], |row| {
                    Ok(Session {
                        user: row.get("name")?,
                        role: word(row, "role")?,
                        created_at: time(row, "created_at")?,
                        authenticated_at: time(row, "authenticated_at")?,
                        last_seen_at: time(row, "last_seen_at")?,
                        expires_at: time(row, "expires_at")?,
                    })
                })
                .optional()?)
        })
    }

    pub fn remove_session(&self, token_hash: &str) -> Result<()> {
        self.write(|tx| Ok(tx.execute("DELETE FROM sessions WHERE token_hash = ?1", [token_hash]).map(drop)?))
    }

    /// Replaces any earlier link.
    pub fn set_setup_link(&self, token_hash: &str, expires_at: Timestamp) -> Result<()> {
        self.write(|tx| {
            tx.execute(
                "INSERT INTO setup_link (one, token_hash, expires_at) VALUES (1, ?1, ?2)
                 ON CONFLICT (one) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at",
                params![token_hash, ms(expires_at)],
            )?;
            Ok(())
        })
    }

    /// Whether this is the present link and has not expired.
    pub fn setup_link_is_valid(&self, token_hash: &str, now: Timestamp) -> Result<bool> {
        self.read(|c| link_is_valid(c, token_hash, now))
    }

    /// In one transaction: checks the link, makes the first admin and uses the link up. `Invalid` if the link is not valid, or if there is an
    /// admin already: a link that was left over opens nothing.
    pub fn finish_setup(&self, token_hash: &str, admin: &User, now: Timestamp) -> Result<()> {
        self.write(|tx| {
            if !link_is_valid(tx, token_hash, now)? || admins(tx)? > 0 {
                return Err(invalid("link", "this set-up link was used or has expired".to_owned()));
            }
            insert(tx, &User { role: Role::Admin, ..admin.clone() })?;
            tx.execute("DELETE FROM setup_link", [])?;
            Ok(())
        })
    }
}

/// Names compare without case, also beyond ASCII.
fn key(name: &str) -> String {
    name.to_lowercase()
}

fn unknown(name: &str) -> Stop {
    Error::UnknownUser { name: name.to_owned() }.into()
}

fn invalid(field: &'static str, message: String) -> Stop {
    Error::Invalid { field, message }.into()
}

fn admins(tx: &Transaction<'_>) -> Result<u64, Stop> {
    Ok(tx.query_row("SELECT count(*) FROM users WHERE role = 'admin'", [], |row| row.get(0))?)
}

fn link_is_valid(c: &Connection, token_hash: &str, now: Timestamp) -> Result<bool, Stop> {
    Ok(c.prepare_cached("SELECT 1 FROM setup_link WHERE token_hash = ?1 AND expires_at > ?2")?.exists(params![token_hash, ms(now)])?)
}

fn insert(tx: &Transaction<'_>, user: &User) -> Result<(), Stop> {
    let added = tx.execute(
        "INSERT INTO users (key, name, role, password_hash, created_at) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key) DO NOTHING",
        params![key(&user.name), user.name, user.role.as_str(), user.password_hash, ms(user.created_at)],
    )?;
    if added == 0 { Err(Error::AlreadyExists { what: "user", name: user.name.clone() }.into()) } else { Ok(()) }
}

fn read(row: &Row<'_>) -> Result<User, rusqlite::Error> {
    Ok(User {
        name: row.get("name")?,
        role: word(row, "role")?,
        password_hash: row.get("password_hash")?,
        created_at: time(row, "created_at")?,
    })
}
