//! Whether a folder is the one in which this vault keeps its archives, at the start and as long as it is open. A wrong one, or the empty place of a
//! disk that is not mounted, would make every backup missing and every running job dead.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::atomic::Ordering,
};

use keepstone_model::database::Database;

use super::{Marker, Vault, write_marker};
use crate::{Error, Result, catalog::Catalog, databases, durable, guard, jobs::has_archive, layout, layout::VAULT_MARK};

/// The backups folder of this start, marked and written down. A vault without databases may use any; else the folder must bear the vault's
/// mark, and it must be the one of before, or that one must not be there any more (it was moved).
pub(super) fn settle(data: &Path, marker: Marker, wished: Option<PathBuf>, catalog: &Catalog) -> Result<PathBuf> {
    let own = data.join("backups");
    let before = marker.backups.clone().unwrap_or_else(|| own.clone());
    let path = wished.unwrap_or_else(|| before.clone());
    let refused = |reason: String| Err(Error::BackupsFolder { path: path.clone(), data: data.to_owned(), reason });
    let marked = is_marked(&path, &marker.uid)?;
    let in_use = catalog.databases()?;
    if !in_use.is_empty() {
        if !same_folder(&path, &before) && is_marked(&before, &marker.uid).unwrap_or(true) {
            return refused(format!("it keeps its backups in {}", before.display()));
        }
        if !marked && !is_known_by_content(&path, catalog, &in_use)? {
            return refused(unmarked(&path));
        }
    }
    durable::make_dir(&path)?;
    if !marked {
        mark(&path, &marker.uid)?;
    }
    if path != before {
        // The data directory's own folder moves along with it, so its place is not written down.
        write_marker(data, &Marker { backups: (path != own).then(|| path.clone()), ..marker })?;
    }
    Ok(path)
}

impl Vault {
    /// `BackupsFolder`, as at a start, where the folder does not bear the vault's mark any more: its disk is away. Asked before anything is made in
    /// the folder, and before what is not in it counts as gone. One read of a small file.
    pub fn refuse_away(&self) -> Result<()> {
        let looked = self.look_at_place();
        match (&looked, self.is_away.swap(looked.is_err(), Ordering::AcqRel)) {
            (Err(error), false) => {
                tracing::error!(%error, "the backups folder is away: nothing is made in its place, and nothing counts as missing, until it is back");
            }
            (Ok(()), true) => tracing::info!(path = %self.backups_dir().display(), "the backups folder is back"),
            _ => {}
        }
        looked
    }

    /// Whether it was away when it was last looked at.
    pub fn is_away(&self) -> bool {
        self.is_away.load(Ordering::Acquire)
    }

    fn look_at_place(&self) -> Result<()> {
        let path = self.backups_dir();
        if is_marked(path, &self.uid)? {
            return Ok(());
        }
        if !self.catalog().databases()?.is_empty() {
            return Err(Error::BackupsFolder { path: path.to_owned(), data: self.data_dir().to_owned(), reason: unmarked(path) });
        }
        // There is nothing yet that could be elsewhere.
        durable::make_dir(path)?;
        mark(path, &self.uid)
    }

    /// Makes a folder and its missing parents in the backups folder, if that is there.
    pub(crate) fn make_dir(&self, folder: &Path) -> Result<()> {
        self.refuse_away()?;
        durable::make_dir(folder)
    }
}

fn unmarked(folder: &Path) -> String {
    let mark = folder.join(VAULT_MARK);
    let lacking = if mark.exists() { "names other vaults" } else { "is not there" };
    format!("{} {lacking}, but the catalog holds databases", mark.display())
}

/// A copy that left the hidden files out is known by what it holds: the file of one of the databases, and at least half of the archives. Fewer may
/// have come to lie in the empty place of a disk.
fn is_known_by_content(folder: &Path, catalog: &Catalog, of: &[Database]) -> Result<bool> {
    if !of.iter().any(|database| databases::is_folder_of(folder, database)) {
        return Ok(false);
    }
    let (mut there, mut all) = (0_usize, 0_usize);
    for database in of {
        for backup in catalog.backups_of(&database.id)?.iter().filter(|backup| has_archive(backup.state)) {
            all += 1;
            there += usize::from(durable::is_file(&layout::archive_in(folder, &backup.id))?);
        }
    }
    Ok(2 * there >= all)
}

/// The backups folder out of which a catalog is rebuilt: the one that is written down, or one that bears the vault's mark.
pub(super) fn of_rebuild(data: &Path, marker: &Marker, wished: Option<PathBuf>) -> Result<PathBuf> {
    let before = marker.backups.clone().unwrap_or_else(|| data.join("backups"));
    let path = wished.unwrap_or_else(|| before.clone());
    let refused = |reason: String| Err(Error::BackupsFolder { path: path.clone(), data: data.to_owned(), reason });
    if is_marked(&path, &marker.uid)? {
        return Ok(path);
    }
    if same_folder(&path, &before) && databases::any_folder_in(&path)? {
        mark(&path, &marker.uid)?;
        return Ok(path);
    }
    if same_folder(&path, &before) {
        return refused("it holds neither the vault's mark nor a database".to_owned());
    }
    refused(format!("it keeps its backups in {}", before.display()))
}

fn is_marked(folder: &Path, uid: &str) -> Result<bool> {
    Ok(marks(folder)?.lines().any(|line| line == uid))
}

fn marks(folder: &Path) -> Result<String> {
    let path = folder.join(VAULT_MARK);
    match fs::read_to_string(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(String::new()),
        found => found.map_err(|e| Error::io(&path, e)),
    }
}

/// Adds this vault's line: another vault on the same folder keeps its own.
fn mark(folder: &Path, uid: &str) -> Result<()> {
    let _guard = guard::lock_dir(folder)?;
    let text = format!("{}{uid}\n", marks(folder)?);
    durable::write(&folder.join(VAULT_MARK), text.as_bytes())
}

fn same_folder(a: &Path, b: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    a == b || matches!((identity(a), identity(b)), (Some(a), Some(b)) if a == b)
}
