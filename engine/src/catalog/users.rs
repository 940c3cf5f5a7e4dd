//! The rows of users, of the links by which they set a password, and of the first set-up link. Passwords come hashed and tokens as SHA-256:
//! this file sees no secret that would open anything. Their sessions stand in `sessions.rs`.

use jiff::Timestamp;
use keepstone_model::access::Role;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::{
    Catalog, Stop, events,
    row::{ms, time, word},
};
use crate::{Error, Result, activity::NewEvent};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub role: Role,
    /// A PHC string (Argon2id); empty until the user has set a password by a link.
    pub password_hash: String,
    pub created_at: Timestamp,
    /// May not sign in for now.
    pub disabled: bool,
}

impl User {
    pub fn has_password(&self) -> bool {
        !self.password_hash.is_empty()
    }
}

/// What a change leaves of the user's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SessionsAfter<'a> {
    AllStay,
    /// Only the one of this handle.
    OneStays(&'a str),
    NoneStays,
}

impl Catalog {
    pub fn users(&self) -> Result<Vec<User>> {
        self.read(|c| Ok(c.prepare_cached("SELECT * FROM users ORDER BY key")?.query_map([], read)?.collect::<Result<_, _>>()?))
    }

    pub fn user(&self, name: &str) -> Result<Option<User>> {
        self.read(|c| Ok(c.prepare_cached("SELECT * FROM users WHERE key = ?1")?.query_row([key(name)], read).optional()?))
    }

    /// Fails with `AlreadyExists` if the name is taken (names compare without case).
    pub(crate) fn add_user(&self, user: &User, event: &NewEvent<'_>) -> Result<()> {
        self.write(|tx| {
            insert(tx, user)?;
            events::append(tx, event, user.created_at).map(drop)
        })
    }

    /// Changes a user in one transaction with its event. Refused (`Invalid`) where afterwards no admin could sign in. A new password or a
    /// user who is disabled leaves no link behind.
    pub(crate) fn change_user(
        &self,
        name: &str,
        event: &NewEvent<'_>,
        sessions: SessionsAfter<'_>,
        now: Timestamp,
        change: impl Fn(&mut User),
    ) -> Result<User> {
        self.write(|tx| {
            let before = of_name(tx, name)?;
            let mut user = before.clone();
            change(&mut user);
            if is_admin(&before) && !is_admin(&user) {
                refuse_last_admin(tx, &before)?;
            }
            tx.execute(
                "UPDATE users SET role = ?2, password_hash = ?3, disabled = ?4 WHERE key = ?1",
                params![key(name), user.role.as_str(), user.password_hash, user.disabled],
            )?;
            if user.disabled || user.password_hash != before.password_hash {
                tx.execute("DELETE FROM user_links WHERE user = ?1", [key(name)])?;
            }
            match sessions {
                SessionsAfter::AllStay => 0,
                SessionsAfter::OneStays(handle) => super::sessions::end_others(tx, &key(name), handle)?,
                SessionsAfter::NoneStays => tx.execute("DELETE FROM sessions WHERE user = ?1", [key(name)])?,
            };
            events::append(tx, event, now)?;
            Ok(user)
        })
    }

    /// Refused (`Invalid`) for the last admin. Also ends the user's sessions.
    pub(crate) fn remove_user(&self, name: &str, event: &NewEvent<'_>, now: Timestamp) -> Result<User> {
        self.write(|tx| {
            let user = of_name(tx, name)?;
            if is_admin(&user) {
                refuse_last_admin(tx, &user)?;
            }
            // Sessions and links go with their user.
            tx.execute("DELETE FROM users WHERE key = ?1", [key(name)])?;
            events::append(tx, event, now)?;
            Ok(user)
        })
    }

    /// Replaces any earlier link of this user.
    pub(crate) fn set_user_link(
        &self,
        name: &str,
        token_hash: &str,
        expires_at: Timestamp,
        event: &NewEvent<'_>,
        now: Timestamp,
    ) -> Result<()> {
        self.write(|tx| {
            let user = of_name(tx, name)?;
            if user.disabled {
                return Err(invalid("name", format!("{} is disabled: enable the account first", user.name)));
            }
            tx.execute(
                "INSERT INTO user_links (user, token_hash, expires_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (user) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at",
                params![key(name), token_hash, ms(expires_at)],
            )?;
            events::append(tx, event, now).map(drop)
        })
    }

