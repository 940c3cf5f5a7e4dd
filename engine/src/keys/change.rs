//! `key change`: every archive is taken over to another password. Only its slots change; its payload is neither decrypted nor encrypted again.
//!
//! An archive is never written to. A copy with the new slots is made in staging, fsynced, read back, opened with the new password, and
//! takes the place of the first in one rename while nobody reads that. A process that dies leaves every archive whole under the old slots or
//! the new ones; all passwords stay known meanwhile, and the ring says that a change was begun, so that the next run goes on with it.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use keepstone_model::{
    backup::{Backup, Encryption},
    event::EventResult,
    human,
    id::BackupId,
    metadata::Kdf,
};

use super::{
    KeyInfo, Password, Passwords, Ring, add, info,
    lost::{encrypted, path_of},
    record,
    secret::{DataKey, Stretched},
};
use crate::{
    Error, Monitor, Result, Vault,
    archive::Archive,
    backups, databases, delete,
    durable::{self, Lock, LockMode},
    guard,
};

/// What a change of password is to do.
#[derive(Debug, Clone)]
pub struct ChangeOptions {
    /// The new one; none: go on with the change that was interrupted.
    pub password: Option<Password>,
    pub kdf: Kdf,
    pub actor: String,
}

/// An archive that was left as it was, and why.
#[derive(Debug, Clone)]
pub struct Left {
    pub id: BackupId,
    pub reason: String,
    /// No known password opens it: trying again does not help.
    pub lost: bool,
}

#[derive(Debug, Clone)]
pub struct ChangeReport {
    pub key: KeyInfo,
    /// Archives that were taken over now.
    pub changed: u64,
    /// Archives that had the new password already.
    pub already: u64,
    pub left: Vec<Left>,
    /// Whether the change is complete but for what is lost.
    pub finished: bool,
}

/// How long a reader of an archive is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Left free on the disk of the archives.
const MARGIN_BYTES: u64 = 16 << 20;

fn folder(vault: &Vault) -> PathBuf {
    vault.staging_root().join("rewrap")
}

/// Keeps every other change of keys out; none while another runs.
pub(crate) fn lock(vault: &Vault) -> Result<Option<Lock>> {
    let folder = folder(vault);
    vault.make_dir(&folder)?;
    durable::try_lock(&folder.join("lock"), LockMode::Exclusive)
}

/// Removes the copies of a change that died. The caller holds the lock.
pub(crate) fn remove_leftovers(vault: &Vault, _lock: &Lock) -> Result<()> {
    let folder = folder(vault);
    for entry in durable::entries(&folder)? {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "zip") {
            durable::remove(&path)?;
        }
    }
    Ok(())
}

