//! The data directory and the backups folder: opening them. Where everything in them lies is `layout`'s business.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, atomic::AtomicBool},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Defaults, Error, Result,
    catalog::{Catalog, Live, give_up_reserve},
    delete, durable, guard,
    image::hex,
    jobs,
    keys::Keys,
    notes,
    postgres::Surroundings,
};

mod place;
mod rebuild;

pub use rebuild::{RebuildReport, rebuild, rebuild_with};

/// With less room than this, what fails at the start may fail for want of room.
pub(crate) const FULL_BYTES: u64 = 1 << 20;

/// The form of a vault that this version makes and reads.
const FORMAT: u32 = 1;
const MARKER: &str = "vault.toml";

/// Whether opening may make a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Only a vault that is there; else [`crate::Error::NoVault`].
    Existing,
    /// Make one where the folder is missing or empty; a non-empty folder without the marker is refused.
    Create,
    /// Make one also in a folder that holds other things (`--init`).
    CreateAnywhere,
}

#[derive(Debug, Clone)]
pub struct VaultOptions {
    pub data: PathBuf,
    /// `<data>/backups` unless said otherwise.
    pub backups: Option<PathBuf>,
    pub mode: OpenMode,
}

impl VaultOptions {
    /// Where the catalog of this vault lies, whether or not there is one that can be used.
    pub fn catalog_path(&self) -> PathBuf {
        self.data.join(crate::layout::CATALOG)
    }
}

/// An open vault. Cheap to share behind an `Arc`; several processes may have the same vault open at once.
#[derive(Debug)]
pub struct Vault {
    uid: String,
    data: PathBuf,
    backups: PathBuf,
    /// Whether the backups folder was not there when it was last looked at.
    is_away: AtomicBool,
    catalog: Catalog,
    live: Live,
    keys: Keys,
    surroundings: Surroundings,
    defaults: Mutex<Defaults>,
}

/// `vault.toml`.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    format: u32,
    uid: String,
    created_at: Timestamp,
    /// Where the archives are, if a start named a folder of its own for them: a later one that does not say so must not begin a second, empty
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backups: Option<PathBuf>,
}

impl Vault {
    /// Opens the vault, brings its catalog to this version, and mends what a killed process left: published archives are adopted, rows of
    /// dead jobs become interrupted, their staging goes. Jobs of other live processes hold their locks and are left alone.
    pub fn open(options: &VaultOptions) -> Result<Self> {
        let (data, wished) = absolute(options)?;
        if options.mode == OpenMode::Existing {
            // Before anything is made or locked: these verbs leave no trace in a folder that is no vault.
            read_marker(&data)?;
        } else {
            durable::make_dir(&data)?;
        }
        refuse_foreign(&data)?;
        let vault = {
            // One at a time through here: two first starts make one vault, and two new versions migrate once.
            let _guard = guard::lock_dir(&data)?;
            let marker = match read_marker(&data) {
                Err(Error::NoVault { .. }) if options.mode != OpenMode::Existing => make(&data, options.mode, wished.as_deref())?,
                found => found?,
            };
            let expected = wished.clone().or(marker.backups.clone()).unwrap_or_else(|| data.join("backups"));
            let catalog_path = data.join(crate::layout::CATALOG);
            let live_path = data.join("live.sqlite");
            if is_lost(&catalog_path, &live_path, &expected)? {
                return Err(Error::CatalogDamaged { detail: format!("{} is missing", catalog_path.display()) });
            }
            let catalog = with_room(&catalog_path, || Catalog::open(&catalog_path))?;
            // Before anything is made in that folder: it may be the empty place where a disk was to be mounted.
            let uid = marker.uid.clone();
            let backups = place::settle(&data, marker, wished, &catalog)?;
            durable::make_dir(&backups.join(crate::layout::STAGING))?;
            let live = with_room(&catalog_path, || Live::open(&live_path))?;
            let (keys, is_away) = (Keys::new(&data), AtomicBool::new(false));
            Self { uid, data, backups, is_away, catalog, live, keys, surroundings: Surroundings::default(), defaults: Mutex::default() }
        };
        later("the trash", delete::mend(&vault))?;
        later("what a killed process left", jobs::recover(&vault))?;
        later("what the notes say and the catalog does not", notes::follow::after_put_back(&vault))?;
        later("a database.json that is lost", crate::databases::write_lost(&vault))?;
        Ok(vault)
    }

    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    pub fn backups_dir(&self) -> &Path {
        &self.backups
    }

    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What of the environment matters to PostgreSQL's clients; whoever opened the vault sets it.
    pub fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// How backups are made whose options leave it open.
    pub fn defaults(&self) -> Defaults {
        *self.defaults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says so, for as long as this vault is open.
    pub fn set_defaults(&self, defaults: Defaults) {
        *self.defaults.lock().unwrap_or_else(PoisonError::into_inner) = defaults;
    }

    /// Copies the catalog to `<data>/catalog-copies` if the newest copy is a day old or users or tokens changed since, and lets old copies go: what no
    /// archive holds comes back from there. The [`Scheduler`](crate::scheduler::Scheduler) does this; who has none calls it now and then. What is
    /// returned is the new copy, durable; none if none was due. Fails with `NoSpace` before the disk is full.
    pub fn copy_catalog(&self, now: Timestamp) -> Result<Option<PathBuf>> {
        self.catalog.copy_if_due(&crate::layout::catalog_copies(&self.data), now)
    }

    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// Gives up a piece of the reserve for a change in the backups folder, if that is on the same file system. Whether there is more room now.
    pub(crate) fn make_room(&self) -> bool {
        let device = |path: &Path| fs::metadata(path).map(|meta| meta.dev()).ok();
        device(&self.data) == device(&self.backups) && give_up_reserve(&self.catalog_path())
    }
}

/// The data directory and the backups folder that was asked for, if one was.
fn absolute(options: &VaultOptions) -> Result<(PathBuf, Option<PathBuf>)> {
    let absolute = |path: &PathBuf| std::path::absolute(path).map_err(|e| Error::io(path, e));
    Ok((absolute(&options.data)?, options.backups.as_ref().map(absolute).transpose()?))
}

/// The name of a file that belongs to a database, e.g. with `-wal`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// What cannot be mended now is logged, and mended by a later start: one bad file must not keep all the others from being backed up and
/// restored. Without a sound catalog none of that is to be had.
fn later(what: &str, mended: Result<()>) -> Result<()> {
    match mended {
        Err(error @ Error::CatalogDamaged { .. }) => Err(error),
        Err(error) => {
            tracing::warn!(%error, code = error.code(), "{what} could not be mended");
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Opens a file of the vault, on a full disk with the room of the reserve: a person who comes to make room must get in.
fn with_room<T>(catalog: &Path, open: impl Fn() -> Result<T>) -> Result<T> {
    loop {
        match open() {
            Err(error) if is_for_room(&error, catalog) && give_up_reserve(catalog) => {
                tracing::warn!(%error, "the vault is opened once more with room of the reserve");
            }
            outcome => return outcome,
        }
    }
}

fn is_for_room(error: &Error, catalog: &Path) -> bool {
    let is_full = || durable::free_bytes(catalog).is_ok_and(|free| free < FULL_BYTES);
    matches!(error, Error::NoSpace { .. }) || (matches!(error, Error::Io { .. } | Error::Catalog(_)) && is_full())
}

fn read_marker(data: &Path) -> Result<Marker> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
    }
    let path = data.join(MARKER);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(Error::NoVault { path: data.to_owned() });
        }
        // Another user's vault has a marker that this one cannot read: that is the thing to say.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            refuse_foreign(data)?;
            return Err(Error::io(&path, error));
        }
        Err(error) => return Err(Error::io(&path, error)),
    };
    let damaged = |e: toml::de::Error| Error::CatalogDamaged { detail: format!("{}: {}", path.display(), e.message()) };
    // The number alone first: a newer marker need not parse as this one.
    let found = toml::from_str::<Format>(&text).map_err(damaged)?.format;
    if found > FORMAT {
        return Err(Error::VaultTooNew { path: data.to_owned(), found, known: FORMAT });
    }
    toml::from_str(&text).map_err(damaged)
}

