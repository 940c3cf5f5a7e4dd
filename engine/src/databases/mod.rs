//! Databases under protection: adding, showing, editing, removing.

mod folder;
mod latest;
mod take_up;

use std::{fmt::Write as _, path::Path, time::Duration};

use jiff::Timestamp;
use keepstone_model::{
    anomaly::LossPolicy,
    database::{Checkup, Concern, Database, DatabaseFacts, DatabaseState, Engine, Situation, concerns, database_state},
    event::EventResult,
    id::{BackupId, DatabaseId},
    retention::{CleanupRhythm, RetentionPolicy},
    schedule::{OBJECTIVE_SLACK_SECS, Preset},
    snapshot::SnapshotPolicy,
};

pub(crate) use folder::{any_folder_in, is_folder_of};
pub(crate) use latest::update_latest_link;
pub(crate) use take_up::take_up_all;

use crate::{
    Error, Result, Vault,
    activity::NewEvent,
    catalog::{ScheduleRow, rounded},
    cleanup::{self, CleanupStatus},
    driver,
    durable::{self, LockMode},
    guard, keys,
    location::{self, Location},
    managed,
    scheduler::Timing,
    schedules,
};

/// How long adding a database waits for its application's lock.
const PROBE_WAIT: Duration = Duration::from_secs(30);
/// The largest gap between backups that a database without a schedule is allowed.
const GAP_WITHOUT_SCHEDULE_SECS: u64 = 24 * 3600;

#[derive(Debug, Clone)]
pub struct AddDatabaseOptions {
    /// A path, or a URL as SQLAlchemy has it (`sqlite:///relative`, `sqlite:////absolute`).
    pub location: String,
    /// The id wished for; else the slug of the file stem.
    pub name: Option<String>,
    /// Its first schedules with their retention and recovery; none: no schedule, the standard retention.
    pub schedules: Option<FirstSchedules>,
    pub actor: String,
}

/// What a new database begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstSchedules {
    /// None: the standard one; but a database that was here before goes on with the schedules that it had.
    pub preset: Option<Preset>,
    /// For [`Preset::Cron`].
    pub cron: Option<String>,
    /// The host's where it is not said.
    pub time_zone: Option<String>,
}

impl FirstSchedules {
    /// In the host's zone.
    pub fn of(preset: Preset) -> Self {
        Self { preset: Some(preset), cron: None, time_zone: None }
    }

    /// What a database gets of which nothing was said.
    pub fn usual() -> Self {
        Self { preset: None, cron: None, time_zone: None }
    }

    fn preset(&self) -> Preset {
        self.preset.unwrap_or(Preset::Standard)
    }

    fn rows(&self, database: &DatabaseId, now: Timestamp) -> Result<Vec<ScheduleRow>> {
        let schedules = schedules::preset_schedules(self.preset(), self.time_zone.as_deref(), self.cron.as_deref(), now)?;
        schedules.iter().map(|schedule| schedules::new_row(database, schedule, now)).collect()
    }
}

/// One database with what its row on a page says.
#[derive(Debug, Clone)]
pub struct DatabaseStatus {
    pub database: Database,
    pub state: DatabaseState,
    /// Why it is not safe and what to do, the most urgent first.
    pub concerns: Vec<Concern>,
    /// What the last look at the live database found, if it was not well.
    pub checkup: Option<Checkup>,
    /// The effective objective.
    pub objective_secs: u64,
    pub newest_good_at: Option<Timestamp>,
    pub last_error: Option<String>,
    pub next_run_at: Option<Timestamp>,
    /// Complete backups, and their archives' bytes.
    pub backup_count: u64,
    pub archive_size_bytes: u64,
    /// Backups that no known password opens.
    pub lost_count: u64,
    /// The newest backup after the newest good one whose checks could not run.
    pub unchecked: Option<BackupId>,
    /// The size of the database when it was last backed up.
    pub size_bytes: Option<u64>,
    pub cleanup: CleanupStatus,
}

