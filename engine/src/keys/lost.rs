//! Which archives no known password opens: an alarm of its own. A backup that nobody can open is no backup, whatever its checks said.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use keepstone_model::{
    backup::{Backup, BackupState, Encryption},
    event::EventResult,
    human,
    id::{BackupId, DatabaseId},
    metadata::Slot,
};

use super::{Password, Passwords, Reading, Ring, Stretched, ring::Held};
use crate::{
    Error, Result, Vault,
    activity::{self, NewEvent},
    archive::Archive,
    databases, identity,
    notes::{self, Notes},
    take::describe,
};

/// In place of the ids of keys: nothing opens them.
const DAMAGED: &str = "damaged";

/// An encrypted archive of the vault.
pub(super) struct Found {
    slots: Vec<Slot>,
    /// The password that opens it, where that is not told by a salt.
    opened_by: Option<Password>,
}

impl Found {
    pub(super) fn is_opened_by(&self, held: &Held) -> bool {
        let by_salt = self.slots.iter().any(|slot| slot.salt == held.stretched.salt && slot.kdf == held.stretched.kdf);
        by_salt || self.opened_by.as_ref() == Some(&held.password)
    }
}

/// Where the archive of a backup lies, if it should lie anywhere.
pub(super) fn path_of(vault: &Vault, backup: &Backup) -> Option<PathBuf> {
    match backup.state {
        BackupState::Complete | BackupState::Missing => Some(vault.archive_path(&backup.id)),
        BackupState::Trashed => Some(vault.trash_path(&backup.id)),
        BackupState::Running | BackupState::Failed | BackupState::Interrupted => None,
    }
}

/// Every encrypted backup of the vault, in its folder or in the trash, the oldest first.
pub(super) fn encrypted(vault: &Vault) -> Result<Vec<Backup>> {
    let mut all = Vec::new();
    for database in vault.catalog().databases()? {
        all.extend(vault.catalog().backups_of(&database.id)?.into_iter().filter(|backup| backup.encryption != Encryption::None));
    }
    all.sort_by_key(|backup| (backup.created_at, backup.sequence));
    Ok(all)
}

/// The slots of all encrypted archives, as far as they can be read.
#[derive(Default)]
pub(super) struct Slots {
    pub(super) found: Vec<Found>,
    /// Archives that are away or cannot be read now: nobody can say which password opens them.
    unread: Vec<BackupId>,
}

pub(super) fn slots(vault: &Vault) -> Result<Slots> {
    let Reading { ring, passwords, fault } = vault.keys().read();
    if let Some(fault) = fault {
        return Err(fault);
    }
    let mut all = Slots::default();
    let of_catalog = encrypted(vault)?.into_iter().filter_map(|backup| path_of(vault, &backup).map(|path| (backup.id, path)));
    // A catalog takes up again what lies there: a database that was removed, say, with the archives that stayed.
    for (id, path) in of_catalog.chain(databases::archives_unlisted(vault)?) {
        let Ok(archive) = Archive::open(&path) else {
            all.unread.push(id);
            continue;
        };
        if !archive.metadata().encrypted {
            continue;
        }
        let slots = archive.metadata().slots.clone();
        let told = slots.iter().any(|slot| ring.held.iter().any(|held| held.stretched.salt == slot.salt));
        let opened_by = if told { None } else { passwords.open(&slots)?.map(|opened| opened.password) };
        all.found.push(Found { slots, opened_by });
    }
    Ok(all)
}

/// By what a password opens an archive that no known one opens, if there is such an archive.
pub(super) fn opened_by(vault: &Vault, password: &Password) -> Result<Option<Arc<Stretched>>> {
    let password = Passwords::of([password.clone()]);
    for backup in encrypted(vault)?.iter().filter(|backup| backup.encryption == Encryption::Lost) {
        let archive = path_of(vault, backup).and_then(|path| Archive::open(&path).ok());
        if let Some(archive) = archive
            && let Some(opened) = password.open(&archive.metadata().slots)?
        {
            return Ok(Some(opened.with));
        }
    }
    Ok(None)
}

/// Why a key cannot be forgotten: archives that only it opens, or that may be such. None if nothing needs it.
pub(super) fn needed_by(vault: &Vault, id: &str) -> Result<Option<String>> {
    let ring = Ring::read(&vault.keys().folder)?;
    let Some(key) = ring.find(id) else { return Ok(None) };
    let others = ring.held.iter().filter(|held| held.password != key.password);
    let others = Passwords::with_stretched(others.map(|held| (held.password.clone(), Some(Arc::clone(&held.stretched)))));
    let Slots { found, unread } = slots(vault)?;
    let mut only = 0;
    for archive in found.iter().filter(|archive| archive.is_opened_by(key)) {
        // The same password with another derivation opens it, too.
        let again = ring.held.iter().any(|held| held.id() != id && archive.is_opened_by(held));
        if !again && others.open(&archive.slots)?.is_none() {
            only += 1;
        }
    }
    // The same password under another id goes on opening what is away.
    let stays = ring.held.iter().any(|held| held.id() != id && held.password == key.password);
    let unread = if stays { &[][..] } else { &unread[..] };
    let mut reasons = Vec::new();
    if only > 0 {
        let archives = human::counted(only, "archive");
        reasons.push(format!("no other known password opens {archives}"));
    }
    if let [first, rest @ ..] = unread {
        let archives = if rest.is_empty() { format!("{first} is") } else { format!("{first} and {} more are", rest.len()) };
        reasons.push(format!("{archives} away or cannot be read now, and may need it"));
    }
    Ok((!reasons.is_empty()).then(|| reasons.join("; ")))
}

