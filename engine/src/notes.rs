//! The mutable facts of a backup, in a file beside its archive. They win over the metadata and outlive a lost catalog.

use jiff::Timestamp;
use keepstone_model::{
    backup::{Acknowledgement, Proof, SuspectCause},
    id::BackupId,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Vault, durable, guard};

/// The only version so far; a newer one is refused, never overwritten.
pub(crate) const NOTES_VERSION: u32 = 1;
/// How many proofs are kept.
pub(crate) const PROOFS_MAX: usize = 20;

/// The notes of one backup.
#[expect(clippy::struct_field_names, reason = "the member's name in the file, which stands alone")]
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
    #[serde(default)]
    pub suspect_cause: SuspectCause,
    /// Who took note of the doubt.
    #[serde(default)]
    pub acknowledged: Option<Acknowledgement>,
    /// Set before the archive goes to the trash and cleared after it came back. Whether it is there, its place says.
    #[serde(default)]
    pub tombstone: Option<Tombstone>,
}

/// Who deleted a backup, and until when it can be put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tombstone {
    pub trashed_at: Timestamp,
    pub until: Timestamp,
    pub by: String,
    /// Cleanup did it, not a person who chose this one: short of space, these go first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cleanup: bool,
}

impl Notes {
    pub(crate) fn empty(id: &BackupId) -> Self {
        Self {
            notes_version: NOTES_VERSION,
            backup_id: id.clone(),
            pinned: false,
            description: None,
            tags: None,
            proofs: Vec::new(),
            suspect: None,
            suspect_cause: SuspectCause::default(),
            acknowledged: None,
            tombstone: None,
        }
    }
}

/// The version is looked at alone first: a newer form need not parse as this one.
#[derive(Deserialize)]
struct Version {
    notes_version: u32,
}

/// The notes as they are on the disk; empty ones where there is no file.
pub(crate) fn read(vault: &Vault, id: &BackupId) -> Result<Notes> {
    let path = vault.notes_path(id);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Notes::empty(id)),
        Err(error) => return Err(Error::io(&path, error)),
    };
    let damaged = |detail: String| Error::ArchiveCorrupt { path: path.clone(), detail };
    let found = serde_json::from_slice::<Version>(&bytes).map_err(|e| damaged(e.to_string()))?.notes_version;
    if found > NOTES_VERSION {
        return Err(Error::ArchiveTooNew { path, found, known: NOTES_VERSION });
    }
    let notes: Notes = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
    if notes.backup_id != *id {
        return Err(damaged(format!("these are the notes of {}", notes.backup_id)));
    }
    Ok(notes)
}

/// Changes the notes, durably; gives back what is on the disk now. Two processes that change them at once do so one after the other.
pub(crate) fn update(vault: &Vault, id: &BackupId, change: impl FnOnce(&mut Notes)) -> Result<Notes> {
    let path = vault.notes_path(id);
    let folder = path.parent().expect("notes lie in the folder of their kind");
    durable::make_dir(folder)?;
    let _guard = guard::lock_dir(folder)?;
    let mut notes = read(vault, id)?;
    change(&mut notes);
    let surplus = notes.proofs.len().saturating_sub(PROOFS_MAX);
    notes.proofs.drain(..surplus);
    let mut json = serde_json::to_vec_pretty(&notes).expect("our own types have string keys and serialise");
    json.push(b'\n');
    durable::write(&path, &json)?;
    Ok(notes)
}
