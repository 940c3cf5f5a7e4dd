//! Databases.

use keepstone_engine::databases;
use keepstone_model::{
    Timestamp,
    database::{Checkup, Concern, Database, DatabaseState},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::CleanupStatus;

/// A database with its state. `objective_secs` is the one that holds, set or by its schedules.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct DatabaseStatus {
    #[serde(flatten)]
    pub(crate) database: Database,
    pub(crate) state: DatabaseState,
    /// Whether it is at risk or failed, also while a run for it hides that.
    pub(crate) at_risk: bool,
    pub(crate) newest_good_at: Option<Timestamp>,
    /// Why it is not safe and what to do, the most urgent first.
    pub(crate) concerns: Vec<Concern>,
    /// What the last look at the live database found, if it was not well.
    pub(crate) checkup: Option<Checkup>,
    pub(crate) last_error: Option<String>,
    pub(crate) next_run_at: Option<Timestamp>,
    /// Complete backups, and their archives' bytes.
    pub(crate) backup_count: u64,
    pub(crate) archive_size_bytes: u64,
    /// The size of the database when it was last backed up.
    pub(crate) size_bytes: Option<u64>,
    pub(crate) cleanup: CleanupStatus,
    /// Backups that no known password opens.
    pub(crate) lost_count: u64,
}

impl From<&databases::DatabaseStatus> for DatabaseStatus {
    fn from(status: &databases::DatabaseStatus) -> Self {
        Self {
            database: Database { objective_secs: Some(status.objective_secs), ..status.database.clone() },
            state: status.state,
            at_risk: status.is_at_risk(),
            newest_good_at: status.newest_good_at,
            concerns: status.concerns.clone(),
            checkup: status.checkup.clone(),
            last_error: status.last_error.clone(),
            next_run_at: status.next_run_at,
            backup_count: status.backup_count,
            archive_size_bytes: status.archive_size_bytes,
            size_bytes: status.size_bytes,
            cleanup: (&status.cleanup).into(),
            lost_count: status.lost_count,
        }
    }
}
