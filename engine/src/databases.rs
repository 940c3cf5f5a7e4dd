//! Databases under protection: adding, showing, editing, removing.

use jiff::Timestamp;
use keepstone_model::{
    database::{Database, DatabaseState},
    id::DatabaseId,
    schedule::Schedule,
};

use crate::{Result, Vault};

#[derive(Debug, Clone)]
pub struct AddDatabaseOptions {
    /// A path, or a URL as SQLAlchemy has it (`sqlite:///relative`, `sqlite:////absolute`).
    pub location: String,
    /// The id wished for; else the slug of the file stem.
    pub name: Option<String>,
    /// Whether the default schedules are added.
    pub schedules: bool,
    pub actor: String,
}

/// One database with what its row on a page says.
#[derive(Debug, Clone)]
pub struct DatabaseStatus {
    pub database: Database,
    pub state: DatabaseState,
    /// The effective objective.
    pub objective_secs: u64,
    pub newest_good_at: Option<Timestamp>,
    pub last_error: Option<String>,
    pub next_run_at: Option<Timestamp>,
    /// Complete backups, and their archives' bytes.
    pub backup_count: u64,
    pub archive_size_bytes: u64,
    /// The size of the database when it was last backed up.
    pub size_bytes: Option<u64>,
}

/// Opens the database once to see that it is one, and writes it down. Adding a location that is there already gives back the present one.
pub fn add_database(_vault: &Vault, _options: &AddDatabaseOptions) -> Result<Database> {
    todo!()
}

pub fn databases(_vault: &Vault) -> Result<Vec<Database>> {
    todo!()
}

pub fn database(_vault: &Vault, _id: &DatabaseId) -> Result<Database> {
    todo!()
}

/// Finds the database that a person means: an id, or a location (`DB` of the command line).
pub fn find_database(_vault: &Vault, _id_or_location: &str) -> Result<Database> {
    todo!()
}

/// Every database with its state, the worst first.
pub fn statuses(_vault: &Vault, _now: Timestamp) -> Result<Vec<DatabaseStatus>> {
    todo!()
}

pub fn status(_vault: &Vault, _id: &DatabaseId, _now: Timestamp) -> Result<DatabaseStatus> {
    todo!()
}

/// What may be edited; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct EditDatabaseOptions {
    pub objective_secs: Option<Option<u64>>,
    pub never_replace: Option<bool>,
    pub paused: Option<bool>,
    pub actor: String,
}

pub fn edit_database(_vault: &Vault, _id: &DatabaseId, _options: &EditDatabaseOptions) -> Result<Database> {
    todo!()
}

/// Forgets the database and its schedules; its archives stay where they are.
pub fn remove_database(_vault: &Vault, _id: &DatabaseId, _actor: &str) -> Result<()> {
    todo!()
}

/// One schedule of a database as it stands in the catalog.
#[derive(Debug, Clone)]
pub struct ScheduleStatus {
    pub number: i64,
    pub database: DatabaseId,
    pub schedule: Schedule,
    /// In words, e.g. "At 02:00".
    pub words: String,
    pub next_run_at: Option<Timestamp>,
    pub last_run_at: Option<Timestamp>,
}

pub fn schedules(_vault: &Vault, _database: Option<&DatabaseId>, _now: Timestamp) -> Result<Vec<ScheduleStatus>> {
    todo!()
}

/// Lets `latest.zip` point to the newest good archive, atomically; takes the link away where there is none.
pub(crate) fn update_latest_link(_vault: &Vault, _database: &DatabaseId) -> Result<()> {
    todo!()
}