/// Opens the database once to see that it is one, and writes it down. Adding a location that is there already gives back the present one. A
/// folder that a removed database left is taken up again, with the uid, the settings and the archives in it, if it is of the same location.
pub fn add_database(vault: &Vault, options: &AddDatabaseOptions) -> Result<Database> {
    if let Some(first) = &options.schedules {
        // Before anything is made: what cannot be read refuses the whole.
        schedules::preset_schedules(first.preset(), first.time_zone.as_deref(), first.cron.as_deref(), Timestamp::now())?;
    }
    let environment = vault.surroundings().get();
    let place = Location::of(&options.location, &environment)?;
    let location = &place.text()?;
    if let Some(present) = present_at(vault, &place)? {
        driver::of(present.engine).renew(vault, &present, &place)?;
        return Ok(present);
    }
    if let Location::Sqlite(path) = &place {
        refuse_own(vault, path)?;
    }
    driver::probe(&place, &environment, PROBE_WAIT)?;
    let wished = options.name.as_deref().map(parse_id).transpose()?;
    // Of two who add the same location at once, the second must not write its uid over the first one's.
    let _guard = guard::lock_dir(vault.backups_dir())?;
    if let Some(present) = present_at(vault, &place)? {
        return Ok(present);
    }
    let stem = place.stem();
    let now = rounded(Timestamp::now());
    let choice = folder::choose(vault, location, wished.as_ref(), &stem)?;
    // One that was here before keeps the settings it had.
    let is_new = matches!(choice, folder::Choice::New(_));
    let mut kept = None;
    let left = match choice {
        folder::Choice::TakenUp(left) => {
            kept = left.schedules(now);
            left.database
        }
        folder::Choice::New(id) => Database {
            id,
            uid: folder::random_uid()?,
            engine: place.engine(),
            location: location.to_owned(),
            added_at: now,
            objective_secs: None,
            never_replace: false,
            paused: false,
            retention: RetentionPolicy::standard(),
            retention_managed_by: None,
            cleanup_rhythm: CleanupRhythm::default(),
            auto_recovery: false,
            encrypt: false,
            globals: false,
            loss: LossPolicy::default(),
            snapshot: SnapshotPolicy::default(),
        },
    };
    let mut database = Database { added_at: now, ..left };
    let mut schedules = Vec::new();
    if let Some(first) = &options.schedules {
        schedules = match kept.filter(|_| first.preset.is_none()) {
            Some(kept) => kept,
            None => first.rows(&database.id, now)?,
        };
        if is_new {
            (database.retention, database.auto_recovery) = (first.preset().retention(), first.preset().auto_recovery());
        }
    }
    // The folder first: if the process dies here, the next attempt finds the uid there and takes it up. A row first could make archives whose
    // folder does not say whose they are.
    folder::write(vault, &database, &schedules)?;
    // Before the row: no run of a schedule meets a database without its password.
    driver::of(database.engine).keep(vault, &database, &place)?;
    let adopted = folder::archives(vault, &database)?;
    let mut message = format!("added {} at {location}", database.id);
    if !adopted.backups.is_empty() {
        let _ = write!(message, ", backups found in its folder: {}", adopted.backups.len());
    }
    if !adopted.unread.is_empty() {
        let _ = write!(message, "; not taken up: {}", adopted.unread.join("; "));
    }
    let event = event("database.added", &options.actor, &database.id, message);
    let added = vault.catalog().add_database(&database, &schedules, &adopted.backups, &event)?;
    update_latest_link(vault, &added.id)?;
    Ok(added)
}

/// The vault's own files are not what it protects: a restore over the catalog, say, would write over what carries it out. The demonstration's
/// shop is an application's database that lies there.
fn refuse_own(vault: &Vault, path: &Path) -> Result<()> {
    let inside = |folder: &Path| folder.canonicalize().is_ok_and(|folder| path.starts_with(folder));
    if inside(vault.backups_dir()) || (inside(vault.data_dir()) && !inside(&vault.data_dir().join("demo"))) {
        let message = format!("{} lies inside the vault: a database that is to be protected lies outside of it", path.display());
        return Err(Error::Invalid { field: "location", message });
    }
    Ok(())
}

/// Opens a database once and says in a few words what it is, e.g. "412.0 MB, journal mode wal". Changes nothing.
pub fn probe(vault: &Vault, database: &Database) -> Result<String> {
    driver::of(database.engine).probe(vault, database, PROBE_WAIT)
}

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
        return present_at(vault, &place)?.ok_or_else(unknown);
    }
    let id: DatabaseId = id_or_location.parse().map_err(|_| unknown())?;
    database(vault, &id)
}

/// The database of a place. A server's is the same by whatever user, and with whatever encryption, it is reached.
pub(crate) fn present_at(vault: &Vault, place: &Location) -> Result<Option<Database>> {
    let text = place.text()?;
    if let Some(present) = vault.catalog().database_at(&text)? {
        return Ok(Some(present));
    }
    let Location::Postgres(wished) = place else { return Ok(None) };
    let environment = vault.surroundings().get();
    let same = |database: &Database| {
        let there = Location::of(&database.location, &environment);
        matches!(there, Ok(Location::Postgres(there)) if there.is_same_database(wished))
    };
    Ok(databases(vault)?.into_iter().find(same))
}

impl DatabaseStatus {
    /// Why there is no good backup, where nothing went wrong: a few words, e.g. "no backup yet".
    pub fn lacks(&self) -> Option<&'static str> {
        match (self.newest_good_at, self.backup_count, self.size_bytes) {
            (Some(_), ..) => None,
            (None, 0, _) => Some("no backup yet"),
            // A size is that of a whole one.
            (None, _, None) => Some("no whole backup yet, only partial ones"),
            (None, ..) => Some("no backup was proven yet"),
        }
    }
}

