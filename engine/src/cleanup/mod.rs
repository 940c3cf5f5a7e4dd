//! Cleanup: applies the retention policy of a database. What goes and why is the plan of `keepstone-model`; here it is made of the facts and
//! done, one archive at a time, through the trash.
//!
//! A process may die between any two steps: each removal is one deletion of `delete`, which is mended like any other, and what was not
//! removed yet is in the next plan. Nothing is written down that would make the next pass trust in this one.

mod act;
mod clock;
mod outlook;
mod planning;
mod policy;
mod reasons;
mod rhythm;
mod space;
mod standing;
#[cfg(test)]
mod tests;
mod tick;

use keepstone_model::{
    Timestamp,
    backup::Backup,
    id::{BackupId, DatabaseId, JobId},
    retention::{CountBy, Manual, RetentionPolicy},
};
use serde::{Deserialize, Serialize};

pub(crate) use act::run;
pub use outlook::{outlook, rates};
pub use planning::{CleanupPlan, Line, PlanOptions, plan_cleanup};
pub(crate) use policy::set_managed_with;
pub use policy::{Consent, SetPolicyReport, set_managed_policy, set_policy};
pub use reasons::{Reason, reasons};
pub use rhythm::{rhythm_words, set_rhythm};
pub(crate) use standing::{CleanupStanding, status_of};
pub use standing::{CleanupStatus, looked};
pub use tick::tick;

use crate::{
    Monitor, Result, Vault,
    jobs::{JobRequest, Running},
};

/// Who acts where nobody looks.
pub(crate) const ACTOR: &str = "cleanup";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanupOptions {
    pub database: DatabaseId,
    /// In place of the database's own policy.
    #[serde(default)]
    pub policy: Option<RetentionPolicy>,
    #[serde(default)]
    pub manual: Manual,
    #[serde(default)]
    pub count_by: CountBy,
    /// What a person has seen and confirmed: nothing else goes, however the plan is by now. None: nobody looks, and one pass removes only so
    /// many.
    #[serde(default)]
    pub confirmed: Option<Vec<BackupId>>,
    pub actor: String,
}

/// A backup that went to the trash, and why.
#[derive(Debug, Clone)]
pub struct Gone {
    pub backup: Backup,
    pub reason: String,
}

#[derive(Debug, Clone)]
pub struct CleanupReport {
    pub job: JobId,
    pub database: DatabaseId,
    /// The oldest first.
    pub removed: Vec<Gone>,
    /// What was in the plan and could not go, and why: someone reads it by now, say.
    pub skipped: Vec<(BackupId, String)>,
    /// The bytes of the archives that went to the trash.
    pub freed_bytes: u64,
    /// What would go, and of which it cannot be read whether it is pinned.
    pub unreadable: Vec<BackupId>,
    /// How many wait for a later pass.
    pub postponed: u64,
    /// Archives of which the trash had to be emptied, because the disk is nearly full.
    pub emptied: u64,
}

/// Looks whether the clock may be believed, as every pass does: before a plan is made that a person is to confirm, which counts on it.
pub fn look_at_clock(vault: &Vault, now: Timestamp) -> Result<()> {
    clock::look(vault, now).map(drop)
}

/// Removes what the policy does not keep, into the trash. When this returns, each removal is durable.
pub fn cleanup(vault: &Vault, options: &CleanupOptions, monitor: &dyn Monitor) -> Result<CleanupReport> {
    let running = Running::begin(vault, &JobRequest::Cleanup(options.clone()))?;
    run(&running, options, monitor)
}
