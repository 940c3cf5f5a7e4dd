//! Finding and describing backups: what lists and pages show. Nothing here changes an archive.

use std::collections::BTreeMap;

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState, Outcome, Verdict},
    event::EventResult,
    id::{BackupId, DatabaseId, Kind},
    metadata::Metadata,
    validate,
};

use crate::{Error, Result, Vault, activity::NewEvent, archive::Archive, delete, error::Mended, identity, notes};

/// Which backups a list is of. Newest first; trashed ones only when their state is asked for.
#[derive(Debug, Clone, Default)]
pub struct BackupFilter {
    pub database: Option<DatabaseId>,
    pub kind: Option<Kind>,
    pub state: Option<BackupState>,
    /// Only complete ones that are worth this.
    pub verdict: Option<Verdict>,
    /// Part of the id, the description or a tag, without case.
    pub text: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub oldest_first: bool,
    pub limit: Option<u64>,
    pub offset: u64,
}

#[derive(Debug, Clone)]
pub struct BackupPage {
    pub backups: Vec<Backup>,
    /// How many the filter finds in all.
    pub total: u64,
}

pub fn list(vault: &Vault, filter: &BackupFilter) -> Result<BackupPage> {
    vault.catalog().page_of_backups(filter)
}

/// What charts show of each backup that the filter finds, in no order; its limit and offset do not count.
pub fn outcomes(vault: &Vault, filter: &BackupFilter) -> Result<Vec<Outcome>> {
    vault.catalog().outcomes(filter)
}

/// For each of these backups the archive size of the complete one before it in sequence, if there is one.
pub fn sizes_before(vault: &Vault, of: &[Backup]) -> Result<BTreeMap<BackupId, u64>> {
    vault.catalog().sizes_before(of)
}

pub fn backup(vault: &Vault, id: &BackupId) -> Result<Backup> {
    vault.catalog().get_backup(id)?.ok_or_else(|| Error::UnknownBackup { id: id.to_string() })
}

/// Finds the backup that a person means: an id, a unique prefix, or `latest[:KIND]` (the newest good one), within a database if one is given.
/// `latest` of several databases is ambiguous: the wrong one may be restored over the right one.
pub fn find(vault: &Vault, id_or_prefix: &str, database: Option<&DatabaseId>) -> Result<Backup> {
    let unknown = || Error::UnknownBackup { id: id_or_prefix.to_owned() };
    let mut candidates = match id_or_prefix.split_once(':') {
        None if id_or_prefix == "latest" => newest_good(vault, None, database)?,
        Some(("latest", kind)) => {
            let kind = kind.parse().map_err(|e: keepstone_model::id::InvalidId| Error::Invalid { field: "id", message: e.to_string() })?;
            newest_good(vault, Some(kind), database)?
        }
        _ if id_or_prefix.is_empty() => Vec::new(),
        _ => vault.catalog().backups_with_prefix(id_or_prefix, database, 1000)?,
    };
    // A whole id is never ambiguous, whatever else begins like it.
    if let Some(exact) = candidates.iter().position(|backup| backup.id.as_str() == id_or_prefix) {
        return Ok(candidates.swap_remove(exact));
    }
    match candidates.len() {
        0 => Err(unknown()),
        1 => candidates.pop().ok_or_else(unknown),
        count => Err(Error::AmbiguousBackup { prefix: id_or_prefix.to_owned(), count: count as u64 }),
    }
}

/// The newest good backup of each database that is asked about.
fn newest_good(vault: &Vault, kind: Option<Kind>, database: Option<&DatabaseId>) -> Result<Vec<Backup>> {
    let databases = match database {
        Some(id) => vec![id.clone()],
        None => vault.catalog().databases()?.into_iter().map(|database| database.id).collect(),
    };
    databases.iter().filter_map(|id| vault.catalog().newest_good(id, kind).transpose()).collect()
}

/// One backup with what its archive says, and its neighbours in sequence.
#[derive(Debug, Clone)]
pub struct BackupDetail {
    pub backup: Backup,
    /// None where there is no archive (failed, interrupted) or it cannot be read.
    pub metadata: Option<Metadata>,
    /// The archive is encrypted and no known password opens it: its metadata holds the readable fields only.
    pub locked: bool,
    pub archive_path: Option<std::path::PathBuf>,
    /// Why the file there is not its archive; what that says is not given out as the backup's.
    pub another: Option<String>,
    pub previous: Option<BackupId>,
    pub next: Option<BackupId>,
}

