//! The mutable facts of a backup, in a file beside its archive. They win over the metadata and outlive a lost catalog.
//!
//! Beside an encrypted archive what is about its content is sealed under a key of the archive's own: descriptions, tags, what the checks found
//! and why the source was in doubt. That it is pinned, deleted, in doubt, which checks passed and when stays readable, as it is needed where
//! no password is known; nothing vouches for that part.

pub(crate) mod follow;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Acknowledgement, Backup, BackupState, Encryption, Proof, SuspectCause},
    id::BackupId,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result, Vault,
    archive::Archive,
    durable,
    guard::{self, Guard},
    keys::{self, DataKey},
};

/// The only version so far; a newer one is refused, never overwritten.
pub(crate) const NOTES_VERSION: u32 = 1;
/// How many proofs are kept.
pub(crate) const PROOFS_MAX: usize = 20;

/// The notes of one backup.
#[expect(clippy::struct_field_names, reason = "the member's name in the file, which stands alone")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Notes {
    pub notes_version: u32,
    pub backup_id: BackupId,
    #[serde(default)]
    pub pinned: bool,
    /// None: what the metadata says.
    #[serde(default)]
    pub description: Option<String>,
    /// None: what the metadata says.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// The newest last.
    #[serde(default)]
    pub proofs: Vec<Proof>,
    /// Why the source was in doubt.
    #[serde(default)]
    pub suspect: Option<String>,
    #[serde(default)]
    pub suspect_cause: SuspectCause,
    /// Who took note of the doubt.
    #[serde(default)]
    pub acknowledged: Option<Acknowledgement>,
    /// Set before the archive goes to the trash and cleared after it came back. Whether it is there, its place says.
    #[serde(default)]
    pub tombstone: Option<Tombstone>,
    /// What is about the content of an encrypted archive, as it stands in the file; none in memory once it is opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
}

/// What is sealed.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    description: Option<String>,
    tags: Option<Vec<String>>,
    suspect: Option<String>,
    /// With its reason.
    #[serde(default)]
    acknowledged: Option<Acknowledgement>,
    /// With their details.
    proofs: Vec<Proof>,
}

/// In place of a reason that is sealed.
const SEALED_SUSPECT: &str = "the source was in doubt when the backup was taken (why is sealed)";

/// Who deleted a backup, and until when it can be put back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tombstone {
    pub trashed_at: Timestamp,
    pub until: Timestamp,
    pub by: String,
    /// Cleanup did it, not a person who chose this one: short of space, these go first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cleanup: bool,
}

impl Notes {
    pub(crate) fn empty(id: &BackupId) -> Self {
        Self {
            notes_version: NOTES_VERSION,
            backup_id: id.clone(),
            pinned: false,
            description: None,
            tags: None,
            proofs: Vec::new(),
            suspect: None,
            suspect_cause: SuspectCause::default(),
            acknowledged: None,
            tombstone: None,
            sealed: None,
        }
    }

    /// Instead of notes that cannot be read, with what the catalog knows. Those may have said that it is pinned: then it is.
    fn anew(row: &Backup) -> Self {
        Self { pinned: true, ..Self::of(row) }
    }

    /// With what the catalog knows.
    fn of(row: &Backup) -> Self {
        Self {
            pinned: row.pinned,
            description: Some(row.description.clone()),
            tags: Some(row.tags.clone()),
            proofs: row.proof.iter().cloned().collect(),
            suspect: row.suspect.clone(),
            suspect_cause: row.suspect_cause.unwrap_or_default(),
            acknowledged: row.acknowledged.clone(),
            ..Self::empty(&row.id)
        }
    }

    /// Without what is about the content, where nothing can seal it.
    fn stripped(mut self) -> Self {
        (self.description, self.tags) = (None, None);
        self.without_reasons()
    }

    fn without_reasons(mut self) -> Self {
        self.suspect = self.suspect.map(|_| SEALED_SUSPECT.to_owned());
        if let Some(acknowledged) = &mut self.acknowledged {
            acknowledged.reason.clear();
        }
        for check in self.proofs.iter_mut().flat_map(|proof| &mut proof.checks) {
            check.detail.clear();
        }
        self
    }

    /// Whether there is something in it that no known password opens.
    pub(crate) fn is_locked(&self) -> bool {
        self.sealed.is_some()
    }

