//! `latest.zip`: the link to the newest good archive, for people and scripts that look into the folder.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use keepstone_model::{backup::Backup, id::DatabaseId};

use crate::{Error, Result, Vault};

/// What the link is called until it has its name.
const UNFINISHED: &str = ".latest";

/// Lets `latest.zip` point to the newest good archive, atomically; takes the link away where there is none. It says nothing that the catalog
/// does not say better, so it is not fsynced: after a power cut it may be the one before. And a link that cannot be made (the file system may
/// know none) takes nothing away from what was done: it is logged, and only a fault of the catalog is one here.
pub(crate) fn update_latest_link(vault: &Vault, database: &DatabaseId) -> Result<()> {
    let newest = vault.catalog().newest_good(database, None)?;
    if let Err(error) = point_to(vault, database, newest) {
        tracing::warn!(%database, %error, "latest.zip could not be brought up to date");
    }
    Ok(())
}

fn point_to(vault: &Vault, database: &DatabaseId, newest: Option<Backup>) -> Result<()> {
    let link = vault.latest_link(database);
    let wanted = newest.map(|backup| Path::new(backup.kind.as_str()).join(format!("{}.zip", backup.id)));
    let present = match fs::symlink_metadata(&link) {
        Ok(meta) if meta.is_symlink() => Some(fs::read_link(&link).map_err(|e| Error::io(&link, e))?),
        Ok(_) => {
            tracing::warn!(path = %link.display(), "this is not the link that keepstone makes, and is left alone");
            return Ok(());
        }
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io(&link, error)),
    };
    match wanted {
        wanted if wanted == present => Ok(()),
        None => fs::remove_file(&link).or_else(missing_is_fine).map_err(|e| Error::io(&link, e)),
        Some(target) => replace(&link, &target),
    }
}

fn replace(link: &Path, target: &PathBuf) -> Result<()> {
    // Always the same name: what a process that died here left is taken away by the next one.
    let new = link.with_file_name(UNFINISHED);
    fs::remove_file(&new).or_else(missing_is_fine).map_err(|e| Error::io(&new, e))?;
    symlink(target, &new).map_err(|e| Error::io(&new, e))?;
    fs::rename(&new, link).map_err(|error| {
        let _ = fs::remove_file(&new);
        Error::io(link, error)
    })
}

fn missing_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) }
}
