//! Delete into the trash, take back from it, empty it. Nothing leased, pinned or last of its kind goes.
//!
//! Where an archive lies decides what is true: in its folder it is a backup, in `.trash` it is a deleted one. A process may die between any two
//! steps; `mend` then brings the row in line with the archive's place. The steps of one change never cross another's: all hold the lock of
//! the trash, so that of the last two good backups of a database not both are deleted at once, each trusting in the other.

use std::{fs::File, io::ErrorKind};

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    backup::{Backup, BackupState, Verdict, delete_refusal},
    event::EventResult,
    human,
    id::{BackupId, Kind},
};

use crate::{
    Error, Result, Vault,
    activity::{self, NewEvent},
    backups,
    catalog::rounded,
    databases, durable,
    error::Mended,
    guard,
    guard::Guard,
    identity::{self, Found},
    notes::{self, Tombstone},
};

mod clock;
mod mend;

pub(crate) use mend::mend;

/// How long a deleted backup can be put back.
pub const TRASH_LIFETIME_SECS: i64 = 24 * 3600;

#[derive(Debug, Clone)]
pub struct DeleteReport {
    pub backup: Backup,
    /// Until then it can be put back.
    pub until: Timestamp,
}

/// Moves a backup to the trash, durably. `DeleteRefused` says why one cannot go. On a full disk the reserve is given up for it.
pub fn delete(vault: &Vault, id: &BackupId, actor: &str) -> Result<DeleteReport> {
    delete_for(vault, id, actor, None)
}

/// The same for cleanup, which was told why. Only a complete backup goes, and only while a newer good one lies in its place.
pub(crate) fn clean_away(vault: &Vault, id: &BackupId, actor: &str, why: &str) -> Result<DeleteReport> {
    delete_for(vault, id, actor, Some(why))
}

/// These backups in the order in which they are deleted together, the oldest first, so that what must stay of them is the newest; each with why
/// it cannot go then, if it cannot.
pub fn outlook(vault: &Vault, mut backups: Vec<Backup>) -> Result<Vec<(Backup, Option<&'static str>)>> {
    backups.sort_by(|a, b| (&a.database, a.sequence).cmp(&(&b.database, b.sequence)));
    let mut left: Vec<Backup> = Vec::new();
    let mut outlook = Vec::new();
    for backup in backups {
        if left.first().is_none_or(|other| other.database != backup.database) {
            left = vault.catalog().backups_of(&backup.database)?;
        }
        let refusal = delete_refusal(&backup, &left);
        if refusal.is_none() {
            left.retain(|other| other.id != backup.id);
        }
        outlook.push((backup, refusal));
    }
    Ok(outlook)
}

fn delete_for(vault: &Vault, id: &BackupId, actor: &str, cleanup: Option<&str>) -> Result<DeleteReport> {
    match delete_once(vault, id, actor, cleanup) {
        // Each step may be done twice.
        Err(Error::NoSpace { .. }) if vault.make_room() => delete_once(vault, id, actor, cleanup),
        outcome => outcome,
    }
}

/// Where the archive of a backup is that is to be deleted.
enum Lies {
    /// Held, so that nobody reads it.
    InItsPlace(File),
    /// It was moved there, and what came after that failed.
    InTheTrash,
    /// A failed or missing backup: there is nothing to move, so nothing to put back.
    Nowhere,
}