    /// With what is sealed; as they are if this is not the key.
    pub(crate) fn opened(mut self, key: &DataKey) -> Self {
        let Some(sealed) = &self.sealed else { return self };
        let plain = keys::unseal(&key.notes_key(), &associated(&self.backup_id), sealed);
        let Some(content) = plain.and_then(|plain| serde_json::from_slice::<Content>(&plain).ok()) else { return self };
        self.description = content.description;
        self.tags = content.tags;
        // Readable facts say whether, sealed ones say why: an acknowledged doubt is over though no password was known.
        self.suspect = self.suspect.map(|readable| content.suspect.unwrap_or(readable));
        if let (Some(readable), Some(whole)) = (&mut self.acknowledged, content.acknowledged)
            && readable.at == whole.at
        {
            *readable = whole;
        }
        for proof in &mut self.proofs {
            if let Some(whole) = content.proofs.iter().find(|whole| whole.checked_at == proof.checked_at) {
                proof.clone_from(whole);
            }
        }
        self.sealed = None;
        self
    }

    /// As they stand in the file beside an archive with this key.
    fn closed(mut self, key: &DataKey) -> Result<Self> {
        let content = Content {
            description: self.description.take(),
            tags: self.tags.take(),
            suspect: self.suspect.clone(),
            acknowledged: self.acknowledged.clone(),
            proofs: self.proofs.clone(),
        };
        let plain = serde_json::to_vec(&content).map_err(|error| Error::Internal(error.to_string()))?;
        self.sealed = Some(keys::seal(&key.notes_key(), &associated(&self.backup_id), &plain)?);
        Ok(self.without_reasons())
    }
}

/// Sealed notes of one backup do not open as those of another.
fn associated(id: &BackupId) -> Vec<u8> {
    format!("keepstone 1 notes\n{id}").into_bytes()
}

/// How the notes of a backup are kept: as its archive is.
enum Seal {
    Plain,
    With(DataKey),
    /// The archive is encrypted and no known password opens it, or it cannot be read.
    Locked(Error),
}

fn seal_of(vault: &Vault, id: &BackupId) -> Seal {
    let opened = Archive::open(&vault.archive_path(id)).or_else(|error| match error {
        Error::ArchiveMissing { .. } => Archive::open(&vault.trash_path(id)),
        other => Err(other),
    });
    seal_by(vault, opened.and_then(|archive| own(id, archive)))
}

/// Another backup's archive under this one's name has another key: what it does not open would be written over.
fn own(id: &BackupId, archive: Archive) -> Result<Archive> {
    if archive.metadata().backup_id == *id {
        return Ok(archive);
    }
    let detail = format!("it is the archive of {}", archive.metadata().backup_id);
    Err(Error::NotItsArchive { id: id.clone(), path: archive.path().to_owned(), detail })
}

fn seal_by(vault: &Vault, opened: Result<Archive>) -> Seal {
    let mut archive = match opened {
        Ok(archive) => archive,
        Err(error) => return Seal::Locked(error),
    };
    if !archive.metadata().encrypted {
        return Seal::Plain;
    }
    match vault.unlock(&mut archive) {
        Ok(()) => archive.data_key().map_or(Seal::Plain, |key| Seal::With(key.clone())),
        Err(error) => Seal::Locked(error),
    }
}

/// The version is looked at alone first: a newer form need not parse as this one.
#[derive(Deserialize)]
struct Version {
    notes_version: u32,
}

/// The notes as they are on the disk, opened if a known password does it; empty ones where there is no file.
pub(crate) fn read(vault: &Vault, id: &BackupId) -> Result<Notes> {
    let notes = read_file(vault, id)?;
    if !notes.is_locked() {
        return Ok(notes);
    }
    Ok(match seal_of(vault, id) {
        Seal::With(key) => notes.opened(&key),
        Seal::Plain | Seal::Locked(_) => notes,
    })
}

/// As [`read`], and none where there is no file.
pub(crate) fn read_if_any(vault: &Vault, id: &BackupId) -> Result<Option<Notes>> {
    if read_if_there(vault, id)?.is_none() { Ok(None) } else { read(vault, id).map(Some) }
}

/// All looks that are kept, without what is sealed of them: when and how each check came out.
pub(crate) fn looks(vault: &Vault, id: &BackupId) -> Result<Vec<Proof>> {
    Ok(read_file(vault, id)?.proofs)
}

fn read_file(vault: &Vault, id: &BackupId) -> Result<Notes> {
    Ok(read_if_there(vault, id)?.unwrap_or_else(|| Notes::empty(id)))
}

