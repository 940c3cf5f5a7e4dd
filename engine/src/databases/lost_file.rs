//! A folder whose `database.json` is lost or cannot be read: its archives say whose it is. What only the file said (settings, schedules) is gone with it.

use keepstone_model::{
    anomaly::LossPolicy,
    database::Database,
    event::EventResult,
    id::{BackupId, DatabaseId, Kind},
    metadata::Metadata,
    retention::{CleanupRhythm, RetentionPolicy},
    snapshot::SnapshotPolicy,
};

use super::{
    adopt, database, databases, folder,
    strays::{self, Stray},
};
use crate::{
    Result, Vault,
    activity::{self, NewEvent},
    archive::Archive,
    guard,
};

/// What the archives of a folder say.
pub(super) enum Said {
    /// There are none.
    Nothing,
    Database(Box<Database>),
    /// They can be read, and no known password opens what they say of the source.
    Sealed,
}

/// The database that the newest own archive in the folder of `id` is of, as far as that says it. The rest is at its defaults, but that nothing is
/// removed by itself: what was to be kept is not known.
pub(super) fn by_archives(vault: &Vault, id: &DatabaseId) -> Result<Said> {
    let mut archives = Vec::new();
    let strays = strays::of_database(vault, id).strays.into_iter().filter(Stray::is_named_exactly).map(|stray| (stray.id, stray.path));
    let in_place = archives_in(vault, id)?.into_iter().map(|backup| (backup.clone(), vault.archive_path(&backup)));
    for (backup, path) in in_place.chain(strays) {
        let Ok(archive) = Archive::open(&path) else { continue };
        let metadata = archive.metadata();
        // An import's source is a file of another system.
        if metadata.database == *id && metadata.backup_id == backup && metadata.sequence > 0 && metadata.backup_type != Kind::Imported {
            archives.push(archive);
        }
    }
    archives.sort_by_key(|archive| std::cmp::Reverse((archive.metadata().created_at, archive.metadata().sequence)));
    let Some(uid) = archives.first().map(|newest| newest.metadata().database_uid.clone()) else { return Ok(Said::Nothing) };
    for archive in archives.iter_mut().filter(|archive| archive.metadata().database_uid == uid) {
        if let Err(cause) = vault.unlock(archive) {
            tracing::info!(path = %archive.path().display(), %cause, "what an archive says of its database cannot be read");
        } else if !archive.metadata().source.location.is_empty() {
            return Ok(Said::Database(Box::new(database_of(archive.metadata()))));
        }
    }
    Ok(Said::Sealed)
}

fn database_of(metadata: &Metadata) -> Database {
    Database {
        id: metadata.database.clone(),
        uid: metadata.database_uid.clone(),
        engine: metadata.engine,
        location: metadata.source.location.clone(),
        added_at: metadata.created_at,
        objective_secs: None,
        never_replace: false,
        paused: false,
        retention: RetentionPolicy::standard(),
        retention_managed_by: None,
        cleanup_rhythm: CleanupRhythm { paused: true, ..CleanupRhythm::default() },
        auto_recovery: false,
        globals: false,
        // Never in clear what was not before.
        encrypt: metadata.encrypted,
        plain: false,
        loss: LossPolicy::default(),
        snapshot: SnapshotPolicy::default(),
    }
}

fn archives_in(vault: &Vault, id: &DatabaseId) -> Result<Vec<BackupId>> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        let of_kind = adopt::ids_in(&vault.database_dir(id).join(kind.as_str()))?;
        all.extend(of_kind.into_iter().filter(|backup| backup.database() == *id && backup.kind() == kind));
    }
    Ok(all)
}

/// Whether archives in the folder are the database's own; none if there are none that can be read.
fn is_own(vault: &Vault, database: &Database) -> Result<Option<bool>> {
    let mut others = None;
    for backup in archives_in(vault, &database.id)? {
        if let Ok(archive) = Archive::open(&vault.archive_path(&backup)) {
            if archive.metadata().database_uid == database.uid {
                return Ok(Some(true));
            }
            others = Some(false);
        }
    }
    Ok(others)
}

/// Writes every `database.json` that is not there and whose folder holds archives of the database. Any other folder may be the empty place where a disk
/// is to be mounted.
pub(crate) fn write_lost(vault: &Vault) -> Result<()> {
    for of in databases(vault)? {
        if is_lost(vault, &of.id) && is_own(vault, &of)? == Some(true) {
            write(vault, &of.id)?;
        }
    }
    Ok(())
}

/// The same before a backup is made, which makes the folder.
pub(crate) fn write_if_lost(vault: &Vault, of: &Database) -> Result<()> {
    if is_lost(vault, &of.id) && is_own(vault, of)? != Some(false) { write(vault, &of.id) } else { Ok(()) }
}

/// Certainly: what cannot be looked at is there.
fn is_lost(vault: &Vault, id: &DatabaseId) -> bool {
    matches!(vault.database_json_path(id).try_exists(), Ok(false))
}

fn write(vault: &Vault, id: &DatabaseId) -> Result<()> {
    let _guard = guard::lock_dir(vault.backups_dir())?;
    // By what it is under the lock: whoever edits it writes the file first.
    let of = database(vault, id)?;
    if !is_lost(vault, id) {
        return Ok(());
    }
    folder::write(vault, &of, &vault.catalog().schedules(Some(id))?)?;
    let message = format!("the database.json of {id} was lost, and is written anew: look whether anything else is missing in its folder");
    let event = NewEvent {
        actor: "recovery",
        action: "database.file_lost",
        result: EventResult::Warning,
        database: Some(id.clone()),
        backup: None,
        job: None,
        message,
    };
    activity::record(vault, &event).map(drop)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
