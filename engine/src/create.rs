//! Create: one consistent copy of one database, published only once it is proven.

use keepstone_model::{
    backup::Backup,
    id::{DatabaseId, JobId, Kind},
    metadata::Compression,
};
use serde::{Deserialize, Serialize};

use crate::{Monitor, Result, Vault};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateOptions {
    pub database: DatabaseId,
    pub kind: Kind,
    pub description: String,
    pub tags: Vec<String>,
    pub app_label: Option<String>,
    pub pin: bool,
    pub compression: Compression,
    /// zstd 1–19 or gzip 1–9; none: the default of the compression.
    pub level: Option<i32>,
    /// Whether the archive is read back, opened and checked before it counts.
    pub verify: bool,
    /// e.g. `alice`, `cli:root`, `schedule`.
    pub actor: String,
}

impl CreateOptions {
    /// A manual backup with the defaults: zstd, read back and checked.
    pub fn new(database: DatabaseId, actor: impl Into<String>) -> Self {
        Self {
            database,
            kind: Kind::Manual,
            description: String::new(),
            tags: Vec::new(),
            app_label: None,
            pin: false,
            compression: Compression::Zstd,
            level: None,
            verify: true,
            actor: actor.into(),
        }
    }
}

#[derive(Debug, Clone)]
pub struct CreateReport {
    pub job: JobId,
    pub backup: Backup,
    pub elapsed_ms: u64,
    /// How long the source's read transaction was held.
    pub hold_ms: u64,
}

/// Makes a backup. When this returns, the archive is published, durable and (unless asked otherwise) proven; on any fault nothing is
/// published and the older backups are as they were.
pub fn create(_vault: &Vault, _options: &CreateOptions, _monitor: &dyn Monitor) -> Result<CreateReport> {
    todo!()
}
