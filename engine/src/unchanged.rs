//! Whether a database still holds what its newest good backup holds, so that a crash loop of starts and stops does not fill the vault with
//! copies of one moment.

use std::time::Duration;

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState},
    database::Database,
    id::Kind,
};

use crate::{
    Error, Monitor, Result,
    image::{ImageSink, RestoreHasher},
    jobs::Running,
    sqlite::{self, snapshot::SnapshotOptions},
};

/// The newest good backup, if it is younger than `within` and the database holds exactly its content now. In doubt it is none, and the caller
/// makes a new one. Reads the database once, through SQLite, as a snapshot does; writes nothing.
pub(crate) fn equal_backup(
    running: &Running<'_>,
    database: &Database,
    within: Duration,
    snapshot: &SnapshotOptions<'_>,
    monitor: &dyn Monitor,
) -> Result<Option<Backup>> {
    let Some(backup) = newest_good(running, database, within)? else { return Ok(None) };
    // The row may outlive its archive; only what is really there, and opens, can stand in for a new one.
    let Ok(archive) = running.vault.open_archive(&running.vault.archive_path(&backup.id)) else { return Ok(None) };
    let (expected_bytes, expected_hash) = (archive.metadata().original_size, archive.metadata().restore_hash.clone());
    let path = sqlite::location::path_of(&database.location)?;
    let mut sink = Compare { expected_bytes, other_size: false, hasher: RestoreHasher::default() };
    match sqlite::snapshot::snapshot(&path, snapshot, &mut sink, monitor) {
        Ok(facts) if facts.suspect.is_some() => Ok(None),
        Ok(_) => Ok((!expected_hash.is_empty() && sink.hasher.finish() == expected_hash).then_some(backup)),
        Err(_) if sink.other_size => Ok(None),
        Err(error) => Err(error),
    }
}

fn newest_good(running: &Running<'_>, database: &Database, within: Duration) -> Result<Option<Backup>> {
    let now = Timestamp::now();
    // A backup of the future was made under another clock: how old it is, nobody knows.
    let young = |backup: &Backup| Duration::try_from(now.duration_since(backup.created_at)).is_ok_and(|age| age <= within);
    let own = |backup: &Backup| !matches!(backup.kind, Kind::Safety | Kind::Imported);
    let newest =
        running.vault.catalog().backups_of(&database.id)?.into_iter().find(|backup| backup.state == BackupState::Complete && own(backup));
    Ok(newest.filter(|backup| backup.is_good() && young(backup)))
}

/// Hashes an image as a restore compares it; one of another size is not read at all.
struct Compare {
    expected_bytes: u64,
    other_size: bool,
    hasher: RestoreHasher,
}

impl ImageSink for Compare {
    fn begin(&mut self, size_bytes: u64) -> Result<()> {
        self.other_size = size_bytes != self.expected_bytes;
        if self.other_size { Err(Error::Internal("the image has another size than the backup".to_owned())) } else { Ok(()) }
    }

    fn write(&mut self, pages: &[u8]) -> Result<()> {
        self.hasher.update(pages);
        Ok(())
    }
}