/// Takes all archives over to a password, those in the trash, too. May be repeated: what is done is not done again.
pub fn change(vault: &Vault, options: &ChangeOptions, monitor: &dyn Monitor) -> Result<ChangeReport> {
    let lock = lock(vault)?.ok_or(Error::KeysBusy)?;
    remove_leftovers(vault, &lock)?;
    let target = if let Some(password) = &options.password {
        add(vault, password, options.kdf, true, &options.actor)?.id
    } else {
        let ring = Ring::read(&vault.keys().folder)?;
        ring.changing_to.ok_or_else(|| Error::UnknownKey { id: "of an interrupted change".to_owned() })?
    };
    // From here on a process that dies leaves word of what it was about.
    vault.keys().edit(|ring| {
        ring.changing_to = Some(target.clone());
        Ok(())
    })?;
    let ring = Ring::read(&vault.keys().folder)?;
    let held = ring.find(&target).ok_or_else(|| Error::UnknownKey { id: target.clone() })?;
    let passwords = vault.keys().passwords();
    let (mut changed, mut already, mut left) = (0, 0, Vec::new());
    let mut done = BTreeSet::new();
    loop {
        // Backups that were made meanwhile with the password of before come into a second round.
        let listed = encrypted(vault)?.into_iter().map(|backup| Whose::Listed(Box::new(backup)));
        let unlisted = databases::archives_unlisted(vault)?.into_iter().map(|(id, path)| Whose::Unlisted(id, path));
        let round: Vec<Whose> = listed.chain(unlisted).filter(|backup| !done.contains(&backup.name())).collect();
        if round.is_empty() {
            break;
        }
        for backup in round {
            if monitor.cancelled() {
                return Err(Error::CancelledHere);
            }
            done.insert(backup.name());
            match one(vault, &backup, &held.stretched, &passwords, monitor) {
                Ok(Outcome::Changed) => {
                    monitor.log(&format!("{} opens with key {target} now", backup.id()));
                    changed += 1;
                }
                Ok(Outcome::Already) => already += 1,
                Ok(Outcome::Gone) => {}
                Err(Error::WrongPassword { .. }) => {
                    left.push(Left { id: backup.id().clone(), reason: "no known password opens it".to_owned(), lost: true });
                }
                // The next one would fail likewise.
                Err(error @ (Error::NoSpace { .. } | Error::CancelledHere)) => return Err(error),
                Err(error) => left.push(Left { id: backup.id().clone(), reason: error.to_string(), lost: false }),
            }
        }
    }
    let finished = left.iter().all(|left| left.lost);
    if finished {
        vault.keys().edit(|ring| {
            ring.changing_to = None;
            Ok(())
        })?;
    }
    let result = if finished { EventResult::Ok } else { EventResult::Failed };
    let rest = if left.is_empty() { String::new() } else { format!(", {} left as they were", left.len()) };
    record(
        vault,
        &options.actor,
        "key.changed",
        result,
        format!("taken over to key {target}: {}{rest}", human::counted(changed, "archive")),
    )?;
    Ok(ChangeReport { key: info(vault, &target)?, changed, already, left, finished })
}

enum Outcome {
    Changed,
    Already,
    /// Deleted meanwhile.
    Gone,
}

/// An archive that is taken over.
enum Whose {
    /// A row of the catalog says where it lies, and how large it is.
    Listed(Box<Backup>),
    /// It lies there, and the catalog does not know it: not yet, or not any more.
    Unlisted(BackupId, PathBuf),
}

impl Whose {
    fn id(&self) -> &BackupId {
        match self {
            Self::Listed(backup) => &backup.id,
            Self::Unlisted(id, _) => id,
        }
    }

    /// What tells it from every other: of one id more than one may lie there.
    fn name(&self) -> (BackupId, Option<PathBuf>) {
        match self {
            Self::Listed(backup) => (backup.id.clone(), None),
            Self::Unlisted(id, path) => (id.clone(), Some(path.clone())),
        }
    }

