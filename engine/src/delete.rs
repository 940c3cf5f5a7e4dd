//! Delete into the trash, take back from it, empty it. Nothing leased, pinned or last of its kind goes.

use jiff::Timestamp;
use keepstone_model::{backup::Backup, id::BackupId};

use crate::{Result, Vault};

/// How long a deleted backup can be put back.
pub const TRASH_LIFETIME_SECS: i64 = 24 * 3600;

#[derive(Debug, Clone)]
pub struct DeleteReport {
    pub backup: Backup,
    /// Until then it can be put back.
    pub until: Timestamp,
}

/// Moves a backup to the trash, durably. `DeleteRefused` says why one cannot go.
pub fn delete(_vault: &Vault, _id: &BackupId, _actor: &str) -> Result<DeleteReport> {
    todo!()
}

/// Takes a backup back from the trash to where it was.
pub fn put_back(_vault: &Vault, _id: &BackupId, _actor: &str) -> Result<Backup> {
    todo!()
}

/// What is in the trash, the latest deletion first.
pub fn trash(_vault: &Vault) -> Result<Vec<Backup>> {
    todo!()
}

/// Removes what is in the trash for good: everything, or only what is past its time. Gives back how many and how many bytes.
pub fn empty_trash(_vault: &Vault, _only_expired_by: Option<Timestamp>, _actor: &str) -> Result<(u64, u64)> {
    todo!()
}
