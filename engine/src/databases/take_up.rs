//! Taking up everything that the backups folder holds, for a catalog that is made anew.

use jiff::Timestamp;
use keepstone_model::id::DatabaseId;

use super::{FirstSchedules, event, folder, update_latest_link};
use crate::{Error, Result, Vault, catalog::rounded};

/// What was taken up out of the backups folder.
pub(crate) struct TakenUp {
    pub databases: u64,
    pub backups: u64,
    pub skipped: Vec<String>,
    /// Databases that were taken up without what their lost files said.
    pub without_settings: Vec<DatabaseId>,
}

/// Writes every database whose folder lies in the vault down in an empty catalog, with the backups in it. One that cannot be taken up keeps no
/// other from it.
pub(crate) fn take_up_all(vault: &Vault, actor: &str) -> Result<TakenUp> {
    let now = rounded(Timestamp::now());
    let (left, others) = folder::all_left(vault)?;
    let mut taken_up = TakenUp { databases: 0, backups: 0, skipped: others, without_settings: Vec::new() };
    for left in left {
        let (database, id) = (&left.database, left.database.id.clone());
        let taken = (|| {
            // A file of a version that kept no schedules there leaves the default ones.
            let schedules = left.schedules(now).map_or_else(|| FirstSchedules::usual().rows(&id, now), Ok)?;
            if left.by_archives {
                // Before the row, like every time: an open vault knows its folder by it.
                folder::keep_damaged(vault, &id)?;
                folder::write(vault, database, &schedules)?;
            }
            let adopted = folder::archives(vault, database)?;
            let message = format!("took up {id} at {}, backups found in its folder: {}", database.location, adopted.backups.len());
            let event = event("database.added", actor, &id, message);
            let added = vault.catalog().add_database(database, &schedules, &adopted.backups, &event)?;
            if added.id != id {
                return Err(Error::AlreadyExists { what: "database of the same location", name: added.id.to_string() });
            }
            update_latest_link(vault, &id)?;
            Ok(adopted)
        })();
        match taken {
            Ok(adopted) => {
                taken_up.without_settings.extend(left.by_archives.then_some(id));
                taken_up.databases += 1;
                taken_up.backups += adopted.backups.len() as u64;
                taken_up.skipped.extend(adopted.unread);
            }
            Err(error) => taken_up.skipped.push(format!("{id}: {error}")),
        }
    }
    Ok(taken_up)
}
