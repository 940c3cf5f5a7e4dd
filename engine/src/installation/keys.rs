//! Whether what is encrypted could be opened today: the newest encrypted archive of each database is tried with the passwords that are known here.

use keepstone_model::{
    backup::{Backup, BackupState, Encryption},
    human,
};

use super::{Findings, Severity};
use crate::{Error, Vault, keys};

pub(super) fn keys(vault: &Vault, found: &mut Findings) {
    match keys::list(vault) {
        Ok(known) if known.is_empty() => {}
        Ok(known) => {
            found.well("keys", format!("the vault keeps {}, sealed", human::counted(known.len(), "password")));
        }
        Err(error) => found.fault("keys", &error),
    }
}

/// One archive is read, and not all: the passwords of a database's archives rarely differ. Those that are known to be lost are counted.
pub(super) fn opened(vault: &Vault, of: &[Backup], found: &mut Findings) {
    let there = |backup: &&Backup| backup.state == BackupState::Complete && backup.encryption != Encryption::None;
    let Some(newest) = of.iter().filter(there).max_by_key(|backup| backup.sequence) else { return };
    let id = &newest.database;
    if let Err(error) = vault.open_archive(&vault.archive_path(&newest.id)) {
        if !matches!(error, Error::WrongPassword { .. }) {
            let remedy = format!(
                "No password mends that: it is damaged, or its disk fails. `keepstone verify {}` writes down what it is; then make a backup.",
                newest.id
            );
            let message = format!("{id}: the newest encrypted archive, {}, cannot be read: {error}", newest.id);
            found.add("archives", Severity::Failed, message, remedy, error.kind().exit_code());
            return;
        }
        let remedy = "Give the vault the password that it was made with: `keepstone key add`, or start with BACKUP_ENCRYPTION_PASSWORD.";
        let message = format!("{id}: the newest encrypted archive, {}, does not open: {error}", newest.id);
        found.add("keys", Severity::Failed, message, remedy, error.kind().exit_code());
        return;
    }
    match of.iter().filter(there).filter(|backup| backup.encryption == Encryption::Lost).count() {
        0 => found.well("keys", format!("{id}: a known password opens the newest encrypted archive")),
        lost => {
            let message = format!("{id}: no known password opens {lost} older encrypted archives");
            let remedy = format!("`keepstone key add` with the password of that time; `keepstone list {id}` shows which they are.");
            found.add("keys", Severity::Warning, message, remedy, 1);
        }
    }
}
