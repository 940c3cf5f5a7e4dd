//! What a restore needs where, and which disk it is told of.

use std::path::{Path, PathBuf};

use keepstone_model::{database::Database, metadata::Metadata};

use crate::{
    Result, Vault, durable,
    floor::{Disks, Floor, Need, floor_bytes, is_one_disk, needed},
    sqlite,
};

/// What is needed and free on the disk that lacks more, by a folder on it.
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) needed_bytes: u64,
    pub(crate) free_bytes: u64,
    pub(crate) folder: PathBuf,
}

impl Space {
    /// Where that cannot be told.
    pub(crate) fn unknown() -> Self {
        Self { needed_bytes: 0, free_bytes: 0, folder: PathBuf::new() }
    }

    pub(super) fn is_enough(&self) -> bool {
        self.free_bytes >= self.needed_bytes
    }

    /// A stick may be filled to the last byte; the application's disk may not.
    pub(super) fn of_new_file(database: &Database, path: &Path, metadata: &Metadata) -> Result<Self> {
        let folder = existing(path);
        let margin = if Floor::between(database, folder)?.is_some() { floor_bytes(database) } else { 0 };
        Ok(Self {
            needed_bytes: metadata.original_size.saturating_add(margin),
            free_bytes: durable::free_bytes(folder)?,
            folder: folder.to_owned(),
        })
    }

    /// Of a replacement. Beside the live database it writes at most the whole image, into the log or journal or as a file, and leaves the application
    /// its floor.
    pub(super) fn of_replacement(vault: &Vault, database: &Database, live: &Path, (in_vault_bytes, size): (u64, u64)) -> Result<Self> {
        let folder = existing(live);
        let disks = if is_one_disk(folder, vault.backups_dir()) { Disks::One } else { Disks::Two };
        let in_vault = Need { needed_bytes: in_vault_bytes, free_bytes: durable::free_bytes(vault.backups_dir())? };
        let beside = Need { needed_bytes: size.saturating_add(floor_bytes(database)), free_bytes: durable::free_bytes(folder)? };
        let told = needed(disks, in_vault, beside);
        let folder = if disks == Disks::Two && told != in_vault { folder } else { vault.backups_dir() };
        Ok(Self { needed_bytes: told.needed_bytes, free_bytes: told.free_bytes, folder: folder.to_owned() })
    }

    /// The same of what is replaced as files: on another disk what was there is kept as a copy.
    pub(super) fn of_files(vault: &Vault, database: &Database, live: &Path, size: u64) -> Result<Self> {
        let kept = if is_one_disk(existing(live), vault.backups_dir()) { 0 } else { sqlite::unopenable::set_bytes(live) };
        Self::of_replacement(vault, database, live, (size.saturating_add(kept), size))
    }
}

/// The nearest folder above a path that is there.
fn existing(path: &Path) -> &Path {
    path.ancestors().skip(1).find(|folder| folder.exists()).unwrap_or(Path::new("/"))
}
