//! The folder of a database beside its archives: `database.json`, and what is there already when a location is added again.

use std::{
    collections::HashSet,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState, Encryption, Proof},
    database::Database,
    id::{BackupId, DatabaseId, DatabaseUid, Kind},
    schedule::Schedule,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    lost_file::{self, Said},
    order::{self, Found},
};
use crate::{
    Error, Result, Vault,
    archive::Archive,
    catalog::{ScheduleRow, Standing},
    durable,
    image::hex,
    keys, layout,
    notes::{self, Notes},
    scheduler::{self, Timing},
    sqlite::location::path_of,
    take::doubt,
};

const FILE_VERSION: u32 = 1;

/// `database.json`: uid, settings and schedules, no secrets.
#[derive(Debug, Serialize, Deserialize)]
struct DatabaseFile {
    file_version: u32,
    #[serde(flatten)]
    database: Database,
    /// Each is read by itself: one that cannot be read takes no other with it, and not the database. None in files of versions that kept
    /// none here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedules: Option<Vec<Value>>,
}

/// A schedule as the file has it: what was said of it, and from where an interval is counted. When it last ran is not said.
#[derive(Debug, Serialize, Deserialize)]
struct KeptSchedule {
    #[serde(flatten)]
    schedule: Schedule,
    anchor_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    managed_by: Option<String>,
}

/// What a folder says of the database that it belongs to.
pub(super) struct LeftDatabase {
    pub database: Database,
    schedules: Option<Vec<Value>>,
    /// By its archives, as the file is lost: what only that said is not known.
    pub by_archives: bool,
}

impl LeftDatabase {
    /// The rows of its schedules as they begin at `now`; none if the file is of a version that kept none.
    pub(super) fn schedules(&self, now: Timestamp) -> Option<Vec<ScheduleRow>> {
        let id = &self.database.id;
        let row = |value: &Value| match serde_json::from_value::<KeptSchedule>(value.clone()) {
            Ok(KeptSchedule { schedule, anchor_at, managed_by }) => {
                // One whose zone this machine does not know is kept as it is, and says that it cannot be read.
                let timing = Timing::for_database(id, &schedule, anchor_at).ok();
                let standing = timing.map_or_else(Standing::default, |timing| scheduler::first_standing(&timing, now));
                Some(ScheduleRow { number: 0, database: id.clone(), schedule, anchor_at, managed_by, standing })
            }
            Err(cause) => {
                tracing::warn!(database = %id, %cause, "a schedule in database.json cannot be read, and is left out");
                None
            }
        };
        self.schedules.as_ref().map(|all| all.iter().filter_map(row).collect())
    }
}

/// Under which id and uid a location is added.
pub(super) enum Choice {
    New(DatabaseId),
    /// The folder was left by a database of the same location.
    TakenUp(Box<LeftDatabase>),
}

/// Chooses the id: the wished one if its folder is free or of this location, else the folder that is of this location, else a free slug.
pub(super) fn choose(vault: &Vault, location: &str, wished: Option<&DatabaseId>, stem: &str) -> Result<Choice> {
    let in_catalog: Vec<DatabaseId> = vault.catalog().databases()?.into_iter().map(|database| database.id).collect();
    if let Some(id) = wished {
        return match left_in(vault, id)? {
            _ if in_catalog.contains(id) => Err(Error::AlreadyExists { what: "database", name: id.to_string() }),
            Left::Nothing => Ok(Choice::New(id.clone())),
            Left::Database(left) if is_at(&left.database, location) => Ok(Choice::TakenUp(left)),
            Left::Database(_) | Left::Sealed | Left::Other => {
                Err(Error::AlreadyExists { what: "folder of a database", name: id.to_string() })
            }
        };
    }
    for entry in durable::entries(vault.backups_dir())? {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<DatabaseId>().ok()) else { continue };
        if in_catalog.contains(&id) {
            continue;
        }
        if let Left::Database(left) = left_in(vault, &id)?
            && is_at(&left.database, location)
        {
            return Ok(Choice::TakenUp(left));
        }
    }
    let taken =
        |slug: &str| slug.parse().is_ok_and(|id: DatabaseId| in_catalog.contains(&id) || !matches!(left_in(vault, &id), Ok(Left::Nothing)));
    Ok(Choice::New(DatabaseId::from_stem(stem, taken)))
}

/// Whether a database was at this location: by the same text, or at the same file by another path.
fn is_at(database: &Database, location: &str) -> bool {
    let file = |text: &str| path_of(text).ok();
    database.location == location || (file(location).is_some() && file(&database.location) == file(location))
}

