//! A new catalog out of what lies in the backups folder: database.json, archives and notes. The old catalog is kept aside, never removed.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Mutex, atomic::AtomicBool},
};

use jiff::Timestamp;
use keepstone_model::{event::EventResult, human, id::DatabaseId};
use rustix::fs::{FlockOperation, fcntl_lock};

use super::{Error, OpenMode, Result, Vault, VaultOptions, absolute, make, place, read_marker, refuse_foreign};
use crate::{
    activity::{self, NewEvent},
    catalog::{Catalog, Live, SIDES, TakenOver, remove_all},
    databases, durable, guard,
    keys::{Asked, Keys, Password},
    layout,
    postgres::Surroundings,
    schedules,
};

/// The new catalog while it is made. A process that dies meanwhile leaves it; the next rebuild begins anew.
const UNFINISHED: &str = "catalog.rebuilding.sqlite";

/// What was found and taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebuildReport {
    pub databases: u64,
    pub backups: u64,
    /// Where the old catalog is kept; none if there was none.
    pub kept: Option<PathBuf>,
    /// Databases and archives that could not be read and taken up, each with the reason. The next rebuild takes them up if it can read them.
    pub skipped: Vec<String>,
    /// Archives that lay elsewhere than where they belong and were moved there, each with where it lay.
    pub moved: Vec<String>,
    /// Databases whose `database.json` was lost: taken up by their newest archives, with the usual schedules and retention, and with cleanup paused.
    pub without_settings: Vec<DatabaseId>,
    /// What came out of the newest readable copy of the old catalog; none if there was none.
    pub taken_over: Option<TakenOver>,
}

/// Puts a new catalog in the place of one that is damaged or lost. Pins, descriptions, proofs and the trash come back from the notes, settings
/// and schedules from `database.json`; users, tokens, finished jobs and the activity log from the newest readable copy of the catalog. When a
/// schedule last ran does not come back. Refused while another process has the catalog open; this one must not have.
///
/// The old catalog is moved aside only when the new one is whole and durable. If the process dies between that and the last rename there is no
/// catalog, which every start notices, and the next rebuild makes one.
///
/// Where the whole data directory is lost and the backups folder holds databases, a new vault is made around it.
pub fn rebuild(options: &VaultOptions, actor: &str) -> Result<RebuildReport> {
    rebuild_with(options, None, actor)
}

/// The same with one more password to try on the archives.
pub fn rebuild_with(options: &VaultOptions, password: Option<Password>, actor: &str) -> Result<RebuildReport> {
    let (data, wished) = absolute(options)?;
    let lost = is_lost_whole(&data, wished.as_deref())?;
    if lost {
        durable::make_dir(&data)?;
    }
    refuse_foreign(&data)?;
    let _guard = guard::lock_dir(&data)?;
    let marker = match read_marker(&data) {
        Err(Error::NoVault { .. }) if lost => make(&data, OpenMode::CreateAnywhere, wished.as_deref())?,
        found => found?,
    };
    let catalog = data.join(layout::CATALOG);
    refuse_open(&catalog)?;
    let backups = place::of_rebuild(&data, &marker, wished)?;
    let unfinished = data.join(UNFINISHED);
    remove_all(&unfinished)?;
    let (begun, taken_over, unreadable) = Catalog::begin_from_copy(&unfinished, &layout::catalog_copies(&data))?;
    let vault = Vault {
        uid: marker.uid,
        is_away: AtomicBool::new(false),
        catalog: begun,
        live: Live::open(&data.join("live.sqlite"))?,
        keys: Keys::new(&data),
        surroundings: Surroundings::default(),
        defaults: Mutex::default(),
        data,
        backups,
    };
    vault.keys.prefer(password, Asked::Nothing);
    let before = Catalog::databases_before(&catalog, &layout::catalog_copies(&vault.data));
    let taken_up = databases::take_up_all(&vault, &before, actor)?;
    schedules::take_up_job_limits(&vault, actor, Timestamp::now())?;
    let mut report = RebuildReport {
        databases: taken_up.databases,
        backups: taken_up.backups,
        kept: None,
        skipped: taken_up.skipped,
        moved: taken_up.moved,
        without_settings: taken_up.without_settings,
        taken_over,
    };
    report.skipped.extend(unreadable);
    let since =
        report.taken_over.as_ref().map(|taken| format!("; users, tokens and activity are those of {:.0}", taken.at)).unwrap_or_default();
    let message = format!(
        "made a new catalog out of {} and {}{since}",
        human::counted(report.databases, "database"),
        human::counted(report.backups, "backup")
    );
    let (result, rest) = match report.skipped.len() {
        0 => (EventResult::Ok, String::new()),
        count => (EventResult::Warning, format!("; not taken up: {}", human::counted(count, "thing"))),
    };
    let message = message + &rest;
    let event = NewEvent { actor, action: "catalog.rebuilt", result, database: None, backup: None, job: None, message };
    activity::record(&vault, &event)?;
    // The last connection takes everything out of the -wal and removes it.
    drop(vault);
    if size_of(&super::beside(&unfinished, "-wal"))? > 0 {
        return Err(Error::Internal(format!("{} was not closed whole", unfinished.display())));
    }
    report.kept = set_aside(&catalog)?;
    durable::publish(&unfinished, &catalog)?;
    remove_all(&unfinished)?;
    Ok(report)
}

