//! Where an export reads: a live database in one transaction, or the scratch copy of a backup, checked by its hashes on the way out.

use jiff::Timestamp;

use crate::{
    Monitor, Result, Vault, databases,
    export::{ExportSource, archive_of, unpacked},
    jobs::Workplace,
    sqlite::{
        self,
        reading::{Reading, read_live, read_written},
        snapshot::SnapshotOptions,
    },
};

/// Gives `work` the database and the moment that it is of. What is made on the way is gone afterwards, and after a kill by the next start.
pub(super) fn read<T>(
    vault: &Vault,
    source: &ExportSource,
    monitor: &dyn Monitor,
    work: &mut dyn FnMut(&Reading<'_>, Timestamp) -> Result<T>,
) -> Result<T> {
    let workplace = Workplace::begin(vault)?;
    match source {
        ExportSource::Database(id) => {
            let database = databases::database(vault, id)?;
            let path = sqlite::location::path_of(&database.location)?;
            let options = SnapshotOptions { spool_dir: workplace.path(), busy_wait: sqlite::BUSY_WAIT, limits: database.snapshot };
            read_live(&path, &options, monitor, &mut |reading| work(reading, Timestamp::now()))
        }
        ExportSource::Backup(id) => {
            let archive = archive_of(vault, id)?;
            let image = unpacked(&archive, &workplace, monitor)?;
            let metadata = archive.metadata();
            read_written(&image, Some(&metadata.backup_hash), monitor, &mut |reading| work(reading, metadata.created_at))
        }
    }
}
