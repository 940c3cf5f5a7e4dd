//! Signing in, setting up and signing out against the users and sessions of the catalog.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::HeaderValue;
use keepstone_app::{
    error::AppError,
    server::accounts::{Accounts, CookieFuture, SESSION_COOKIE},
};
use keepstone_engine::{
    Vault,
    activity::{self, NewEvent},
    catalog::{Session, User},
};
use keepstone_model::{Timestamp, access::Role, event::EventResult, validate};
use tokio::sync::Semaphore;

use super::{
    ABSOLUTE,
    limit::{LONGEST_WAIT_OF_ADDRESS, LONGEST_WAIT_OF_NAME, Limit},
    password, store_session, token,
};

/// Passwords that are hashed at once: 19 MiB each.
const HASHES_AT_ONCE: usize = 2;
/// How long a sign-in waits for its turn to be hashed.
const TURN: Duration = Duration::from_secs(10);

/// Accounts kept in the vault's own catalog.
#[derive(Debug)]
pub(crate) struct LocalAccounts {
    vault: Arc<Vault>,
    /// Whether browsers reach us by https only.
    secure_cookies: bool,
    hashing: Arc<Semaphore>,
    names: Mutex<Limit>,
    addresses: Mutex<Limit>,
}

impl LocalAccounts {
    pub(crate) fn new(vault: Arc<Vault>, secure_cookies: bool) -> Self {
        Self {
            vault,
            secure_cookies,
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            names: Mutex::new(Limit::new(LONGEST_WAIT_OF_NAME)),
            addresses: Mutex::new(Limit::new(LONGEST_WAIT_OF_ADDRESS)),
        }
    }

    /// Counts this try, or says how long to wait. Both counts are looked at before either rises.
    fn may_try(&self, name: &str, from: IpAddr) -> Result<(), AppError> {
        let now = Instant::now();
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let (name, from) = (name.to_lowercase(), from.to_string());
        if let Some(wait) = names.wait(&name, now).max(addresses.wait(&from, now)) {
            let secs = wait.as_secs() + 1;
            let unit = if secs == 1 { "second" } else { "seconds" };
            return Err(AppError::new(429, "too_many_tries", format!("Too many failed tries. Wait {secs} {unit}, then try again.")));
        }
        names.count(&name, now);
        addresses.count(&from, now);
        Ok(())
    }

    fn forgive(&self, name: &str, from: IpAddr) {
        self.names.lock().unwrap_or_else(PoisonError::into_inner).forgive(&name.to_lowercase());
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner).uncount(&from.to_string());
    }

    /// Runs something that hashes, off the async threads and only a few at a time.
    async fn hashing<T: Send + 'static>(&self, work: impl FnOnce(&Vault) -> Result<T, AppError> + Send + 'static) -> Result<T, AppError> {
        let turn = tokio::time::timeout(TURN, self.hashing.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = turn else {
            return Err(AppError::new(429, "too_many_tries", "Too many people are signing in at once. Try again in a moment."));
        };
        let vault = self.vault.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit; // given back when the hash is done, even if the browser has gone
            work(&vault)
        });
        done.await.unwrap_or_else(|panic| {
            tracing::error!(%panic, "signing in panicked");
            Err(AppError::internal())
        })
    }

    fn cookie(&self, value: &str, max_age_secs: u64) -> HeaderValue {
        let secure = if self.secure_cookies { "; Secure" } else { "" };
        let text = format!("{SESSION_COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_secs}{secure}");
        HeaderValue::from_str(&text).expect("hexadecimal digits and constants")
    }
}

