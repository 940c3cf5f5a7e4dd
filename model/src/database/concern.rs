//! What makes a database unsafe, why, and what to do about it: decided of facts that others gathered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{DatabaseFacts, is_old};
use crate::{
    backup::{Backup, CheckResult, SuspectCause},
    human,
    id::{BackupId, DatabaseId},
};

/// One thing that makes a database unsafe, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Concern {
    /// Lower case, without a full stop, e.g. "table orders is empty, it had 200 rows".
    pub reason: String,
    /// A sentence or two.
    pub advice: String,
    /// The backup that it is about, to look at.
    pub backup: Option<BackupId>,
    #[serde(skip)]
    pub topic: Topic,
}

/// What a concern is about, for those who tell some of them in places of their own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Topic {
    /// The last run failed.
    Run,
    /// The newest good backup is too old.
    Age,
    #[default]
    Other,
}

/// What a look finds of a file that is no database to be recovered from: a person decides.
pub mod unrecoverable {
    pub const GONE: &str = "the file is not there";
    pub const EMPTY: &str = "the file is empty (0 bytes)";
    pub const UNKNOWN_FORMAT: &str = "its header names a format that SQLite does not know";
}

/// What is wrong with the database itself, by what a look found.
fn damaged(id: &DatabaseId, finding: &str) -> Concern {
    let (reason, advice) = match finding {
        unrecoverable::GONE => (
            "the database's file is not there".to_owned(),
            format!("Mount its disk, or put it back. If it is lost: `keepstone restore latest --db {id} --replace`."),
        ),
        unrecoverable::EMPTY | unrecoverable::UNKNOWN_FORMAT => (
            format!("the database itself is damaged: {finding}"),
            format!("If that is not meant, stop its application; then `keepstone restore latest --db {id} --replace`."),
        ),
        _ => (
            format!("the database itself is damaged: {finding}"),
            format!(
                "Stop its application; then `keepstone doctor {id} --recover` keeps the damaged files aside and restores the newest good backup."
            ),
        ),
    };
    Concern { reason, advice, backup: None, topic: Topic::Other }
}

