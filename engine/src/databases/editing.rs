//! Changing what is set of a database, in its file first and then in the catalog.

use jiff::Timestamp;
use keepstone_model::{
    anomaly::LossPolicy,
    database::{Database, Engine},
    id::DatabaseId,
    retention::{CleanupRhythm, RetentionPolicy},
    snapshot::SnapshotPolicy,
};

use super::{
    adding::{PROBE_WAIT, refuse_own},
    database, databases, event, folder, present_at,
};
use crate::{Error, Result, Vault, activity::NewEvent, catalog::ScheduleRow, driver, guard, keys, location::Location, managed};

/// What may be edited; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct EditDatabaseOptions {
    pub objective_secs: Option<Option<u64>>,
    pub never_replace: Option<bool>,
    pub paused: Option<bool>,
    pub auto_recovery: Option<bool>,
    pub loss: Option<LossPolicy>,
    /// SQLite: when a snapshot of it gives itself up.
    pub snapshot: Option<SnapshotPolicy>,
    pub encrypt: Option<bool>,
    /// PostgreSQL: whether its backups keep the server's roles and tablespaces.
    pub globals: Option<bool>,
    /// Where it is from now on, and with which password it is reached there.
    pub location: Option<String>,
    /// The URL of the role that restores it; `Some(None)`: the one that backs it up.
    pub admin: Option<Option<String>>,
    pub actor: String,
}

pub fn edit_database(vault: &Vault, id: &DatabaseId, options: &EditDatabaseOptions) -> Result<Database> {
    let _guard = guard::lock_dir(vault.backups_dir())?;
    let mut edited = database(vault, id)?;
    // A form sends all of them; only what would become another one is a change.
    let changes = [
        ("objective", options.objective_secs.is_some_and(|secs| secs != edited.objective_secs)),
        ("never_replace", options.never_replace.is_some_and(|wanted| wanted != edited.never_replace)),
        ("paused", options.paused.is_some_and(|wanted| wanted != edited.paused)),
        ("auto_recovery", options.auto_recovery.is_some_and(|wanted| wanted != edited.auto_recovery)),
        ("encrypt", options.encrypt.is_some_and(|wanted| wanted != edited.encrypt)),
        ("globals", options.globals.is_some_and(|wanted| wanted != edited.globals)),
        ("snapshot", options.snapshot.is_some_and(|wanted| wanted != edited.snapshot)),
    ];
    for (setting, _) in changes.into_iter().filter(|(_, changes)| *changes) {
        managed::refuse(vault, id, setting, &options.actor)?;
    }
    edited.objective_secs = options.objective_secs.unwrap_or(edited.objective_secs);
    edited.never_replace = options.never_replace.unwrap_or(edited.never_replace);
    edited.auto_recovery = options.auto_recovery.unwrap_or(edited.auto_recovery);
    if let Some(loss) = &options.loss {
        if let Some(message) = loss.refusal() {
            return Err(Error::Invalid { field: "loss", message });
        }
        edited.loss.clone_from(loss);
    }
    if let Some(snapshot) = options.snapshot {
        refuse_snapshot(edited.engine, &snapshot)?;
        edited.snapshot = snapshot;
    }
    if edited.objective_secs == Some(0) {
        return Err(Error::Invalid { field: "objective", message: "an objective is at least one second".to_owned() });
    }
    let action = match options.paused {
        Some(true) if !edited.paused => "database.paused",
        Some(false) if edited.paused => "database.resumed",
        _ => "database.edited",
    };
    edited.paused = options.paused.unwrap_or(edited.paused);
    if let Some(wanted) = options.encrypt {
        (edited.encrypt, edited.plain) = (wanted, !wanted);
    }
    if options.encrypt == Some(true) && !keys::has_current(vault)? {
        // Else the next scheduled run would be the one to find out.
        return Err(Error::NoEncryptionPassword { what: format!("database {id}") });
    }
    edited.globals = options.globals.unwrap_or(edited.globals);
    if options.globals == Some(true) && !driver::of(edited.engine).has_server() {
        return Err(Error::Unsupported { what: "roles and tablespaces of SQLite, which has none".to_owned() });
    }
    let message = format!("{} {id}", action.trim_start_matches("database."));
    if let Some(location) = &options.location {
        edited = moved(vault, edited, location)?;
    }
    if let Some(admin) = &options.admin {
        driver::of(edited.engine).keep_admin(vault, &edited, admin.as_deref())?;
    }
    // The file first, like notes before their row: what was acknowledged is in both.
    folder::write(vault, &edited, &vault.catalog().schedules(Some(id))?)?;
    vault.catalog().edit_database(&edited, &event(action, &options.actor, id, message), Timestamp::now())?;
    Ok(edited)
}