/// Whether the data directory is gone with its marker, but the backups are there: out of them a new vault is begun.
fn is_lost_whole(data: &Path, wished: Option<&Path>) -> Result<bool> {
    match read_marker(data) {
        Err(Error::NoVault { .. }) if databases::any_folder_in(wished.unwrap_or(&data.join("backups")))? => Ok(true),
        found => found.map(|_| false),
    }
}

/// SQLite holds a lock on the -shm of a database in WAL mode for as long as it has it open; locks of this process do not count.
fn refuse_open(catalog: &Path) -> Result<()> {
    let shm = super::beside(catalog, "-shm");
    let file = match fs::OpenOptions::new().read(true).write(true).open(&shm) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(&shm, error)),
    };
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Err(Error::CatalogInUse { path: catalog.to_owned() }),
        Err(errno) => Err(Error::io(&shm, errno.into())),
    }
}

/// Moves the old catalog aside under a name of its own, with its side files, which must not come to lie beside the new one. The main file first:
/// without it every start says that the catalog is lost, while without its -wal it would pass for a sound one of an earlier time.
fn set_aside(catalog: &Path) -> Result<Option<PathBuf>> {
    let kept = name_aside(catalog)?;
    let mut any = false;
    for suffix in SIDES {
        let from = super::beside(catalog, suffix);
        if fs::exists(&from).map_err(|e| Error::io(&from, e))? {
            durable::publish(&from, &super::beside(&kept, suffix))?;
            any = true;
        }
    }
    Ok(any.then_some(kept))
}

/// e.g. `catalog.damaged-20261120T030000Z.sqlite`; with a number where that was taken within the same second.
fn name_aside(catalog: &Path) -> Result<PathBuf> {
    let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut number = 1_u32;
    loop {
        let more = if number == 1 { String::new() } else { format!("-{number}") };
        let kept = catalog.with_file_name(format!("catalog.damaged-{time}{more}.sqlite"));
        let mut taken = false;
        for suffix in SIDES {
            let path = super::beside(&kept, suffix);
            taken |= fs::exists(&path).map_err(|error| Error::io(&path, error))?;
        }
        if !taken {
            return Ok(kept);
        }
        number += 1;
    }
}

fn size_of(path: &Path) -> Result<u64> {
    match fs::metadata(path) {
        Ok(meta) => Ok(meta.len()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(Error::io(path, error)),
    }
}
