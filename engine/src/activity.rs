//! The activity log: every act is an event that carries the hash of the one before it.

use jiff::Timestamp;
use keepstone_model::{
    event::{Event, EventResult},
    id::{BackupId, DatabaseId, JobId},
};
use sha2::{Digest, Sha256};

use crate::{Result, Vault, image::hex};

/// An event before it has its number, time and hashes.
#[derive(Debug, Clone)]
pub struct NewEvent<'a> {
    pub actor: &'a str,
    pub action: &'a str,
    pub result: EventResult,
    pub database: Option<DatabaseId>,
    pub backup: Option<BackupId>,
    pub job: Option<JobId>,
    pub message: String,
}

#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    pub database: Option<DatabaseId>,
    pub backup: Option<BackupId>,
    /// Whoever has this in their name: `anna` did it in the browser, `cli:anna` on the host.
    pub actor: Option<String>,
    pub result: Option<EventResult>,
    /// Only events with a smaller number (for the next page).
    pub before: Option<u64>,
    pub limit: Option<u64>,
}

/// What the first event carries in place of a hash before it.
pub const FIRST_PREVIOUS_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Appends an event, durably.
pub fn record(vault: &Vault, event: &NewEvent<'_>) -> Result<Event> {
    vault.catalog().append_event(event, Timestamp::now())
}

/// The newest first.
pub fn events(vault: &Vault, filter: &EventFilter) -> Result<Vec<Event>> {
    vault.catalog().events(filter)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    pub events: u64,
    /// The number of the first event whose hash does not fit, if any.
    pub broken_at: Option<u64>,
}

/// Recomputes the chain of hashes from the first event on.
pub fn verify_chain(vault: &Vault) -> Result<ChainReport> {
    vault.catalog().verify_events()
}

/// The same, but of what came before the last event that this process found whole only that event is looked at: what a page shows each time.
/// What is changed before it meanwhile shows in `verify_chain`, and to the next process.
pub fn verify_new_events(vault: &Vault) -> Result<ChainReport> {
    vault.catalog().verify_new_events()
}

/// The hash of an event: SHA-256, in hexadecimal, of one JSON object in UTF-8 without spaces, whose members are in alphabetical order:
/// `action`, `actor`, `at` (whole milliseconds since 1970 in UTC), `backup`, `database`, `job` (text or null), `message`, `number`,
/// `previous_hash`, `result`.
pub fn event_hash(event: &Event) -> String {
    let canonical = serde_json::json!({
        "action": event.action,
        "actor": event.actor,
        "at": event.at.as_millisecond(),
        "backup": event.backup,
        "database": event.database,
        "job": event.job,
        "message": event.message,
        "number": event.number,
        "previous_hash": event.previous_hash,
        "result": event.result.as_str(),
    });
    // serde_json's object is a BTreeMap, unless a crate of the build asks for insertion order; the members above stand in order, too.
    hex(&Sha256::digest(canonical.to_string()))
}