fn delete_once(vault: &Vault, id: &BackupId, actor: &str, cleanup: Option<&str>) -> Result<DeleteReport> {
    let _guard = lock_trash(vault)?;
    notes::follow::one(vault, &backups::backup(vault, id)?)?;
    let backup = backups::backup(vault, id)?;
    let refused = |reason: &str| Error::DeleteRefused { id: id.clone(), reason: reason.to_owned() };
    let of_database = loop {
        let of_database = vault.catalog().backups_of(&backup.database)?;
        if let Some(reason) = delete_refusal(&backup, &of_database) {
            return Err(refused(reason));
        }
        // What it goes for is good by its notes, too; else another is looked for.
        let own = |other: &&Backup| other.id != backup.id && other.kind != Kind::Safety && !other.is_imported();
        let relied = of_database.iter().filter(own).find(|other| other.is_good());
        if !relied.map_or(Ok(false), |relied| notes::follow::one(vault, relied))? {
            break of_database;
        }
    };
    if cleanup.is_some() && backup.state != BackupState::Complete {
        return Err(refused("it is not complete"));
    }
    // Looked at once more under the lock, by the file: since the plan the newer one may have been deleted, or its disk may be gone.
    if cleanup.is_some() && !newer_is_there(vault, &backup, &of_database) {
        return Err(refused("no newer backup lies whole in its place"));
    }
    let now = rounded(Timestamp::now());
    let archive = vault.archive_path(id);
    let lies = match guard::try_lease(&archive) {
        Ok(Some(lease)) => Lies::InItsPlace(lease),
        Ok(None) => return Err(in_use(&backup)),
        Err(Error::Io { source, path }) if source.kind() == ErrorKind::NotFound => {
            let in_trash = vault.trash_path(id);
            if in_trash.try_exists().map_err(|error| Error::io(&in_trash, error))? {
                Lies::InTheTrash
            } else if cleanup.is_some() {
                return Err(Error::ArchiveMissing { id: id.to_string(), path });
            } else {
                vault.refuse_away()?;
                Lies::Nowhere
            }
        }
        Err(error) => return Err(error),
    };
    let is_there = !matches!(lies, Lies::Nowhere);
    let lifetime = SignedDuration::from_secs(if is_there { TRASH_LIFETIME_SECS } else { 0 });
    let until = now.saturating_add(lifetime).map_err(|e| Error::Internal(e.to_string()))?;
    if is_there {
        // 1. The tombstone, so that a rebuilt catalog knows who deleted it and until when. If the process dies here the backup is where it
        // was and complete: a tombstone on an archive in its folder says nothing, and a second delete replaces it.
        let tombstone = Tombstone { trashed_at: now, until, by: actor.to_owned(), cleanup: cleanup.is_some() };
        notes::set_tombstone(vault, id, Some(tombstone))?;
        // 2. The archive. If the process dies here the next start finds it in the trash, and its row follows.
        match &lies {
            Lies::InItsPlace(_lease) => durable::relocate(&archive, &vault.trash_path(id))?,
            _ => durable::sync_parent(&archive)?,
        }
    }
    // 3. The row and the event, in one transaction.
    let message = cleanup.map_or_else(|| format!("deleted {id}"), |why| format!("cleanup removed {id}: {why}"));
    let event = event("backup.deleted", actor, &backup, message);
    let written = vault.catalog().change_backup_and_record(id, &event, now, |backup| trashed(backup, now, until));
    let done = || Error::after(format!("{id} was {}", if is_there { "moved to the trash" } else { "deleted" }), Mended::AtNextStart);
    let backup = if is_there { written.map_err(done())? } else { written? };
    if !is_there {
        vault.catalog().mark_gone(id).map_err(done())?;
    }
    databases::update_latest_link(vault, &backup.database).map_err(done())?;
    Ok(DeleteReport { backup, until })
}

