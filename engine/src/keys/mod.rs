//! Passwords and keys: which the vault knows, which is for new archives, which archives none of them opens. What is done with them to the
//! bytes of an archive is `archive`'s business.
//!
//! Every archive has a random key of its own, wrapped in slots: one for each password that opens it. A password is stretched (half a second)
//! once for the vault; what that gave is kept sealed beside it, so that neither a backup nor a page waits for it again.

mod change;
mod decision;
mod kit;
mod known;
mod lost;
mod ring;
mod secret;
mod stored;
#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use keepstone_model::{event::EventResult, metadata::Kdf};

pub use change::{ChangeOptions, ChangeReport, Left, change};
pub(crate) use change::{lock as lock_change, remove_leftovers};
pub use decision::{Asked, is_kept, is_wanted, refuse_unmet_wish};
pub(crate) use decision::{Follows, for_new, for_safety, refuse_plain_safety};
pub use kit::kit;
pub(crate) use kit::on_no_kit;
pub use known::Passwords;
pub use lost::find_lost;
pub(crate) use lost::{look_again, settle};
use ring::{Held, Ring, Stamp};
pub use secret::{DataKey, Password, Stretched};
pub(crate) use secret::{Key, are_bearable, seal, unseal};
pub(crate) use stored::{secret, set_secret};

use crate::{
    Error, Result, Vault,
    activity::{self, NewEvent},
    archive::Archive,
    durable, guard, jobs,
};

/// Who adds what the environment brought.
const ENVIRONMENT: &str = "environment";

/// The keys of an open vault: what lies in `<data>/keys`, and what this process was told.
#[derive(Debug)]
pub struct Keys {
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The environment's password: the one for new archives.
    preferred: Option<Password>,
    /// Others to try.
    given: Vec<Password>,
    /// What the environment says of new archives.
    asked: Asked,
    /// What was read last, and of which state of the files. Never what could not be read.
    read: Option<(Stamp, Arc<Ring>, Arc<Passwords>)>,
    /// What there is without the files.
    told: Option<Arc<Passwords>>,
    /// What was logged of files that cannot be read.
    complaint: Option<String>,
}

/// The ring as it is now, and every password to try.
struct Reading {
    ring: Arc<Ring>,
    passwords: Arc<Passwords>,
    /// Why the ring is empty: `KeysDamaged`, or that it could not be read at this moment, which says nothing about any archive.
    fault: Option<Error>,
}

/// A password that the vault knows, without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// The beginning of the salt in the slots that it opens, e.g. `3f9a01bc`.
    pub id: String,
    pub kdf: Kdf,
    pub added_at: Timestamp,
    pub added_by: String,
    /// New archives of this process are encrypted with it: the environment's password, else the vault's own choice.
    pub current: bool,
    /// Whether a change to it was begun and not finished.
    pub changing_to: bool,
    /// How many archives it opens.
    pub archives: u64,
}

