//! Whether a new archive is encrypted, and who says so. One rule for everything that writes one: what was encrypted does not lie in clear from then on
//! because a variable went missing; that somebody has to say.

use std::sync::Arc;

use keepstone_model::{
    backup::{Backup, Encryption},
    database::Database,
    id::BackupId,
};

use super::{Ring, Stretched, current, has_current};
use crate::{Error, Result, Vault, archive::Archive, backups};

/// What the environment says of new archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Asked {
    #[default]
    Nothing,
    /// Every one is encrypted.
    Every,
    /// Only where the database or a person asks for it, whatever the backups before are.
    OnlyWhereSaid,
}

/// Why an archive is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Because {
    Person,
    Environment,
    Setting,
    /// Those before it are, and nobody said that this one is not to be.
    Before,
}

/// `said` is a person's word for this one archive, `setting` what was said of its database, `before` whether what it follows is encrypted. None: it
/// is not encrypted.
pub(super) fn decide(said: Option<bool>, asked: Asked, setting: Option<bool>, before: bool) -> Option<Because> {
    match (said, asked, setting) {
        (Some(true), ..) => Some(Because::Person),
        (None, Asked::Every, _) => Some(Because::Environment),
        (None, _, Some(true)) => Some(Because::Setting),
        (Some(false), ..) | (None, _, Some(false)) | (None, Asked::OnlyWhereSaid, None) => None,
        (None, Asked::Nothing, None) => before.then_some(Because::Before),
    }
}

/// A wish for encryption: in whose name, and the backup whose password will do where the vault has chosen none for new archives.
#[derive(Debug)]
pub(super) struct Wish {
    pub(super) what: String,
    alike: Option<BackupId>,
}

/// What follows which backups.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Follows<'a> {
    /// What is made of the live database: the newest backup of it.
    Newest,
    /// What is written anew: that one, and the newest.
    Backup(&'a Backup),
    /// What comes from elsewhere.
    Nothing,
}

pub(super) fn wish(vault: &Vault, database: &Database, said: Option<bool>, follows: Follows<'_>) -> Result<Option<Wish>> {
    let asked = vault.keys().state().asked;
    let before = match follows {
        Follows::Nothing => None,
        Follows::Backup(of) if of.encryption != Encryption::None => Some(of.clone()),
        Follows::Newest | Follows::Backup(_) => newest(vault, database)?.filter(|newest| newest.encryption != Encryption::None),
    };
    let Some(because) = decide(said, asked, database.encryption_said(), before.is_some()) else { return Ok(None) };
    Ok(Some(match (because, before) {
        (Because::Person, _) => Wish { what: "this backup".to_owned(), alike: None },
        (Because::Environment, _) => Wish { what: "BACKUP_ENCRYPTION_ENABLED".to_owned(), alike: None },
        (Because::Before, Some(before)) => Wish { what: format!("backup {}, which is encrypted,", before.id), alike: Some(before.id) },
        (Because::Setting | Because::Before, _) => Wish { what: format!("database {}", database.id), alike: None },
    }))
}

/// The newest backup that came to be, but for safety backups: those go by what is restored.
fn newest(vault: &Vault, database: &Database) -> Result<Option<Backup>> {
    vault.catalog().newest_made(&database.id)
}

impl Wish {
    /// What the archive is encrypted with, if there is anything.
    pub(super) fn password(&self, vault: &Vault) -> Result<Option<Arc<Stretched>>> {
        match (current(vault)?, &self.alike) {
            (None, Some(alike)) => known(vault, alike),
            (with, _) => Ok(with),
        }
    }

    /// Whether there is something, without making it ready.
    pub(super) fn can_be_met(&self, vault: &Vault) -> Result<bool> {
        Ok(has_current(vault)?
            || match &self.alike {
                Some(alike) => known(vault, alike)?.is_some(),
                None => false,
            })
    }
}

/// The password that opens that one, or another that the vault knows.
pub(super) fn known(vault: &Vault, alike: &BackupId) -> Result<Option<Arc<Stretched>>> {
    if let Ok(archive) = Archive::open(&vault.archive_path(alike))
        && let Some(opened) = vault.keys().passwords().open(&archive.metadata().slots)?
    {
        return Ok(Some(opened.with));
    }
    let ring = Ring::read(&vault.keys().folder)?;
    let strong = ring.held.iter().rev().find(|held| held.password.refuse_if_weak().is_ok());
    Ok(strong.map(|held| Arc::clone(&held.stretched)))
}

/// What a new archive of this database is encrypted with; none if it is not to be. `said` is what a person said of it. `NoEncryptionPassword` where
/// encryption is wished and there is none: it is never skipped.
pub(crate) fn for_new(vault: &Vault, database: &Database, said: Option<bool>, follows: Follows<'_>) -> Result<Option<Arc<Stretched>>> {
    let Some(wish) = wish(vault, database, said, follows)? else { return Ok(None) };
    wish.password(vault)?.ok_or(Error::NoEncryptionPassword { what: wish.what }).map(Some)
}

