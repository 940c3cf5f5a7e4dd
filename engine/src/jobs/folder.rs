//! Compares the catalog with the backups folder: archives that are gone, and files that lie again where one was gone.

use keepstone_model::{backup::BackupState, event::EventResult, id::BackupId};

use super::has_archive;
use crate::{
    Result, Vault,
    activity::{self, NewEvent},
    identity::{self, Found},
    keys,
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
            let Some(found) = (if there { identity::look(&backup, &vault.archive_path(&backup.id)) } else { Some(Found::Nothing) }) else {
                continue;
            };
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
            let (action, result, message) = words(&found);
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

fn words(found: &Found) -> (&'static str, EventResult, String) {
    match found {
        Found::Nothing => ("backup.missing", EventResult::Failed, "its archive is not in the backups folder any more".to_owned()),
        Found::Itself => {
            ("backup.found", EventResult::Ok, "its archive is in its place again; the newest that came back is read to its end".to_owned())
        }
        Found::Changed { .. } => {
            let message = "its archive is in its place again, and of another length than it had; it counts as good once it is verified";
            ("backup.found", EventResult::Warning, message.to_owned())
        }
        Found::Another { why } => {
            ("backup.found", EventResult::Failed, format!("a file is in the place of its archive again, and it is not that: {why}"))
        }
    }
}
