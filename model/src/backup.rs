//! A backup as the catalog knows it: states and verdict. What its checks found is a `proof`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use crate::proof::{Check, CheckName, CheckResult, Level, Proof};
use crate::{
    coverage::Coverage,
    id::{BackupId, DatabaseId, JobId, Kind},
};

/// How far a backup has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    Running,
    Complete,
    Failed,
    /// The process died before the archive was published.
    Interrupted,
    /// The catalog knows it, the folder does not hold it.
    Missing,
    Trashed,
}

impl BackupState {
    pub const ALL: [Self; 6] = [Self::Running, Self::Complete, Self::Failed, Self::Interrupted, Self::Missing, Self::Trashed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Missing => "missing",
            Self::Trashed => "trashed",
        }
    }
}

/// Whether a backup may be relied on; nothing unproven is ever shown as good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Unproven,
    Good,
    Bad,
    /// Of a damaged or suddenly emptied source: kept, alarmed, never counted as good.
    Suspect,
    /// Rows were left out on purpose: whatever its checks say, it is not the whole database and never counts as good.
    Partial,
}

impl Verdict {
    pub const ALL: [Self; 5] = [Self::Good, Self::Unproven, Self::Bad, Self::Suspect, Self::Partial];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unproven => "unproven",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Suspect => "suspect",
            Self::Partial => "partial",
        }
    }
}

/// What puts a backup in doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SuspectCause {
    /// SQLite finds the source damaged: this backup can never be good.
    #[default]
    Damage,
    /// The source lost what an earlier backup had: as good as any other once a person says that this was meant.
    Loss,
}

impl SuspectCause {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Damage => "damage",
            Self::Loss => "loss",
        }
    }
}

/// Whether a backup is encrypted, and whether its vault can still open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Encryption {
    #[default]
    None,
    /// Encrypted; a password that the vault knows opens it.
    Known,
    /// Encrypted; no password that the vault knows opens it.
    Lost,
}

impl Encryption {
    pub const ALL: [Self; 3] = [Self::None, Self::Known, Self::Lost];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Known => "known",
            Self::Lost => "lost",
        }
    }
}

/// A person's word on a suspect backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Acknowledgement {
    pub at: Timestamp,
    pub by: String,
    /// Why; empty where nothing was said.
    #[serde(default)]
    pub reason: String,
}

/// One consistent copy of one database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Backup {
    pub id: BackupId,
    pub database: DatabaseId,
    pub kind: Kind,
    /// Its number within the database. Order is by sequence, never by clock.
    pub sequence: i64,
    pub state: BackupState,
    /// When the snapshot was taken (before that: when the job began).
    pub created_at: Timestamp,
    pub created_by: String,
    pub description: String,
    pub tags: Vec<String>,
    pub pinned: bool,
    /// Why the source was in doubt, if it was.
    pub suspect: Option<String>,
    /// What sort of doubt; none where there is none.
    #[serde(default)]
    pub suspect_cause: Option<SuspectCause>,
    /// Who took note of the doubt. Until then it holds every older good backup.
    #[serde(default)]
    pub acknowledged: Option<Acknowledgement>,
    /// The plain image, in bytes. 0 until it is known.
    pub original_size_bytes: u64,
    /// The whole archive file, in bytes. 0 until it is published.
    pub archive_size_bytes: u64,
    pub total_records: u64,
    pub payload_hash: Option<String>,
    #[serde(default)]
    pub encryption: Encryption,
    #[serde(default, skip_serializing_if = "Coverage::is_whole")]
    pub coverage: Coverage,
    pub proof: Option<Proof>,
    /// What went wrong, for failed and interrupted ones.
    pub error: Option<String>,
    pub job: Option<JobId>,
    /// When it went to the trash, and until when it can be put back.
    pub trashed_at: Option<Timestamp>,
    pub trash_until: Option<Timestamp>,
}

impl Backup {
    pub fn level(&self) -> Level {
        self.proof.as_ref().map_or(Level::None, Proof::level)
    }

    /// The verdict, first that fits: suspect, bad, partial, good, unproven. A loss that was acknowledged is no doubt any more; damage stays one.
    /// What no known password opens cannot be restored, so it is not good. What is not all of a database is never good, nor unproven: where
    /// unproven ones count, it must not.
    pub fn verdict(&self) -> Verdict {
        if self.suspect.is_some() && (self.suspect_cause != Some(SuspectCause::Loss) || self.acknowledged.is_none()) {
            Verdict::Suspect
        } else if self.proof.as_ref().is_some_and(Proof::failed) {
            Verdict::Bad
        } else if self.coverage == Coverage::Partial {
            Verdict::Partial
        } else if self.level() >= Level::Opened && self.encryption != Encryption::Lost {
            Verdict::Good
        } else {
            Verdict::Unproven
        }
    }

