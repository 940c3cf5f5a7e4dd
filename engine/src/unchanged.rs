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
    Monitor, Result,
    driver::{self, Source},
    jobs::Running,
};

/// The newest good backup, if it is younger than `within` and the database holds exactly its content now. In doubt it is none, and the caller
/// makes a new one.
pub(crate) fn equal_backup(
    running: &Running<'_>,
    database: &Database,
    within: Duration,
    source: &Source<'_>,
    monitor: &dyn Monitor,
) -> Result<Option<Backup>> {
    let Some(backup) = newest_good(running, database, within)? else { return Ok(None) };
    // The row may outlive its archive; only what is really there, and opens, can stand in for a new one.
    let Ok(archive) = running.vault.open_backup(&backup) else { return Ok(None) };
    Ok(driver::of(database.engine).equals(source, &archive, monitor)?.then_some(backup))
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