impl Keys {
    pub(crate) fn new(data: &Path) -> Self {
        Self { folder: data.join("keys"), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the environment says: this password is for new archives, and which of them are encrypted.
    pub fn prefer(&self, password: Option<Password>, asked: Asked) {
        let mut state = self.state();
        state.preferred = password;
        state.asked = asked;
        (state.read, state.told) = (None, None);
    }

    /// One more password to try, for as long as this process runs. If it opens an archive it stays.
    pub fn try_also(&self, password: Password) {
        let mut state = self.state();
        state.given.push(password);
        (state.read, state.told) = (None, None);
    }

    /// Every known password, the environment's first. One that cannot be read (a lost vault key) is only missing here: archives that are not
    /// encrypted must be restored all the same.
    pub fn passwords(&self) -> Arc<Passwords> {
        self.read().passwords
    }

    fn read(&self) -> Reading {
        let state = &mut *self.state();
        let stamp = Ring::stamp(&self.folder);
        if let Some((known, ring, passwords)) = &state.read
            && *known == stamp
        {
            return Reading { ring: Arc::clone(ring), passwords: Arc::clone(passwords), fault: None };
        }
        let told = state.preferred.iter().chain(&state.given);
        let ring = match Ring::read(&self.folder) {
            Ok(ring) => ring,
            Err(fault) => {
                let complaint = Some(fault.to_string());
                if state.complaint != complaint {
                    tracing::error!(error = %fault, code = fault.code(), "the passwords of the vault cannot be read");
                    state.complaint = complaint;
                }
                let told = state.told.get_or_insert_with(|| Arc::new(Passwords::of(told.cloned())));
                let passwords = match &fault {
                    Error::Io { path, source } => Arc::new(told.without(path, source)),
                    _ => Arc::clone(told),
                };
                return Reading { ring: Arc::default(), passwords, fault: Some(fault) };
            }
        };
        let told = told.filter(|told| ring.with(told).is_none()).map(|told| (told.clone(), None));
        let held = ring.held.iter().rev().map(|held| (held.password.clone(), Some(Arc::clone(&held.stretched))));
        let passwords = Arc::new(Passwords::with_stretched(told.chain(held)));
        let ring = Arc::new(ring);
        state.complaint = None;
        state.read = Some((stamp, Arc::clone(&ring), Arc::clone(&passwords)));
        Reading { ring, passwords, fault: None }
    }

    fn edit<T>(&self, edit: impl FnOnce(&mut Ring) -> Result<T>) -> Result<T> {
        durable::make_dir(&self.folder)?;
        let _guard = guard::lock_dir(&self.folder)?;
        let mut ring = Ring::read(&self.folder)?;
        let out = edit(&mut ring)?;
        ring.write(&self.folder)?;
        self.state().read = None;
        Ok(out)
    }
}

/// Adds a password to those that the vault knows. One that is there already is not added again. `make_current`: for new archives from now on.
/// `WeakPassword`, unless it opens an archive that no other does: for that it is kept, and for nothing new.
pub fn add(vault: &Vault, password: &Password, kdf: Kdf, make_current: bool, actor: &str) -> Result<KeyInfo> {
    let keys = vault.keys();
    if let Err(weak) = password.refuse_if_weak() {
        let opening = if make_current { None } else { lost::opened_by(vault, password)? };
        let id = hold_for_opening(vault, password, opening.ok_or(weak)?, actor)?;
        find_lost(vault)?;
        return info(vault, &id);
    }
    // The slow part comes before the lock.
    let fresh = match Ring::read(&keys.folder)?.with_kdf(password, kdf) {
        Some(_) => None,
        None => Some(Arc::new(Stretched::new(password, kdf)?)),
    };
    let (id, added) = keys.edit(|ring| {
        let (id, added) = match (ring.with_kdf(password, kdf), fresh) {
            (Some(held), _) => (held.id().to_owned(), false),
            (None, Some(stretched)) => (hold(ring, password, stretched, actor), true),
            (None, None) => return Err(Error::Internal("a key was removed while it was added".to_owned())),
        };
        if make_current || ring.current.is_none() {
            ring.current = Some(id.clone());
        }
        Ok((id, added))
    })?;
    if added {
        record(vault, actor, "key.added", EventResult::Ok, format!("added key {id}"))?;
    }
    find_lost(vault)?;
    info(vault, &id)
}

fn hold_for_opening(vault: &Vault, password: &Password, with: Arc<Stretched>, actor: &str) -> Result<String> {
    let (id, added) = vault.keys().edit(|ring| {
        Ok(match ring.with(password) {
            Some(held) => (held.id().to_owned(), false),
            None => (hold(ring, password, with, actor), true),
        })
    })?;
    if added {
        record(
            vault,
            actor,
            "key.added",
            EventResult::Ok,
            format!("added key {id} for archives that it opens; it is too weak for new ones"),
        )?;
    }
    Ok(id)
}

fn hold(ring: &mut Ring, password: &Password, stretched: Arc<Stretched>, actor: &str) -> String {
    let held =
        Held { added_at: crate::catalog::rounded(Timestamp::now()), added_by: actor.to_owned(), password: password.clone(), stretched };
    let id = held.id().to_owned();
    ring.held.push(held);
    id
}

/// Forgets a password. Refused while it alone opens an archive, or while one is away that may need it, unless `lose` says that those may be
/// lost.
pub fn remove(vault: &Vault, id: &str, lose: bool, actor: &str) -> Result<KeyInfo> {
    let info = info(vault, id)?;
    if info.changing_to {
        return Err(Error::KeyNeeded { id: info.id, reason: "archives are being taken over to it".to_owned() });
    }
    if let (Some(reason), false) = (lost::needed_by(vault, &info.id)?, lose) {
        return Err(Error::KeyNeeded { id: info.id, reason });
    }
    // What is being made now is none of the archives that a person may have been ready to lose.
    let (encrypting, _no_other_begins) = jobs::encrypting(vault)?;
    if let Some(job) = encrypting {
        let holder = format!("job {} ({}) is running and may be encrypting with key {}", job.id, job.verb, info.id);
        return Err(match job.database {
            Some(database) => Error::DatabaseBusy { database, holder },
            None => Error::KeyNeeded { id: info.id, reason: holder },
        });
    }
    vault.keys().edit(|ring| {
        ring.held.retain(|held| held.id() != info.id);
        if ring.current.as_ref() == Some(&info.id) {
            ring.current = None;
        }
        Ok(())
    })?;
    record(vault, actor, "key.removed", EventResult::Ok, format!("removed key {}", info.id))?;
    find_lost(vault)?;
    Ok(info)
}

/// The ids of the passwords that the vault knows, the oldest first; cheaper than the list.
pub fn ids(vault: &Vault) -> Result<Vec<String>> {
    Ok(Ring::read(&vault.keys().folder)?.held.iter().map(|held| held.id().to_owned()).collect())
}

/// Every password that the vault knows, the oldest first. `KeysDamaged` if that cannot be told.
pub fn list(vault: &Vault) -> Result<Vec<KeyInfo>> {
    let ring = Ring::read(&vault.keys().folder)?;
    let slots = lost::slots(vault)?.found;
    let current = match &vault.keys().state().preferred {
        Some(password) => ring.with(password).map(Held::id),
        None => ring.current.as_deref(),
    };
    let info = |held: &Held| KeyInfo {
        id: held.id().to_owned(),
        kdf: held.stretched.kdf,
        added_at: held.added_at,
        added_by: held.added_by.clone(),
        current: current == Some(held.id()),
        changing_to: ring.changing_to.as_deref() == Some(held.id()),
        archives: slots.iter().filter(|archive| archive.is_opened_by(held)).count() as u64,
    };
    Ok(ring.held.iter().map(info).collect())
}

/// One of them, by its id or a unique beginning of it.
fn info(vault: &Vault, id: &str) -> Result<KeyInfo> {
    let mut found: Vec<KeyInfo> = list(vault)?.into_iter().filter(|key| !id.is_empty() && key.id.starts_with(id)).collect();
    match (found.pop(), found.is_empty()) {
        (Some(key), true) => Ok(key),
        _ => Err(Error::UnknownKey { id: id.to_owned() }),
    }
}

/// Whether every archive of this process is to be encrypted.
pub fn is_forced(vault: &Vault) -> bool {
    vault.keys().state().asked == Asked::Every
}

/// Refuses to begin where a setting asks for encryption and there is no password, or a weak one.
pub fn refuse_without_password(vault: &Vault) -> Result<()> {
    let wanting = vault.catalog().databases()?.into_iter().find(|database| database.encrypt);
    let what = match wanting {
        _ if is_forced(vault) => "BACKUP_ENCRYPTION_ENABLED".to_owned(),
        Some(database) => format!("database {}", database.id),
        None => return Ok(()),
    };
    current(vault)?.map(drop).ok_or(Error::NoEncryptionPassword { what })
}

/// Whether there is a password for new archives. An error if that cannot be told.
pub fn has_current(vault: &Vault) -> Result<bool> {
    Ok(vault.keys().state().preferred.is_some() || Ring::read(&vault.keys().folder)?.current.is_some())
}

/// The password for new archives, ready for use: the environment's, which is kept from its first use on, else the vault's.
fn current(vault: &Vault) -> Result<Option<Arc<Stretched>>> {
    let keys = vault.keys();
    let preferred = keys.state().preferred.clone();
    // Not the cached one: a ring that cannot be read is a fault here.
    let ring = Ring::read(&keys.folder)?;
    let Some(password) = preferred else {
        let held = ring.current.as_deref().and_then(|id| ring.find(id));
        return Ok(held.map(|held| Arc::clone(&held.stretched)));
    };
    password.refuse_if_weak()?;
    if let Some(held) = ring.with(&password) {
        return Ok(Some(Arc::clone(&held.stretched)));
    }
    let id = add(vault, &password, Kdf::default(), false, ENVIRONMENT)?.id;
    let ring = Ring::read(&keys.folder)?;
    Ok(ring.find(&id).map(|held| Arc::clone(&held.stretched)))
}

impl Vault {
    /// Opens an archive, and unlocks it if it is encrypted; a password that did it stays in the vault. `WrongPassword` if none does.
    pub fn open_archive(&self, path: &Path) -> Result<Archive> {
        let mut archive = Archive::open(path)?;
        self.unlock(&mut archive)?;
        Ok(archive)
    }

    pub(crate) fn unlock(&self, archive: &mut Archive) -> Result<()> {
        if !archive.is_locked() {
            return Ok(());
        }
        let passwords = self.keys().passwords();
        let opened = passwords.open(&archive.metadata().slots)?;
        let opened = opened.ok_or_else(|| Error::WrongPassword { path: archive.path().to_owned(), tried: passwords.count() })?;
        archive.unlock_with(opened.key)?;
        if let Err(error) = self.remember(&opened.password, &opened.with) {
            tracing::warn!(%error, "a password that opens an archive could not be kept");
        }
        Ok(())
    }

    /// Keeps a password that opened an archive, if the vault does not know it yet.
    fn remember(&self, password: &Password, with: &Arc<Stretched>) -> Result<()> {
        let keys = self.keys();
        if keys.read().ring.with(password).is_some() {
            return Ok(());
        }
        let id = keys.edit(|ring| {
            Ok(if ring.with(password).is_none() { Some(hold(ring, password, Arc::clone(with), ENVIRONMENT)) } else { None })
        })?;
        match id {
            Some(id) => record(self, ENVIRONMENT, "key.added", EventResult::Ok, format!("added key {id}, which opened an archive")),
            None => Ok(()),
        }
    }
}

fn record(vault: &Vault, actor: &str, action: &str, result: EventResult, message: String) -> Result<()> {
    activity::record(vault, &NewEvent { actor, action, result, database: None, backup: None, job: None, message }).map(drop)
}