    /// The check that kept it from being proven because it could not run. What was left unchecked on purpose has none; what no known password
    /// opens is told as that.
    pub fn not_checked(&self) -> Option<&Check> {
        let unproven = self.state == BackupState::Complete && self.verdict() == Verdict::Unproven && self.encryption != Encryption::Lost;
        self.proof.as_ref().filter(|_| unproven)?.not_run()
    }

    /// Whether it came from elsewhere. Imports have sequences below all own ones, which begin with 1.
    pub fn is_imported(&self) -> bool {
        is_imported(self.kind, self.sequence)
    }

    /// Complete, of the whole database, no check failed, level at least `opened`.
    pub fn is_good(&self) -> bool {
        self.state == BackupState::Complete && self.verdict() == Verdict::Good
    }

    /// Suspect, and nobody has taken note of it: no older good backup may go. One that is missing still says what was seen when it was made.
    /// A safety backup holds nothing: whoever restores knows what is being replaced, and an imported one is older than all others.
    pub fn holds(&self) -> bool {
        let there = matches!(self.state, BackupState::Complete | BackupState::Missing);
        there && self.suspect.is_some() && self.acknowledged.is_none() && !matches!(self.kind, Kind::Safety | Kind::Imported)
    }
}

/// See [`Backup::is_imported`].
pub fn is_imported(kind: Kind, sequence: i64) -> bool {
    kind == Kind::Imported || sequence < 1
}

/// What a chart shows of a backup: how it came out, when it was begun, and how large its archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub database: DatabaseId,
    pub created_at: Timestamp,
    pub state: BackupState,
    pub verdict: Verdict,
    pub archive_size_bytes: u64,
}

/// The newest suspect backup that holds this one: it is good, and older than a doubt of which nobody has taken note. None: it is not held.
pub fn held_by<'a>(target: &Backup, of_database: &'a [Backup]) -> Option<&'a Backup> {
    let holds = |other: &&Backup| other.holds() && other.sequence > target.sequence && other.database == target.database;
    of_database.iter().filter(holds).max_by_key(|other| other.sequence).filter(|_| target.is_good())
}

/// Why a backup cannot be deleted now; none if it can. Unknown means no, so the caller passes every *live* backup of the database. What
/// cleanup's plan removes is never refused here.
pub fn delete_refusal(target: &Backup, of_database: &[Backup]) -> Option<&'static str> {
    let others = || {
        let own = |b: &&Backup| {
            let whole = b.state == BackupState::Complete && b.coverage == Coverage::Whole;
            b.id != target.id && whole && b.kind != Kind::Safety && !b.is_imported()
        };
        of_database.iter().filter(own)
    };
    let others_good = others().any(Backup::is_good);
    let newest = others().all(|b| b.sequence < target.sequence);
    match target.state {
        BackupState::Running => Some("it is still being made: cancel its job first"),
        BackupState::Trashed => Some("it is in the trash already"),
        _ if target.pinned => Some("it is pinned: unpin it first"),
        _ if target.holds() => Some("it is suspect and nobody has taken note of it: acknowledge it first"),
        _ if held_by(target, of_database).is_some() => Some("a newer backup is suspect: acknowledge that one first"),
        _ if target.is_good() && !others_good => Some("it is the newest good backup of its database: make another one first"),
        BackupState::Complete if !others_good && newest && !matches!(target.verdict(), Verdict::Bad | Verdict::Partial) => {
            Some("no other backup of its database is known to be good: make another one first")
        }
        _ => None,
    }
}

/// A good daily backup, for tests.
#[cfg(test)]
pub(crate) fn example() -> Backup {
    use CheckName::{ChecksumValidation, FileExistence, RowCounts, SqliteIntegrityCheck};
    let check = |name| Check { name, result: CheckResult::Passed, detail: String::new(), elapsed_ms: 1 };
    let checks = [FileExistence, ChecksumValidation, SqliteIntegrityCheck, RowCounts].map(check).to_vec();
    let id: BackupId = "shop_daily_20261120T030000Z_k3f9".parse().unwrap();
    Backup {
        database: id.database(),
        kind: Kind::Daily,
        id,
        sequence: 1,
        state: BackupState::Complete,
        created_at: Timestamp::UNIX_EPOCH,
        created_by: "schedule".to_owned(),
        description: String::new(),
        tags: Vec::new(),
        pinned: false,
        suspect: None,
        suspect_cause: None,
        acknowledged: None,
        original_size_bytes: 1,
        archive_size_bytes: 1,
        total_records: 1,
        payload_hash: None,
        encryption: crate::backup::Encryption::None,
        coverage: Coverage::Whole,
        proof: Some(Proof { checked_at: Timestamp::UNIX_EPOCH, checks }),
        error: None,
        job: None,
        trashed_at: None,
        trash_until: None,
    }
}