/// Makes a vault of a folder that exists. The marker comes first: a process that dies after it leaves a vault whose rest the next start makes.
fn make(data: &Path, mode: OpenMode, backups: Option<&Path>) -> Result<Marker> {
    if is_empty(data)? {
        fs::set_permissions(data, fs::Permissions::from_mode(0o700)).map_err(|e| Error::io(data, e))?;
    } else if mode == OpenMode::Create {
        return Err(Error::NotAVault { path: data.to_owned() });
    }
    let mut uid = [0; 16];
    getrandom::fill(&mut uid).map_err(|e| Error::Internal(format!("no randomness: {e}")))?;
    let backups = backups.filter(|path| *path != data.join("backups")).map(Path::to_owned);
    let marker = Marker { format: FORMAT, uid: hex(&uid), created_at: Timestamp::now(), backups };
    write_marker(data, &marker)?;
    Ok(marker)
}

fn write_marker(data: &Path, marker: &Marker) -> Result<()> {
    let text = toml::to_string(marker).map_err(|e| Error::Internal(e.to_string()))?;
    durable::write(&data.join(MARKER), format!("# This folder is a Keepstone vault.\n{text}").as_bytes())
}

/// Whether a folder holds nothing but what a file system or an earlier start that died puts there.
fn is_empty(folder: &Path) -> Result<bool> {
    for entry in durable::entries(folder)? {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name != "lost+found" && !name.contains(MARKER) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the catalog of a vault is not there any more. An empty new one in its place would forget every backup. It was there if what is only made
/// after it is: the folder of the backups tells nothing where its disk is away.
fn is_lost(catalog: &Path, live: &Path, backups: &Path) -> Result<bool> {
    match fs::metadata(catalog) {
        Ok(meta) if meta.len() > 0 => return Ok(false),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io(catalog, error)),
        _ => {}
    }
    if fs::exists(live).map_err(|error| Error::io(live, error))? {
        return Ok(true);
    }
    crate::databases::any_folder_in(backups)
}

/// What another user makes here, the vault's owner could not change later.
fn refuse_foreign(data: &Path) -> Result<()> {
    let owner = match fs::metadata(data) {
        Ok(meta) => meta.uid(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io(data, error)),
    };
    let user = rustix::process::geteuid().as_raw();
    if owner == user {
        return Ok(());
    }
    Err(Error::NotVaultOwner { path: data.to_owned(), owner: user_name(owner), user: user_name(user) })
}

/// The user's name as /etc/passwd has it, else `#` and the number (as sudo takes it).
fn user_name(uid: u32) -> String {
    let known = fs::read_to_string("/etc/passwd").ok().and_then(|text| {
        text.lines().find_map(|line| {
            let mut fields = line.split(':');
            let (name, number) = (fields.next()?, fields.nth(1)?);
            (number.parse() == Ok(uid)).then(|| name.to_owned())
        })
    });
    known.unwrap_or_else(|| format!("#{uid}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
