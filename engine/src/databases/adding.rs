//! Taking a database under protection. Not what is changed of one later.

use std::{fmt::Write as _, path::Path, time::Duration};

use jiff::Timestamp;
use keepstone_model::{
    anomaly::LossPolicy,
    database::Database,
    id::DatabaseId,
    retention::{CleanupRhythm, RetentionPolicy},
    schedule::Preset,
    snapshot::SnapshotPolicy,
};

use super::{adopt, event, folder, present_at, strays, update_latest_link};
use crate::{
    Error, Result, Vault,
    catalog::{ScheduleRow, rounded},
    driver, guard,
    location::Location,
    schedules,
};

/// How long adding a database waits for its application's lock.
pub(super) const PROBE_WAIT: Duration = Duration::from_secs(30);

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

    pub(super) fn rows(&self, database: &DatabaseId, now: Timestamp) -> Result<Vec<ScheduleRow>> {
        let schedules = schedules::preset_schedules(self.preset(), self.time_zone.as_deref(), self.cron.as_deref(), now)?;
        schedules.iter().map(|schedule| schedules::new_row(database, schedule, now)).collect()
    }
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
    let location = &place.text_as_given(&options.location)?;
    if let Some(present) = present_at(vault, &place, &options.location)? {
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
    if let Some(present) = present_at(vault, &place, &options.location)? {
        return Ok(present);
    }
    let stem = place.stem();
    let now = rounded(Timestamp::now());
    let choice = folder::choose(vault, location, wished.as_ref(), &stem)?;
    // One that was here before keeps the settings it had.
    let is_new = matches!(choice, folder::Choice::New(_));
    let (mut kept, mut by_archives) = (None, false);
    let left = match choice {
        folder::Choice::TakenUp(left) => {
            by_archives = left.by_archives;
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
            plain: false,
            globals: false,
            loss: LossPolicy::default(),
            snapshot: SnapshotPolicy::default(),
        },
    };
    let mut database = Database { added_at: now, location: location.clone(), ..left };
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
    let taken_in = strays::take_in(vault, &database);
    let mut adopted = adopt::archives(vault, &database)?;
    adopted.unread.extend(taken_in.left);
    let mut message = format!("added {} at {location}", database.id);
    if !adopted.backups.is_empty() {
        let _ = write!(message, ", backups found in its folder: {}", adopted.backups.len());
    }
    if !taken_in.moved.is_empty() {
        let _ = write!(message, "; moved into their place: {}", taken_in.moved.join("; "));
    }
    if by_archives {
        message.push_str("; its database.json was lost: its settings are the usual ones, and its cleanup is paused");
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
pub(super) fn refuse_own(vault: &Vault, path: &Path) -> Result<()> {
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

fn parse_id(text: &str) -> Result<DatabaseId> {
    text.parse().map_err(|_| Error::Invalid {
        field: "name",
        message: format!("\"{text}\" cannot name a database: use 1 to 40 of a-z, 0-9 and -, and no name of a kind"),
    })
}
