//! Signing in, setting up and signing out against the users and sessions of the catalog.

use std::{
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::http::HeaderValue;
use keepstone_app::{
    error::AppError,
    server::{
        Person,
        accounts::{AccountFuture, Accounts, Caller, CookieFuture, LinkFor, Offer, SESSION_COOKIE, SignedIn},
    },
};
use keepstone_engine::{
    Vault,
    activity::{self, NewEvent},
    catalog::{Session, User},
    users,
};
use keepstone_model::{Timestamp, access::Role, event::EventResult, validate};
use tokio::sync::Semaphore;

use super::{
    ABSOLUTE,
    limit::{LONGEST_WAIT_OF_ADDRESS, LONGEST_WAIT_OF_NAME, Limit},
    password,
    pending::{Offers, Pending},
    store_session, token, totp,
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
    pending: Pending,
    offers: Offers,
}

/// Why a session begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    SignIn,
    /// The password was asked for before a destructive act: another session in place of the one before.
    Confirm,
}

impl LocalAccounts {
    pub(crate) fn new(vault: Arc<Vault>, secure_cookies: bool) -> Self {
        Self {
            vault,
            secure_cookies,
            hashing: Arc::new(Semaphore::new(HASHES_AT_ONCE)),
            names: Mutex::new(Limit::new(LONGEST_WAIT_OF_NAME)),
            addresses: Mutex::new(Limit::new(LONGEST_WAIT_OF_ADDRESS)),
            pending: Pending::default(),
            offers: Offers::default(),
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

    /// Something that does not hash, off the async threads.
    async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, AppError> + Send + 'static,
    ) -> Result<T, AppError> {
        let vault = self.vault.clone();
        tokio::task::spawn_blocking(move || work(&vault)).await.unwrap_or_else(|panic| {
            tracing::error!(%panic, "an act on accounts panicked");
            Err(AppError::internal())
        })
    }

    /// Whose password was right is in, or owes a code.
    async fn let_in(&self, user: User, from: &Caller, previous: Option<String>) -> Result<SignedIn, AppError> {
        let name = user.name.clone();
        let has_factor = self.on_a_thread(move |vault| Ok(users::factor_state(vault, &name)?.is_some())).await?;
        if !has_factor {
            return Ok(SignedIn::Yes(self.begin(user, from, previous, Entry::SignIn).await?));
        }
        let handle = token::new()?;
        self.pending.begin(handle.clone(), &user.name, Instant::now());
        Ok(SignedIn::CodeWanted(handle))
    }

    /// Begins a session in place of the one before.
    async fn begin(&self, user: User, from: &Caller, previous: Option<String>, entry: Entry) -> Result<HeaderValue, AppError> {
        let (caller, name) = (from.clone(), user.name.clone());
        let secret = self.on_a_thread(move |vault| {
            if let Some(previous) = previous {
                vault.catalog().remove_session(&token::hash(&previous))?;
            }
            let secret = begin_session(vault, &user, &caller)?;
            let (action, did) = match entry {
                Entry::SignIn => ("user.signed_in", "signed in"),
                Entry::Confirm => ("user.confirmed", "gave the password once more"),
            };
            record(vault, &user.name, action, EventResult::Ok, format!("{did} from {}", caller.address));
            Ok(secret)
        });
        let secret = secret.await?;
        self.forgive(&name, from.address);
        Ok(self.cookie(&secret, ABSOLUTE.as_secs()))
    }

    fn cookie(&self, value: &str, max_age_secs: u64) -> HeaderValue {
        let secure = if self.secure_cookies { "; Secure" } else { "" };
        let text = format!("{SESSION_COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={max_age_secs}{secure}");
        HeaderValue::from_str(&text).expect("hexadecimal digits and constants")
    }
}

impl Accounts for LocalAccounts {
    fn sign_in<'a>(&'a self, name: &'a str, password: &'a str, from: &'a Caller, previous: Option<String>) -> AccountFuture<'a, SignedIn> {
        Box::pin(async move {
            self.may_try(name, from.address)?;
            let (wanted, given, caller) = (name.trim().to_owned(), password.to_owned(), from.clone());
            let user = self.hashing(move |vault| check_password(vault, &wanted, &given, &caller)).await?;
            // With a second factor the try counts until the code is right, too: else whoever has the password could guess codes for ever.
            self.let_in(user, from, previous).await
        })
    }

