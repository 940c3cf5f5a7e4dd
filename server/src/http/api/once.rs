//! `Idempotency-Key`: a request that is sent once more under the same key is carried out once, whatever happened in between. The key stands
//! in the catalog before the job does, so that a restart forgets neither.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use keepstone_engine::{
    Vault,
    jobs::{self, JobRequest},
    tokens,
};
use keepstone_model::id::JobId;

use super::{Answer, caller::Caller, problem::Problem};

const HEADER: &str = "idempotency-key";

/// The key that came with a call, if any.
#[derive(Debug)]
pub(super) struct Key(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        of(&parts.headers).map(Self)
    }
}

fn of(headers: &HeaderMap) -> Answer<Option<String>> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| tokens::is_key(text));
    let refused = || Problem::malformed(format!("An idempotency key has 1 to {} visible ASCII characters.", tokens::KEY_MAX_BYTES));
    text.map(|text| Some(text.to_owned())).ok_or_else(refused)
}

/// Begins a job, or gives back the one that was begun under this key before. `what` is the call and its body: the same key with another one is
/// refused. `make` is not asked where the job is there already, so a plan that was used up does not matter then.
pub(super) fn begin(vault: &Vault, caller: &Caller, key: &Key, what: &str, make: impl FnOnce() -> Answer<JobRequest>) -> Answer<JobId> {
    let Some(key) = claimed(vault, caller, key, what)? else { return Ok(jobs::submit(vault, &make()?, None)?) };
    if let Some(job) = tokens::job_of_key(vault, &key)? {
        return Ok(job);
    }
    Ok(jobs::submit(vault, &make()?, Some(&key))?)
}

/// The key as the engine knows it, noted with what was asked for.
pub(super) fn claimed(vault: &Vault, caller: &Caller, key: &Key, what: &str) -> Answer<Option<String>> {
    Ok(key.0.as_ref().map(|key| tokens::claim_key(vault, &caller.0, key, what.as_bytes())).transpose()?)
}