/// As they stand in the file, if there is one.
fn read_if_there(vault: &Vault, id: &BackupId) -> Result<Option<Notes>> {
    let path = vault.notes_path(id);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(&path, error)),
    };
    let damaged = |detail: String| Error::NotesDamaged { id: id.clone(), path: path.clone(), detail };
    let found = serde_json::from_slice::<Version>(&bytes).map_err(|e| damaged(e.to_string()))?.notes_version;
    if found > NOTES_VERSION {
        return Err(Error::ArchiveTooNew { path, found, known: NOTES_VERSION });
    }
    let notes: Notes = serde_json::from_slice(&bytes).map_err(|e| damaged(e.to_string()))?;
    if notes.backup_id != *id {
        return Err(damaged(format!("these are the notes of {}", notes.backup_id)));
    }
    Ok(Some(notes))
}

/// Who deleted it and until when, as the file says it: readable beside an encrypted archive, too.
pub(crate) fn tombstone(vault: &Vault, id: &BackupId) -> Result<Option<Tombstone>> {
    Ok(read_file(vault, id)?.tombstone)
}

/// Changes that, durably. The archive is not opened for it: a deletion holds its exclusive lease meanwhile, and would wait for itself.
pub(crate) fn set_tombstone(vault: &Vault, id: &BackupId, tombstone: Option<Tombstone>) -> Result<()> {
    let path = vault.notes_path(id);
    let _guard = lock_folder(vault, &path)?;
    // Which archive it is cannot be asked here.
    let known = |row: &Backup| if row.encryption == Encryption::None { Notes::of(row) } else { Notes::of(row).stripped() };
    let notes = match read_if_there(vault, id)? {
        Some(notes) => notes,
        None => lost_row(vault, id)?.as_ref().map_or_else(|| Notes::empty(id), known),
    };
    write_file(&path, &Notes { tombstone, ..notes })
}

/// The row of a backup that was published, so that it had notes: without them what they said is in the catalog only, and is not to be lost with it.
fn lost_row(vault: &Vault, id: &BackupId) -> Result<Option<Backup>> {
    let published = |row: &Backup| matches!(row.state, BackupState::Complete | BackupState::Missing | BackupState::Trashed);
    Ok(vault.catalog().get_backup(id)?.filter(published))
}

/// What of a row's notes may stand beside its archive in clear.
fn unsealed(notes: Notes, row: &Backup, seal: &Seal) -> Notes {
    let is_open = matches!(seal, Seal::With(_)) || matches!(seal, Seal::Plain) && row.encryption == Encryption::None;
    if is_open { notes } else { notes.stripped() }
}

fn lock_folder(vault: &Vault, path: &Path) -> Result<Guard> {
    let folder = path.parent().expect("notes lie in the folder of their kind");
    vault.make_dir(folder)?;
    guard::lock_dir(folder)
}

fn write_file(path: &Path, notes: &Notes) -> Result<()> {
    let mut json = serde_json::to_vec_pretty(notes).expect("our own types have string keys and serialise");
    json.push(b'\n');
    durable::write(path, &json)
}

/// Writes the first notes of a backup, durably, before its archive gets its name: whoever dies in between leaves notes without an archive, which
/// recovery removes, and never an archive that has forgotten its pin or its doubt. `staged` is that archive.
pub(crate) fn begin(vault: &Vault, notes: &Notes, staged: &Path) -> Result<()> {
    let id = &notes.backup_id;
    let (path, archive) = (vault.notes_path(id), vault.archive_path(id));
    let _guard = lock_folder(vault, &path)?;
    if archive.try_exists().map_err(|error| Error::io(&archive, error))? {
        return Err(Error::TargetExists { path: archive });
    }
    match seal_by(vault, Archive::open(staged)) {
        Seal::Plain => write_file(&path, notes),
        Seal::With(key) => write_file(&path, &notes.clone().closed(&key)?),
        Seal::Locked(error) => Err(error),
    }
}

/// Removes the notes of a backup that never got its archive.
pub(crate) fn forget(vault: &Vault, id: &BackupId) -> Result<()> {
    let path = vault.notes_path(id);
    durable::remove(&path)
}

