//! What server functions stand on: who calls, the vault, the time zone, and the way to a blocking verb. Server only.
//!
//! The server provides a [`ServerContext`] for every page and server function, and puts the [`Person`] into the request; nothing here knows
//! how a session is kept.

use crate::words::{self, shared};

pub mod accounts;
pub mod fault;
pub(crate) mod once;
pub mod plans;
mod zone;

use std::{fmt, path::PathBuf, sync::Arc};

use axum::http::{HeaderMap, Method, StatusCode, header, request::Parts};
use keepstone_engine::{Vault, databases::DatabaseStatus, scheduler::Firing};
use keepstone_model::{
    Timestamp,
    access::Role,
    backup::{Backup, BackupState, Encryption},
    database::Topic,
    id::BackupId,
    preferences::Preferences,
};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use tokio::sync::watch;

pub use accounts::{next_or_home, set_up, sign_in, sign_out};
pub use zone::{browsers_zone, format, log_in_zone, zone, zone_of};

use crate::{error::AppError, live_types::LiveState};

/// Why a backup cannot be used, where its state and its checks do not say that.
pub fn unusable(backup: &Backup) -> Option<String> {
    let is_lost = backup.state == BackupState::Complete && backup.encryption == Encryption::Lost;
    if is_lost { Some(words::backups::lost().to_owned()) } else { backup.error.as_deref().map(crate::error::sentence) }
}

/// The most urgent thing that keeps a database from being safe, and what to do; a late or failed backup is told in a place of its own.
pub fn concern(status: &DatabaseStatus) -> Option<String> {
    let concern = status.concerns.iter().find(|concern| concern.topic == Topic::Other)?;
    Some(format!("{}. {}", concern.reason, concern.advice))
}

/// The backup that its concerns are about, to look at before anything else, and what the way there is called.
pub fn look_at(status: &DatabaseStatus) -> Option<(BackupId, String)> {
    let backup = status.concerns.iter().find_map(|concern| concern.backup.clone())?;
    let way = match Some(&backup) {
        this if this == status.unchecked.as_ref() => shared::see_unchecked(),
        this if this == status.suspect.as_ref() => shared::see_suspect(),
        _ => shared::see_backup(),
    };
    Some((backup, way.to_owned()))
}

/// How fresh the password must be for a destructive act.
pub const RECENT_SECS: i64 = 10 * 60;

/// Longer than any key that a form of ours carries.
const KEY_MAX: usize = 64;

/// Everything a server function may use.
#[derive(Clone)]
pub struct ServerContext {
    pub vault: Arc<Vault>,
    /// The newest message of the live feed.
    pub live: watch::Receiver<LiveState>,
    pub accounts: Arc<dyn accounts::Accounts>,
    /// How browsers reach the console, if that was said.
    pub public_origin: Option<String>,
    /// The address of a file of the browser's bundle, with the hash that lets it be kept for ever.
    pub asset: fn(&str) -> String,
    /// What stands before every path in a browser's address, e.g. `/keepstone`; empty as a rule. Nothing that is rendered here knows it: the edge of
    /// the server puts it there.
    pub base: String,
    /// Which of several installations this is.
    pub environment: Option<keepstone_model::environment::Environment>,
    /// Runs on a demonstration database.
    pub demo: bool,
    /// Whether schedules set off runs; the environment may have them off.
    pub firing: Firing,
    /// When this process began to serve.
    pub started_at: Timestamp,
    /// Folders of this machine that may be imported from by path.
    pub import_roots: Vec<PathBuf>,
    pub upload_limit_bytes: u64,
    /// The server's own certificate, if it has one.
    pub certificate: Option<Arc<dyn Certificate>>,
}

/// The certificate that the server shows to browsers; it may be another one tomorrow.
pub trait Certificate: Send + Sync {
    fn now(&self) -> ShownCertificate;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCertificate {
    pub names: Vec<String>,
    pub until: Timestamp,
    /// What browsers refuse, or soon will: each as a sentence with what to do.
    pub doubts: Vec<String>,
}

impl fmt::Debug for ServerContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerContext").field("vault", &self.vault.data_dir()).finish_non_exhaustive()
    }
}

/// Who is signed in. The server puts it into the request's extensions once the session was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub name: String,
    pub role: Role,
    /// What they set for themselves.
    pub preferences: Preferences,
    /// When the password was last given.
    pub authenticated_at: Timestamp,
    /// The handle of the session.
    pub session: String,
}

impl Person {
    /// Whether the password is fresh enough for a destructive act.
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now.duration_since(self.authenticated_at).as_secs() < RECENT_SECS
    }
}

/// The context of this request.
///
/// # Panics
/// Outside a page or server function of the server: a mistake in the program, never something a request can cause.
pub fn context() -> ServerContext {
    use_context().expect("the server provides it for every page and server function")
}

