//! Room on the disk: what cleanup moved to the trash goes for good before its time, when the next backup would not fit.

use keepstone_model::backup::BackupState;

use crate::{Result, Vault, databases, delete, durable};

/// Beside the next archive.
const MARGIN_BYTES: u64 = 64 << 20;
/// With less than this a disk is full: then also what people deleted goes.
const FULL_BYTES: u64 = 16 << 20;

/// Empties what is needed out of the trash, if the backups' file system is short of space. Gives back how many archives went.
pub(super) fn relieve(vault: &Vault) -> Result<u64> {
    // Looked at first: mostly there is nothing that could go.
    if vault.catalog().backups_in_state(BackupState::Trashed)?.is_empty() {
        return Ok(0);
    }
    let mut next_bytes = 0;
    for database in databases::databases(vault)? {
        let newest = vault.catalog().newest_good(&database.id, None)?;
        next_bytes = newest.map_or(0, |backup| backup.archive_size_bytes).max(next_bytes);
    }
    let needed = next_bytes + MARGIN_BYTES;
    let free = || durable::free_bytes(vault.backups_dir());
    if free()? >= needed {
        return Ok(0);
    }
    delete::empty_for_space(vault, &|| Ok(free()? < needed), &|| Ok(free()? < FULL_BYTES))
}

/// Whether the disk is so full that cleanup should not wait for its day.
pub(super) fn is_full(vault: &Vault) -> bool {
    durable::free_bytes(vault.backups_dir()).is_ok_and(|free| free < FULL_BYTES)
}