/// The same for what a person asks of one backup: notes that are damaged are kept aside first, and those in their place say what the catalog knows.
/// Gives back under which name the damaged ones are kept, too.
pub(crate) fn update_or_renew(vault: &Vault, row: &Backup, change: impl FnOnce(&mut Notes)) -> Result<(Notes, Option<PathBuf>)> {
    let mut kept = None;
    let notes = update_from(vault, &row.id, change, |path, seal, damage| {
        if !matches!(damage, Error::NotesDamaged { .. }) {
            return Err(damage);
        }
        kept = Some(keep_aside(path)?);
        Ok(unsealed(Notes::anew(row), row, seal))
    })?;
    Ok((notes, kept))
}

/// Gives damaged notes another name beside their own, under which nobody looks for any. What lies there stays.
fn keep_aside(path: &Path) -> Result<PathBuf> {
    let aside = asides(path).find(|aside| aside.symlink_metadata().is_err()).expect("the names have no end");
    std::fs::copy(path, &aside).map_err(|error| Error::io(&aside, error))?;
    Ok(aside)
}

/// e.g. `shop_daily_20261120T030000Z_k3f9.notes.json.damaged-1`, and so on.
fn asides(path: &Path) -> impl Iterator<Item = PathBuf> {
    (1_u32..).map(move |number| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".damaged-{number}"));
        PathBuf::from(name)
    })
}

/// Removes the notes of a backup that is removed for good, with those that were damaged and kept.
pub(crate) fn remove(vault: &Vault, id: &BackupId) -> Result<()> {
    let path = vault.notes_path(id);
    for aside in asides(&path).take_while(|aside| aside.symlink_metadata().is_ok()) {
        durable::remove(&aside)?;
    }
    durable::remove(&path)
}

/// Changes the notes, durably; gives back what is on the disk now. Two processes that change them at once do so one after the other. Beside an
/// archive that no known password opens only the readable facts can be changed: `WrongPassword` for the others.
pub(crate) fn update(vault: &Vault, id: &BackupId, change: impl FnOnce(&mut Notes)) -> Result<Notes> {
    update_from(vault, id, change, |_, _, damage| Err(damage))
}

/// `renew` has what to begin with where the notes cannot be read.
fn update_from(
    vault: &Vault,
    id: &BackupId,
    change: impl FnOnce(&mut Notes),
    renew: impl FnOnce(&Path, &Seal, Error) -> Result<Notes>,
) -> Result<Notes> {
    let path = vault.notes_path(id);
    let _guard = lock_folder(vault, &path)?;
    let seal = seal_of(vault, id);
    let mut notes = match read_if_there(vault, id) {
        Ok(Some(notes)) => notes,
        // Somebody removed them: what the catalog knows stands in them from now on.
        Ok(None) => lost_row(vault, id)?.map_or_else(|| Notes::empty(id), |row| unsealed(Notes::of(&row), &row, &seal)),
        Err(damage) => renew(&path, &seal, damage)?,
    };
    if let Seal::With(key) = &seal {
        notes = notes.opened(key);
    }
    let before = (notes.description.clone(), notes.tags.clone());
    change(&mut notes);
    // The one that holds may be older than many that could not run.
    let holds = Proof::standing(&notes.proofs).cloned();
    let surplus = notes.proofs.len().saturating_sub(PROOFS_MAX);
    notes.proofs.drain(..surplus);
    if let Some(holds) = holds.filter(|holds| !notes.proofs.contains(holds)) {
        notes.proofs[0] = holds;
    }
    let file = match seal {
        Seal::With(key) if !notes.is_locked() => notes.clone().closed(&key)?,
        Seal::With(_) => {
            // The key is of another archive, or what is sealed is damaged: it stays as it is, too.
            if before != (notes.description.clone(), notes.tags.clone()) {
                let detail = "what is sealed in them does not open with the archive's key".to_owned();
                return Err(Error::NotesDamaged { id: id.clone(), path, detail });
            }
            notes.clone().stripped()
        }
        Seal::Locked(error) if notes.is_locked() || matches!(error, Error::WrongPassword { .. }) => {
            // What is sealed stays as it is, and nothing about the content is written beside it in clear.
            if before != (notes.description.clone(), notes.tags.clone()) {
                return Err(error);
            }
            notes.clone()
        }
        Seal::Plain | Seal::Locked(_) => notes.clone(),
    };
    // What was seen and decided is to be kept on a full disk, too.
    match write_file(&path, &file) {
        Err(Error::NoSpace { .. }) if vault.make_room() => write_file(&path, &file)?,
        written => written?,
    }
    Ok(notes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
