//! What was checked of a backup, and how far that goes.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a backup was proven. Each level includes the ones before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    #[default]
    None,
    /// Hash, decryption, decompression.
    Stored,
    /// Integrity and row counts (PostgreSQL: table of contents).
    Opened,
    Restored,
}

/// Names a check, as the predecessors named them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    FileExistence,
    ChecksumValidation,
    DecryptionTest,
    DecompressionTest,
    SqliteIntegrityCheck,
    ForeignKeyCheck,
    RowCounts,
    DumpContents,
    TestRestore,
}

impl CheckName {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FileExistence => "file_existence",
            Self::ChecksumValidation => "checksum_validation",
            Self::DecryptionTest => "decryption_test",
            Self::DecompressionTest => "decompression_test",
            Self::SqliteIntegrityCheck => "sqlite_integrity_check",
            Self::ForeignKeyCheck => "foreign_key_check",
            Self::RowCounts => "row_counts",
            Self::DumpContents => "dump_contents",
            Self::TestRestore => "test_restore",
        }
    }

    /// What it means for a person, e.g. "The stored bytes are the ones that were written".
    pub fn meaning(self) -> &'static str {
        match self {
            Self::FileExistence => "The archive is there and has the length it was written with",
            Self::ChecksumValidation => "The stored bytes are the ones that were written",
            Self::DecryptionTest => "The payload decrypts with a known password",
            Self::DecompressionTest => "The payload decompresses to the database's bytes",
            Self::SqliteIntegrityCheck => "SQLite finds no damage in the database",
            Self::ForeignKeyCheck => "No row points to one that is not there",
            Self::RowCounts => "Every table holds as many rows as at the time of the backup",
            Self::DumpContents => "The dump lists everything that the database holds",
            Self::TestRestore => "A restore of this backup was tried and compared",
        }
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    Passed,
    Failed,
    CouldNotRun,
    NotApplicable,
}

impl CheckResult {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::CouldNotRun => "could not run",
            Self::NotApplicable => "n/a",
        }
    }
}

/// One verification, e.g. `checksum_validation` passed in 12 ms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    pub name: CheckName,
    pub result: CheckResult,
    /// One sentence: what was found. Empty where there is nothing to add.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// How long it worked, rounded up; what it waited for a pace, or for the checks beside it, is none of it. 0 where nothing was done.
    pub elapsed_ms: u64,
}

/// A backup's checks, and when they were made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Proof {
    pub checked_at: Timestamp,
    pub checks: Vec<Check>,
}

impl Proof {
    /// The level these checks reach: none as soon as one failed, and no further than the first that could not run.
    pub fn level(&self) -> Level {
        let passed = |name| self.checks.iter().any(|c| c.name == name && c.result == CheckResult::Passed);
        let harmless = |name| {
            self.checks.iter().filter(|c| c.name == name).all(|c| matches!(c.result, CheckResult::Passed | CheckResult::NotApplicable))
        };
        if self.failed() {
            return Level::None;
        }
        let stored = passed(CheckName::FileExistence)
            && passed(CheckName::ChecksumValidation)
            && harmless(CheckName::DecryptionTest)
            && harmless(CheckName::DecompressionTest);
        let sqlite = passed(CheckName::SqliteIntegrityCheck) && passed(CheckName::RowCounts) && harmless(CheckName::ForeignKeyCheck);
        let opened = sqlite || passed(CheckName::DumpContents);
        match (stored, opened, passed(CheckName::TestRestore)) {
            (false, _, _) => Level::None,
            (true, false, _) => Level::Stored,
            (true, true, false) => Level::Opened,
            (true, true, true) => Level::Restored,
        }
    }

    pub fn failed(&self) -> bool {
        self.checks.iter().any(|c| c.result == CheckResult::Failed)
    }

