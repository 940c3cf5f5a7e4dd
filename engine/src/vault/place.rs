//! Whether a folder is the one in which this vault keeps its archives. A wrong one, or the empty place of a disk that is not mounted, would
//! make every backup missing and every running job dead.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{Marker, write_marker};
use crate::{Error, Result, catalog::Catalog, databases, durable, guard, layout::VAULT_MARK};

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
        // A copy that left the hidden files out is known by what it holds.
        if !marked && !in_use.iter().any(|database| databases::is_folder_of(&path, database)) {
            let lacking = if path.join(VAULT_MARK).exists() { "names other vaults" } else { "is not there" };
            return refused(format!("{} {lacking}, but the catalog holds databases", path.join(VAULT_MARK).display()));
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

/// The backups folder out of which a catalog is rebuilt: the one that is written down, or one that bears the vault's mark.
pub(super) fn of_rebuild(data: &Path, marker: &Marker, wished: Option<PathBuf>) -> Result<PathBuf> {
    let before = marker.backups.clone().unwrap_or_else(|| data.join("backups"));
    let path = wished.unwrap_or_else(|| before.clone());
    let refused = |reason: String| Err(Error::BackupsFolder { path: path.clone(), data: data.to_owned(), reason });
    if is_marked(&path, &marker.uid)? || (same_folder(&path, &before) && databases::any_folder_in(&path)?) {
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