/// One whose integrity check could not run.
#[cfg(test)]
pub(crate) fn unchecked_example() -> Backup {
    let mut backup = example();
    for check in backup.proof.iter_mut().flat_map(|proof| &mut proof.checks) {
        if check.name == CheckName::SqliteIntegrityCheck {
            (check.result, check.detail) = (CheckResult::CouldNotRun, "no space".to_owned());
        }
    }
    backup
}

/// One whose stored bytes are others by now.
#[cfg(test)]
pub(crate) fn bad_example() -> Backup {
    let mut backup = example();
    for check in backup.proof.iter_mut().flat_map(|proof| &mut proof.checks) {
        if check.name == CheckName::ChecksumValidation {
            (check.result, check.detail) = (CheckResult::Failed, "other bytes".to_owned());
        }
    }
    backup
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(sequence: i64) -> Backup {
        Backup { sequence, id: format!("shop_daily_20261120T030000Z_k3f{sequence}").parse().unwrap(), ..example() }
    }

    #[test]
    fn only_what_was_to_be_checked_and_could_not_be_is_not_checked() {
        let unchecked = unchecked_example();
        assert_eq!(unchecked.not_checked().map(|check| check.name), Some(CheckName::SqliteIntegrityCheck));
        let no_fault = [
            example(),
            Backup { proof: None, ..example() },
            Backup { encryption: Encryption::Lost, ..unchecked.clone() },
            Backup { state: BackupState::Trashed, ..unchecked.clone() },
            Backup { suspect: Some("table a is empty".into()), ..unchecked.clone() },
            Backup { coverage: Coverage::Partial, ..unchecked },
        ];
        assert!(no_fault.iter().all(|backup| backup.not_checked().is_none()));
    }

    #[test]
    fn a_suspect_backup_holds_the_older_good_ones_until_someone_took_note() {
        let ack = || Some(Acknowledgement { at: Timestamp::UNIX_EPOCH, by: "alice".into(), reason: String::new() });
        let suspect = |cause| Backup { suspect: Some("table a is empty".into()), suspect_cause: Some(cause), ..good(2) };
        for cause in [SuspectCause::Damage, SuspectCause::Loss] {
            let all = |middle: Backup| [good(1), middle, good(3)];
            let held = |all: &[Backup]| all.iter().map(|b| held_by(b, all).map(|by| by.sequence)).collect::<Vec<_>>();
            assert_eq!(suspect(cause).verdict(), Verdict::Suspect);
            assert_eq!(held(&all(suspect(cause))), [Some(2), None, None], "only the older good one");
            assert_eq!(held(&all(Backup { state: BackupState::Missing, ..suspect(cause) })), [Some(2), None, None]);
            assert_eq!(held(&all(Backup { kind: Kind::Safety, ..suspect(cause) })), [None; 3]);
            let noted = all(Backup { acknowledged: ack(), ..suspect(cause) });
            assert_eq!(held(&noted), [None; 3]);
            assert_eq!(noted[1].is_good(), cause == SuspectCause::Loss, "damage never becomes good");
            // What holds or is held is not deleted either.
            assert!(delete_refusal(&all(suspect(cause))[0], &all(suspect(cause))).is_some());
            assert!(delete_refusal(&all(suspect(cause))[1], &all(suspect(cause))).is_some());
            assert_eq!(delete_refusal(&noted[0], &noted), None);
            assert_eq!(delete_refusal(&noted[1], &noted), None);
        }
    }

    #[test]
    fn a_partial_backup_is_never_good_and_stands_in_for_none() {
        let partial = |sequence| Backup { coverage: Coverage::Partial, ..good(sequence) };
        let unproven = |backup| Backup { proof: None, ..backup };
        for backup in [partial(2), unproven(partial(2)), Backup { pinned: true, ..partial(2) }] {
            assert_eq!((backup.verdict(), backup.is_good()), (Verdict::Partial, false));
        }
        assert_eq!(partial(2).level(), Level::Opened, "what its checks found is said all the same");
        // A newer partial one lets nothing go: neither the newest good one, nor the only one of which nothing is known.
        for last in [good(1), unproven(good(1))] {
            assert!(delete_refusal(&last, &[last.clone(), partial(2)]).is_some());
            assert_eq!(delete_refusal(&partial(2), &[last, partial(2)]), None);
        }
        assert_eq!(held_by(&partial(1), &[partial(1), Backup { suspect: Some("x".into()), ..good(2) }]), None);
    }
}
