//! What a process that died, or a power cut, leaves in the middle of a move into the trash or out of it.

use std::{io::ErrorKind, path::Path};

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    backup::{Backup, BackupState},
    id::BackupId,
};

use super::{TRASH_LIFETIME_SECS, complete_again, event, put_back_event, trashed};
use crate::{Error, Result, Vault, databases, durable, guard, identity, notes};

/// Brings the rows in line with where the archives lie, after a process died in the middle of a delete, a put-back or an emptying. Does nothing
/// while another process is at the trash. What cannot be mended is logged and left to a later start; only a damaged catalog is a fault.
pub(crate) fn mend(vault: &Vault) -> Result<()> {
    vault.refuse_away()?;
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
    for entry in durable::entries(&folder)? {
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

/// An archive in the trash is a deleted one; but one that lies in its folder too, and whose row says that it was deleted long ago, was being taken
/// back: then its name in the trash goes, and the row follows.
fn finish_delete(vault: &Vault, id: &BackupId) -> Result<()> {
    let Some(backup) = vault.catalog().get_backup(id)? else { return Ok(()) };
    if backup.state == BackupState::Trashed {
        return give_up_other(id, &vault.archive_path(id), &vault.trash_path(id)).map(drop);
    }
    if !give_up_other(id, &vault.trash_path(id), &vault.archive_path(id))? {
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

/// A move that was cut off, or whose folders the disk kept apart, leaves an archive under both names: the `other` goes then, durably. Whether it is
/// not there afterwards: it stays while someone reads it, without the one that is to stay, and if it is not the same to the last byte, for then
/// nobody knows which is right.
fn give_up_other(id: &BackupId, stays: &Path, other: &Path) -> Result<bool> {
    let _lease = match guard::try_flock(other) {
        Ok(Some(lease)) => lease,
        Ok(None) => return Ok(false),
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    if !std::fs::exists(stays).map_err(|error| Error::io(stays, error))? {
        return Ok(false);
    }
    if !durable::hold_the_same(stays, other)? {
        tracing::warn!(%id, "one archive of this name is in the trash and another in its folder: both stay as they are");
        return Ok(false);
    }
    durable::remove(other)?;
    durable::sync_parent(other)?;
    Ok(true)
}

/// What is to be removed from the trash for good, and lies in its folder: it was being taken back, and that is finished instead.
pub(super) fn take_back(vault: &Vault, backup: &Backup) -> Result<()> {
    finish_delete(vault, &backup.id)?;
    finish_put_back(vault, backup)
}

/// A row of the trash whose archive is in its folder was put back; one whose archive is in neither place is gone.
fn finish_put_back(vault: &Vault, backup: &Backup) -> Result<()> {
    let there = |path: &Path| std::fs::exists(path).map_err(|e| Error::io(path, e));
    if there(&vault.trash_path(&backup.id))? {
        return Ok(());
    }
    if !there(&vault.archive_path(&backup.id))? {
        // Once more: the disk may have gone since the look began.
        vault.refuse_away()?;
        return vault.catalog().mark_gone(&backup.id);
    }
    let message = format!("took {} back; that was interrupted and is finished now", backup.id);
    let found = identity::look(backup, &vault.archive_path(&backup.id));
    let event = put_back_event("unknown", backup, found.as_ref(), message);
    vault.catalog().change_backup_and_record(&backup.id, &event, Timestamp::now(), complete_again(found.as_ref()))?;
    databases::update_latest_link(vault, &backup.database)
}