/// Refuses what `for_new` would refuse a backup, before anything is queued.
pub fn refuse_unmet_wish(vault: &Vault, database: &Database, said: Option<bool>) -> Result<()> {
    match wish(vault, database, said, Follows::Newest)? {
        Some(wish) if !wish.can_be_met(vault)? => Err(Error::NoEncryptionPassword { what: wish.what }),
        _ => Ok(()),
    }
}

/// Whether the next backup of this database would be encrypted.
pub fn is_wanted(vault: &Vault, database: &Database) -> Result<bool> {
    Ok(wish(vault, database, None, Follows::Newest)?.is_some())
}

/// The same, but for what the environment asks for: by its own setting, or as the newest one is.
pub fn is_kept(vault: &Vault, database: &Database) -> Result<bool> {
    let before = newest(vault, database)?.is_some_and(|newest| newest.encryption != Encryption::None);
    Ok(decide(None, Asked::Nothing, database.encryption_said(), before).is_some())
}

/// What the backup of the state before a restore is encrypted with; that goes by the restored backup, too: a command that lacks the service's settings
/// must not put beside encrypted backups what they keep secret. None if it is not to be encrypted. `NoSafetyPassword` where it is, and there is no
/// password for it.
pub(crate) fn for_safety(vault: &Vault, database: &Database, restored: &BackupId) -> Result<Option<Arc<Stretched>>> {
    let Some(wish) = safety(vault, database, restored)? else { return Ok(None) };
    wish.password(vault)?.ok_or(Error::NoSafetyPassword { what: wish.what }).map(Some)
}

/// Refuses what `for_safety` would refuse, while nothing is begun.
pub(crate) fn refuse_plain_safety(vault: &Vault, database: &Database, restored: &BackupId) -> Result<()> {
    match safety(vault, database, restored)? {
        Some(wish) if !wish.can_be_met(vault)? => Err(Error::NoSafetyPassword { what: wish.what }),
        _ => Ok(()),
    }
}

fn safety(vault: &Vault, database: &Database, restored: &BackupId) -> Result<Option<Wish>> {
    if let Some(wish) = wish(vault, database, None, Follows::Newest)? {
        return Ok(Some(wish));
    }
    let restored = match backups::backup(vault, restored) {
        Err(Error::UnknownBackup { .. }) => None, // what a server kept is no backup
        found => Some(found?),
    };
    let newest = vault.catalog().newest_good(&database.id, None)?;
    let alike = [restored, newest].into_iter().flatten().find(|backup| backup.encryption != Encryption::None);
    Ok(alike.map(|alike| Wish { what: format!("backup {}, which is encrypted,", alike.id), alike: Some(alike.id) }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_says_what_of_an_archive() {
        use Asked::{Every, Nothing, OnlyWhereSaid};
        use Because::{Before, Environment, Person, Setting};
        let (yes, no) = (Some(true), Some(false));
        for (said, asked, setting, before, expected) in [
            (None, Nothing, None, false, None),
            // The variable is gone.
            (None, Nothing, None, true, Some(Before)),
            (None, Every, None, true, Some(Environment)),
            (None, Every, None, false, Some(Environment)),
            (None, Every, no, false, Some(Environment)),
            (None, Nothing, yes, false, Some(Setting)),
            // The ways to switch it off.
            (no, Every, yes, true, None),
            (None, Nothing, no, true, None),
            (None, OnlyWhereSaid, None, true, None),
            (None, OnlyWhereSaid, yes, false, Some(Setting)),
            (yes, OnlyWhereSaid, no, false, Some(Person)),
        ] {
            assert_eq!(decide(said, asked, setting, before), expected, "{said:?} {asked:?} {setting:?} {before}");
        }
    }

    proptest! {
        #[test]
        fn nothing_goes_from_encrypted_to_clear_without_somebodys_word(
            said in proptest::option::of(any::<bool>()), setting in proptest::option::of(any::<bool>()),
            asked in prop_oneof![Just(Asked::Nothing), Just(Asked::Every), Just(Asked::OnlyWhereSaid)],
        ) {
            if decide(said, asked, setting, true).is_none() {
                prop_assert!(said == Some(false) || setting == Some(false) || asked == Asked::OnlyWhereSaid);
            }
            // That the environment loses its word changes nothing after it had one backup encrypted.
            if decide(said, Asked::Every, setting, false).is_some() && setting != Some(false) {
                prop_assert!(decide(said, Asked::Nothing, setting, true).is_some());
            }
            // A plain history never asks for anything.
            if decide(said, asked, setting, false).is_some() {
                prop_assert!(said == Some(true) || setting == Some(true) || asked == Asked::Every);
            }
        }
    }
}