/// The person who calls, or `not_signed_in`. Only asks: a page that shows a little more to who is signed in may call it too.
pub fn person() -> Result<Person, AppError> {
    use_context::<Parts>().and_then(|parts| parts.extensions.get::<Person>().cloned()).ok_or_else(AppError::unauthorized)
}

/// The person, if their role includes `least`. The policy table has refused others before; but a page that renders calls server functions
/// directly, past the table, so each one asks for itself.
pub fn person_with(least: Role) -> Result<Person, AppError> {
    let person = person()?;
    if person.role >= least { Ok(person) } else { Err(AppError::needs(least, person.role)) }
}

/// The person, if their role includes `least` and the password was given in the last ten minutes; else `sign_in_again`, and a plain form leads
/// to the page that asks for it. For acts that destroy only by what their form says; the gate asks for all others (`Act` in the policy table).
pub fn require_recent(least: Role) -> Result<Person, AppError> {
    let person = person_with(least)?;
    if person.is_recent(Timestamp::now()) {
        return Ok(person);
    }
    let headers = use_context::<Parts>().map(|parts| parts.headers).unwrap_or_default();
    if wants_html(&headers) {
        leptos_axum::redirect(&confirm_address(&headers));
    }
    Err(AppError::sign_in_again())
}

/// Where a plain form leads that needs the password first: there it is asked for, and from there back to the form's page.
pub fn confirm_address(headers: &HeaderMap) -> String {
    match next_or_home(&referring_path(headers)).as_str() {
        "/" => "/confirm".to_owned(),
        next => format!("/confirm?next={}", percent_encoded(next)),
    }
}

/// The path of the page whose form was sent; its host is not looked at: only a path of this site comes out of it.
pub fn referring_path(headers: &HeaderMap) -> String {
    let uri = headers.get(header::REFERER).and_then(|referer| referer.to_str().ok()?.parse::<axum::http::Uri>().ok());
    uri.and_then(|uri| uri.path_and_query().map(|pq| pq.as_str().to_owned())).unwrap_or_default()
}

/// Whether a person's browser asks for a page (a link or a plain form), not a program for data.
pub fn wants_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

/// A text as a part of an address.
pub fn percent_encoded(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => out.push(char::from(byte)),
            _ => out.extend(['%', char::from(DIGITS[usize::from(byte >> 4)]), char::from(DIGITS[usize::from(byte & 15)])]),
        }
    }
    out
}

/// The key of a form as the engine knows it: apart from every other person's and from those of schedules. None where the form has none.
pub fn form_key(person: &str, key: &str) -> Result<Option<String>, AppError> {
    match key.chars().count() {
        0 => Ok(None),
        1..=KEY_MAX => Ok(Some(format!("form:{person}:{key}"))),
        _ => Err(AppError::invalid("key", shared::foreign_form())),
    }
}

/// Runs a verb of the engine on a blocking thread. It runs to its end even if the browser goes away.
pub async fn blocking<T: Send + 'static>(verb: impl FnOnce(&Vault) -> keepstone_engine::Result<T> + Send + 'static) -> Result<T, AppError> {
    let vault = context().vault;
    let format = crate::local::format();
    match tokio::task::spawn_blocking(move || crate::local::with(format, || verb(&vault))).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(fault)) => Err(answer(fault.into())),
        Err(panic) => {
            tracing::error!(%panic, "a verb panicked");
            Err(answer(AppError::internal()))
        }
    }
}

/// Gives the page being rendered this error's status. A server function's own response gets its status from the server, out of its body:
/// set here it would also replace the redirect that answers a form without JavaScript.
pub fn answer(error: AppError) -> AppError {
    if let (Some(parts), Some(response)) = (use_context::<Parts>(), use_context::<ResponseOptions>()) {
        let page = parts.method == Method::GET && !parts.uri.path().starts_with("/fn/");
        if let (true, Ok(status)) = (page, StatusCode::from_u16(error.status)) {
            response.set_status(status);
        }
    }
    error
}

/// What `/fn/live/poll` answers: the newest message of the live feed.
pub fn live() -> LiveState {
    context().live.borrow().clone()
}

/// The address of a file of the browser's bundle, e.g. `/pkg/main.css?v=5f0c…`.
pub fn asset(name: &str) -> String {
    (context().asset)(name)
}

/// A cookie of the request being answered.
pub fn cookie(name: &str) -> Option<String> {
    let parts = use_context::<Parts>()?;
    cookie_of(&parts.headers, name).map(str::to_owned)
}

/// The first cookie of this name.
pub fn cookie_of<'a>(headers: &'a axum::http::HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_form_is_the_persons_own() {
        assert_eq!(form_key("alice", "").unwrap(), None);
        assert_eq!(form_key("alice", "schedule-1-0").unwrap().as_deref(), Some("form:alice:schedule-1-0"));
        assert_ne!(form_key("alice", "k").unwrap(), form_key("bob", "k").unwrap());
        assert!(form_key("alice", &"k".repeat(64)).is_ok());
        assert_eq!(form_key("alice", &"k".repeat(65)).unwrap_err().code, "invalid");
    }
}
