//! The archives that lie in the folders of a database and in the trash: taking them up into a catalog, and finding those that no catalog has. Not
//! those that lie elsewhere than where they belong.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use keepstone_model::{
    backup::{Backup, BackupState, Encryption, Proof},
    database::Database,
    id::{BackupId, DatabaseId, DatabaseUid, Kind},
};

use super::{
    order::{self, Found},
    strays::{self, Below, Stray},
};
use crate::{
    Error, Result, Vault,
    archive::Archive,
    durable, keys,
    notes::{self, Notes},
    take::doubt,
};

/// What the folders of a database and the trash hold of it.
#[derive(Debug, Default)]
pub(super) struct Adopted {
    pub(super) backups: Vec<Backup>,
    /// Archives that bear a backup's name and could not be read, or their notes, each with the reason: what a disk refuses today may be there tomorrow.
    pub(super) unread: Vec<String>,
    /// Archives of this database, by their names, that lie where they belong and could not be taken up.
    pub(super) without: Vec<BackupId>,
}

/// The backups whose archives carry this database's uid, in their folders or in the trash. Others are left alone, and named.
pub(super) fn archives(vault: &Vault, database: &Database) -> Result<Adopted> {
    let (mut found, mut unread, mut lost, mut without) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut take = |id: &BackupId, path: &Path, state| match read_archive(vault, database, id, path, state) {
        Ok(Looked::Ours(archive, noted)) => {
            match noted {
                Noted::Read => {}
                Noted::Nowhere => lost.push(id.clone()),
                Noted::Unread(cause) => unread.push(format!("the notes of {id}, which counts as pinned until they are read: {cause}")),
            }
            found.push(*archive);
        }
        Ok(Looked::Others(uid)) => unread.push(format!("{id}: {}", strays::of_another(uid.as_str(), path))),
        Err(cause) => {
            tracing::warn!(path = %path.display(), %cause, "an archive could not be taken up");
            unread.push(format!("{id}: {cause}"));
            if state == BackupState::Complete {
                without.push(id.clone());
            }
        }
    };
    for kind in Kind::ALL {
        let folder = vault.database_dir(&database.id).join(kind.as_str());
        for id in ids_in(&folder)? {
            if id.database() == database.id && id.kind() == kind {
                take(&id, &vault.archive_path(&id), BackupState::Complete);
            }
        }
    }
    for id in ids_in(&vault.trash_dir())? {
        if id.database() == database.id {
            take(&id, &vault.trash_path(&id), BackupState::Trashed);
        }
    }
    unread.extend(lost.first().map(|first| match lost.len() {
        1 => format!("the notes of {first}, which are gone: it counts as pinned until `keepstone unpin {first}`"),
        count => format!(
            "the notes of {count} backups of {}, which are gone: each counts as pinned until `keepstone unpin`, e.g. of {first}",
            database.id
        ),
    }));
    Ok(Adopted { backups: order::settle(found), unread, without })
}

/// Where archives lie that are in no catalog, in the folders and in the trash: of databases that were removed, those that were made after the
/// catalog that was put back, and those that lie elsewhere than where they belong.
pub(crate) fn archives_unlisted(vault: &Vault) -> Result<Vec<(BackupId, PathBuf)>> {
    let mut listed = HashSet::new();
    for database in vault.catalog().databases()? {
        listed.extend(vault.catalog().backups_of(&database.id)?.into_iter().map(|backup| backup.id));
    }
    let exactly = |below: Below| below.strays.into_iter().filter(Stray::is_named_exactly).map(|stray| (stray.id, stray.path));
    let (mut found, mut strays) = (Vec::new(), Vec::new());
    for entry in durable::entries(vault.backups_dir())? {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<DatabaseId>().ok()) else { continue };
        for kind in Kind::ALL {
            let folder = vault.database_dir(&id).join(kind.as_str());
            let of_kind = ids_in(&folder)?.into_iter().map(|id| (folder.join(format!("{id}.zip")), id));
            found.extend(of_kind.filter(|(path, id)| *path == vault.archive_path(id)).map(|(path, id)| (id, path)));
        }
        strays.extend(exactly(strays::of_database(vault, &id)));
    }
    strays.extend(exactly(strays::of_no_database(vault)?));
    found.extend(ids_in(&vault.trash_dir())?.into_iter().map(|id| (id.clone(), vault.trash_path(&id))));
    found.retain(|(id, _)| !listed.contains(id));
    // A second copy of one that is listed is opened by the same passwords: it is taken over, too.
    found.extend(strays);
    Ok(found)
}

