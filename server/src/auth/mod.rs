//! Who is at the door: passwords, sessions, the one-time set-up link, and how often someone may try.
//!
//! Secrets leave this folder only towards the browser that owns them: the catalog gets hashes.

mod accounts;
mod limit;
mod password;
mod pending;
mod token;
mod totp;

use std::time::Duration;

use keepstone_engine::{
    Result, Vault,
    catalog::{self, Session},
    model::Timestamp,
    users,
};

pub(crate) use accounts::LocalAccounts;
pub(crate) use password::hash_password;

/// A session that was not used for this long has ended.
pub(crate) const IDLE: Duration = Duration::from_secs(12 * 3600);
/// No session lives longer, however much it is used.
pub(crate) const ABSOLUTE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How long a set-up link is good for.
pub(crate) const SETUP_LINK: Duration = Duration::from_secs(30 * 60);
/// How long a link is good for by which a user sets a password: it has to reach them.
pub(crate) const PASSWORD_LINK: Duration = Duration::from_secs(24 * 3600);

/// Makes a new one-time set-up link (30 minutes), in place of any earlier one, and gives back its address below `base_url`.
pub(crate) fn issue_setup_link(vault: &Vault, base_url: &str) -> Result<String> {
    let token = token::new()?;
    vault.catalog().set_setup_link(&token::hash(&token), Timestamp::now() + SETUP_LINK)?;
    Ok(format!("{}/setup?token={token}", base_url.trim_end_matches('/')))
}

/// A secret for a link that stands in no catalog.
pub(crate) fn new_key() -> Result<String> {
    token::new()
}

/// What is kept of such a secret, to know it again.
pub(crate) fn key_hash(key: &str) -> String {
    token::hash(key)
}

/// Makes a one-time link (24 hours) by which this user sets a password, and gives back its address below the console's own.
pub(crate) fn issue_password_link(vault: &Vault, name: &str, actor: &str) -> Result<String> {
    let token = token::new()?;
    users::set_link(vault, name, &token::hash(&token), Timestamp::now() + PASSWORD_LINK, actor)?;
    Ok(format!("/setup?token={token}"))
}

/// Keeps a new session under a new secret, and gives the secret back.
pub(crate) fn store_session(vault: &Vault, session: &Session) -> Result<String> {
    let secret = token::new()?;
    vault.catalog().add_session(&token::hash(&secret), session)?;
    Ok(secret)
}

/// The session of a cookie's value with its handle, if it is good at `now`. Notes that it was used.
pub(crate) fn session(vault: &Vault, cookie: &str, now: Timestamp) -> Result<Option<(String, Session)>> {
    // Asked before it is touched: a session that was idle too long must not come back to life.
    if peek(vault, cookie, now)?.is_none() {
        return Ok(None);
    }
    let hash = token::hash(cookie);
    Ok(vault.catalog().session(&hash, now)?.map(|session| (catalog::session_handle(&hash).to_owned(), session)))
}

/// The same, but what only listens does not count as a use.
pub(crate) fn peek(vault: &Vault, cookie: &str, now: Timestamp) -> Result<Option<Session>> {
    if !token::looks_like_one(cookie) {
        return Ok(None);
    }
    let session = vault.catalog().peek_session(&token::hash(cookie), now)?;
    Ok(session.filter(|session| is_good(session, now)))
}

fn is_good(session: &Session, now: Timestamp) -> bool {
    now < session.expires_at && now.duration_since(session.last_seen_at).unsigned_abs() < IDLE
}
