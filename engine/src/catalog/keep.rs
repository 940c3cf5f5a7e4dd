//! A copy of the catalog as an older version left it, made before the steps to this version: who must go back has what to go back to.

use std::{fs, path::Path};

use rusqlite::Connection;

use super::Stop;
use crate::{Error, durable, jobs::random};

/// How many such copies stay.
const KEPT: usize = 3;
const PREFIX: &str = "catalog.version-";

/// Copies the catalog to `catalog.version-<N>.sqlite` beside it; one of that name gives way. What is not in a file is not copied.
pub(super) fn before_steps(connection: &Connection, version: usize) -> Result<(), Stop> {
    let Some(path) = connection.path().filter(|path| !path.is_empty()).map(Path::new) else { return Ok(()) };
    let target = path.with_file_name(format!("{PREFIX}{version}.sqlite"));
    let staged = path.with_file_name(format!(".{PREFIX}{version}.{:08x}.tmp", random()));
    let copied = copy(connection, &staged, &target);
    if copied.is_err() {
        // A catalog that cannot be copied is not changed; what was begun goes.
        let _ = fs::remove_file(&staged);
    }
    copied?;
    tracing::info!(version, copy = %target.display(), "the catalog is brought to this version; the older one is kept");
    keep_few(path);
    Ok(())
}

fn copy(connection: &Connection, staged: &Path, target: &Path) -> Result<(), Stop> {
    // Private from the first byte: SQLite writes into an empty file that is there.
    super::make_private(staged)?;
    connection.execute("VACUUM INTO ?1", [staged.to_string_lossy()])?;
    let file = fs::File::open(staged).map_err(|error| Error::io(staged, error))?;
    file.sync_all().map_err(|error| Error::io(staged, error))?;
    drop(file);
    Ok(durable::replace(staged, target)?)
}

fn keep_few(path: &Path) {
    let Some(folder) = path.parent() else { return };
    let mut copies: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let version = name.strip_prefix(PREFIX)?.strip_suffix(".sqlite")?.parse::<usize>().ok()?;
            Some((version, entry.path()))
        })
        .collect();
    copies.sort_unstable();
    for (_, copy) in copies.iter().rev().skip(KEPT) {
        if let Err(error) = fs::remove_file(copy) {
            tracing::warn!(path = %copy.display(), %error, "an old copy of the catalog could not be removed");
        }
    }
}