/// Takes a backup back from the trash to where it was.
pub fn put_back(vault: &Vault, id: &BackupId, actor: &str) -> Result<Backup> {
    let _guard = lock_trash(vault)?;
    // Of a database that was removed: once that is added again it is known.
    if databases::trashed_of_removed(vault)?.iter().any(|backup| backup.id == *id) {
        return Err(Error::UnknownDatabase { id: id.database().to_string() });
    }
    let backup = backups::backup(vault, id)?;
    if backup.state != BackupState::Trashed {
        return Err(Error::Invalid { field: "id", message: format!("{id} is not in the trash") });
    }
    let (in_trash, archive) = (vault.trash_path(id), vault.archive_path(id));
    // 1. The archive; it may be there already, if an earlier attempt died after this step.
    if in_trash.exists() || !archive.exists() {
        if vault.catalog().is_gone(id)? || !in_trash.exists() {
            return Err(Error::ArchiveMissing { id: id.to_string(), path: in_trash });
        }
        durable::relocate(&in_trash, &archive).map_err(|error| match error {
            Error::TargetExists { path } => Error::PlaceTaken { id: id.clone(), path },
            other => other,
        })?;
    }
    // 2. The row and the event. If the process dies before, the next start finds the archive in its folder, and the row follows. What became of it in the
    // trash is seen first: another file, or half of it, is no good backup.
    let found = identity::look(&backup, &archive);
    let event = put_back_event(actor, &backup, found.as_ref(), format!("took {id} back"));
    let back = || Error::after(format!("{id} was taken back from the trash"), Mended::AtNextStart);
    let backup = vault.catalog().change_backup_and_record(id, &event, Timestamp::now(), complete_again(found.as_ref())).map_err(back())?;
    // 3. The tombstone: left behind, it says nothing beside an archive that is in its folder.
    match notes::set_tombstone(vault, id, None) {
        Err(error @ Error::NotesDamaged { .. }) => tracing::warn!(%id, %error, "who deleted it stays in its notes"),
        cleared => cleared.map_err(back())?,
    }
    databases::update_latest_link(vault, &backup.database).map_err(back())?;
    Ok(backup)
}

/// What is in the trash, the latest deletion first; of databases that were removed, too.
pub fn trash(vault: &Vault) -> Result<Vec<Backup>> {
    let mut trashed = vault.catalog().backups_in_state(BackupState::Trashed)?;
    trashed.extend(databases::trashed_of_removed(vault)?);
    trashed.sort_by_key(|backup| std::cmp::Reverse(backup.trashed_at));
    Ok(trashed)
}

/// What is in the trash of databases that were removed: it can be taken back once its database is added again.
pub fn trash_of_removed(vault: &Vault) -> Result<Vec<Backup>> {
    databases::trashed_of_removed(vault)
}

/// A page of the trash.
#[derive(Debug, Clone)]
pub struct TrashPage {
    /// The latest deletion first.
    pub backups: Vec<Backup>,
    /// How many are in the trash in all, and how many bytes.
    pub total: u64,
    pub size_bytes: u64,
    /// When the latest of all was moved there.
    pub newest_at: Option<Timestamp>,
}

/// A page of what is in the trash of the databases that are there.
pub fn trash_page(vault: &Vault, limit: u64, offset: u64) -> Result<TrashPage> {
    vault.catalog().page_of_trash(limit, offset)
}

/// Removes what is in the trash for good: everything, as a person asks for it, or only what is past its time. Gives back how many and how
/// many bytes. What goes by the clock goes with care: nothing for a day after the clock has jumped, and no backup that had passed its checks while its
/// database has no other to restore.
pub fn empty_trash(vault: &Vault, only_expired_by: Option<Timestamp>, actor: &str) -> Result<(u64, u64)> {
    let _guard = lock_trash(vault)?;
    let (mut count, mut bytes) = (0, 0);
    if let Some(now) = only_expired_by
        && !clock::is_believed(vault, now)?
    {
        return Ok((0, 0));
    }
    for backup in trash(vault)? {
        if let Some(now) = only_expired_by
            && (!is_expired(&backup, now) || is_last_hope(vault, &backup)?)
        {
            continue;
        }
        if let Some(size) = remove_for_good(vault, &backup)? {
            count += 1;
            bytes += size;
        }
    }
    record_emptied(vault, count, bytes, actor, "")?;
    Ok((count, bytes))
}

/// Removes for good what was moved to the trash up to a time, as a person who saw it there asks for it; what came since stays. Gives back how
/// many and how many bytes.
pub fn empty_trash_until(vault: &Vault, until: Timestamp, actor: &str) -> Result<(u64, u64)> {
    let _guard = lock_trash(vault)?;
    let (mut count, mut bytes) = (0, 0);
    // Of databases that were removed nothing was seen there.
    let seen = vault.catalog().backups_in_state(BackupState::Trashed)?;
    for backup in seen.iter().filter(|backup| backup.trashed_at.is_some_and(|at| at <= until)) {
        if let Some(size) = remove_for_good(vault, backup)? {
            count += 1;
            bytes += size;
        }
    }
    record_emptied(vault, count, bytes, actor, "")?;
    Ok((count, bytes))
}

