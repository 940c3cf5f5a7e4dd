//! The vault as a whole: what is in it, its keys, its activity log.

use std::path::PathBuf;

use keepstone_engine::{
    Result, Vault,
    activity::ChainReport,
    backups::{self, BackupFilter},
    databases,
    jobs::{self, JobFilter},
    keys::KeyInfo,
    storage,
};
use keepstone_model::{
    Timestamp,
    id::DatabaseId,
    metadata::{FORMAT_VERSION, Kdf},
    stats::{Stats, days_to_full, stats},
};
use serde::Serialize;
use utoipa::ToSchema;

/// This program and this vault.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Info {
    pub(crate) version: String,
    pub(crate) format_version: u32,
    pub(crate) sqlite_version: String,
    #[schema(value_type = String)]
    pub(crate) data: PathBuf,
    #[schema(value_type = String)]
    pub(crate) backups: PathBuf,
    /// On the disk of the backups. None: it is away.
    pub(crate) free_bytes: Option<u64>,
    pub(crate) database_count: u64,
    pub(crate) backup_count: u64,
    pub(crate) archive_size_bytes: u64,
    pub(crate) stats: Stats,
    /// None: not at this rate.
    pub(crate) days_to_full: Option<u64>,
    pub(crate) open_job_count: u64,
    pub(crate) user_count: u64,
}

impl Info {
    pub(crate) fn of(vault: &Vault, now: Timestamp) -> Result<Self> {
        let sums = stats(&backups::list(vault, &BackupFilter::default())?.backups, now);
        let free_bytes = storage::free_bytes(vault);
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            format_version: FORMAT_VERSION,
            sqlite_version: rusqlite::version().to_owned(),
            data: vault.data_dir().to_owned(),
            backups: vault.backups_dir().to_owned(),
            free_bytes,
            database_count: databases::databases(vault)?.len() as u64,
            backup_count: sums.backup_count,
            archive_size_bytes: sums.archive_size_bytes,
            days_to_full: free_bytes.and_then(|free| days_to_full(free, sums.growth_bytes_per_day)),
            stats: sums,
            open_job_count: jobs::jobs(vault, &JobFilter { open: true, ..JobFilter::default() })?.len() as u64,
            user_count: vault.catalog().users()?.len() as u64,
        })
    }
}

/// The sums of one database, or (without one) of all of them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct StatsOf {
    #[serde(flatten)]
    pub(crate) stats: Stats,
    pub(crate) database: Option<DatabaseId>,
    /// None: the disk of the backups is away.
    pub(crate) free_bytes: Option<u64>,
    /// None: not at this rate.
    pub(crate) days_to_full: Option<u64>,
}

impl StatsOf {
    pub(crate) fn of(database: Option<&DatabaseId>, sums: &Stats, free_bytes: Option<u64>) -> Self {
        Self {
            days_to_full: free_bytes.and_then(|free| days_to_full(free, sums.growth_bytes_per_day)),
            stats: sums.clone(),
            database: database.cloned(),
            free_bytes,
        }
    }
}

/// A password that the vault knows, without it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct KeyStatus {
    pub(crate) id: String,
    pub(crate) kdf: Kdf,
    /// New archives are encrypted with it.
    pub(crate) current: bool,
    /// A change to it was begun and not finished.
    pub(crate) changing_to: bool,
    /// How many archives it opens.
    pub(crate) archives: u64,
    pub(crate) added_at: Timestamp,
    pub(crate) added_by: String,
}

impl From<&KeyInfo> for KeyStatus {
    fn from(key: &KeyInfo) -> Self {
        Self {
            id: key.id.clone(),
            kdf: key.kdf,
            current: key.current,
            changing_to: key.changing_to,
            archives: key.archives,
            added_at: key.added_at,
            added_by: key.added_by.clone(),
        }
    }
}

/// Whether the activity log is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ActivityCheck {
    pub(crate) ok: bool,
    pub(crate) events: u64,
    /// The first event that does not fit the one before it.
    pub(crate) broken_at: Option<u64>,
}

impl From<&ChainReport> for ActivityCheck {
    fn from(report: &ChainReport) -> Self {
        Self { ok: report.broken_at.is_none(), events: report.events, broken_at: report.broken_at }
    }
}
