//! Whether the file under a backup's name is its archive. What a file says of itself proves nothing here: files are mixed up, and whoever can write
//! in the folder can make one that is whole. The catalog knows what was written, and stands against it.

use std::path::PathBuf;

use keepstone_model::{
    backup::{Backup, BackupState},
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