    fn second_factor<'a>(&'a self, handle: &'a str, code: &'a str, from: &'a Caller, previous: Option<String>) -> CookieFuture<'a> {
        Box::pin(async move {
            let over = || AppError::new(401, "code_over", "This took too long, or too many codes were wrong. Sign in again.");
            let name = self.pending.try_one(handle, Instant::now()).ok_or_else(over)?;
            self.may_try(&name, from.address)?;
            let (code, caller) = (code.to_owned(), from.clone());
            let user = self.on_a_thread(move |vault| check_code(vault, &name, &code, &caller)).await?;
            self.pending.end(handle);
            self.begin(user, from, previous, Entry::SignIn).await
        })
    }

    fn confirm<'a>(&'a self, person: &'a Person, password: &'a str, from: &'a Caller, present: Option<String>) -> CookieFuture<'a> {
        Box::pin(async move {
            self.may_try(&person.name, from.address)?;
            let (name, given, caller) = (person.name.clone(), password.to_owned(), from.clone());
            let user = self.hashing(move |vault| check_password(vault, &name, &given, &caller)).await?;
            self.begin(user, from, present, Entry::Confirm).await
        })
    }

    fn offer_factor<'a>(&'a self, person: &'a Person, host: &'a str) -> AccountFuture<'a, Offer> {
        Box::pin(async move {
            let secret = self.offers.of(&person.name, Instant::now(), totp::new_secret)?;
            let picture = picture(&totp::address(&secret, &person.name, host));
            Ok(Offer { secret, picture })
        })
    }

    fn factor_on<'a>(&'a self, person: &'a Person, code: &'a str) -> AccountFuture<'a, Vec<String>> {
        Box::pin(async move {
            let over = || AppError::invalid("code", "This took too long: scan the new picture.");
            let secret = self.offers.find(&person.name, Instant::now()).ok_or_else(over)?;
            let wrong = || AppError::invalid("code", "This code is not the one of this moment.");
            let step = totp::step_of(&secret, code, Timestamp::now(), 0).ok_or_else(wrong)?;
            let name = person.name.clone();
            let codes = self.on_a_thread(move |vault| {
                let (codes, hashes) = totp::new_recovery()?;
                users::set_factor(vault, &name, &secret, step, hashes)?;
                Ok(codes)
            });
            let codes = codes.await?;
            self.offers.end(&person.name);
            Ok(codes)
        })
    }

    fn new_codes<'a>(&'a self, person: &'a Person) -> AccountFuture<'a, Vec<String>> {
        let name = person.name.clone();
        Box::pin(self.on_a_thread(move |vault| {
            let (codes, hashes) = totp::new_recovery()?;
            users::set_recovery(vault, &name, hashes)?;
            Ok(codes)
        }))
    }

    fn set_up<'a>(&'a self, token: &'a str, name: &'a str, password: &'a str, from: &'a Caller) -> AccountFuture<'a, SignedIn> {
        Box::pin(async move {
            let (name, password) = (name.trim().to_owned(), password.to_owned());
            let hash = token::hash(token);
            // Looked at first so that a guess costs no hash; the transaction of each decides.
            let user = match self.link_is_for(token).await {
                Some(LinkFor::Password(user)) => {
                    validate::password(&password, &user)?;
                    self.hashing(move |vault| set_by_link(vault, &hash, &password)).await?
                }
                Some(LinkFor::FirstAdmin) => {
                    validate::user_name(&name)?;
                    validate::password(&password, &name)?;
                    let caller = from.clone();
                    self.hashing(move |vault| make_first_admin(vault, &hash, name, &password, &caller)).await?
                }
                None => return Err(link_is_used()),
            };
            // A link sets a password, and does not stand for the second factor.
            self.let_in(user, from, None).await
        })
    }

    fn sign_out(&self, cookie: Option<String>) -> CookieFuture<'_> {
        Box::pin(async move {
            if let Some(cookie) = cookie {
                let vault = self.vault.clone();
                let ended = tokio::task::spawn_blocking(move || {
                    let session = super::peek(&vault, &cookie, Timestamp::now())?;
                    vault.catalog().remove_session(&token::hash(&cookie))?;
                    if let Some(session) = session {
                        record(&vault, &session.user, "user.signed_out", EventResult::Ok, "signed out".to_owned());
                    }
                    Ok::<_, keepstone_engine::Error>(())
                });
                ended.await.map_err(|_| AppError::internal())?.map_err(AppError::from)?;
            }
            Ok(self.cookie("", 0))
        })
    }

    fn link_is_for<'a>(&'a self, token: &'a str) -> Pin<Box<dyn Future<Output = Option<LinkFor>> + Send + 'a>> {
        let (vault, hash) = (self.vault.clone(), token::hash(token));
        Box::pin(async move {
            let found = tokio::task::spawn_blocking(move || {
                let now = Timestamp::now();
                if vault.catalog().setup_link_is_valid(&hash, now)? {
                    return Ok(Some(LinkFor::FirstAdmin));
                }
                Ok(vault.catalog().user_of_link(&hash, now)?.map(|user| LinkFor::Password(user.name)))
            });
            // Unknown means no.
            found.await.ok().and_then(|found: keepstone_engine::Result<_>| found.ok()).flatten()
        })
    }

    fn change_password<'a>(&'a self, person: &'a Person, present: &'a str, password: &'a str, from: &'a Caller) -> AccountFuture<'a, ()> {
        Box::pin(async move {
            validate::password(password, &person.name)?;
            self.may_try(&person.name, from.address)?;
            let (name, kept) = (person.name.clone(), person.session.clone());
            let (present, password, caller) = (present.to_owned(), password.to_owned(), from.clone());
            let wrong = |error: AppError| match error.code.as_str() {
                "wrong_password" => AppError::invalid("present", "This is not your present password."),
                _ => error,
            };
            self.hashing(move |vault| {
                check_password(vault, &name, &present, &caller).map_err(wrong)?;
                users::set_password_hash(vault, &name, &password::hash_password(&password)?, Some(&kept), &name)?;
                Ok(())
            })
            .await?;
            self.forgive(&person.name, from.address);
            Ok(())
        })
    }

    fn hash<'a>(&'a self, name: &'a str, password: &'a str) -> AccountFuture<'a, String> {
        Box::pin(async move {
            validate::password(password, name)?;
            let password = password.to_owned();
            self.hashing(move |_| Ok(password::hash_password(&password)?)).await
        })
    }

    fn make_link<'a>(&'a self, name: &'a str, actor: &'a str) -> AccountFuture<'a, String> {
        let (vault, name, actor) = (self.vault.clone(), name.to_owned(), actor.to_owned());
        Box::pin(async move {
            let made = tokio::task::spawn_blocking(move || super::issue_password_link(&vault, &name, &actor));
            Ok(made.await.map_err(|_| AppError::internal())??)
        })
    }
}

