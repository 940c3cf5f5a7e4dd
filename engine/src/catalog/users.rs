//! Users, their sessions and the first set-up link. Passwords come hashed and tokens are stored as SHA-256: this file sees no secret that
//! would open anything.

use jiff::Timestamp;
use keepstone_model::access::Role;

use super::Catalog;
use crate::Result;

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
        todo!()
    }

    pub fn user(&self, _name: &str) -> Result<Option<User>> {
        todo!()
    }

    /// Fails with `AlreadyExists` if the name is taken (names compare without case).
    pub fn add_user(&self, _user: &User) -> Result<()> {
        todo!()
    }

    /// Also ends the user's sessions.
    pub fn set_password_hash(&self, _name: &str, _password_hash: &str) -> Result<()> {
        todo!()
    }

    /// Refused (`Invalid`) for the last admin. Also ends the user's sessions.
    pub fn remove_user(&self, _name: &str) -> Result<()> {
        todo!()
    }

    pub fn add_session(&self, _token_hash: &str, _session: &Session) -> Result<()> {
        todo!()
    }

    /// The session, if it has not expired by `now`; touches `last_seen_at` at most once a minute.
    pub fn session(&self, _token_hash: &str, _now: Timestamp) -> Result<Option<Session>> {
        todo!()
    }

    pub fn remove_session(&self, _token_hash: &str) -> Result<()> {
        todo!()
    }

    /// Replaces any earlier link.
    pub fn set_setup_link(&self, _token_hash: &str, _expires_at: Timestamp) -> Result<()> {
        todo!()
    }

    /// Whether this is the present link and has not expired.
    pub fn setup_link_is_valid(&self, _token_hash: &str, _now: Timestamp) -> Result<bool> {
        todo!()
    }

    /// In one transaction: checks the link, makes the first admin and uses the link up. `Invalid` if the link is not valid.
    pub fn finish_setup(&self, _token_hash: &str, _admin: &User, _now: Timestamp) -> Result<()> {
        todo!()
    }
}
