//! What a process that died, or a power cut, leaves in the middle of a move into the trash or out of it.

use std::{io::ErrorKind, path::Path};

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    backup::{Backup, BackupState},
    id::BackupId,
};

use super::{TRASH_LIFETIME_SECS, complete_again, event, trashed};
use crate::{Error, Result, Vault, databases, durable, guard, notes};

/// Brings the rows in line with where the archives lie, after a process died in the middle of a delete, a put-back or an emptying. Does nothing
/// while another process is at the trash. What cannot be mended is logged and left to a later start; only a damaged catalog is a fault.
pub(crate) fn mend(vault: &Vault) -> Result<()> {
    let folder = vault.trash_dir();
    if !folder.is_dir() {
        return Ok(());
    }
    let Some(_guard) = guard::try_lock_dir(&folder)? else { return Ok(()) };
    let one = |id: &BackupId, mended: Result<()>| match mended {
        Err(error @ Error::CatalogDamaged { .. }) => Err(error),
        Err(error) => {
            tracing::warn!(%id, %error, code = error.code(), "an interrupted deletion could not be mended");
            Ok(())
        }
        Ok(()) => Ok(()),
    };
    for entry in std::fs::read_dir(&folder).map_err(|e| Error::io(&folder, e))?.flatten() {
        let name = entry.file_name();
        if let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".zip")).and_then(|stem| stem.parse::<BackupId>().ok()) {
            one(&id, finish_delete(vault, &id))?;
        }
    }
    for backup in vault.catalog().backups_in_state(BackupState::Trashed)? {
        one(&backup.id, finish_put_back(vault, &backup))?;
    }
    Ok(())
}

/// An archive in the trash is a deleted one.
fn finish_delete(vault: &Vault, id: &BackupId) -> Result<()> {
    let Some(backup) = vault.catalog().get_backup(id)? else { return Ok(()) };
    if !has_left_its_folder(vault, id)? || backup.state == BackupState::Trashed {
        return Ok(());
    }
    // Notes that cannot be read do not say who it was: then that is not known, and the time begins now.
    let tombstone = notes::tombstone(vault, id).unwrap_or_else(|error| {
        tracing::warn!(%id, %error, "the notes of a deleted backup could not be read");
        None
    });
    let now = Timestamp::now();
    let (by, until) = tombstone.map_or_else(|| ("unknown".to_owned(), None), |t| (t.by, Some((t.trashed_at, t.until))));
    let lifetime = SignedDuration::from_secs(TRASH_LIFETIME_SECS);
    let (trashed_at, until) = until.unwrap_or((now, now.saturating_add(lifetime).unwrap_or(now)));
    let message = format!("deleted {id}; the deletion was interrupted and is finished now");
    let event = event("backup.deleted", &by, &backup, message);
    vault.catalog().change_backup_and_record(id, &event, now, |backup| trashed(backup, trashed_at, until))?;
    databases::update_latest_link(vault, &backup.database)
}

/// Whether an archive of the trash lies there alone. A move that was cut off, or whose folders the disk kept apart, leaves it under both names: then
/// the one in its folder goes, durably, unless someone reads it now, or it is not the same to the last byte, and nobody knows which is right.
fn has_left_its_folder(vault: &Vault, id: &BackupId) -> Result<bool> {
    let (in_trash, archive) = (vault.trash_path(id), vault.archive_path(id));
    let _lease = match guard::try_flock(&archive) {
        Ok(Some(lease)) => lease,
        Ok(None) => return Ok(false),
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    if !durable::hold_the_same(&in_trash, &archive)? {
        tracing::warn!(%id, "one archive of this name is in the trash and another in its folder: both stay as they are");
        return Ok(false);
    }
    durable::remove(&archive)?;
    durable::sync_parent(&archive)?;
    Ok(true)
}

/// A row of the trash whose archive is in its folder was put back; one whose archive is in neither place is gone.
pub(super) fn finish_put_back(vault: &Vault, backup: &Backup) -> Result<()> {
    let there = |path: &Path| std::fs::exists(path).map_err(|e| Error::io(path, e));
    if there(&vault.trash_path(&backup.id))? {
        return Ok(());
    }
    if !there(&vault.archive_path(&backup.id))? {
        return vault.catalog().mark_gone(&backup.id);
    }
    let message = format!("took {} back; that was interrupted and is finished now", backup.id);
    let event = event("backup.put_back", "unknown", backup, message);
    vault.catalog().change_backup_and_record(&backup.id, &event, Timestamp::now(), complete_again)?;
    databases::update_latest_link(vault, &backup.database)
}
