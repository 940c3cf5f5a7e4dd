//! Compares the catalog with the backups folder: archives that are gone, and files that lie again where one was gone.

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState, Check, CheckName, CheckResult, Proof},
    event::EventResult,
    id::BackupId,
};

use super::has_archive;
use crate::{
    Error, Result, Vault,
    activity::{self, NewEvent},
    archive::Archive,
    identity, keys,
};

/// A row without its archive becomes missing, with an alarm; one whose archive came back is complete again. Gives back what is to be verified.
pub(super) fn compare(vault: &Vault) -> Result<Vec<BackupId>> {
    let mut to_verify = Vec::new();
    for database in crate::databases::databases(vault)? {
        let mut came_back = Vec::new();
        for backup in vault.catalog().backups_of(&database.id)? {
            // What cannot be looked at is taken to be as it was.
            let Ok(there) = vault.archive_path(&backup.id).try_exists() else { continue };
            let state = if there { BackupState::Complete } else { BackupState::Missing };
            // One that is on its way into the trash or out of it is neither: that verb, or the mending of the trash, says what it is.
            if !has_archive(backup.state) || backup.state == state || vault.trash_path(&backup.id).exists() {
                continue;
            }
            let Some(found) = (if there { look(vault, &backup) } else { Some(Found::Nothing) }) else { continue };
            if !there {
                // Last of all: its disk may have gone since the look began.
                vault.refuse_away()?;
            }
            let was = backup.state;
            let now = vault.catalog().change_backup(&backup.id, |backup| {
                if backup.state == was {
                    backup.state = state;
                    found.write_down(backup);
                }
            })?;
            if now.state != state {
                continue;
            }
            if matches!(found, Found::Itself | Found::Changed { .. }) {
                keys::look_again(vault, &now)?;
            }
            let (action, result, message) = found.words();
            let event = NewEvent {
                actor: "recovery",
                action,
                result,
                database: Some(database.id.clone()),
                backup: Some(backup.id.clone()),
                job: None,
                message: format!("{}: {message}", backup.id),
            };
            activity::record(vault, &event)?;
            match found {
                Found::Itself => came_back.push((backup.sequence, backup.id)),
                Found::Changed { .. } => to_verify.push(backup.id),
                Found::Nothing | Found::Another { .. } => {}
            }
        }
        // A whole disk may have been away. The newest says how it fared; the others have their turn when their proofs grow old.
        to_verify.extend(came_back.into_iter().max().map(|(_, id)| id));
    }
    Ok(to_verify)
}

/// What lies under the name of an archive that was there, or was gone.
enum Found {
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
fn look(vault: &Vault, backup: &Backup) -> Option<Found> {
    match Archive::open(&vault.archive_path(&backup.id)) {
        Ok(archive) => Some(match identity::another(backup, archive.metadata()) {
            Some(why) => Found::Another { why },
            None if archive.size_bytes() == backup.archive_size_bytes => Found::Itself,
            None => Found::Changed { size_bytes: archive.size_bytes() },
        }),
        Err(error @ Error::ArchiveCorrupt { .. }) => Some(Found::Another { why: error.to_string() }),
        Err(error) => {
            tracing::warn!(backup = %backup.id, %error, "a file is where its archive was missing, and cannot be looked at");
            None
        }
    }
}

impl Found {
    fn write_down(&self, backup: &mut Backup) {
        match self {
            Self::Nothing | Self::Itself => {}
            Self::Changed { size_bytes } => (backup.archive_size_bytes, backup.proof) = (*size_bytes, None),
            Self::Another { why } => {
                let check = Check { name: CheckName::FileExistence, result: CheckResult::Failed, detail: why.clone(), elapsed_ms: 0 };
                backup.proof = Some(Proof { checked_at: Timestamp::now(), checks: vec![check] });
            }
        }
    }

    fn words(&self) -> (&'static str, EventResult, String) {
        match self {
            Self::Nothing => ("backup.missing", EventResult::Failed, "its archive is not in the backups folder any more".to_owned()),
            Self::Itself => (
                "backup.found",
                EventResult::Ok,
                "its archive is in its place again; the newest that came back is read to its end".to_owned(),
            ),
            Self::Changed { .. } => {
                let message = "its archive is in its place again, and of another length than it had; it counts as good once it is verified";
                ("backup.found", EventResult::Warning, message.to_owned())
            }
            Self::Another { why } => {
                ("backup.found", EventResult::Failed, format!("a file is in the place of its archive again, and it is not that: {why}"))
            }
        }
    }
}