/// What the concerns of a database are told by.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    pub database: &'a DatabaseId,
    pub facts: DatabaseFacts,
    /// What the last look at the live database found wrong.
    pub damage: Option<&'a str>,
    /// The newest complete backup, where it is suspect.
    pub suspect: Option<&'a Backup>,
    /// The newest of the backups after the newest good one that were found bad.
    pub bad: Option<&'a Backup>,
    /// The newest of the backups after the newest good one whose checks could not run.
    pub unchecked: Option<&'a Backup>,
    /// Those whose archive could not be read at the last check, the newest first.
    pub unreadable: &'a [BackupId],
    /// The newest of the backups after the newest good one whose archive is missing, and how many there are.
    pub missing: Option<(&'a BackupId, u64)>,
    /// The newest of the archives without which the catalog was made anew, and how many there are: those of [`newer_left_out`].
    pub left_out: Option<(&'a BackupId, u64)>,
    pub last_error: Option<&'a str>,
    /// Backups that no known password opens.
    pub lost_count: u64,
}

/// Of the archives that could not be taken up the newest one, and how many there are, that may hold more than the newest good backup: no verb can say
/// of them what they hold, and what was counted on before is not there any more. Ids know only the second.
pub fn newer_left_out(left_out: &[BackupId], newest_good_at: Option<Timestamp>) -> Option<(&BackupId, u64)> {
    let newer = |id: &&BackupId| newest_good_at.is_none_or(|good| id.time().as_second() >= good.as_second());
    let newest = left_out.iter().filter(newer).max_by_key(|id| id.time())?;
    Some((newest, left_out.iter().filter(newer).count() as u64))
}

/// Everything that keeps a database from being safe, the most urgent first.
pub fn concerns(situation: &Situation<'_>, now: Timestamp) -> Vec<Concern> {
    let (id, facts) = (situation.database, &situation.facts);
    let mut concerns = Vec::new();
    concerns.extend(situation.damage.map(|finding| damaged(id, finding)));
    if let Some(backup) = situation.suspect {
        let why = backup.suspect.as_deref().unwrap_or("its source was in doubt");
        concerns.push(match backup.suspect_cause.unwrap_or_default() {
            SuspectCause::Damage => Concern {
                reason: format!("the newest backup is of a damaged database: {why}"),
                advice: "Restore the newest good backup, then make a new one. Until somebody acknowledges this one, no older good backup is removed."
                    .to_owned(),
                backup: Some(backup.id.clone()),
                topic: Topic::Other,
            },
            SuspectCause::Loss => Concern {
                reason: format!("the newest backup lacks what an earlier one had: {why}"),
                advice: "If that was meant, acknowledge it; if not, restore an older backup, then make a new one. Until then no older good backup \
                         is removed."
                    .to_owned(),
                backup: Some(backup.id.clone()),
                topic: Topic::Other,
            },
        });
    }
    if let Some(backup) = situation.bad {
        let check = backup.proof.iter().flat_map(|proof| &proof.checks).find(|check| check.result == CheckResult::Failed);
        let found = check.map_or_else(String::new, |check| match check.detail.as_str() {
            "" => format!(": {}", check.name),
            detail => format!(": {}: {detail}", check.name),
        });
        concerns.push(Concern {
            reason: format!("the newest backup was found bad{found}"),
            advice:
                "It does not count any more, and the newest good one is older. Make a backup now, and look at the disk that holds them."
                    .to_owned(),
            backup: Some(backup.id.clone()),
            topic: Topic::Other,
        });
    }
    if let Some((backup, check)) = situation.unchecked.and_then(|backup| Some((backup, backup.not_checked()?))) {
        let unreadable = backup.proof.as_ref().is_some_and(|proof| proof.unreadable().is_some());
        let what = if unreadable { "read" } else { "checked" };
        concerns.push(Concern {
            reason: format!("the newest backup could not be {what}: {}: {}", check.name, check.detail),
            advice: format!(
                "It was kept, and does not count as good until it is checked. Mend what it names, then check it again: `keepstone verify {}`.",
                backup.id
            ),
            backup: Some(backup.id.clone()),
                topic: Topic::Other,
        });
    }
    let told = situation.unchecked.map(|backup| &backup.id);
    let mut others = situation.unreadable.iter().filter(|id| told != Some(id));
    if let Some(newest) = others.next() {
        let count = 1 + others.count();
        concerns.push(Concern {
            reason: if count == 1 { format!("{newest} could not be read") } else { format!("{count} other backups could not be read") },
            advice: format!(
                "What cannot be read does not count as good. Look at the disk, its cable and the permissions, then check it again: `keepstone verify \
                 {newest}`."
            ),
            backup: Some(newest.clone()),
            topic: Topic::Other,
        });
    }
    if let Some((newest, count)) = situation.missing {
        let all =
            if count == 1 { format!("the archive of {newest} is missing") } else { format!("{count} archives are missing, e.g. {newest}") };
        concerns.push(Concern {
            reason: format!("{all}, and no newer backup is good"),
            advice: format!(
                "Put the files back where they were, or look whether their disk is mounted; what is gone for good goes from the list by `keepstone \
                 delete {newest}`. Then make a backup now."
            ),
            backup: Some(newest.clone()),
            topic: Topic::Other,
        });
    }
    if let Some((newest, count)) = situation.left_out {
        let all = if count == 1 { newest.to_string() } else { format!("{count} archives, e.g. {newest}") };
        concerns.push(Concern {
            reason: format!("the catalog was made anew without {all}, and no newer backup is good"),
            advice: "It could not be taken up: `keepstone doctor` says why. Make a backup now.".to_owned(),
            backup: None,
            topic: Topic::Other,
        });
    }
    if situation.lost_count > 0 {
        let backups = human::counted(situation.lost_count, "backup");
        concerns.push(Concern {
            reason: format!("no known password opens {backups}"),
            advice: "Tell the vault the password they were encrypted with: `keepstone key add`. They are not damaged.".to_owned(),
            backup: None,
            topic: Topic::Other,
        });
    }
    if facts.last_run_failed {
        concerns.push(Concern {
            reason: format!("the last run failed: {}", situation.last_error.unwrap_or("without a word")),
            advice: "Mend what it names, then make a backup now.".to_owned(),
            backup: None,
            topic: Topic::Run,
        });
    }
    if is_old(facts, now) {
        let age = |at| human::age_secs(now.duration_since(at).as_secs());
        let objective = human::duration_ms(facts.objective_secs.saturating_mul(1000));
        let mut topic = Topic::Age;
        let (reason, advice) = match facts.newest_good_at.or(facts.newest_at) {
            Some(at) if at > now => {
                topic = Topic::Other;
                (
                    format!("the newest backup says that it was taken {} from now", human::age_secs(at.duration_since(now).as_secs())),
                    "The clock was ahead when it was made, or is behind now: put it right, and make a backup now, for nobody knows how old that one is.",
                )
            }
            Some(at) if facts.newest_good_at.is_none() => (
                format!("no backup was proven, and the newest one is {} old, the objective is {objective}", age(at)),
                "Make a backup now, with its checks.",
            ),
            Some(at) => (format!("the newest good backup is {} old, the objective is {objective}", age(at)), "Make a backup now."),
            None => (
                format!("there is no good backup, {} after it was added; the objective is {objective}", age(facts.added_at)),
                "Make a backup now, with its checks: only what has passed them counts. If schedules should have, let the server or the scheduler run.",
            ),
        };
        concerns.push(Concern { reason, advice: advice.to_owned(), backup: None, topic });
    }
    concerns
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{DatabaseState, database_state};

    #[test]
    fn every_state_of_risk_has_its_reason() {
        let (now, id) = (Timestamp::from_second(1050).unwrap(), "shop".parse().unwrap());
        let flags = [false, true];
        for (last_run_failed, newest_suspect, damaged) in flags.iter().flat_map(|a| flags.iter().flat_map(|b| flags.map(|c| (*a, *b, c)))) {
            // A newest backup that is suspect is not called bad.
            let newer_bad = last_run_failed == damaged && !newest_suspect;
            for (newest_good, added) in [(None, 1000), (None, 900), (Some(1000), 900), (Some(900), 1000)] {
                let facts = DatabaseFacts {
                    paused: false,
                    running: false,
                    added_at: Timestamp::from_second(added).unwrap(),
                    newest_good_at: newest_good.map(|second| Timestamp::from_second(second).unwrap()),
                    newest_at: newest_good.map(|second| Timestamp::from_second(second).unwrap()),
                    missing: false,
                    left_out: false,
                    last_run_failed,
                    newest_suspect,
                    newer_bad,
                    unchecked: false,
                    damaged,
                    objective_secs: 100,
                };
                let backup = crate::backup::Backup {
                    suspect: Some("table a is empty".into()),
                    suspect_cause: Some(SuspectCause::Loss),
                    ..crate::backup::example()
                };
                let (suspect, damage) = (newest_suspect.then_some(&backup), damaged.then_some("page 3 is torn"));
                let bad = crate::backup::bad_example();
                let situation = Situation {
                    database: &id,
                    facts,
                    damage,
                    suspect,
                    bad: newer_bad.then_some(&bad),
                    unchecked: None,
                    unreadable: &[],
                    missing: None,
                    left_out: None,
                    last_error: Some("no space"),
                    lost_count: 0,
                };
                let found = concerns(&situation, now);
                let at_risk = matches!(database_state(&facts, now), DatabaseState::AtRisk | DatabaseState::Failed);
                assert_eq!(at_risk, !found.is_empty(), "{facts:?}");
                let tells_bad = |concern: &Concern| concern.reason == "the newest backup was found bad: checksum_validation: other bytes";
                assert_eq!(found.iter().any(tells_bad), newer_bad);
                // A check that could not run makes a database no safer, and is one more thing to say.
                let unchecked = crate::backup::unchecked_example();
                let facts = DatabaseFacts { unchecked: true, ..facts };
                let with = concerns(&Situation { facts, unchecked: Some(&unchecked), ..situation }, now);
                assert_eq!(with.len(), found.len() + 1);
                assert!(!matches!(database_state(&facts, now), DatabaseState::Protected));
                assert!(
                    with.iter().any(|concern| concern.reason.ends_with("sqlite_integrity_check: no space") && concern.backup.is_some())
                );
                assert!(found.iter().all(|concern| !concern.advice.is_empty()));
                let left_out = "shop_daily_20261120T030000Z_k3f9".parse().unwrap();
                let facts = DatabaseFacts { left_out: true, ..facts };
                let with = concerns(&Situation { facts, left_out: Some((&left_out, 1)), ..situation }, now);
                let told = "the catalog was made anew without shop_daily_20261120T030000Z_k3f9, and no newer backup is good";
                assert!(with.iter().any(|concern| concern.reason == told) && database_state(&facts, now) != DatabaseState::Protected);
            }
        }
    }

    #[test]
    fn only_what_may_hold_more_than_the_newest_good_backup_counts_as_left_out() {
        let id = |text: &str| text.parse::<BackupId>().unwrap();
        let [old, new] = [id("shop_daily_20261119T030000Z_k3f9"), id("shop_manual_20261120T030000Z_0000")];
        let all = [new.clone(), old.clone()];
        let at = |text: &str| Some(text.parse().unwrap());
        assert_eq!(newer_left_out(&all, None), Some((&new, 2)));
        assert_eq!(newer_left_out(&all, at("2026-11-19T02:59:59Z")), Some((&new, 2)));
        assert_eq!(newer_left_out(&all, at("2026-11-19T12:00:00Z")), Some((&new, 1)));
        assert_eq!(newer_left_out(&all, at("2026-11-20T03:00:00.9Z")), Some((&new, 1)), "which of one second is newer is not known");
        assert_eq!(newer_left_out(&all, at("2026-11-20T03:00:01Z")), None);
        assert_eq!(newer_left_out(&[], None), None);
    }
}
