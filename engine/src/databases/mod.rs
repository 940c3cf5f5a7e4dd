//! Databases under protection: finding and removing one; the other verbs stand in the files beside this one.

mod adding;
mod adopt;
mod editing;
mod folder;
mod latest;
mod leads;
mod lost_file;
mod order;
mod status;
pub(crate) mod strays;
mod take_up;

use jiff::Timestamp;
use keepstone_model::{database::Database, event::EventResult, id::DatabaseId};

pub use adding::{AddDatabaseOptions, FirstSchedules, add_database, probe};
pub(crate) use adopt::{archives_unlisted, trashed_of_removed};
pub use editing::{EditDatabaseOptions, edit_database};
pub(crate) use editing::{keep_schedules, mend_files, refuse_snapshot, set_cleanup, set_retention, set_schedules};
pub(crate) use folder::{any_folder_in, is_folder_of, why_unknown};
pub(crate) use latest::update_latest_link;
pub(crate) use leads::{elsewhere, follow};
pub(crate) use lost_file::{write_if_lost, write_lost};
pub(crate) use order::highest_unknown;
pub use status::{DatabaseStatus, status, statuses};
pub(crate) use take_up::take_up_all;

use crate::{
    Error, Result, Vault,
    activity::NewEvent,
    driver,
    durable::{self, LockMode},
    location::{self, Location},
    managed,
};

pub fn databases(vault: &Vault) -> Result<Vec<Database>> {
    vault.catalog().databases()
}

pub fn database(vault: &Vault, id: &DatabaseId) -> Result<Database> {
    vault.catalog().get_database(id)?.ok_or_else(|| Error::UnknownDatabase { id: id.to_string() })
}

/// Finds the database that a person means: an id, or a location (`DB` of the command line).
pub fn find_database(vault: &Vault, id_or_location: &str) -> Result<Database> {
    let unknown = || Error::UnknownDatabase { id: location::masked(id_or_location) };
    if location::is_location(id_or_location) {
        let place = Location::of(id_or_location, &vault.surroundings().get())?;
        return present_at(vault, &place, id_or_location)?.ok_or_else(unknown);
    }
    let id: DatabaseId = id_or_location.parse().map_err(|_| unknown())?;
    database(vault, &id)
}

/// The database of a place, which was given as `text`: the one that is known by that text, wherever it leads now, or else one of the same file. A server's
/// is the same by whatever user, and with whatever encryption, it is reached.
pub(crate) fn present_at(vault: &Vault, place: &Location, text: &str) -> Result<Option<Database>> {
    for known in [place.text_as_given(text)?, place.text()?] {
        if let Some(present) = vault.catalog().database_at(&known)? {
            return Ok(Some(present));
        }
    }
    let environment = vault.surroundings().get();
    let same = |database: &Database| match (Location::of(&database.location, &environment), place) {
        (Ok(Location::Postgres(there)), Location::Postgres(wished)) => there.is_same_database(wished),
        (Ok(there @ Location::Sqlite(_)), Location::Sqlite(_)) => there == *place,
        _ => false,
    };
    Ok(databases(vault)?.into_iter().find(same))
}

/// Forgets the database and its schedules; its archives stay where they are.
pub fn remove_database(vault: &Vault, id: &DatabaseId, actor: &str) -> Result<()> {
    let removed = database(vault, id)?;
    managed::refuse(vault, id, "location", actor)?;
    let folder = vault.database_dir(id);
    vault.make_dir(&folder)?;
    // A job that runs now, in whichever process, would end without a row to write to.
    let Some(_lock) = durable::try_lock(&vault.database_lock_path(id), LockMode::Exclusive)? else {
        return Err(Error::DatabaseBusy { database: id.clone(), holder: "a job is running on it".to_owned() });
    };
    let message = format!("removed {id}; its archives stay in {}", folder.display());
    vault.catalog().remove_database(id, &event("database.removed", actor, id, message), Timestamp::now())?;
    driver::of(removed.engine).forget(vault, &removed)
}

fn event<'a>(action: &'a str, actor: &'a str, id: &DatabaseId, message: String) -> NewEvent<'a> {
    NewEvent { actor, action, result: EventResult::Ok, database: Some(id.clone()), backup: None, job: None, message }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
