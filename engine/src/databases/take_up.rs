//! Taking up everything that the backups folder holds, for a catalog that is made anew.

use jiff::Timestamp;
use keepstone_model::{
    database::Database,
    id::{DatabaseId, DatabaseUid},
};

use super::{
    FirstSchedules, adopt, event, folder,
    strays::{self, Verdict},
    update_latest_link,
};
use crate::{Error, Result, Vault, catalog::rounded, guard};

/// What was taken up out of the backups folder.
pub(crate) struct TakenUp {
    pub databases: u64,
    pub backups: u64,
    pub skipped: Vec<String>,
    /// Archives that were moved into their place, each with where it lay.
    pub moved: Vec<String>,
    /// Databases that were taken up without what their lost files said.
    pub without_settings: Vec<DatabaseId>,
}

/// Writes every database whose folder lies in the vault down in an empty catalog, with the backups in it. One that cannot be taken up keeps no
/// other from it. `before`: the databases of the catalog whose place it takes.
pub(crate) fn take_up_all(vault: &Vault, before: &[(DatabaseId, DatabaseUid, String)], actor: &str) -> Result<TakenUp> {
    let now = rounded(Timestamp::now());
    let (left, others) = folder::all_left(vault)?;
    let mut taken_up = TakenUp { databases: 0, backups: 0, skipped: others, moved: Vec::new(), without_settings: Vec::new() };
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
            let taken_in = {
                let _guard = guard::lock_dir(vault.backups_dir())?;
                strays::take_in(vault, database)
            };
            let adopted = adopt::archives(vault, database)?;
            let message = format!("took up {id} at {}, backups found in its folder: {}", database.location, adopted.backups.len());
            let event = event("database.added", actor, &id, message);
            let added = vault.catalog().add_database(database, &schedules, &adopted.backups, &event)?;
            if added.id != id {
                return Err(Error::AlreadyExists { what: "database of the same location", name: added.id.to_string() });
            }
            let without: Vec<_> = adopted.without.iter().chain(&taken_in.without).cloned().collect();
            if !without.is_empty() {
                vault.catalog().set_left_out(&database.uid, &without)?;
            }
            update_latest_link(vault, &id)?;
            Ok((taken_in, adopted))
        })();
        match taken {
            Ok((taken_in, adopted)) => {
                taken_up.without_settings.extend(left.by_archives.then_some(id));
                taken_up.databases += 1;
                taken_up.backups += adopted.backups.len() as u64;
                taken_up.skipped.extend(exchanged(database, before));
                taken_up.moved.extend(taken_in.moved);
                taken_up.skipped.extend(adopted.unread.into_iter().chain(taken_in.left));
            }
            Err(error) => taken_up.skipped.push(format!("{id}: {error}")),
        }
    }
    let astray = strays::of_no_database(vault)?;
    taken_up.skipped.extend(astray.unread);
    for stray in astray.strays {
        let (Verdict::Stays(why) | Verdict::Unreadable(why)) = stray.verdict(vault, None) else { continue };
        taken_up.skipped.push(format!("{}: {why}", stray.place(vault)));
    }
    Ok(taken_up)
}

/// What is said where the folder of a database was put in the place of another one's: its file says another uid than the catalog of before.
fn exchanged(now: &Database, before: &[(DatabaseId, DatabaseUid, String)]) -> Option<String> {
    let (id, uid, location) = before.iter().find(|(id, uid, _)| *id == now.id && *uid != now.uid)?;
    Some(format!(
        "{id} as it was here before (uid {uid}, at {location}): its database.json is another one's by now (uid {}, at {}), and that was taken up. Archives of \
         the one before that lie there are named each. If that one is wanted: move database.json and the archives of the other one out of the folder, then \
         `keepstone catalog rebuild` again",
        now.uid, now.location
    ))
}