enum Left {
    Nothing,
    Database(Box<LeftDatabase>),
    /// Archives of ours that no known password opens, and no file that says whose they are.
    Sealed,
    /// Something that Keepstone does not know: a predecessor's tree, or a file that cannot be read.
    Other,
}

/// Whether a backups folder holds the folder of exactly this database.
pub(crate) fn is_folder_of(backups: &Path, database: &Database) -> bool {
    let path = backups.join(database.id.as_str()).join("database.json");
    let file = fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<DatabaseFile>(&bytes).ok());
    file.is_some_and(|file| file.database.uid == database.uid)
}

/// Whether a backups folder holds the folder of any database.
pub(crate) fn any_folder_in(backups: &Path) -> Result<bool> {
    for entry in durable::entries_if_there(backups)? {
        let folder = entry.path();
        // A lost file leaves the archives.
        if durable::is_file(&folder.join(layout::DATABASE_JSON))? || folder.is_dir() && holds_archive(&folder)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Every database whose folder lies in the vault, by id; and the folders that look like one and cannot be read, each with the reason.
pub(super) fn all_left(vault: &Vault) -> Result<(Vec<LeftDatabase>, Vec<String>)> {
    let (mut databases, mut others) = (Vec::new(), Vec::new());
    for entry in durable::entries(vault.backups_dir())? {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<DatabaseId>().ok()) else { continue };
        match left_in(vault, &id) {
            Ok(Left::Database(left)) => databases.push(*left),
            Ok(Left::Nothing) => {}
            Ok(Left::Sealed) => others.push(format!(
                "{id}: its database.json is lost or damaged, and no known password opens its archives: give it with `keepstone key add`, then add the database again"
            )),
            Ok(Left::Other) => others.push(format!(
                "{id}: its database.json is not there or cannot be read, and neither can an archive in it: `keepstone db add LOCATION` begins a new folder; archives are taken into it by `keepstone import FOLDER --db DB`"
            )),
            Err(error) => others.push(format!("{id}: {error}")),
        }
    }
    databases.sort_by(|a, b| a.database.id.cmp(&b.database.id));
    Ok((databases, others))
}

fn left_in(vault: &Vault, id: &DatabaseId) -> Result<Left> {
    let path = vault.database_json_path(id);
    match fs::read(&path) {
        Ok(bytes) => Ok(match serde_json::from_slice::<DatabaseFile>(&bytes) {
            Ok(file) if file.file_version <= FILE_VERSION && file.database.id == *id => {
                Left::Database(Box::new(LeftDatabase { database: file.database, schedules: file.schedules, by_archives: false }))
            }
            // Of another name or a newer version: a file that says something.
            Ok(_) => Left::Other,
            Err(_) => by_archives(vault, id)?,
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // A folder with nothing but a lock in it is one that was just made.
            let entries = durable::entries_if_there(&vault.database_dir(id)).or_else(no_folder)?;
            if entries.iter().any(|entry| entry.file_name() != ".lock") { by_archives(vault, id) } else { Ok(Left::Nothing) }
        }
        Err(error) => Err(Error::io(&path, error)),
    }
}

/// What is no folder has nothing in it.
fn no_folder(error: Error) -> Result<Vec<fs::DirEntry>> {
    match error {
        Error::Io { source, .. } if source.kind() == ErrorKind::NotADirectory => Ok(Vec::new()),
        other => Err(other),
    }
}

fn holds_archive(folder: &Path) -> Result<bool> {
    for kind in Kind::ALL {
        if !ids_in(&folder.join(kind.as_str()))?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn by_archives(vault: &Vault, id: &DatabaseId) -> Result<Left> {
    Ok(match lost_file::by_archives(vault, id)? {
        Said::Database(database) => Left::Database(Box::new(LeftDatabase { database: *database, schedules: None, by_archives: true })),
        Said::Sealed => Left::Sealed,
        Said::Nothing => Left::Other,
    })
}

/// Keeps a copy of a `database.json` that cannot be read, before another takes its place.
pub(super) fn keep_damaged(vault: &Vault, id: &DatabaseId) -> Result<()> {
    let path = vault.database_json_path(id);
    match fs::copy(&path, path.with_extension("json.damaged")) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(&path, error)),
        _ => Ok(()),
    }
}

/// Writes `database.json`. Whoever calls it holds the lock of the backups folder from the moment at which it read what it writes.
pub(super) fn write(vault: &Vault, database: &Database, schedules: &[ScheduleRow]) -> Result<()> {
    vault.make_dir(&vault.database_dir(&database.id))?;
    durable::write(&vault.database_json_path(&database.id), &contents(database, schedules))
}

/// The same where the file does not say it already: a process died between the file and the catalog, or a version before this one wrote it.
/// A folder that is not there is not made: its disk may not be.
pub(super) fn mend(vault: &Vault, database: &Database, schedules: &[ScheduleRow]) -> Result<()> {
    let path = vault.database_json_path(&database.id);
    match fs::read(&path) {
        Ok(present) if present == contents(database, schedules) => Ok(()),
        Ok(_) => durable::write(&path, &contents(database, schedules)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io(&path, error)),
    }
}

fn contents(database: &Database, schedules: &[ScheduleRow]) -> Vec<u8> {
    let kept = |row: &ScheduleRow| {
        let kept = KeptSchedule { schedule: row.schedule.clone(), anchor_at: row.anchor_at, managed_by: row.managed_by.clone() };
        serde_json::to_value(kept).expect("our own types have string keys and serialise")
    };
    let schedules = Some(schedules.iter().map(kept).collect());
    let file = DatabaseFile { file_version: FILE_VERSION, database: database.clone(), schedules };
    let mut json = serde_json::to_vec_pretty(&file).expect("our own types have string keys and serialise");
    json.push(b'\n');
    json
}

pub(super) fn random_uid() -> Result<DatabaseUid> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| Error::Internal(format!("no randomness: {e}")))?;
    Ok(hex(&bytes).parse().expect("32 hexadecimal digits"))
}

