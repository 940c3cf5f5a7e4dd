//! Whether the file under a backup's name is its archive. What a file says of itself proves nothing here: files are mixed up, and whoever can write
//! in the folder can make one that is whole. The catalog knows what was written, and stands against it.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState, Check, CheckName, CheckResult, Proof},
    metadata::Metadata,
};

use crate::{Error, Result, Vault, archive::Archive};

impl Vault {
    /// Opens the archive of a backup where it lies, in the trash, too, and unlocks it if it is encrypted: for every verb that takes something out of
    /// it. `ArchiveMissing` where there is none, `NotItsArchive` where another file has its name, `WrongPassword` if no password opens it.
    pub fn open_backup(&self, backup: &Backup) -> Result<Archive> {
        let mut archive = Archive::open(&self.lies_at(backup)?)?;
        // First: a password is not tried on a stranger's archive, nor kept because it opens that.
        refuse_another(backup, &archive)?;
        self.unlock(&mut archive)?;
        Ok(archive)
    }

    fn lies_at(&self, backup: &Backup) -> Result<PathBuf> {
        match backup.state {
            BackupState::Trashed => Ok(self.trash_path(&backup.id)),
            BackupState::Complete => Ok(self.archive_path(&backup.id)),
            _ => Err(Error::ArchiveMissing { id: backup.id.to_string(), path: self.archive_path(&backup.id) }),
        }
    }
}

/// `NotItsArchive` if this is not the archive of the backup.
pub(crate) fn refuse_another(backup: &Backup, archive: &Archive) -> Result<()> {
    match another(backup, archive.metadata()) {
        Some(detail) => Err(Error::NotItsArchive { id: backup.id.clone(), path: archive.path().to_owned(), detail }),
        None => Ok(()),
    }
}

/// Why an archive under the name of this backup is not its own, by the readable part of its head; none if it is. A change of password changes
/// nothing of what is compared.
pub(crate) fn another(backup: &Backup, metadata: &Metadata) -> Option<String> {
    if metadata.backup_id != backup.id {
        Some(format!("it is the archive of {}", metadata.backup_id))
    } else if backup.payload_hash.as_ref().is_some_and(|hash| *hash != metadata.payload_hash) {
        Some("it is not the archive that was written: the hash of its content is another".to_owned())
    } else {
        None
    }
}

/// What lies under the name of an archive that was there, or was gone.
pub(crate) enum Found {
    Nothing,
    /// Head, name, length and hash are those that the catalog knows: what was proven of it holds.
    Itself,
    /// Its own, by its head, and of another length.
    Changed {
        size_bytes: u64,
    },
    /// It does not open, or is of another backup.
    Another {
        why: String,
    },
}

/// None: it cannot be told, so all stays as it was. Reads the head of the file.
pub(crate) fn look(backup: &Backup, path: &Path) -> Option<Found> {
    match Archive::open(path) {
        Ok(archive) => Some(match another(backup, archive.metadata()) {
            Some(why) => Found::Another { why },
            None if archive.size_bytes() == backup.archive_size_bytes => Found::Itself,
            None => Found::Changed { size_bytes: archive.size_bytes() },
        }),
        Err(error @ Error::ArchiveCorrupt { .. }) => Some(Found::Another { why: error.to_string() }),
        Err(error) => {
            tracing::warn!(backup = %backup.id, %error, "a file is in the place of its archive, and cannot be looked at");
            None
        }
    }
}

impl Found {
    /// Into the row of the backup: what is not its archive is no good one.
    pub(crate) fn write_down(&self, backup: &mut Backup) {
        match self {
            Self::Nothing | Self::Itself => {}
            Self::Changed { size_bytes } => (backup.archive_size_bytes, backup.proof) = (*size_bytes, None),
            Self::Another { why } => {
                let check = Check { name: CheckName::FileExistence, result: CheckResult::Failed, detail: why.clone(), elapsed_ms: 0 };
                backup.proof = Some(Proof { checked_at: Timestamp::now(), checks: vec![check] });
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