/// Removes for good, before its time, what the disk has no room for: while it is `short`, what cleanup moved to the trash, the oldest first;
/// then, only while it is `full`, what people deleted. Never the last hope of a database. Gives back how many went.
pub(crate) fn empty_for_space(vault: &Vault, short: &dyn Fn() -> Result<bool>, full: &dyn Fn() -> Result<bool>) -> Result<u64> {
    let _guard = lock_trash(vault)?;
    let mut trashed = trash(vault)?;
    trashed.sort_by_key(|backup| (backup.created_at, backup.sequence));
    // Notes that cannot be read do not say that cleanup did it.
    let by_cleanup =
        |backup: &Backup| notes::tombstone(vault, &backup.id).is_ok_and(|tombstone| tombstone.is_some_and(|tomb| tomb.cleanup));
    let (ours, peoples): (Vec<Backup>, Vec<Backup>) = trashed.into_iter().partition(by_cleanup);
    let (mut count, mut bytes) = (0, 0);
    for (backups, pressed) in [(ours, short), (peoples, full)] {
        for backup in backups {
            if !pressed()? {
                break;
            }
            if is_last_hope(vault, &backup)? {
                continue;
            }
            if let Some(size) = remove_for_good(vault, &backup)? {
                count += 1;
                bytes += size;
            }
        }
    }
    record_emptied(vault, count, bytes, "cleanup", ", because the disk is nearly full")?;
    Ok(count)
}

/// Removes one out of the trash. Gives back the bytes; none if someone reads it.
fn remove_for_good(vault: &Vault, backup: &Backup) -> Result<Option<u64>> {
    let (path, in_folder) = (vault.trash_path(&backup.id), vault.archive_path(&backup.id));
    // It was taken back, or was being: nothing of it is removed.
    if std::fs::exists(&in_folder).map_err(|error| Error::io(&in_folder, error))? {
        return mend::take_back(vault, backup).map(|()| None);
    }
    let lease = match guard::try_lease(&path) {
        Ok(Some(lease)) => Some(lease),
        Ok(None) => return Ok(None),
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            vault.refuse_away()?;
            None
        }
        Err(error) => return Err(error),
    };
    let size = std::fs::metadata(&path).map_or(0, |meta| meta.len());
    // The archive first: a process that dies after it leaves a row without an archive in either place, which `mend` takes for gone. The
    // row first would leave an archive that nobody ever removes; and so would a power cut that gives back a name whose row is gone.
    durable::remove(&path)?;
    if lease.is_some() {
        durable::sync_dir(&vault.trash_dir())?;
    }
    vault.catalog().mark_gone(&backup.id)?;
    notes::remove(vault, &backup.id)?;
    Ok(Some(size))
}

/// What is still in the trash after that was emptied of these, and why.
pub fn what_stays(vault: &Vault, of_these: impl Fn(&Backup) -> bool) -> Result<Vec<(BackupId, Error)>> {
    let mut left = Vec::new();
    for backup in trash(vault)?.iter().filter(|backup| of_these(backup)) {
        left.extend(why_it_stays(vault, backup)?.map(|why| (backup.id.clone(), why)));
    }
    Ok(left)
}

/// None where nothing is in its way.
fn why_it_stays(vault: &Vault, backup: &Backup) -> Result<Option<Error>> {
    let (path, in_folder) = (vault.trash_path(&backup.id), vault.archive_path(&backup.id));
    if std::fs::exists(&in_folder).map_err(|error| Error::io(&in_folder, error))? {
        return Ok(Some(Error::PlaceTaken { id: backup.id.clone(), path: in_folder }));
    }
    Ok(match guard::try_flock(&path) {
        Ok(None) => Some(in_use(backup)),
        _ => None,
    })
}

