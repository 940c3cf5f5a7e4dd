//! What became of a restore over a live SQLite database whose process died: committed, or taken back by SQLite. It wrote its report down before it wrote, so the
//! report alone says nothing. What replaces files is `aside`'s.

use keepstone_model::{id::BackupId, metadata::Metadata, restore::Target};

use super::{
    RestoreReport,
    aside::{Settled, as_files},
};
use crate::{
    Error, Result, Vault, databases, driver,
    durable::{self, LockMode},
    jobs::JobRequest,
    sqlite::committed::was_committed,
};

/// None where it is no such restore, or it died before it could have written anything. May be called again.
pub(crate) fn settle(vault: &Vault, request: &JobRequest, result: Option<&str>) -> Result<Option<Settled>> {
    let plan = match request {
        JobRequest::Restore(options) => &options.plan,
        JobRequest::Undo(options) => &options.plan,
        _ => return Ok(None),
    };
    let report = result.and_then(|json| serde_json::from_str::<RestoreReport>(json).ok()).filter(|report| report.replaced);
    let Some(report) = report.filter(|_| plan.target == Target::Replace && !as_files(plan)) else { return Ok(None) };
    let database = databases::database(vault, &plan.database)?;
    let Some(live) = driver::of(database.engine).file(&database)? else { return Ok(None) };
    // Whoever holds it may be restoring it again: then it is settled another time.
    let _lock = durable::try_lock(&vault.database_lock_path(&database.id), LockMode::Exclusive)?
        .ok_or_else(|| Error::DatabaseBusy { database: database.id.clone(), holder: "another process is working on it".to_owned() })?;
    let metadata = |id: &BackupId| -> Result<Metadata> { Ok(vault.open_archive(&vault.archive_path(id))?.metadata().clone()) };
    let before = report.safety_backup.as_ref().map(metadata).transpose();
    let found = before.and_then(|before| was_committed(&live, before.as_ref(), &metadata(&report.backup)?));
    let (sentence, is_void) = match found {
        Ok(true) => ("the process ended just after the restore was committed; the database is the restored one".to_owned(), false),
        Ok(false) => ("the process ended before the restore was committed; the database is as it was".to_owned(), true),
        Err(busy @ Error::SourceBusy { .. }) => return Err(busy),
        Err(error) => {
            tracing::warn!(database = %database.id, %error, "whether a restore was committed could not be found out: it counts as one that was not");
            (format!("the process ended during the restore, and whether it was committed could not be found out: {error}"), true)
        }
    };
    Ok(Some(Settled { sentence, is_void }))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
