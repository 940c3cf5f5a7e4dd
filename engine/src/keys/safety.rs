//! What the backup of the state before a restore is encrypted with. That goes by the backups that there are, too: a command that lacks the service's
//! settings must not put beside encrypted backups what they keep secret.

use std::sync::Arc;

use keepstone_model::{
    backup::{Backup, Encryption},
    database::Database,
    id::BackupId,
};

use super::{Ring, Stretched, current, has_current, wish};
use crate::{Error, Result, Vault, archive::Archive, backups};

/// None if it is not to be encrypted. `NoSafetyPassword` where it is, and there is no password for it.
pub(crate) fn for_safety(vault: &Vault, database: &Database, restored: &BackupId) -> Result<Option<Arc<Stretched>>> {
    if let Some(what) = wish(vault, database, None) {
        return current(vault)?.ok_or(Error::NoSafetyPassword { what }).map(Some);
    }
    let Some(alike) = encrypted(vault, database, restored)? else { return Ok(None) };
    match current(vault)? {
        Some(with) => Ok(Some(with)),
        None => known(vault, &alike)?.ok_or_else(|| no_password(&alike)).map(Some),
    }
}

/// Refuses what `for_safety` would refuse, while nothing is begun.
pub(crate) fn refuse_plain_safety(vault: &Vault, database: &Database, restored: &BackupId) -> Result<()> {
    if has_current(vault)? {
        return Ok(());
    }
    if let Some(what) = wish(vault, database, None) {
        return Err(Error::NoSafetyPassword { what });
    }
    match encrypted(vault, database, restored)? {
        Some(alike) if known(vault, &alike)?.is_none() => Err(no_password(&alike)),
        _ => Ok(()),
    }
}

/// The backup that is restored, or the newest good one of its database, if it is encrypted.
fn encrypted(vault: &Vault, database: &Database, restored: &BackupId) -> Result<Option<Backup>> {
    let restored = match backups::backup(vault, restored) {
        Err(Error::UnknownBackup { .. }) => None, // what a server kept is no backup
        found => Some(found?),
    };
    let newest = vault.catalog().newest_good(&database.id, None)?;
    Ok([restored, newest].into_iter().flatten().find(|backup| backup.encryption != Encryption::None))
}

/// The password that opens that one, or another that the vault knows.
fn known(vault: &Vault, alike: &Backup) -> Result<Option<Arc<Stretched>>> {
    if let Ok(archive) = Archive::open(&vault.archive_path(&alike.id))
        && let Some(opened) = vault.keys().passwords().open(&archive.metadata().slots)?
    {
        return Ok(Some(opened.with));
    }
    let ring = Ring::read(&vault.keys().folder)?;
    let strong = ring.held.iter().rev().find(|held| held.password.refuse_if_weak().is_ok());
    Ok(strong.map(|held| Arc::clone(&held.stretched)))
}

fn no_password(alike: &Backup) -> Error {
    Error::NoSafetyPassword { what: format!("backup {}, which is encrypted,", alike.id) }
}