/// The user, if this is the code of the moment and was not used yet, or one of the recovery codes, which is used up.
fn check_code(vault: &Vault, name: &str, code: &str, from: &Caller) -> Result<User, AppError> {
    let user = users::user(vault, name)?;
    let good = match users::factor(vault, name)? {
        // Switched off in between, by whoever may.
        None => true,
        Some((factor, secret)) => match totp::step_of(&secret, code, Timestamp::now(), factor.last_step) {
            Some(step) => users::use_step(vault, name, step)?,
            None => users::use_recovery(vault, name, &totp::recovery_hash(code))?,
        },
    };
    if good && !user.disabled {
        return Ok(user);
    }
    let message = format!("a sign-in from {} failed: the code was wrong", from.address);
    record(vault, name, "user.sign_in_failed", EventResult::Failed, message);
    Err(AppError::invalid("code", "This is neither the code of this moment nor a recovery code that is left."))
}

/// The picture of a text that a phone's camera reads: dark on light in both themes, or cameras do not.
fn picture(text: &str) -> String {
    use std::fmt::Write;

    const QUIET: i32 = 4;
    let Ok(code) = qrcodegen::QrCode::encode_text(text, qrcodegen::QrCodeEcc::Medium) else { return String::new() };
    let size = code.size() + 2 * QUIET;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in (0..code.size()).filter(|&x| code.get_module(x, y)) {
            let _ = write!(path, "M{} {}h1v1h-1z", x + QUIET, y + QUIET);
        }
    }
    format!(
        r##"<svg viewBox="0 0 {size} {size}" role="img" aria-label="QR code of the key" shape-rendering="crispEdges"><rect width="{size}" height="{size}" fill="#fff"/><path d="{path}" fill="#000"/></svg>"##
    )
}