impl Accounts for LocalAccounts {
    fn sign_in<'a>(&'a self, name: &'a str, password: &'a str, from: IpAddr, previous: Option<String>) -> CookieFuture<'a> {
        Box::pin(async move {
            self.may_try(name, from)?;
            let (wanted, given) = (name.trim().to_owned(), password.to_owned());
            let secret = self.hashing(move |vault| check_password(vault, &wanted, &given, from, previous.as_deref())).await?;
            self.forgive(name, from);
            Ok(self.cookie(&secret, ABSOLUTE.as_secs()))
        })
    }

    fn set_up<'a>(&'a self, token: &'a str, name: &'a str, password: &'a str, from: IpAddr) -> CookieFuture<'a> {
        Box::pin(async move {
            let (token, name, password) = (token.to_owned(), name.trim().to_owned(), password.to_owned());
            validate::user_name(&name)?;
            validate::password(&password, &name)?;
            let secret = self.hashing(move |vault| make_first_admin(vault, &token, name, &password, from)).await?;
            Ok(self.cookie(&secret, ABSOLUTE.as_secs()))
        })
    }

    fn sign_out(&self, cookie: Option<String>) -> CookieFuture<'_> {
        Box::pin(async move {
            if let Some(cookie) = cookie {
                let vault = self.vault.clone();
                let ended = tokio::task::spawn_blocking(move || vault.catalog().remove_session(&token::hash(&cookie)));
                ended.await.map_err(|_| AppError::internal())?.map_err(AppError::from)?;
            }
            Ok(self.cookie("", 0))
        })
    }

    fn setup_link_is_valid<'a>(&'a self, token: &'a str) -> std::pin::Pin<Box<dyn Future<Output = bool> + Send + 'a>> {
        let (vault, hash) = (self.vault.clone(), token::hash(token));
        Box::pin(async move {
            let valid = tokio::task::spawn_blocking(move || vault.catalog().setup_link_is_valid(&hash, Timestamp::now()));
            // Unknown means no.
            matches!(valid.await, Ok(Ok(true)))
        })
    }
}

/// Gives back the secret of a new session. The refusal does not say which of name and password was wrong.
fn check_password(vault: &Vault, name: &str, given: &str, from: IpAddr, previous: Option<&str>) -> Result<String, AppError> {
    // Longer ones cannot be set, so they cannot be right; nor do they get hashed.
    let sane = given.chars().count() <= validate::PASSWORD_MAX_CHARS && validate::user_name(name).is_ok();
    let user = if sane { vault.catalog().user(name)? } else { None };
    let good = password::verify(if sane { given } else { "" }, user.as_ref().map(|user| user.password_hash.as_str()));
    let exists = user.is_some();
    let Some(user) = user.filter(|_| good) else {
        // A name that does not exist may be a password typed into the wrong field: it is not written down.
        let actor = if exists { name } else { "(unknown)" };
        record(vault, actor, "user.sign_in_failed", EventResult::Failed, format!("a sign-in from {from} failed"));
        return Err(AppError::new(401, "wrong_password", "The name or the password is wrong."));
    };
    if let Some(previous) = previous {
        vault.catalog().remove_session(&token::hash(previous))?;
    }
    let secret = begin_session(vault, &user.name, user.role)?;
    record(vault, &user.name, "user.signed_in", EventResult::Ok, format!("signed in from {from}"));
    Ok(secret)
}

fn make_first_admin(vault: &Vault, token: &str, name: String, password: &str, from: IpAddr) -> Result<String, AppError> {
    let refused = || AppError::new(410, "setup_link_used", "This set-up link has been used or has expired. Ask for a new one on the host.");
    let (hash, now) = (token::hash(token), Timestamp::now());
    // Looked at first so that a guess costs no hash; the transaction below decides.
    if !vault.catalog().setup_link_is_valid(&hash, now)? {
        return Err(refused());
    }
    let admin = User { name, role: Role::Admin, password_hash: password::hash_password(password)?, created_at: now };
    match vault.catalog().finish_setup(&hash, &admin, now) {
        Err(keepstone_engine::Error::Invalid { .. }) => return Err(refused()),
        done => done?,
    }
    record(vault, &admin.name, "user.added", EventResult::Ok, format!("set up the first admin from {from}"));
    Ok(begin_session(vault, &admin.name, admin.role)?)
}

fn begin_session(vault: &Vault, user: &str, role: Role) -> keepstone_engine::Result<String> {
    let now = Timestamp::now();
    let session =
        Session { user: user.to_owned(), role, created_at: now, authenticated_at: now, last_seen_at: now, expires_at: now + ABSOLUTE };
    store_session(vault, &session)
}

/// A sign-in does not fail because the activity log cannot be written (a full disk, say): then someone must get in to clean up.
fn record(vault: &Vault, actor: &str, action: &str, result: EventResult, message: String) {
    let event = NewEvent { actor, action, result, database: None, backup: None, job: None, message };
    if let Err(error) = activity::record(vault, &event) {
        tracing::error!(%error, action, "the activity log could not be written");
    }
}
