//! Restore: plan, then safety backup, write, check, in one transaction; and its undo.

use std::path::{Path, PathBuf};

use keepstone_model::{
    id::{BackupId, JobId},
    restore::{RestorePlan, Target},
};
use serde::{Deserialize, Serialize};

use crate::{Monitor, Result, Vault};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanOptions {
    pub backup: BackupId,
    pub target: Target,
    /// Only for `Target::Replace`; on unless a person said otherwise.
    pub safety_backup: bool,
}

/// Says what a restore would do. Changes nothing; this is the dry run and the page that is confirmed.
pub fn plan_restore(_vault: &Vault, _options: &PlanOptions) -> Result<RestorePlan> {
    todo!()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreOptions {
    pub plan: RestorePlan,
    /// Whether the archive is checked fully before anything is touched (its hash always is).
    pub verify: bool,
    pub actor: String,
}

#[derive(Debug, Clone)]
pub struct RestoreReport {
    pub job: JobId,
    pub backup: BackupId,
    /// The file that was written.
    pub path: PathBuf,
    /// The backup of the state before, if one was made: what undo restores.
    pub safety_backup: Option<BackupId>,
    pub pages_written: u64,
    pub size_bytes: u64,
    /// How long writers of the live database were held off.
    pub held_ms: u64,
    pub elapsed_ms: u64,
    /// The plain database equals the backup by `restore_hash`.
    pub hash_equal: bool,
}

/// Does what the plan says, if it still fits (else `StalePlan`). On any fault before the commit nothing was changed.
pub fn restore(_vault: &Vault, _options: &RestoreOptions, _monitor: &dyn Monitor) -> Result<RestoreReport> {
    todo!()
}

/// Restores an archive file into a new file; needs no vault and changes nothing else.
pub fn restore_file(_archive: &Path, _target: &Path, _monitor: &dyn Monitor) -> Result<RestoreReport> {
    todo!()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoOptions {
    /// The job of the restore that is undone.
    pub restore: JobId,
    pub actor: String,
}

/// The plan of an undo: the restore of that restore's safety backup. `UndoRefused` if there is none or it was undone already.
pub fn plan_undo(_vault: &Vault, _restore: &JobId) -> Result<RestorePlan> {
    todo!()
}

/// Brings back the state before a restore; makes a safety backup itself, so an undo can be undone.
pub fn undo(_vault: &Vault, _options: &UndoOptions, _monitor: &dyn Monitor) -> Result<RestoreReport> {
    todo!()
}