    /// Whose link this is, if it is good at `now`.
    pub fn user_of_link(&self, token_hash: &str, now: Timestamp) -> Result<Option<User>> {
        self.read(|c| linked(c, token_hash, now))
    }

    /// In one transaction: checks the link, sets the user's password, ends the user's sessions and uses the link up.
    pub(crate) fn use_user_link(&self, token_hash: &str, password_hash: &str, event: &NewEvent<'_>, now: Timestamp) -> Result<User> {
        self.write(|tx| {
            let user = linked(tx, token_hash, now)?.ok_or_else(used_up)?;
            tx.execute("UPDATE users SET password_hash = ?2 WHERE key = ?1", params![key(&user.name), password_hash])?;
            tx.execute("DELETE FROM sessions WHERE user = ?1", [key(&user.name)])?;
            tx.execute("DELETE FROM user_links WHERE user = ?1", [key(&user.name)])?;
            events::append(tx, event, now)?;
            Ok(User { password_hash: password_hash.to_owned(), ..user })
        })
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
            let admins: u64 = tx.query_row("SELECT count(*) FROM users WHERE role = 'admin'", [], |row| row.get(0))?;
            if !link_is_valid(tx, token_hash, now)? || admins > 0 {
                return Err(used_up());
            }
            insert(tx, &User { role: Role::Admin, ..admin.clone() })?;
            tx.execute("DELETE FROM setup_link", [])?;
            Ok(())
        })
    }
}

/// Names compare without case, also beyond ASCII.
pub(super) fn key(name: &str) -> String {
    name.to_lowercase()
}

pub(super) fn unknown(name: &str) -> Stop {
    Error::UnknownUser { name: name.to_owned() }.into()
}

fn invalid(field: &'static str, message: String) -> Stop {
    Error::Invalid { field, message }.into()
}

fn used_up() -> Stop {
    invalid("link", "this set-up link was used or has expired".to_owned())
}

/// Whether this user can sign in and do everything.
fn is_admin(user: &User) -> bool {
    user.role == Role::Admin && !user.disabled && user.has_password()
}

fn refuse_last_admin(tx: &Transaction<'_>, user: &User) -> Result<(), Stop> {
    let others: u64 = tx.query_row(
        "SELECT count(*) FROM users WHERE role = 'admin' AND NOT disabled AND password_hash <> '' AND key <> ?1",
        [key(&user.name)],
        |row| row.get(0),
    )?;
    if others == 0 { Err(invalid("name", format!("{} is the last admin: make another one first", user.name))) } else { Ok(()) }
}

fn link_is_valid(c: &Connection, token_hash: &str, now: Timestamp) -> Result<bool, Stop> {
    Ok(c.prepare_cached("SELECT 1 FROM setup_link WHERE token_hash = ?1 AND expires_at > ?2")?.exists(params![token_hash, ms(now)])?)
}

fn linked(c: &Connection, token_hash: &str, now: Timestamp) -> Result<Option<User>, Stop> {
    let mut statement = c.prepare_cached(
        "SELECT u.* FROM user_links l JOIN users u ON u.key = l.user WHERE l.token_hash = ?1 AND l.expires_at > ?2 AND NOT u.disabled",
    )?;
    Ok(statement.query_row(params![token_hash, ms(now)], read).optional()?)
}

fn of_name(tx: &Transaction<'_>, name: &str) -> Result<User, Stop> {
    tx.query_row("SELECT * FROM users WHERE key = ?1", [key(name)], read).optional()?.ok_or_else(|| unknown(name))
}

fn insert(tx: &Transaction<'_>, user: &User) -> Result<(), Stop> {
    let added = tx.execute(
        "INSERT INTO users (key, name, role, password_hash, created_at, disabled) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (key) DO NOTHING",
        params![key(&user.name), user.name, user.role.as_str(), user.password_hash, ms(user.created_at), user.disabled],
    )?;
    if added == 0 { Err(Error::AlreadyExists { what: "user", name: user.name.clone() }.into()) } else { Ok(()) }
}

fn read(row: &Row<'_>) -> Result<User, rusqlite::Error> {
    Ok(User {
        name: row.get("name")?,
        role: word(row, "role")?,
        password_hash: row.get("password_hash")?,
        created_at: time(row, "created_at")?,
        disabled: row.get("disabled")?,
    })
}
