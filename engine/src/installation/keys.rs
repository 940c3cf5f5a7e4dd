//! Whether what is encrypted could be opened today: the newest encrypted archive of each database is tried with the passwords that are known here.
//! And whether a variable that went missing, or has a slip in it, left its mark.

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState, Encryption},
    database::Database,
    human,
    id::Kind,
};

use super::{Findings, Severity};
use crate::{
    Error, Vault,
    keys::{self, KeyInfo},
};

pub(super) fn keys(vault: &Vault, found: &mut Findings) {
    match keys::list(vault) {
        Ok(known) if known.is_empty() => {}
        Ok(known) => {
            found.well("keys", format!("the vault keeps {}, sealed", human::counted(known.len(), "password")));
            match vault.catalog().kit_made_at() {
                Ok(made_at) => on_no_kit(&known, made_at, found),
                Err(error) => found.fault("keys", &error),
            }
        }
        Err(error) => found.fault("keys", &error),
    }
}

fn on_no_kit(known: &[KeyInfo], made_at: Option<Timestamp>, found: &mut Findings) {
    let Some(key) = keys::on_no_kit(known, made_at) else { return };
    let since = if made_at.is_some() { "which is newer than the last recovery kit" } else { "and there is no recovery kit" };
    let opens = human::counted(key.archives, "archive");
    let message = format!("key {}, by {}, is another password than before: it opens {opens}, {since}", key.id, key.added_by);
    let remedy = "If it is the password that was meant: `keepstone key kit`, printed. Else set the right one, and take all archives over to it with \
                  `keepstone key change`.";
    found.add("keys", Severity::Warning, message, remedy, 1);
}

/// The newest backup lies in clear, earlier ones do not, and nobody said that this is meant.
pub(super) fn in_clear(database: &Database, of: &[Backup], found: &mut Findings) {
    let there = || of.iter().filter(|backup| backup.state == BackupState::Complete && backup.kind != Kind::Safety);
    let Some(newest) = there().max_by_key(|backup| backup.sequence) else { return };
    let was = there().any(|backup| backup.encryption != Encryption::None);
    if newest.encryption != Encryption::None || !was || database.encryption_said() == Some(false) {
        return;
    }
    let id = &database.id;
    let message = format!("{id}: the newest backup, {}, is not encrypted, and earlier ones are", newest.id);
    let remedy = format!(
        "`keepstone db edit {id} --encrypt`, then `keepstone convert {}`; or say that it is meant: `keepstone db edit {id} --no-encrypt`.",
        newest.id
    );
    found.add("keys", Severity::Warning, message, remedy, 1);
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