/// Tries to unlock an archive that is being taken up; gives what its row says of encryption.
pub(crate) fn settle(vault: &Vault, archive: &mut Archive) -> Result<Encryption> {
    if !archive.metadata().encrypted {
        return Ok(Encryption::None);
    }
    match vault.unlock(archive) {
        Ok(()) => Ok(Encryption::Known),
        Err(Error::WrongPassword { .. }) => Ok(Encryption::Lost),
        Err(error) => Err(error),
    }
}

/// An archive that was away is back: it is tried at the next look, for it may be an older copy, or its password was forgotten meanwhile.
pub(crate) fn look_again(vault: &Vault, backup: &Backup) -> Result<()> {
    if backup.encryption == Encryption::None { Ok(()) } else { vault.catalog().try_again(&backup.id) }
}

/// Looks at every encrypted archive again if the passwords are others than at the last look, and raises the alarm for those that cannot be
/// opened any more. What cannot be read is tried at the next call again. Cheap where nothing changed; may be called at any time. An error, and
/// nothing else, if the passwords cannot be read at this moment.
pub fn find_lost(vault: &Vault) -> Result<()> {
    let Reading { ring, fault, .. } = vault.keys().read();
    let damage = match fault {
        None => None,
        Some(Error::KeysDamaged { detail, .. }) => Some(detail),
        Some(fault) => return Err(fault),
    };
    let known = if damage.is_some() { DAMAGED.to_owned() } else { ids(&ring) };
    let told_more = {
        let state = vault.keys().state();
        state.preferred.iter().chain(&state.given).any(|told| ring.with(told).is_none())
    };
    let catalog = vault.catalog();
    let before = catalog.keys_looked_at()?.unwrap_or_default();
    let changed = before != known;
    if changed {
        tell_of_damage(vault, damage.as_deref(), before == DAMAGED)?;
    }
    let mut waiting = catalog.to_be_tried()?;
    let all = if changed || told_more || !waiting.is_empty() { encrypted(vault)? } else { Vec::new() };
    let mut lost = BTreeMap::<DatabaseId, u64>::new();
    let mut found = BTreeMap::<DatabaseId, u64>::new();
    for backup in all {
        let waits = waiting.iter().position(|id| *id == backup.id.as_str()).map(|at| waiting.swap_remove(at)).is_some();
        if !(changed || waits || told_more && backup.encryption == Encryption::Lost) {
            continue;
        }
        let Some(path) = path_of(vault, &backup) else {
            waiting.extend(waits.then(|| backup.id.to_string()));
            continue;
        };
        // What cannot be read now is taken to be as it was; the checks say what it is.
        let tried = Archive::open(&path).and_then(|mut archive| {
            identity::refuse_another(&backup, &archive)?;
            Ok((settle(vault, &mut archive)?, archive))
        });
        let Ok((now, archive)) = tried else {
            if !waits {
                catalog.try_again(&backup.id)?;
            }
            continue;
        };
        if now != backup.encryption {
            let notes = if now == Encryption::Known { readable_notes(vault, &backup.id) } else { None };
            catalog.change_backup(&backup.id, |backup| {
                backup.encryption = now;
                // A catalog that was rebuilt without the password knows only now what is in it.
                if now == Encryption::Known {
                    describe(backup, archive.metadata(), notes.as_ref());
                }
            })?;
            *(if now == Encryption::Lost { &mut lost } else { &mut found }).entry(backup.database).or_default() += 1;
        }
        if waits {
            catalog.was_tried(backup.id.as_str())?;
        }
    }
    // Nothing is left of these.
    for gone in waiting {
        catalog.was_tried(&gone)?;
    }
    tell(vault, lost, "key.lost", EventResult::Failed, "no password that the vault knows opens")?;
    tell(vault, found, "key.found", EventResult::Ok, "a password is known again that opens")?;
    if changed {
        // What was kept meanwhile is known, too.
        let now = vault.keys().read();
        let known = if damage.is_none() && now.fault.is_none() { ids(&now.ring) } else { known };
        catalog.set_keys_looked_at(&known)?;
    }
    Ok(())
}

/// None if there are none or they cannot be read, or are still locked.
fn readable_notes(vault: &Vault, id: &BackupId) -> Option<Notes> {
    let read =
        notes::read_if_any(vault, id).inspect_err(|error| tracing::warn!(backup = %id, %error, "what only its notes say is not known"));
    read.ok().flatten().filter(|notes| !notes.is_locked())
}

fn ids(ring: &Ring) -> String {
    ring.held.iter().map(Held::id).collect::<Vec<_>>().join(" ")
}

/// The vault's own key is lost or another: also where nothing is encrypted yet that could be told as lost.
fn tell_of_damage(vault: &Vault, damage: Option<&str>, was_damaged: bool) -> Result<()> {
    let (action, result, message) = match damage {
        Some(detail) => ("key.damaged", EventResult::Failed, format!("the passwords that the vault keeps cannot be opened: {detail}")),
        None if was_damaged => ("key.mended", EventResult::Ok, "the passwords that the vault keeps can be opened again".to_owned()),
        None => return Ok(()),
    };
    super::record(vault, "recovery", action, result, message)
}

fn tell(vault: &Vault, counts: BTreeMap<DatabaseId, u64>, action: &str, result: EventResult, message: &str) -> Result<()> {
    for (database, count) in counts {
        let archives = human::counted(count, "backup");
        let message = format!("{message} {archives} of {database}");
        if result == EventResult::Failed {
            tracing::error!(%database, count, "no known password opens these archives");
        }
        activity::record(
            vault,
            &NewEvent { actor: "recovery", action, result, database: Some(database.clone()), backup: None, job: None, message },
        )?;
        databases::update_latest_link(vault, &database)?;
    }
    Ok(())
}