fn record_emptied(vault: &Vault, count: u64, bytes: u64, actor: &str, why: &str) -> Result<()> {
    if count == 0 {
        return Ok(());
    }
    let message = format!("emptied the trash of {}, {}{why}", human::counted(count, "backup"), human::bytes(bytes));
    let event = NewEvent { actor, action: "trash.emptied", result: EventResult::Ok, database: None, backup: None, job: None, message };
    activity::record(vault, &event).map(drop)
}

/// Whether a newer backup that could bring the database back lies in its place, of the length that it was written with.
fn newer_is_there(vault: &Vault, than: &Backup, of_database: &[Backup]) -> bool {
    let whole = |backup: &Backup| {
        let length = std::fs::metadata(vault.archive_path(&backup.id)).map(|meta| meta.len());
        length.is_ok_and(|length| length == backup.archive_size_bytes)
    };
    let trusted = |backup: &&Backup| {
        let sound =
            matches!(backup.verdict(), Verdict::Good) || (than.verdict() == Verdict::Unproven && backup.verdict() == Verdict::Unproven);
        backup.state == BackupState::Complete && sound && backup.kind != Kind::Safety && !backup.is_imported()
    };
    let noted = |backup: &Backup| notes::follow::as_noted(vault, backup).ok().flatten().is_none_or(|as_noted| trusted(&&as_noted));
    of_database.iter().filter(trusted).any(|backup| backup.sequence > than.sequence && whole(backup) && noted(backup))
}

/// Without a time it is not known to have passed: it stays until a person empties everything.
fn is_expired(backup: &Backup, now: Timestamp) -> bool {
    backup.trash_until.is_some_and(|until| until <= now) && backup.trashed_at.is_none_or(|trashed_at| trashed_at <= now)
}

/// Whether this one had passed its checks, and of its database no good backup is there, as its archive's file says.
fn is_last_hope(vault: &Vault, backup: &Backup) -> Result<bool> {
    if backup.verdict() != Verdict::Good {
        return Ok(false);
    }
    let of_database = vault.catalog().backups_of(&backup.database)?;
    Ok(!of_database.iter().any(|other| other.is_good() && other.kind != Kind::Safety && vault.archive_path(&other.id).is_file()))
}

fn trashed(backup: &mut Backup, at: Timestamp, until: Timestamp) {
    backup.state = BackupState::Trashed;
    backup.trashed_at = Some(at);
    backup.trash_until = Some(until);
}

/// With what was found in its place.
fn complete_again(found: Option<&Found>) -> impl Fn(&mut Backup) {
    move |backup| {
        backup.state = BackupState::Complete;
        backup.trashed_at = None;
        backup.trash_until = None;
        if let Some(found) = found {
            found.write_down(backup);
        }
    }
}

fn put_back_event<'a>(actor: &'a str, backup: &Backup, found: Option<&Found>, message: String) -> NewEvent<'a> {
    let (result, message) = match found {
        Some(Found::Another { why }) => (EventResult::Failed, format!("{message}; it is no good backup: {why}")),
        Some(Found::Changed { .. }) => {
            (EventResult::Warning, format!("{message}; it is of another length than it had, and counts as good once it is verified"))
        }
        _ => (EventResult::Ok, message),
    };
    NewEvent { result, ..event("backup.put_back", actor, backup, message) }
}

/// Whoever changes what may be deleted, or where archives lie, holds this.
pub(crate) fn lock_trash(vault: &Vault) -> Result<Guard> {
    let folder = vault.trash_dir();
    vault.make_dir(&folder)?;
    guard::lock_dir(&folder)
}

fn in_use(backup: &Backup) -> Error {
    Error::DatabaseBusy { database: backup.database.clone(), holder: format!("the archive of {} is being read", backup.id) }
}

fn event<'a>(action: &'a str, actor: &'a str, backup: &Backup, message: String) -> NewEvent<'a> {
    NewEvent {
        actor,
        action,
        result: EventResult::Ok,
        database: Some(backup.database.clone()),
        backup: Some(backup.id.clone()),
        job: None,
        message,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
