//! API tokens: made, listed, revoked, and known again by their secret. A secret is shown once, when its token is made; the catalog keeps a
//! hash of it.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    event::EventResult,
    id::{DatabaseId, JobId},
    token::{SECRET_PREFIX, Scope, Token},
    validate,
};
use sha2::{Digest, Sha256};

use crate::{Error, Result, Vault, activity::NewEvent, catalog::rounded, databases, image::hex};

/// What a program sends with a request that is to be carried out once, at most this long.
pub const KEY_MAX_BYTES: usize = 200;

#[derive(Debug, Clone)]
pub struct CreateTokenOptions {
    pub name: String,
    pub scopes: Vec<Scope>,
    /// Only these; none: every database.
    pub databases: Option<Vec<DatabaseId>>,
    /// None: it does not expire.
    pub lifetime_secs: Option<u64>,
    pub actor: String,
}

/// A token that was just made.
#[derive(Debug, Clone)]
pub struct NewToken {
    pub token: Token,
    /// What its holder sends as `Authorization: Bearer …`. It is nowhere else.
    pub secret: String,
}

/// Makes a token, durably.
pub fn create(vault: &Vault, options: &CreateTokenOptions) -> Result<NewToken> {
    validate::token_name(&options.name).map_err(|refusal| Error::Invalid { field: refusal.field, message: refusal.message })?;
    let mut scopes = options.scopes.clone();
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        let message = "a token without a scope may do nothing: give it read, create, restore, delete or admin".to_owned();
        return Err(Error::Invalid { field: "scopes", message });
    }
    let limited = options.databases.clone().map(|mut ids| {
        ids.sort_unstable();
        ids.dedup();
        ids
    });
    for id in limited.iter().flatten() {
        databases::database(vault, id)?;
    }
    if limited.as_ref().is_some_and(Vec::is_empty) {
        return Err(Error::Invalid { field: "databases", message: "a token for no database may do nothing".to_owned() });
    }
    let now = rounded(Timestamp::now());
    let expires_at = options.lifetime_secs.map(|secs| expiry(now, secs)).transpose()?;
    let token = Token {
        number: 0,
        name: options.name.clone(),
        scopes,
        databases: limited,
        created_at: now,
        created_by: options.actor.clone(),
        expires_at,
        last_used_at: None,
    };
    let secret = new_secret()?;
    let message = format!("made token {}: {}", token.name, words(&token));
    let token = vault.catalog().add_token(&token, &hash(&secret), &event("token.created", &options.actor, message))?;
    Ok(NewToken { token, secret })
}

/// In the order in which they were made, the expired ones, too.
pub fn list(vault: &Vault) -> Result<Vec<Token>> {
    vault.catalog().tokens()
}

/// Takes a token away: the next call with its secret is refused. What it began goes on.
pub fn revoke(vault: &Vault, name: &str, actor: &str) -> Result<Token> {
    vault.catalog().remove_token(name, &event("token.revoked", actor, format!("revoked token {name}")), Timestamp::now())
}

/// The token of a secret, if it is good at `now`. Notes that it was used.
pub fn authenticate(vault: &Vault, secret: &str, now: Timestamp) -> Result<Option<Token>> {
    // Spares the catalog whatever else comes.
    let digits = secret.strip_prefix(SECRET_PREFIX).unwrap_or_default();
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(None);
    }
    Ok(vault.catalog().token_of(&hash(secret), now)?.filter(|token| !token.is_expired(now)))
}

/// Notes what a token asks for under a key of its own, and gives back the key that the job gets. A key that was used for another request is
/// refused with `KeyReused`, also after a restart.
pub fn claim_key(vault: &Vault, token: &Token, key: &str, request: &[u8]) -> Result<String> {
    if !is_key(key) {
        let message = format!("an idempotency key has 1 to {KEY_MAX_BYTES} visible ASCII characters");
        return Err(Error::Invalid { field: "Idempotency-Key", message });
    }
    vault.catalog().claim_key(token.number, key, &hex(&Sha256::digest(request)), Timestamp::now())?;
    Ok(format!("token:{}:{key}", token.number))
}

/// Whether a text may be such a key.
pub fn is_key(text: &str) -> bool {
    (1..=KEY_MAX_BYTES).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// The job that was begun under a key of [`claim_key`] already.
pub fn job_of_key(vault: &Vault, key: &str) -> Result<Option<JobId>> {
    vault.catalog().job_with_key(key)
}

/// A name that nobody guesses, e.g. of a page that shows a secret once.
pub fn random_name() -> Result<String> {
    Ok(new_secret()?.split_off(SECRET_PREFIX.len()))
}

/// e.g. "read, create; only shop, wiki; until 2027-11-24".
pub fn words(token: &Token) -> String {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    let only = token.databases.as_ref().map_or_else(String::new, |ids| {
        let ids: Vec<&str> = ids.iter().map(DatabaseId::as_str).collect();
        format!("; only {}", ids.join(", "))
    });
    let until = token.expires_at.map_or_else(|| "; without an end".to_owned(), |at| format!("; until {}", at.strftime("%Y-%m-%d")));
    format!("{}{only}{until}", scopes.join(", "))
}

fn expiry(now: Timestamp, secs: u64) -> Result<Timestamp> {
    let span = i64::try_from(secs).ok().filter(|secs| *secs > 0).map(SignedDuration::from_secs);
    span.and_then(|span| now.checked_add(span).ok()).ok_or_else(|| Error::Invalid {
        field: "expires",
        message: "a token is good for at least a second, and not beyond the year 9999".to_owned(),
    })
}

/// 256 random bits: nobody guesses them, so a fast hash is enough to keep.
fn new_secret() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::Internal(format!("the system gives no randomness: {error}")))?;
    Ok(format!("{SECRET_PREFIX}{}", hex(&bytes)))
}

fn hash(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

fn event<'a>(action: &'a str, actor: &'a str, message: String) -> NewEvent<'a> {
    NewEvent { actor, action, result: EventResult::Ok, database: None, backup: None, job: None, message }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
