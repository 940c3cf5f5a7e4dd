//! What the last look at a live database found, kept in the catalog until it is mended: the overview says it.

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, CheckName},
    database::{Checkup, Recovered},
    event::EventResult,
    id::{DatabaseId, JobId},
};

use crate::{Result, Vault, activity::NewEvent, catalog::rounded, sqlite::AS_A_WHOLE};

/// Takes back that a database is damaged, if that is what is written down. That it was recovered stays to be read.
pub(crate) fn all_is_well(vault: &Vault, database: &DatabaseId) -> Result<()> {
    if vault.catalog().checkup(database)?.is_some_and(|checkup| checkup.damage().is_some()) {
        vault.catalog().set_checkup(database, None, None, Timestamp::now())?;
    }
    Ok(())
}

/// The same after a good backup, whose check saw all pages of the file: what another look found where this one could not look stands.
pub(crate) fn is_backed_up(vault: &Vault, backup: &Backup) -> Result<()> {
    let mut checks = backup.proof.iter().flat_map(|proof| &proof.checks);
    if checks.any(|check| check.name == CheckName::SqliteIntegrityCheck && check.detail.contains(AS_A_WHOLE)) {
        return Ok(());
    }
    all_is_well(vault, &backup.database)
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use keepstone_model::id::Kind;

    use super::*;
    use crate::testing;

    #[test]
    fn a_good_backup_takes_back_no_damage_that_its_check_could_not_see() {
        let here = testing::vault();
        let database = testing::database(&here.vault, "shop").id;
        damaged(&here.vault, &database, "alice", "Freelist: 2nd reference to page 5", "a person decides").unwrap();
        let mut backup = testing::good_backup(&here.vault, &database, Kind::Manual, Timestamp::now());
        for (detail, is_taken_back) in [
            (format!("could not be examined: {AS_A_WHOLE}: out of luck; and 1 more"), false),
            ("own: no such function: f".to_owned(), true),
        ] {
            let checks = backup.proof.iter_mut().flat_map(|proof| &mut proof.checks);
            checks.filter(|check| check.name == CheckName::SqliteIntegrityCheck).for_each(|check| check.detail.clone_from(&detail));
            is_backed_up(&here.vault, &backup).unwrap();
            assert_eq!(here.vault.catalog().checkup(&database).unwrap().is_none(), is_taken_back, "{detail}");
        }
    }
}