/// What lies in the trash of databases that were removed, as archives and notes tell it: no row does. What cannot be read is not told.
pub(crate) fn trashed_of_removed(vault: &Vault) -> Result<Vec<Backup>> {
    let mut found = Vec::new();
    for id in ids_in(&vault.trash_dir())? {
        if vault.catalog().get_database(&id.database())?.is_some() {
            continue;
        }
        let described = Archive::open(&vault.trash_path(&id)).and_then(|mut archive| {
            let encryption = keys::settle(vault, &mut archive)?;
            Ok(described(&archive, encryption, notes::read(vault, &id)?, BackupState::Trashed))
        });
        match described {
            Ok(backup) if backup.id == id => found.push(backup),
            Ok(_) => {}
            Err(error) => tracing::warn!(%id, %error, "what lies in the trash of a removed database cannot be read"),
        }
    }
    Ok(found)
}

pub(super) fn ids_in(folder: &Path) -> Result<Vec<BackupId>> {
    let id = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".zip")?.parse().ok();
    Ok(durable::entries_if_there(folder)?.into_iter().filter_map(id).collect())
}

/// What became of the notes beside an archive.
enum Noted {
    Read,
    /// They are written before an archive gets its name: somebody removed them, or brought the archive alone.
    Nowhere,
    Unread(Error),
}

enum Looked {
    Ours(Box<Found>, Noted),
    /// It is another database's that had the same name.
    Others(DatabaseUid),
}

/// `NotItsArchive` if it is another backup's.
fn read_archive(vault: &Vault, database: &Database, id: &BackupId, path: &Path, state: BackupState) -> Result<Looked> {
    let mut archive = Archive::open(path)?;
    let is = &archive.metadata().backup_id;
    if is != id {
        let detail = format!("it is the archive of {is}, and is taken up under that name only: call it {is}.zip");
        return Err(Error::NotItsArchive { id: id.clone(), path: path.to_owned(), detail });
    }
    if archive.metadata().database_uid != database.uid {
        return Ok(Looked::Others(archive.metadata().database_uid.clone()));
    }
    let encryption = keys::settle(vault, &mut archive)?;
    // Notes that cannot be read, or are gone, may say that it is pinned: then it is.
    let pinned = || Notes { pinned: true, ..Notes::empty(id) };
    let (notes, noted) = match notes::read_if_any(vault, id) {
        Ok(Some(notes)) => (notes, Noted::Read),
        Ok(None) => (pinned(), Noted::Nowhere),
        Err(cause) => {
            tracing::warn!(%id, %cause, "the notes of a backup could not be read: it is taken up as pinned");
            (pinned(), Noted::Unread(cause))
        }
    };
    let previous = archive.metadata().previous.as_ref().map(|previous| previous.id.clone());
    Ok(Looked::Ours(Box::new(Found { backup: described(&archive, encryption, notes, state), previous }), noted))
}

/// The row of a backup as its archive and notes tell it.
fn described(archive: &Archive, encryption: Encryption, notes: Notes, state: BackupState) -> Backup {
    let metadata = archive.metadata();
    let suspect = doubt(metadata, Some(&notes));
    let tombstone = notes.tombstone.clone().filter(|_| state == BackupState::Trashed);
    Backup {
        id: metadata.backup_id.clone(),
        database: metadata.database.clone(),
        kind: metadata.backup_type,
        sequence: metadata.sequence,
        state,
        created_at: metadata.created_at,
        created_by: metadata.created_by.clone(),
        description: notes.description.unwrap_or_else(|| metadata.description.clone()),
        tags: notes.tags.unwrap_or_else(|| metadata.tags.clone()),
        pinned: notes.pinned,
        suspect: suspect.0,
        suspect_cause: suspect.1,
        acknowledged: notes.acknowledged.clone(),
        original_size_bytes: metadata.original_size,
        archive_size_bytes: archive.size_bytes(),
        total_records: metadata.total_records,
        payload_hash: Some(metadata.payload_hash.clone()),
        encryption,
        coverage: metadata.coverage,
        proof: Proof::standing(&notes.proofs).cloned(),
        error: None,
        job: None,
        trashed_at: tombstone.as_ref().map(|t| t.trashed_at),
        trash_until: tombstone.map(|t| t.until),
    }
}
