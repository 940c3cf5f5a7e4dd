//! Where an export reads: a live database in one transaction, or the scratch copy of a backup, checked by its hashes on the way out.

use std::{
    io::{BufWriter, Write},
    path::PathBuf,
};

use jiff::Timestamp;
use keepstone_model::{job::Step, metadata::Form};

use super::ExportSource;
use crate::{
    Error, Monitor, Result, Vault, backups, databases, durable,
    jobs::Workplace,
    proof::create_private,
    sqlite::{
        self,
        reading::{Reading, read_image, read_live},
        snapshot::{SnapshotLimits, SnapshotOptions},
    },
};

/// Left free beside a scratch copy.
const SCRATCH_MARGIN_BYTES: u64 = 64 << 20;

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
            let options = SnapshotOptions { spool_dir: workplace.path(), busy_wait: sqlite::BUSY_WAIT, limits: SnapshotLimits::default() };
            read_live(&path, &options, monitor, &mut |reading| work(reading, Timestamp::now()))
        }
        ExportSource::Backup(id) => {
            let backup = backups::backup(vault, id)?;
            let path = archive_path(vault, &backup)?;
            let archive = vault.open_archive(&path)?;
            if archive.form() != Form::Sqlite {
                return Err(Error::Unsupported { what: "exporting the rows of a PostgreSQL dump".to_owned() });
            }
            let image = workplace.path().join("export.sqlite");
            let needed = archive.metadata().original_size.saturating_add(SCRATCH_MARGIN_BYTES);
            if durable::free_bytes(workplace.path())? < needed {
                return Err(Error::NoSpace { path: workplace.path().to_owned() });
            }
            monitor.step(Step::Verify);
            let mut sink = BufWriter::with_capacity(1 << 20, create_private(&image)?);
            archive.extract(&mut sink, &image, Step::Verify, monitor)?;
            sink.flush().map_err(|error| Error::io(&image, error))?;
            drop(sink);
            read_image(&image, monitor, &mut |reading| work(reading, archive.metadata().created_at))
        }
    }
}

fn archive_path(vault: &Vault, backup: &keepstone_model::backup::Backup) -> Result<PathBuf> {
    use keepstone_model::backup::BackupState;
    match backup.state {
        BackupState::Trashed => Ok(vault.trash_path(&backup.id)),
        BackupState::Complete => Ok(vault.archive_path(&backup.id)),
        _ => Err(Error::ArchiveMissing { id: backup.id.to_string(), path: vault.archive_path(&backup.id) }),
    }
}