/// What the folders of a database and the trash hold of it.
#[derive(Debug, Default)]
pub(super) struct Adopted {
    pub(super) backups: Vec<Backup>,
    /// Archives that bear a backup's name and could not be read, or their notes, each with the reason: what a disk refuses today may be there tomorrow.
    pub(super) unread: Vec<String>,
}

/// The backups whose archives carry this database's uid, in their folders or in the trash. Others are left alone.
pub(super) fn archives(vault: &Vault, database: &Database) -> Result<Adopted> {
    let (mut found, mut unread, mut lost) = (Vec::new(), Vec::new(), Vec::new());
    let mut take = |id: &BackupId, path: &Path, state| match read_archive(vault, database, id, path, state) {
        Ok(archive) => found.extend(archive.map(|(archive, noted)| {
            match noted {
                Noted::Read => {}
                Noted::Nowhere => lost.push(id.clone()),
                Noted::Unread(cause) => unread.push(format!("the notes of {id}, which counts as pinned until they are read: {cause}")),
            }
            archive
        })),
        Err(cause) => {
            tracing::warn!(path = %path.display(), %cause, "an archive could not be taken up");
            unread.push(format!("{id}: {cause}"));
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
    Ok(Adopted { backups: order::settle(found), unread })
}

/// Where archives lie that are in no catalog, in the folders and in the trash: of databases that were removed, and those that were made after the
/// catalog that was put back.
pub(crate) fn archives_unlisted(vault: &Vault) -> Result<Vec<(BackupId, PathBuf)>> {
    let mut listed = HashSet::new();
    for database in vault.catalog().databases()? {
        listed.extend(vault.catalog().backups_of(&database.id)?.into_iter().map(|backup| backup.id));
    }
    let mut found = Vec::new();
    for entry in durable::entries(vault.backups_dir())? {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<DatabaseId>().ok()) else { continue };
        for kind in Kind::ALL {
            let of_kind = ids_in(&vault.database_dir(&id).join(kind.as_str()))?.into_iter();
            found.extend(of_kind.map(|id| (id.clone(), vault.archive_path(&id))));
        }
    }
    found.extend(ids_in(&vault.trash_dir())?.into_iter().map(|id| (id.clone(), vault.trash_path(&id))));
    found.retain(|(id, _)| !listed.contains(id));
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

/// None: it is another database's that had the same name. `NotItsArchive` if it is another backup's.
fn read_archive(vault: &Vault, database: &Database, id: &BackupId, path: &Path, state: BackupState) -> Result<Option<(Found, Noted)>> {
    let mut archive = Archive::open(path)?;
    let is = &archive.metadata().backup_id;
    if is != id {
        let detail = format!("it is the archive of {is}, and is taken up under that name only: call it {is}.zip");
        return Err(Error::NotItsArchive { id: id.clone(), path: path.to_owned(), detail });
    }
    if archive.metadata().database_uid != database.uid {
        return Ok(None);
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
    Ok(Some((Found { backup: described(&archive, encryption, notes, state), previous }, noted)))
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
