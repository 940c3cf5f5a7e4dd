//! The folder of a database beside its archives: `database.json`, and what is there already when a location is added again.

use std::{fs, io::ErrorKind, path::Path};

use jiff::Timestamp;
use keepstone_model::{
    database::Database,
    id::{DatabaseId, DatabaseUid, Kind},
    schedule::Schedule,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    adopt::ids_in,
    lost_file::{self, Said},
};
use crate::{
    Error, Result, Vault,
    catalog::{ScheduleRow, Standing},
    durable,
    image::hex,
    layout,
    scheduler::{self, Timing},
    sqlite::location::path_of,
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
            Left::Database(_) | Left::Sealed | Left::Other | Left::Renamed(_) | Left::Newer => {
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
    /// A folder that was renamed: the file says whose it was.
    Renamed(DatabaseId),
    /// The file is of a version after this one.
    Newer,
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
        let left = left_in(vault, &id);
        if let Some(why) = left.as_ref().ok().and_then(|left| why_not(vault, &id, left)) {
            others.push(why);
            continue;
        }
        match left {
            Ok(Left::Database(left)) => databases.push(*left),
            Ok(_) => {}
            Err(error) => others.push(format!("{id}: {error}")),
        }
    }
    databases.sort_by(|a, b| a.database.id.cmp(&b.database.id));
    Ok((databases, others))
}

/// Why the folder of this name is no database's, and what to do; none if it is one's, or there is nothing in it.
fn why_not(vault: &Vault, id: &DatabaseId, left: &Left) -> Option<String> {
    let why = match left {
        Left::Nothing | Left::Database(_) => return None,
        Left::Sealed => {
            "its database.json is lost or damaged, and no known password opens its archives: give it with `keepstone key add`, then add the database again"
                .to_owned()
        }
        Left::Renamed(was) if matches!(durable::is_file(&vault.database_json_path(was)), Ok(false)) => {
            format!("its database.json says that it is the folder of {was}: call it {was} again")
        }
        Left::Renamed(was) => format!(
            "its database.json says that it is the folder of {was}, and there is one: what {was} lacks of it is to be moved there, each archive with its notes"
        ),
        Left::Newer => "its database.json is of a newer version of Keepstone: use that one".to_owned(),
        Left::Other => {
            "its database.json is not there or cannot be read, and neither can an archive in it: `keepstone db add LOCATION` begins a new folder; archives are taken into it by `keepstone import FOLDER --db DB`"
                .to_owned()
        }
    };
    Some(format!("{id}: {why}"))
}

/// The same for a folder of which no database is in the catalog, where it is certain that Keepstone made it.
pub(crate) fn why_unknown(vault: &Vault, id: &DatabaseId) -> Option<String> {
    left_in(vault, id).ok().filter(|left| !matches!(left, Left::Other)).and_then(|left| why_not(vault, id, &left))
}

fn left_in(vault: &Vault, id: &DatabaseId) -> Result<Left> {
    let path = vault.database_json_path(id);
    match fs::read(&path) {
        Ok(bytes) => Ok(match serde_json::from_slice::<DatabaseFile>(&bytes) {
            Ok(file) if file.file_version <= FILE_VERSION && file.database.id == *id => {
                Left::Database(Box::new(LeftDatabase { database: file.database, schedules: file.schedules, by_archives: false }))
            }
            // Files that say something.
            Ok(file) if file.file_version <= FILE_VERSION => Left::Renamed(file.database.id),
            Ok(_) => Left::Newer,
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
    if !ids_in(folder)?.is_empty() {
        return Ok(true);
    }
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
