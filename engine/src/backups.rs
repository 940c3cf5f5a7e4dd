//! Finding and describing backups: what lists and pages show. Nothing here changes an archive.

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState},
    id::{BackupId, DatabaseId, Kind},
    metadata::Metadata,
};

use crate::{Result, Vault};

/// Which backups a list is of. Newest first; trashed ones only when their state is asked for.
#[derive(Debug, Clone, Default)]
pub struct BackupFilter {
    pub database: Option<DatabaseId>,
    pub kind: Option<Kind>,
    pub state: Option<BackupState>,
    /// Part of the id, the description or a tag, without case.
    pub text: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub oldest_first: bool,
    pub limit: Option<u64>,
    pub offset: u64,
}

#[derive(Debug, Clone)]
pub struct BackupPage {
    pub backups: Vec<Backup>,
    /// How many the filter finds in all.
    pub total: u64,
}

pub fn list(_vault: &Vault, _filter: &BackupFilter) -> Result<BackupPage> {
    todo!()
}

pub fn backup(_vault: &Vault, _id: &BackupId) -> Result<Backup> {
    todo!()
}

/// Finds the backup that a person means: an id, a unique prefix, or `latest[:KIND]` (the newest good one), within a database if one is given.
pub fn find(_vault: &Vault, _id_or_prefix: &str, _database: Option<&DatabaseId>) -> Result<Backup> {
    todo!()
}

/// One backup with what its archive says, and its neighbours in sequence.
#[derive(Debug, Clone)]
pub struct BackupDetail {
    pub backup: Backup,
    /// None where there is no archive (failed, interrupted) or it cannot be read.
    pub metadata: Option<Metadata>,
    pub archive_path: Option<std::path::PathBuf>,
    pub previous: Option<BackupId>,
    pub next: Option<BackupId>,
}

pub fn detail(_vault: &Vault, _id: &BackupId) -> Result<BackupDetail> {
    todo!()
}

/// What may be edited afterwards; it lands in the notes beside the archive, durably. `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct EditBackupOptions {
    pub description: Option<String>,
    pub tags: Option<Vec<String>>,
    pub pinned: Option<bool>,
    pub actor: String,
}

pub fn edit(_vault: &Vault, _id: &BackupId, _options: &EditBackupOptions) -> Result<Backup> {
    todo!()
}