    /// The check that found the archive itself not to be read: by a fault of the disk, say, or for want of a permission. What could not run for
    /// want of a scratch copy is found in the others; what no known password opens is read to its last byte all the same.
    pub fn unreadable(&self) -> Option<&Check> {
        let of_the_archive = |check: &&Check| matches!(check.name, CheckName::FileExistence | CheckName::ChecksumValidation);
        self.checks.iter().filter(of_the_archive).find(|check| check.result == CheckResult::CouldNotRun)
    }

    /// Whether this proof takes the place of the one before. What could not run takes nothing back: neither what passed before, unless the
    /// archive itself can no longer be read, nor what failed, which is overruled only by that same check.
    pub fn supersedes(&self, before: Option<&Self>) -> bool {
        let Some(before) = before.filter(|_| !self.failed()) else { return true };
        let now_well = |failed: &Check| {
            let well = |check: &Check| matches!(check.result, CheckResult::Passed | CheckResult::NotApplicable);
            self.checks.iter().any(|check| check.name == failed.name && well(check))
        };
        if before.failed() {
            return before.checks.iter().filter(|check| check.result == CheckResult::Failed).all(now_well);
        }
        self.unreadable().is_some() || self.level() >= before.level()
    }

    /// The one of these, the newest last, that holds.
    pub fn standing(proofs: &[Self]) -> Option<&Self> {
        proofs.iter().fold(None, |before, proof| if proof.supersedes(before) { Some(proof) } else { before })
    }

    /// When it was last looked whether it still is so, at `now`: when this proof was made, or at a later look that went well as far as it went, though
    /// it takes no place of this one: after a test restore, say, no plain look does. A look from the future says that a clock was wrong, and nothing else.
    pub fn looked_at(&self, looks: &[Self], now: Timestamp) -> Option<Timestamp> {
        let well = looks.iter().filter(|look| !look.failed() && look.level() >= Level::Opened).map(|look| look.checked_at);
        well.chain([self.checked_at]).filter(|at| *at <= now).max()
    }

