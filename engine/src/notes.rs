//! The mutable facts of a backup, in a file beside its archive. They win over the metadata and outlive a lost catalog.

use jiff::Timestamp;
use keepstone_model::{backup::Proof, id::BackupId};
use serde::{Deserialize, Serialize};

use crate::{Result, Vault};

/// The only version so far; a newer one is refused, never overwritten.
pub(crate) const NOTES_VERSION: u32 = 1;
/// How many proofs are kept.
pub(crate) const PROOFS_MAX: usize = 20;

/// The notes of one backup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notes {
    pub notes_version: u32,
    pub backup_id: BackupId,
    #[serde(default)]
    pub pinned: bool,
    /// None: what the metadata says.
    #[serde(default)]
    pub description: Option<String>,
    /// None: what the metadata says.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// The newest last.
    #[serde(default)]
    pub proofs: Vec<Proof>,
    /// Why the source was in doubt.
    #[serde(default)]
    pub suspect: Option<String>,
    /// Set while the archive is in the trash, or on its way there.
    #[serde(default)]
    pub tombstone: Option<Tombstone>,
}

/// Who deleted a backup, and until when it can be put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tombstone {
    pub trashed_at: Timestamp,
    pub until: Timestamp,
    pub by: String,
}

/// The notes as they are on the disk; empty ones where there is no file.
pub(crate) fn read(_vault: &Vault, _id: &BackupId) -> Result<Notes> {
    todo!()
}

/// Changes the notes, durably; gives back what is on the disk now.
pub(crate) fn update(_vault: &Vault, _id: &BackupId, _change: impl FnOnce(&mut Notes)) -> Result<Notes> {
    todo!()
}