/// Every database with its state, the worst first.
pub fn statuses(vault: &Vault, now: Timestamp) -> Result<Vec<DatabaseStatus>> {
    let mut all = databases(vault)?.into_iter().map(|database| status_of(vault, database, now)).collect::<Result<Vec<_>>>()?;
    all.sort_by(|a, b| (a.state, &a.database.id).cmp(&(b.state, &b.database.id)));
    Ok(all)
}

pub fn status(vault: &Vault, id: &DatabaseId, now: Timestamp) -> Result<DatabaseStatus> {
    status_of(vault, database(vault, id)?, now)
}

fn status_of(vault: &Vault, database: Database, now: Timestamp) -> Result<DatabaseStatus> {
    let stats = vault.catalog().backup_stats(&database.id)?;
    let schedules = vault.catalog().schedules(Some(&database.id))?;
    let objective_secs = database.objective_secs.unwrap_or_else(|| objective_by_schedules(&schedules, now));
    let checkup = vault.catalog().checkup(&database.id)?;
    let damage = checkup.as_ref().and_then(Checkup::damage).map(str::to_owned);
    let facts = DatabaseFacts {
        paused: database.paused,
        running: vault.catalog().creates_now(&database.id)?,
        newest_good_at: stats.newest_good_at,
        any_complete: stats.complete_count > 0,
        last_run_failed: stats.last_run_failed,
        newest_suspect: stats.suspect.is_some(),
        unchecked: stats.unchecked.is_some(),
        damaged: damage.is_some(),
        objective_secs,
    };
    let situation = Situation {
        database: &database.id,
        facts,
        damage: damage.as_deref(),
        suspect: stats.suspect.as_ref(),
        unchecked: stats.unchecked.as_ref(),
        last_error: stats.last_error.as_deref(),
        lost_count: stats.lost_count,
    };
    Ok(DatabaseStatus {
        cleanup: cleanup::status_of(vault, &database, stats.complete_count > 0, now)?,
        state: database_state(&facts, now),
        concerns: concerns(&situation, now),
        checkup,
        objective_secs,
        newest_good_at: stats.newest_good_at,
        last_error: stats.last_error,
        next_run_at: schedules
            .iter()
            .filter(|row| !database.paused && !row.schedule.paused)
            .filter_map(|row| row.standing.next_run_at)
            .min(),
        backup_count: stats.complete_count,
        archive_size_bytes: stats.archive_size_bytes,
        lost_count: stats.lost_count,
        unchecked: stats.unchecked.map(|backup| backup.id),
        size_bytes: stats.size_bytes,
        database,
    })
}

/// The longest gap of the schedule that runs most often, and some slack: a monthly schedule beside a daily one does not make a week without a
/// backup all right.
fn objective_by_schedules(schedules: &[ScheduleRow], now: Timestamp) -> u64 {
    let active = schedules.iter().filter(|row| !row.schedule.paused);
    let gaps = active.filter_map(|row| Timing::of(&row.schedule).ok()?.longest_gap_secs(now));
    gaps.min().unwrap_or(GAP_WITHOUT_SCHEDULE_SECS) + OBJECTIVE_SLACK_SECS
}

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
    edited.encrypt = options.encrypt.unwrap_or(edited.encrypt);
    if options.encrypt == Some(true) && !keys::has_current(vault) {
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
    if let Some(other) = present_at(vault, &place)?.filter(|other| other.id != database.id) {
        return Err(Error::AlreadyExists { what: "database of the same location", name: other.id.to_string() });
    }
    if let Location::Sqlite(path) = &place {
        refuse_own(vault, path)?;
    }
    driver::probe(&place, &environment, PROBE_WAIT)?;
    driver::of(database.engine).keep(vault, &database, &place)?;
    database.location = place.text()?;
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

/// Forgets the database and its schedules; its archives stay where they are.
pub fn remove_database(vault: &Vault, id: &DatabaseId, actor: &str) -> Result<()> {
    let removed = database(vault, id)?;
    managed::refuse(vault, id, "location", actor)?;
    let folder = vault.database_dir(id);
    durable::make_dir(&folder)?;
    // A job that runs now, in whichever process, would end without a row to write to.
    let Some(_lock) = durable::try_lock(&vault.database_lock_path(id), LockMode::Exclusive)? else {
        return Err(Error::DatabaseBusy { database: id.clone(), holder: "a job is running on it".to_owned() });
    };
    let message = format!("removed {id}; its archives stay in {}", folder.display());
    vault.catalog().remove_database(id, &event("database.removed", actor, id, message), Timestamp::now())?;
    driver::of(removed.engine).forget(vault, &removed)
}

fn parse_id(text: &str) -> Result<DatabaseId> {
    text.parse().map_err(|_| Error::Invalid {
        field: "name",
        message: format!("\"{text}\" cannot name a database: use 1 to 40 of a-z, 0-9 and -, and no name of a kind"),
    })
}

fn event<'a>(action: &'a str, actor: &'a str, id: &DatabaseId, message: String) -> NewEvent<'a> {
    NewEvent { actor, action, result: EventResult::Ok, database: Some(id.clone()), backup: None, job: None, message }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
