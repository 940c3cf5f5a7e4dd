//! Takes the backups that are due. Its state is in the catalog, so a restart neither forgets a run nor takes it twice.

use jiff::Timestamp;
use keepstone_model::id::JobId;

use crate::{Result, Vault};

/// Queues a job for every schedule that is due at `now` and gives their ids back; a run missed while nothing ran is made up exactly once.
/// Call it every few seconds. Two processes that call it at once queue a run only once.
pub fn tick(_vault: &Vault, _now: Timestamp) -> Result<Vec<JobId>> {
    todo!()
}