/// The user, if this is their password. The refusal does not say which of name and password was wrong; only who knows both learns that the
/// account is disabled.
fn check_password(vault: &Vault, name: &str, given: &str, from: &Caller) -> Result<User, AppError> {
    // Longer ones cannot be set, so they cannot be right; nor do they get hashed.
    let sane = given.chars().count() <= validate::PASSWORD_MAX_CHARS && validate::user_name(name).is_ok();
    let user = if sane { vault.catalog().user(name)? } else { None };
    // Without a password yet, nothing is right, and it takes as long.
    let stored = user.as_ref().filter(|user| user.has_password()).map(|user| user.password_hash.as_str());
    let good = password::verify(if sane { given } else { "" }, stored);
    let exists = user.is_some();
    let refused = |actor: &str, why: &str| {
        record(vault, actor, "user.sign_in_failed", EventResult::Failed, format!("a sign-in from {} failed{why}", from.address));
    };
    match user.filter(|_| good) {
        Some(user) if user.disabled => {
            refused(&user.name, ": the account is disabled");
            Err(AppError::new(403, "account_disabled", "This account is disabled. An admin of this console can enable it."))
        }
        Some(user) => Ok(user),
        None => {
            // A name that does not exist may be a password typed into the wrong field: it is not written down.
            refused(if exists { name } else { "(unknown)" }, "");
            Err(AppError::new(401, "wrong_password", "The name or the password is wrong."))
        }
    }
}

fn link_is_used() -> AppError {
    AppError::new(410, "setup_link_used", "This set-up link has been used or has expired. Ask for a new one.")
}

fn set_by_link(vault: &Vault, hash: &str, password: &str) -> Result<User, AppError> {
    match users::use_link(vault, hash, &password::hash_password(password)?) {
        Err(keepstone_engine::Error::Invalid { .. }) => Err(link_is_used()),
        user => Ok(user?),
    }
}

fn make_first_admin(vault: &Vault, hash: &str, name: String, password: &str, from: &Caller) -> Result<User, AppError> {
    let now = Timestamp::now();
    let password_hash = password::hash_password(password)?;
    let admin = User { name, role: Role::Admin, password_hash, created_at: now, disabled: false };
    match vault.catalog().finish_setup(hash, &admin, now) {
        Err(keepstone_engine::Error::Invalid { .. }) => return Err(link_is_used()),
        done => done?,
    }
    record(vault, &admin.name, "user.added", EventResult::Ok, format!("set up the first admin from {}", from.address));
    Ok(admin)
}

fn begin_session(vault: &Vault, user: &User, from: &Caller) -> keepstone_engine::Result<String> {
    let now = Timestamp::now();
    let session = Session {
        preferences: keepstone_model::preferences::Preferences::default(),
        user: user.name.clone(),
        role: user.role,
        created_at: now,
        authenticated_at: now,
        last_seen_at: now,
        expires_at: now + ABSOLUTE,
        address: from.address.to_string(),
        agent: from.agent.clone(),
    };
    store_session(vault, &session)
}

/// A sign-in does not fail because the activity log cannot be written (a full disk, say): then someone must get in to clean up.
fn record(vault: &Vault, actor: &str, action: &str, result: EventResult, message: String) {
    let event = NewEvent { actor, action, result, database: None, backup: None, job: None, message };
    if let Err(error) = activity::record(vault, &event) {
        tracing::error!(%error, action, "the activity log could not be written");
    }
}