pub fn detail(vault: &Vault, id: &BackupId) -> Result<BackupDetail> {
    let backup = backup(vault, id)?;
    let path = match backup.state {
        BackupState::Trashed => vault.trash_path(id),
        _ => vault.archive_path(id),
    };
    let archive_path = path.is_file().then_some(path);
    let mut another = None;
    let archive = archive_path.as_ref().and_then(|path| match Archive::open(path) {
        Ok(mut archive) => {
            another = identity::another(&backup, archive.metadata());
            if another.is_some() {
                return None;
            }
            if let Err(cause) = vault.unlock(&mut archive) {
                tracing::warn!(%id, %cause, "the archive's sealed metadata could not be read");
            }
            Some(archive)
        }
        Err(cause) => {
            tracing::warn!(%id, %cause, "the archive's metadata could not be read");
            None
        }
    });
    let locked = archive.as_ref().is_some_and(Archive::is_locked);
    let metadata = archive.map(|archive| archive.metadata().clone());
    let (previous, next) = vault.catalog().neighbours(&backup)?;
    Ok(BackupDetail { backup, metadata, locked, archive_path, another, previous, next })
}

impl BackupDetail {
    /// The refusal to take anything out of a file that is not the backup's archive; none if it is, or there is none.
    pub fn not_its_own(&self) -> Option<Error> {
        let (path, detail) = self.archive_path.clone().zip(self.another.clone())?;
        Some(Error::NotItsArchive { id: self.backup.id.clone(), path, detail })
    }
}

/// What may be edited afterwards; it lands in the notes beside the archive, durably. `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct EditBackupOptions {
    pub description: Option<String>,
    pub tags: Option<Vec<String>>,
    pub pinned: Option<bool>,
    pub actor: String,
}

/// The notes are written first and win over the row: a process that dies in between has lost nothing that it acknowledged, and a repeated
/// edit or a rebuilt catalog brings both in line.
pub fn edit(vault: &Vault, id: &BackupId, options: &EditBackupOptions) -> Result<Backup> {
    let refused = |message: &str| Error::Invalid { field: "id", message: format!("{id} {message}") };
    let invalid = |refusal: validate::Refusal| Error::Invalid { field: refusal.field, message: refusal.message };
    // A pin is not set on a backup that is just being deleted.
    let _guard = delete::lock_trash(vault)?;
    let before = backup(vault, id)?;
    match before.state {
        // Its job writes the whole row at the end, and would undo this.
        BackupState::Running => return Err(refused("is still being made")),
        BackupState::Trashed => return Err(refused("is in the trash: put it back first")),
        _ => {}
    }
    let description = options.description.as_deref().map(str::trim).map(str::to_owned);
    if let Some(description) = &description {
        validate::description(description).map_err(invalid)?;
    }
    let tags = options.tags.as_ref().map(|tags| validate::tags(&tags.join(","))).transpose().map_err(invalid)?;
    let (written, kept_aside) = notes::update_or_renew(vault, &before, |notes| {
        if let Some(description) = &description {
            notes.description = Some(description.clone());
        }
        if let Some(tags) = &tags {
            notes.tags = Some(tags.clone());
        }
        if let Some(pinned) = options.pinned {
            notes.pinned = pinned;
        }
    })?;
    let (action, message) = match options.pinned {
        Some(true) if !before.pinned => ("backup.pinned", format!("pinned {id}")),
        Some(false) if before.pinned => ("backup.unpinned", format!("unpinned {id}")),
        _ => ("backup.edited", format!("edited {id}")),
    };
    let message = match &kept_aside {
        Some(kept) => format!("{message}; its notes could not be read, and are written anew: the old ones are kept as {}", kept.display()),
        None => message,
    };
    let event = NewEvent {
        actor: &options.actor,
        action,
        result: EventResult::Ok,
        database: Some(before.database.clone()),
        backup: Some(id.clone()),
        job: None,
        message,
    };
    let write = vault.catalog().change_backup_and_record(id, &event, Timestamp::now(), |backup| {
        if let Some(description) = &description {
            backup.description.clone_from(description);
        }
        if let Some(tags) = &tags {
            backup.tags.clone_from(tags);
        }
        backup.pinned = options.pinned.unwrap_or(if kept_aside.is_some() { written.pinned } else { backup.pinned });
    });
    write.map_err(Error::after(format!("the notes of {id} have it"), Mended::ByRepeating))
}
