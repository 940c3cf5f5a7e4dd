//! What became of a restore over a live database whose process died, or whose commit nobody heard of: committed, or taken back. It wrote its report
//! down before it wrote anything, so the report alone says nothing; the mark that it left in it does, once the database is asked. What replaces files
//! is `aside`'s.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{database::Database, id::DatabaseId, job::JobState, restore::Target};
use serde::{Deserialize, Serialize};

use super::{
    KeptDatabase, RestoreReport,
    aside::{Leaves, Settled, as_files},
};
use crate::{
    Result, Vault,
    catalog::JobRow,
    databases, driver,
    jobs::{JobRequest, to_json},
    sqlite::committed::CookieMark,
};

/// By what a live database tells afterwards whether a restore of it was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mark {
    Cookie(CookieMark),
    /// The number of the server's transaction.
    Transaction(i64),
    /// The database that was to get the live one's name, by its number on the server.
    Named(u32),
}

/// So long a way back is offered from when it is known that there is something to go back from.
const OFFERED_FOR: SignedDuration = SignedDuration::from_hours(24);
const COMMITTED: &str = "the process ended just after the restore was committed; the database is the restored one";
/// Of one whose process lived, and was told of a fault.
const FOUND_COMMITTED: &str = "the database told later that it was committed: it is the restored one";
const FOUND_TAKEN_BACK: &str = "the database told later that it was not committed, and is as it was";
const UNDO: &str = "The database holds what was restored. Undo brings back what it held before, where that was kept.";
const AGAIN: &str = "Nothing was changed. Restore it again.";
const TAKEN_BACK: &str = "the process ended before the restore was committed; the database is as it was";

/// None where it is no such restore, or it died before it could have written anything. May be called again.
pub(crate) fn settle(vault: &Vault, request: &JobRequest, result: Option<&str>) -> Result<Option<Settled>> {
    let plan = match request {
        JobRequest::Restore(options) => &options.plan,
        JobRequest::Undo(options) => &options.plan,
        _ => return Ok(None),
    };
    let Some(report) = report_of(result).filter(|_| !(plan.target == Target::Replace && as_files(plan))) else { return Ok(None) };
    let Some(mark) = report.mark else { return Ok(None) };
    let database = databases::database(vault, &plan.database)?;
    let (sentence, leaves) = match was_committed(vault, &database, mark) {
        Ok(true) => (COMMITTED.to_owned(), Leaves::Report(to_json(&known(report))?)),
        Ok(false) => (TAKEN_BACK.to_owned(), Leaves::Nothing),
        Err(error) => {
            tracing::warn!(database = %database.id, %error, "whether a restore was committed could not be found out");
            let sentence = format!(
                "the process ended during the restore, and whether it was committed could not be found out: {error}; it is looked at again before the \
                 next backup, and when it is to be undone"
            );
            (sentence, Leaves::Noted)
        }
    };
    Ok(Some(Settled { sentence, leaves }))
}

/// Whether a live database is asked for it, which may be long in answering.
pub(crate) fn is_asked(result: Option<&str>) -> bool {
    report_of(result).is_some_and(|report| report.mark.is_some())
}

fn report_of(result: Option<&str>) -> Option<RestoreReport> {
    result.and_then(|json| serde_json::from_str::<RestoreReport>(json).ok()).filter(|report| report.replaced)
}

fn was_committed(vault: &Vault, database: &Database, mark: Mark) -> Result<bool> {
    driver::of(database.engine).was_committed(vault, database, mark)
}

/// The report of one that was committed. What was kept is not removed before it was offered.
fn known(report: RestoreReport) -> RestoreReport {
    let offered = Timestamp::now().checked_add(OFFERED_FOR).ok();
    let kept = report.kept.map(|kept| KeptDatabase { until: kept.until.max(offered.filter(|_| kept.until.is_some())), ..kept });
    RestoreReport { mark: None, kept, ..report }
}

/// Until when a restore's report wants a database kept that made way; for ever while it is not known whether there is one.
pub(crate) fn wanted_until(row: &JobRow) -> Option<(String, Timestamp)> {
    let report = report_of(row.result.as_deref())?;
    let kept = report.kept?;
    let until = if report.mark.is_some() { Timestamp::MAX } else { kept.until? };
    Some((kept.name, until))
}

/// Whether a restore replaces files: of one of these that failed only `aside`'s note tells.
pub(super) fn is_of_files(row: &JobRow) -> bool {
    match serde_json::from_str(&row.request) {
        Ok(JobRequest::Restore(options)) => options.plan.target == Target::Replace && as_files(&options.plan),
        Ok(JobRequest::Undo(options)) => options.plan.target == Target::Replace && as_files(&options.plan),
        _ => false,
    }
}

/// Asks once more of restores that were not found out about; what cannot be found out now is left for another time.
pub(crate) fn settle_open(vault: &Vault, database: &DatabaseId) -> Result<()> {
    for (_, row) in vault.catalog().restores_of(database)? {
        if let Err(error) = found_out(vault, row) {
            tracing::warn!(%database, %error, "whether a restore was committed could not be found out");
        }
    }
    Ok(())
}

/// A row with what is known by now of the restore that it is of.
pub(crate) fn found_out(vault: &Vault, mut row: JobRow) -> Result<JobRow> {
    let open = report_of(row.result.as_deref()).filter(|_| matches!(row.job.state, JobState::Abandoned | JobState::Failed));
    let Some((report, mark, id)) = open.and_then(|report| Some((report.clone(), report.mark?, row.job.database.clone()?))) else {
        return Ok(row);
    };
    let committed = was_committed(vault, &databases::database(vault, &id)?, mark)?;
    let result = if committed { to_json(&known(report))? } else { "null".to_owned() };
    match &mut row.job.error {
        Some(error) if row.job.state == JobState::Failed => {
            let (found, hint) = if committed { (FOUND_COMMITTED, UNDO) } else { (FOUND_TAKEN_BACK, AGAIN) };
            error.message = format!("{}; {found}", error.message);
            error.hint = Some(hint.to_owned());
        }
        Some(error) => if committed { COMMITTED } else { TAKEN_BACK }.clone_into(&mut error.message),
        None => {}
    }
    vault.catalog().put_job(&row.job, Some(&result))?;
    row.result = Some(result);
    Ok(row)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