    /// The first check that could not run.
    pub fn not_run(&self) -> Option<&Check> {
        self.checks.iter().find(|c| c.result == CheckResult::CouldNotRun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(results: &[(CheckName, CheckResult)]) -> Proof {
        let checks = results.iter().map(|&(name, result)| Check { name, result, detail: String::new(), elapsed_ms: 1 }).collect();
        Proof { checked_at: Timestamp::UNIX_EPOCH, checks }
    }

    #[test]
    fn the_level_goes_no_further_than_what_passed() {
        use CheckName as N;
        use CheckResult::{CouldNotRun, Failed, NotApplicable, Passed};
        let stored = [
            (N::FileExistence, Passed),
            (N::ChecksumValidation, Passed),
            (N::DecryptionTest, NotApplicable),
            (N::DecompressionTest, Passed),
        ];
        let opened = [(N::SqliteIntegrityCheck, Passed), (N::ForeignKeyCheck, Passed), (N::RowCounts, Passed)];
        let all = [&stored[..], &opened[..]].concat();
        assert_eq!(proof(&[]).level(), Level::None);
        assert_eq!(proof(&stored[..2]).level(), Level::Stored);
        assert_eq!(proof(&stored).level(), Level::Stored);
        assert_eq!(proof(&all).level(), Level::Opened);
        assert_eq!(proof(&[&all[..], &[(N::TestRestore, Passed)]].concat()).level(), Level::Restored);
        assert_eq!(proof(&[&all[..], &[(N::TestRestore, Failed)]].concat()).level(), Level::None);
        let no_space = [&stored[..], &[(N::SqliteIntegrityCheck, CouldNotRun), (N::RowCounts, CouldNotRun)]].concat();
        assert_eq!(proof(&no_space).level(), Level::Stored);
    }

    #[test]
    fn what_could_not_run_takes_nothing_back_but_an_archive_that_cannot_be_read() {
        use CheckName as N;
        use CheckResult::{CouldNotRun, Failed, NotApplicable, Passed};
        let is = |checksum, integrity, restore: Option<CheckResult>| {
            let mut checks = vec![
                (N::FileExistence, Passed),
                (N::ChecksumValidation, checksum),
                (N::DecryptionTest, NotApplicable),
                (N::SqliteIntegrityCheck, integrity),
                (N::RowCounts, integrity),
            ];
            checks.extend(restore.map(|result| (N::TestRestore, result)));
            proof(&checks)
        };
        let (good, no_space, unreadable) = (is(Passed, Passed, None), is(Passed, CouldNotRun, None), is(CouldNotRun, CouldNotRun, None));
        let (bad, bad_inside) = (is(Failed, CouldNotRun, None), is(Passed, Failed, None));
        let (restored, not_restored) = (is(Passed, Passed, Some(Passed)), is(Passed, Passed, Some(Failed)));
        let not_opened = proof(&[(N::FileExistence, CouldNotRun)]);
        for (before, takes, takes_not) in [
            (&good, vec![&unreadable, &not_opened, &bad, &restored], vec![&no_space]),
            (&restored, vec![&unreadable, &bad], vec![&good, &no_space]),
            (&no_space, vec![&good, &unreadable, &no_space], vec![]),
            (&unreadable, vec![&good, &no_space, &bad], vec![]),
            (&bad, vec![&good, &bad_inside, &no_space], vec![&unreadable, &not_opened]),
            (&bad_inside, vec![&good], vec![&no_space, &unreadable, &not_opened]),
            (&not_restored, vec![&restored, &bad], vec![&good, &no_space, &unreadable]),
        ] {
            assert!(takes.iter().all(|new| new.supersedes(Some(before))), "{before:?}");
            assert!(!takes_not.iter().any(|new| new.supersedes(Some(before))), "{before:?}");
        }
        assert!(unreadable.supersedes(None));
        let all = [bad_inside.clone(), no_space.clone(), unreadable.clone()];
        assert_eq!(Proof::standing(&all), Some(&bad_inside), "as a new catalog reads it from the notes");
        assert_eq!(Proof::standing(&[good.clone(), no_space.clone()]), Some(&good));
        assert_eq!(Proof::standing(&[good, unreadable.clone()]), Some(&unreadable));
        assert_eq!(no_space.unreadable(), None);
    }
    #[test]
    fn a_later_look_that_went_well_counts_however_far_it_went() {
        use CheckName as N;
        use CheckResult::{CouldNotRun, Failed, Passed};
        let at = |second| Timestamp::from_second(second).unwrap();
        let look = |second, integrity, restore: Option<CheckResult>| {
            let mut checks = vec![
                (N::FileExistence, Passed),
                (N::ChecksumValidation, Passed),
                (N::SqliteIntegrityCheck, integrity),
                (N::RowCounts, integrity),
            ];
            checks.extend(restore.map(|result| (N::TestRestore, result)));
            Proof { checked_at: at(second), ..proof(&checks) }
        };
        let restored = look(10, Passed, Some(Passed));
        let looked = |looks: &[Proof]| restored.looked_at(looks, at(100));
        assert_eq!(looked(&[]), Some(at(10)));
        assert_eq!(looked(&[restored.clone(), look(40, Passed, None), look(30, Passed, None)]), Some(at(40)));
        assert_eq!(looked(&[look(40, CouldNotRun, None)]), Some(at(10)), "it was not looked inside");
        assert_eq!(looked(&[look(40, Failed, None)]), Some(at(10)));
        assert_eq!(looked(&[look(40, Passed, None), look(101, Passed, None)]), Some(at(40)));
        assert_eq!(restored.looked_at(&[], at(9)), None);
        // Nor is one that a test restore failed of due every day.
        assert_eq!(look(10, Passed, Some(Failed)).looked_at(&[look(40, Passed, None)], at(100)), Some(at(40)));
    }
}