    /// The archive, and where it lies; none if there is nothing to take over.
    fn open(&self, vault: &Vault) -> Result<Option<(PathBuf, Archive)>> {
        match self {
            Self::Listed(backup) => open(vault, backup),
            Self::Unlisted(_, path) => match Archive::open(path) {
                Ok(archive) => Ok(archive.metadata().encrypted.then(|| (path.clone(), archive))),
                Err(Error::ArchiveMissing { .. }) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// What the catalog is to say of it now.
    fn settle(&self, vault: &Vault, size_bytes: u64) -> Result<()> {
        match self {
            Self::Listed(backup) if backup.archive_size_bytes != size_bytes || backup.encryption != Encryption::Known => {
                settle_row(vault, &backup.id, size_bytes)
            }
            Self::Listed(_) | Self::Unlisted(..) => Ok(()),
        }
    }
}

fn one(vault: &Vault, backup: &Whose, to: &Arc<Stretched>, passwords: &Passwords, monitor: &dyn Monitor) -> Result<Outcome> {
    let Some((path, mut archive)) = backup.open(vault)? else { return Ok(Outcome::Gone) };
    let mut slots = archive.metadata().slots.clone();
    let opens = |slot: &_| DataKey::unwrap_from(slot, to).is_some();
    if slots.len() == 1 && slots.iter().all(|slot| slot.salt == to.salt && opens(slot)) {
        // A process that died between the rename and the row left the row behind.
        backup.settle(vault, archive.size_bytes())?;
        return Ok(Outcome::Already);
    }
    vault.unlock(&mut archive)?;
    let key = archive.data_key().ok_or_else(|| Error::Internal("an unlocked archive has a key".to_owned()))?.clone();
    // A slot that no known password opens belongs to somebody else, who relies on it.
    let mut kept = vec![key.wrap(to)?];
    for slot in slots.drain(..) {
        if passwords.open(std::slice::from_ref(&slot))?.is_none() && !opens(&slot) {
            kept.push(slot);
        }
    }
    if durable::free_bytes(&folder(vault))? < archive.size_bytes().saturating_add(MARGIN_BYTES) {
        return Err(Error::NoSpace { path: folder(vault) });
    }
    let staged = folder(vault).join(format!("{}.zip", backup.id()));
    let written = archive.rewrap(&staged, kept, monitor).and_then(|()| compare(&archive, &staged, to)).and_then(|size_bytes| {
        take_place(vault, archive, &path, &staged)?;
        Ok(size_bytes)
    });
    if written.is_err() {
        durable::remove(&staged)?;
    }
    let size_bytes = written?;
    backup.settle(vault, size_bytes)?;
    Ok(Outcome::Changed)
}

/// The archive of a backup, and where it lies; none if it was deleted for good. One that is merely not there may come back, and is an error:
/// only the password of before opens it then.
fn open(vault: &Vault, backup: &Backup) -> Result<Option<(PathBuf, Archive)>> {
    let Some(path) = path_of(vault, backup) else { return Ok(None) };
    let missing = match Archive::open(&path) {
        Err(error @ Error::ArchiveMissing { .. }) => error,
        opened => return opened.map(|archive| Some((path, archive))),
    };
    if vault.catalog().is_gone(&backup.id)? {
        return Ok(None);
    }
    // Into the trash, or out of it, since the list was read.
    match path_of(vault, &backups::backup(vault, &backup.id)?) {
        Some(now) if now != path => Archive::open(&now).map(|archive| Some((now, archive))),
        _ => Err(missing),
    }
}

fn settle_row(vault: &Vault, id: &BackupId, size_bytes: u64) -> Result<()> {
    let settled = vault.catalog().change_backup(id, |backup| {
        backup.archive_size_bytes = size_bytes;
        backup.encryption = Encryption::Known;
    });
    settled.map(drop)
}

/// The copy opens with the new password and says what the archive says; its size.
fn compare(archive: &Archive, staged: &Path, to: &Arc<Stretched>) -> Result<u64> {
    let mut copy = Archive::open(staged)?;
    let key = copy.metadata().slots.iter().find_map(|slot| DataKey::unwrap_from(slot, to));
    copy.unlock_with(key.ok_or_else(|| Error::Internal("the new slot does not open".to_owned()))?)?;
    let mut expected = archive.metadata().clone();
    expected.slots.clone_from(&copy.metadata().slots);
    if *copy.metadata() == expected { Ok(copy.size_bytes()) } else { Err(Error::Internal("the copy says something else".to_owned())) }
}

/// One rename, under the trash's lock (no deletion comes between) and the exclusive lease (nobody reads what is replaced).
fn take_place(vault: &Vault, archive: Archive, path: &Path, staged: &Path) -> Result<()> {
    let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
    let of = archive.identity()?;
    drop(archive);
    let _guard = delete::lock_trash(vault)?;
    let until = Instant::now() + PATIENCE;
    let lease = loop {
        match guard::try_flock(path)? {
            Some(lease) => break lease,
            None if Instant::now() >= until => {
                let held = std::io::Error::new(std::io::ErrorKind::WouldBlock, "it is being read");
                return Err(Error::io(path, held));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    if identity(lease.metadata().map_err(|error| Error::io(path, error))?) != of {
        return Err(Error::io(path, std::io::Error::other("another file is in its place by now")));
    }
    durable::replace(staged, path)
}
