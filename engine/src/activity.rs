//! The activity log: every act is an event that carries the hash of the one before it.

use keepstone_model::{
    event::{Event, EventResult},
    id::{BackupId, DatabaseId, JobId},
};

use crate::{Result, Vault};

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
    /// Only events with a smaller number (for the next page).
    pub before: Option<u64>,
    pub limit: Option<u64>,
}

/// Appends an event, durably.
pub fn record(_vault: &Vault, _event: &NewEvent<'_>) -> Result<Event> {
    todo!()
}

/// The newest first.
pub fn events(_vault: &Vault, _filter: &EventFilter) -> Result<Vec<Event>> {
    todo!()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    pub events: u64,
    /// The number of the first event whose hash does not fit, if any.
    pub broken_at: Option<u64>,
}

/// Recomputes the chain of hashes from the first event on.
pub fn verify_chain(_vault: &Vault) -> Result<ChainReport> {
    todo!()
}
