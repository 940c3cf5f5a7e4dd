//! A running operation: its states, its steps and its progress.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{BackupId, DatabaseId, JobId};

/// Which verb a job carries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Create,
    Verify,
    Restore,
    Undo,
    Cleanup,
    Import,
    Convert,
}

impl Verb {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Verify => "verify",
            Self::Restore => "restore",
            Self::Undo => "undo",
            Self::Cleanup => "cleanup",
            Self::Import => "import",
            Self::Convert => "convert",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    Queued,
    Running,
    Done,
    Failed,
    Cancelled,
    /// Its process died or would not stop.
    Abandoned,
}

impl JobState {
    pub const ALL: [Self; 6] = [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled, Self::Abandoned];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }

    pub fn is_over(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A part of a job that a person follows, in the order in which they come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A folder is searched for what other systems left.
    Find,
    /// Pages are read in one transaction, hashed, compressed and written.
    Snapshot,
    /// The archive is read back from the disk and checked.
    Prove,
    /// The archive gets its name, durably.
    Publish,
    /// A restore's archive is checked before anything is touched.
    Verify,
    /// The state that a restore replaces is backed up.
    SafetyBackup,
    Write,
    Check,
    /// What the policy does not keep goes to the trash.
    Remove,
    /// Tables are read in one transaction and written in another form.
    Export,
    /// File by file: unpacked, checked, taken.
    Import,
}

impl Step {
    pub fn title(self) -> &'static str {
        match self {
            Self::Snapshot => "Take the snapshot",
            Self::Prove => "Read back and check",
            Self::Publish => "Publish",
            Self::Verify => "Verify the backup",
            Self::SafetyBackup => "Safety backup",
            Self::Write => "Write",
            Self::Check => "Check the result",
            Self::Remove => "Move to the trash",
            Self::Find => "Look for backups",
            Self::Export => "Export the tables",
            Self::Import => "Check and import each file",
        }
    }
}

impl Verb {
    /// The steps that a job of this verb goes through; a restore into a new file skips the safety backup.
    pub fn steps(self) -> &'static [Step] {
        match self {
            Self::Create | Self::Convert => &[Step::Snapshot, Step::Prove, Step::Publish],
            Self::Verify => &[Step::Verify],
            Self::Cleanup => &[Step::Remove],
            Self::Import => &[Step::Find, Step::Import],
            Self::Restore | Self::Undo => &[Step::Verify, Step::SafetyBackup, Step::Write, Step::Check],
        }
    }
}

/// How far a running job is. Written at most four times a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Progress {
    pub step: Step,
    pub done_bytes: u64,
    /// 0 while it is not known.
    pub total_bytes: u64,
    /// Since this step began.
    pub elapsed_ms: u64,
}

impl Progress {
    /// Whole percents of the step, 0 to 100; none while the total is not known.
    pub fn percent(&self) -> Option<u64> {
        (self.total_bytes > 0).then(|| (u128::from(self.done_bytes) * 100 / u128::from(self.total_bytes)).min(100) as u64)
    }

    /// Bytes per second of this step so far; none in its first moments.
    pub fn rate_bytes_per_s(&self) -> Option<u64> {
        (self.elapsed_ms >= 200 && self.done_bytes > 0)
            .then(|| u64::try_from(u128::from(self.done_bytes) * 1000 / u128::from(self.elapsed_ms)).unwrap_or(u64::MAX))
    }

    /// Seconds until this step is done, rounded up; none while that cannot be told.
    pub fn left_s(&self) -> Option<u64> {
        let rate = self.rate_bytes_per_s().filter(|&rate| rate > 0)?;
        (self.total_bytes > 0).then(|| self.total_bytes.saturating_sub(self.done_bytes).div_ceil(rate))
    }
}

/// One running operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Job {
    pub id: JobId,
    pub verb: Verb,
    pub state: JobState,
    pub database: Option<DatabaseId>,
    /// The backup it makes, checks or restores.
    pub backup: Option<BackupId>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub cancel_requested: bool,
    /// Why it failed; of a restore that is done, what is wrong with the live database after it.
    pub error: Option<JobError>,
    /// One sentence about what came out, for jobs that are done.
    pub outcome: Option<String>,
}

impl Job {
    /// Whether it did all that it was to do, and the database that it left is damaged.
    pub fn is_done_unsound(&self) -> bool {
        self.state == JobState::Done && self.error.is_some()
    }
}

/// Why a job failed, as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobError {
    pub code: String,
    pub message: String,
    pub hint: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_only_what_it_can_know() {
        let at = |done_bytes, total_bytes, elapsed_ms| Progress { step: Step::Snapshot, done_bytes, total_bytes, elapsed_ms };
        assert_eq!(at(5, 0, 1000).percent(), None);
        assert_eq!(at(7, 5, 1000).percent(), Some(100));
        assert_eq!(at(50, 200, 100).left_s(), None, "too early for a rate");
        assert_eq!(at(50, 200, 1000).left_s(), Some(3));
        assert_eq!(at(u64::MAX, u64::MAX, 1000).percent(), Some(100));
    }
}
