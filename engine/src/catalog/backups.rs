//! The rows of backups.

use jiff::Timestamp;
use keepstone_model::{
    backup::Backup,
    id::{BackupId, DatabaseId, JobId, Kind},
};

use super::Catalog;
use crate::Result;

impl Catalog {
    /// Takes the next sequence of the database and writes a `running` row with it, in one transaction.
    #[expect(clippy::too_many_arguments, reason = "a row's first facts; each is a different noun")]
    pub(crate) fn begin_backup(
        &self,
        _id: &BackupId,
        _database: &DatabaseId,
        _kind: Kind,
        _created_at: Timestamp,
        _created_by: &str,
        _description: &str,
        _tags: &[String],
        _job: &JobId,
    ) -> Result<i64> {
        todo!()
    }

    /// Inserts or replaces the whole row.
    pub(crate) fn put_backup(&self, _backup: &Backup) -> Result<()> {
        todo!()
    }

    pub(crate) fn get_backup(&self, _id: &BackupId) -> Result<Option<Backup>> {
        todo!()
    }

    /// Every backup of a database in any state, the highest sequence first.
    pub(crate) fn backups_of(&self, _database: &DatabaseId) -> Result<Vec<Backup>> {
        todo!()
    }

    pub(crate) fn backups_of_job(&self, _job: &JobId) -> Result<Vec<Backup>> {
        todo!()
    }
}