/// Refuses limits of snapshots that make no sense, or that nothing would look at.
pub(crate) fn refuse_snapshot(engine: Engine, policy: &SnapshotPolicy) -> Result<()> {
    if let Some(refusal) = policy.refusal() {
        return Err(Error::Invalid { field: refusal.field, message: refusal.message });
    }
    if engine == Engine::Sqlite || *policy == SnapshotPolicy::default() {
        return Ok(());
    }
    Err(Error::Unsupported { what: format!("limits of snapshots of {engine}, whose server looks after that") })
}

/// The database at another place, which is opened once before anything is written down.
fn moved(vault: &Vault, mut database: Database, location: &str) -> Result<Database> {
    let environment = vault.surroundings().get();
    let place = Location::of(location, &environment)?;
    if place.engine() != database.engine {
        let message = format!("{} is a database of {}, and stays one", database.id, database.engine);
        return Err(Error::Invalid { field: "location", message });
    }
    if let Some(other) = present_at(vault, &place, location)?.filter(|other| other.id != database.id) {
        return Err(Error::AlreadyExists { what: "database of the same location", name: other.id.to_string() });
    }
    if let Location::Sqlite(path) = &place {
        refuse_own(vault, path)?;
    }
    driver::probe(&place, &environment, PROBE_WAIT)?;
    driver::of(database.engine).keep(vault, &database, &place)?;
    database.location = place.text_as_given(location)?;
    Ok(database)
}

/// Sets the policy and who alone may change it from now on, unasked: [`crate::cleanup::set_policy`] is what asks.
pub(crate) fn set_retention(
    vault: &Vault,
    id: &DatabaseId,
    policy: &RetentionPolicy,
    managed_by: Option<&str>,
    actor: &str,
) -> Result<Database> {
    let _guard = guard::lock_dir(vault.backups_dir())?;
    let mut edited = database(vault, id)?;
    let message = if edited.retention == *policy {
        let who = managed_by.map_or_else(|| "is everybody's again".to_owned(), |by| format!("is set by the {by}"));
        format!("the retention of {id} {who}: {}", policy.words())
    } else {
        format!("changed the retention of {id}: {}; before: {}", policy.words(), edited.retention.words())
    };
    edited.retention = policy.clone();
    edited.retention_managed_by = managed_by.map(str::to_owned);
    folder::write(vault, &edited, &vault.catalog().schedules(Some(id))?)?;
    vault.catalog().edit_database(&edited, &event("retention.changed", actor, id, message), Timestamp::now())?;
    Ok(edited)
}

/// Sets when cleanup looks at a database by itself. `told` is the rhythm in words.
pub(crate) fn set_cleanup(vault: &Vault, id: &DatabaseId, rhythm: &CleanupRhythm, told: &str, actor: &str) -> Result<Database> {
    let _guard = guard::lock_dir(vault.backups_dir())?;
    let mut edited = database(vault, id)?;
    let action = match (edited.cleanup_rhythm.paused, rhythm.paused) {
        (false, true) => "cleanup.paused",
        (true, false) => "cleanup.resumed",
        _ => "cleanup.rhythm_set",
    };
    let message = format!("set when cleanup looks at {id}: {told}");
    edited.cleanup_rhythm = rhythm.clone();
    folder::write(vault, &edited, &vault.catalog().schedules(Some(id))?)?;
    vault.catalog().edit_database(&edited, &event(action, actor, id, message), Timestamp::now())?;
    Ok(edited)
}

/// Gives a database these schedules in place of all it has, and sets whether it recovers by itself.
pub(crate) fn set_schedules(
    vault: &Vault,
    id: &DatabaseId,
    auto_recovery: bool,
    rows: &[ScheduleRow],
    event: &NewEvent<'_>,
    now: Timestamp,
) -> Result<Database> {
    let _guard = guard::lock_dir(vault.backups_dir())?;
    let mut edited = database(vault, id)?;
    edited.auto_recovery = auto_recovery;
    // The file first, like notes before their row: what was acknowledged is in both.
    folder::write(vault, &edited, rows)?;
    vault.catalog().replace_schedules(&edited, rows, event, now)?;
    Ok(edited)
}

/// Writes down what the schedules of a database are going to be, before the catalog does. Whoever calls it holds the lock of the backups folder.
pub(crate) fn keep_schedules(vault: &Vault, id: &DatabaseId, rows: &[ScheduleRow]) -> Result<()> {
    folder::write(vault, &database(vault, id)?, rows)
}

/// Brings every `database.json` up to what the catalog says, where it says something else.
pub(crate) fn mend_files(vault: &Vault) -> Result<()> {
    let _guard = guard::lock_dir(vault.backups_dir())?;
    for database in databases(vault)? {
        folder::mend(vault, &database, &vault.catalog().schedules(Some(&database.id))?)?;
    }
    Ok(())
}
