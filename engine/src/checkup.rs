//! What the last look at a live database found, kept in the catalog until it is mended: the overview says it.

use jiff::Timestamp;
use keepstone_model::{
    database::{Checkup, Recovered},
    event::EventResult,
    id::{DatabaseId, JobId},
};

use crate::{Result, Vault, activity::NewEvent, catalog::rounded};

/// Takes back that a database is damaged, if that is what is written down. That it was recovered stays to be read.
pub(crate) fn all_is_well(vault: &Vault, database: &DatabaseId) -> Result<()> {
    if vault.catalog().checkup(database)?.is_some_and(|checkup| checkup.damage().is_some()) {
        vault.catalog().set_checkup(database, None, None, Timestamp::now())?;
    }
    Ok(())
}

/// Writes down damage, with its alarm. The same damage of which nobody has done anything alarms once.
pub(crate) fn damaged(vault: &Vault, database: &DatabaseId, actor: &str, finding: &str, why_not: &str) -> Result<()> {
    let before = vault.catalog().checkup(database)?;
    if before.as_ref().and_then(Checkup::damage) == Some(finding) {
        return Ok(());
    }
    let now = rounded(Timestamp::now());
    let checkup = Checkup { at: now, finding: finding.to_owned(), recovered: None };
    let message = format!("{database} is damaged: {finding}; {why_not}");
    let event = event("database.corrupt", actor, database, None, EventResult::Failed, message);
    vault.catalog().set_checkup(database, Some(&checkup), Some(&event), now)
}

/// Writes down that a damaged database was brought back, with its alarm.
pub(crate) fn recovered(vault: &Vault, database: &DatabaseId, actor: &str, job: JobId, finding: &str, recovered: Recovered) -> Result<()> {
    let now = rounded(Timestamp::now());
    let message = format!(
        "{database} was damaged ({finding}) and is restored from {}; what was written after that is lost, the damaged files are kept in {}",
        recovered.backup, recovered.kept
    );
    let checkup = Checkup { at: now, finding: finding.to_owned(), recovered: Some(recovered) };
    let event = event("database.recovered", actor, database, Some(job), EventResult::Warning, message);
    vault.catalog().set_checkup(database, Some(&checkup), Some(&event), now)
}

fn event<'a>(
    action: &'a str,
    actor: &'a str,
    database: &DatabaseId,
    job: Option<JobId>,
    result: EventResult,
    message: String,
) -> NewEvent<'a> {
    NewEvent { actor, action, result, database: Some(database.clone()), backup: None, job, message }
}
