//! Rechecking: backups whose last proof is old are verified again, one at a time, slowly, and only while nothing else is to be done. Disks
//! forget in silence; a backup that is looked at only when it is needed is found damaged only then.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    backup::{Backup, BackupState, Proof},
    id::JobId,
    job::JobState,
};
use serde::{Deserialize, Serialize};

use crate::{
    Defaults, Result, Vault, databases,
    jobs::{self, JobFilter, JobRequest},
    notes,
    verify::VerifyOptions,
};

/// Who acts, in jobs and events.
const ACTOR: &str = "recheck";

/// How old a proof may become, and how fast archives are read for a new one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecheckOptions {
    /// None: nothing is checked again by itself.
    pub older_than_secs: Option<u64>,
    /// None: as fast as the disk gives them.
    pub rate_bytes_per_s: Option<u64>,
}

impl Default for RecheckOptions {
    /// Every week, at 32 MB a second.
    fn default() -> Self {
        Self { older_than_secs: Some(7 * 24 * 3600), rate_bytes_per_s: Some(32_000_000) }
    }
}

/// Queues the verification of the backup whose proof is the oldest, if one is older than it may be and nothing else waits or runs. Call it
/// now and then. A backup that could not be checked is tried again the next day, not at once.
pub fn recheck(vault: &Vault, options: &RecheckOptions, now: Timestamp) -> Result<Option<JobId>> {
    let Some(older_than_secs) = options.older_than_secs else { return Ok(None) };
    let open = JobFilter { open: true, limit: Some(1), ..JobFilter::default() };
    if !vault.catalog().list_jobs(&open)?.is_empty() {
        return Ok(None);
    }
    let older_than = SignedDuration::from_secs(i64::try_from(older_than_secs).unwrap_or(i64::MAX));
    let mut backups = Vec::new();
    for database in databases::databases(vault)? {
        backups.extend(vault.catalog().backups_of(&database.id)?);
    }
    // The notes of those alone that are due by what the catalog says of them.
    let mut candidates = due(backups.into_iter().map(Candidate::from).collect(), older_than, vault.defaults(), now);
    for candidate in &mut candidates {
        candidate.looks = notes::looks(vault, &candidate.backup.id).unwrap_or_default();
    }
    for Candidate { backup, .. } in due(candidates, older_than, vault.defaults(), now) {
        // One key a day: what was tried today in vain is not due again before tomorrow.
        let key = format!("recheck:{}:{}", backup.id, now.strftime("%Y%m%d"));
        let verify = VerifyOptions { rate_bytes_per_s: options.rate_bytes_per_s, ..VerifyOptions::new(backup.id, ACTOR) };
        let job = jobs::submit(vault, &JobRequest::Verify(verify), Some(&key))?;
        if vault.catalog().get_job(&job)?.is_some_and(|row| row.job.state == JobState::Queued) {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

/// When it was last looked, with success, whether a backup is still what its proof says; none: never, or that cannot be told. Reads its notes.
pub fn looked_at(vault: &Vault, backup: &Backup, now: Timestamp) -> Option<Timestamp> {
    let looks = notes::looks(vault, &backup.id).unwrap_or_default();
    backup.proof.as_ref()?.looked_at(&looks, now)
}

/// A backup, with the looks that its notes tell of.
struct Candidate {
    backup: Backup,
    looks: Vec<Proof>,
}

impl From<Backup> for Candidate {
    fn from(backup: Backup) -> Self {
        Self { backup, looks: Vec::new() }
    }
}

/// The complete backups at which nobody looked for too long, or never, as the checks could not run, say; those first, then the one whose last look is
/// the oldest. Where backups are left unproven on purpose, one without a proof has its time from when it was made.
fn due(candidates: Vec<Candidate>, older_than: SignedDuration, defaults: Defaults, now: Timestamp) -> Vec<Candidate> {
    let looked_at = |candidate: &Candidate| {
        let backup = &candidate.backup;
        let proof = backup.proof.as_ref().filter(|_| backup.not_checked().is_none());
        let made_at = (!defaults.verify).then_some(backup.created_at).filter(|at| *at <= now);
        proof.and_then(|proof| proof.looked_at(&candidate.looks, now)).or(made_at)
    };
    let is_due = |candidate: &Candidate| {
        candidate.backup.state == BackupState::Complete && looked_at(candidate).is_none_or(|at| now.duration_since(at) >= older_than)
    };
    let mut due: Vec<Candidate> = candidates.into_iter().filter(is_due).collect();
    due.sort_by_key(|candidate| (looked_at(candidate), candidate.backup.created_at));
    due
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use keepstone_model::{
        backup::{Check, CheckName, CheckResult},
        id::Kind,
    };

    use super::*;
    use crate::testing::{at, database, good_backup, good_proof, vault};

    #[test]
    fn the_oldest_proof_comes_first_and_one_at_a_time() {
        let fixture = vault();
        let shop = database(&fixture.vault, "shop");
        let proven_at = |backup: &Backup, checked_at: Option<&str>| {
            let changed = fixture.vault.catalog().change_backup(&backup.id, |backup| {
                backup.proof = checked_at.map(|text| keepstone_model::backup::Proof { checked_at: at(text), ..good_proof() });
            });
            drop(changed.unwrap());
        };
        let [one, two, three, four] = ["2026-11-01T03:00:00Z", "2026-11-02T03:00:00Z", "2026-11-03T03:00:00Z", "2026-11-04T03:00:00Z"]
            .map(|text| good_backup(&fixture.vault, &shop.id, Kind::Daily, at(text)));
        proven_at(&one, Some("2026-11-10T00:00:00Z"));
        proven_at(&two, Some("2026-11-09T00:00:00Z"));
        proven_at(&three, None);
        proven_at(&four, Some("2026-11-19T00:00:00Z"));
        let now = at("2026-11-20T00:00:00Z");
        let options = RecheckOptions::default();
        assert_eq!(recheck(&fixture.vault, &RecheckOptions { older_than_secs: None, ..options.clone() }, now).unwrap(), None);
        let mut order = Vec::new();
        while let Some(job) = recheck(&fixture.vault, &options, now).unwrap() {
            assert_eq!(recheck(&fixture.vault, &options, now).unwrap(), None, "one waits already");
            // The files are no archives: the check fails and leaves a proof of that.
            assert_eq!(jobs::run_next(&fixture.vault, &crate::Silent).unwrap(), Some(job.clone()));
            order.push(jobs::job(&fixture.vault, &job).unwrap().job.backup.unwrap());
        }
        assert_eq!(order, [three.id, two.id, one.id]);
    }

    #[test]
    fn what_cannot_be_checked_is_left_until_tomorrow() {
        let fixture = vault();
        let shop = database(&fixture.vault, "shop");
        let backup = good_backup(&fixture.vault, &shop.id, Kind::Daily, at("2026-11-01T03:00:00Z"));
        drop(fixture.vault.catalog().change_backup(&backup.id, |backup| backup.proof = None).unwrap());
        let (today, options) = (at("2026-11-20T00:00:00Z"), RecheckOptions::default());
        let job = recheck(&fixture.vault, &options, today).unwrap().unwrap();
        jobs::cancel(&fixture.vault, &job, "alice").unwrap();
        assert_eq!(recheck(&fixture.vault, &options, today).unwrap(), None);
        assert!(recheck(&fixture.vault, &options, at("2026-11-21T00:00:00Z")).unwrap().is_some());
    }

    #[test]
    fn a_proof_from_the_future_is_none() {
        let fixture = vault();
        let shop = database(&fixture.vault, "shop");
        let backup = good_backup(&fixture.vault, &shop.id, Kind::Daily, at("2026-11-01T03:00:00Z"));
        let week = SignedDuration::from_hours(7 * 24);
        assert_eq!(due(vec![backup.clone().into()], week, Defaults::default(), at("2026-11-21T03:00:00Z")).len(), 0);
        assert_eq!(due(vec![backup.clone().into()], week, Defaults::default(), at("2026-11-19T03:00:00Z")).len(), 1);
        let gone = Backup { state: BackupState::Missing, ..backup };
        assert_eq!(due(vec![gone.into()], week, Defaults::default(), at("2026-12-21T03:00:00Z")).len(), 0);
    }

    #[test]
    fn what_is_left_unproven_on_purpose_has_its_week() {
        let fixture = vault();
        let shop = database(&fixture.vault, "shop");
        let made = good_backup(&fixture.vault, &shop.id, Kind::Daily, at("2026-11-01T03:00:00Z"));
        let unproven = Backup { proof: None, ..made };
        let week = SignedDuration::from_hours(7 * 24);
        let on_purpose = Defaults { verify: false, ..Defaults::default() };
        let due_at = |defaults, now| due(vec![unproven.clone().into()], week, defaults, at(now)).len();
        assert_eq!(due_at(Defaults::default(), "2026-11-01T04:00:00Z"), 1);
        // What was to be proven and could not be is tried again, however young.
        let mut no_space = Backup { proof: Some(good_proof()), ..unproven.clone() };
        let soon = at("2026-11-20T04:00:00Z");
        assert_eq!(due(vec![no_space.clone().into()], week, Defaults::default(), soon).len(), 0);
        no_space.proof.as_mut().unwrap().checks[3].result = keepstone_model::backup::CheckResult::CouldNotRun;
        assert_eq!(due(vec![no_space.into()], week, Defaults::default(), soon).len(), 1);
        assert_eq!(due_at(on_purpose, "2026-11-01T04:00:00Z"), 0);
        assert_eq!(due_at(on_purpose, "2026-11-08T04:00:00Z"), 1);
    }

    #[test]
    fn a_plain_look_counts_though_a_test_restore_says_more() {
        let fixture = vault();
        let shop = database(&fixture.vault, "shop");
        let backup = good_backup(&fixture.vault, &shop.id, Kind::Daily, at("2026-11-01T03:00:00Z"));
        let look = |text: &str| Proof { checked_at: at(text), ..good_proof() };
        let mut restored = look("2026-11-02T03:00:00Z");
        restored.checks.push(Check { name: CheckName::TestRestore, result: CheckResult::Passed, detail: String::new(), elapsed_ms: 1 });
        drop(fixture.vault.catalog().change_backup(&backup.id, |backup| backup.proof = Some(restored.clone())).unwrap());
        let noted = |proof: &Proof| notes::update(&fixture.vault, &backup.id, |notes| notes.proofs.push(proof.clone())).unwrap();
        noted(&restored);
        let recheck_at = |text: &str| recheck(&fixture.vault, &RecheckOptions::default(), at(text)).unwrap();
        noted(&look("2026-11-20T05:00:00Z"));
        assert_eq!(recheck_at("2026-11-21T03:00:00Z"), None, "it was looked at yesterday");
        let stands = crate::backups::backup(&fixture.vault, &backup.id).unwrap();
        assert_eq!(stands.proof, Some(restored), "and what a test restore said still stands");
        assert_eq!(looked_at(&fixture.vault, &stands, at("2026-11-21T03:00:00Z")), Some(at("2026-11-20T05:00:00Z")));
        assert!(recheck_at("2026-11-27T05:00:00Z").is_some());
    }
}
