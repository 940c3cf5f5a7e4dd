//! What the plan looks at: what matters of each backup, and the circumstances under which it is made.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    backup::{Backup, BackupState, Verdict},
    id::Kind,
};

/// What is in the way of removing an archive, or of trusting in it, as its file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// Someone reads it just now.
    Leased,
    /// Written by a newer version: this one can neither read nor judge it.
    NewerFormat,
    /// Not in its place, of another length, or not to be read: nothing may rely on it.
    Unreadable,
    /// Its notes cannot be read, which may say that it is pinned: the archive is as good as any.
    Notes,
}

/// What matters of a backup for keeping it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub kind: Kind,
    pub sequence: i64,
    pub created_at: Timestamp,
    pub archive_size_bytes: u64,
    pub state: BackupState,
    pub verdict: Verdict,
    pub pinned: bool,
    pub imported: bool,
    pub obstacle: Option<Obstacle>,
}

impl Candidate {
    pub fn new(backup: &Backup, obstacle: Option<Obstacle>) -> Self {
        // So the last check found it; the file's head may look well.
        let unreadable = backup.proof.as_ref().is_some_and(|proof| proof.unreadable().is_some());
        Self {
            kind: backup.kind,
            sequence: backup.sequence,
            created_at: backup.created_at,
            archive_size_bytes: backup.archive_size_bytes,
            state: backup.state,
            verdict: backup.verdict(),
            pinned: backup.pinned,
            imported: backup.is_imported(),
            obstacle: obstacle
                .filter(|obstacle| !unreadable || *obstacle == Obstacle::NewerFormat)
                .or(unreadable.then_some(Obstacle::Unreadable)),
        }
    }

    /// Whether it counts for the rules: complete, there, readable by this version, and proven as far as is asked.
    pub(super) fn counts(&self, by: CountBy) -> bool {
        let proven = match by {
            CountBy::Good => self.verdict == Verdict::Good,
            CountBy::Complete => matches!(self.verdict, Verdict::Good | Verdict::Unproven),
        };
        self.state == BackupState::Complete && proven && !matches!(self.obstacle, Some(Obstacle::NewerFormat | Obstacle::Unreadable))
    }

    /// Whether the database could be brought back from it: what the newest good one and the floor are reckoned by.
    pub(super) fn anchors(&self, by: CountBy) -> bool {
        self.counts(by) && self.kind != Kind::Safety && !self.imported
    }
}

/// What the rules count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountBy {
    /// Good backups only.
    #[default]
    Good,
    /// Complete ones, for a vault whose backups are not proven on purpose. Bad and suspect ones never count.
    Complete,
}

/// What becomes of manual backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Manual {
    #[default]
    Kept,
    /// They fall under the rules (`--include-manual`).
    Included,
}

/// Who wants the cleanup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// A person, who sees the plan before it is done.
    #[default]
    Person,
    /// Nobody looks: only so many at once, see [`super::pass_limit`].
    Unattended,
}

/// What the plan depends on beside backups, policy and time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Circumstances {
    /// Of a suspect backup that nobody has acknowledged: every good one with a lower sequence is held.
    pub held_before: Option<i64>,
    /// The last sequence that was given out when the clock was found to have gone back or jumped: nothing is removed until a good backup
    /// with a higher one is there.
    pub clock_guard: Option<i64>,
    pub count_by: CountBy,
    pub manual: Manual,
    pub pass: Pass,
}

/// The sequence of the newest suspect backup: it holds what is older. Acknowledging it lets go.
pub fn holding_sequence<'a>(backups: impl IntoIterator<Item = &'a Backup>) -> Option<i64> {
    backups.into_iter().filter(|backup| backup.holds()).map(|backup| backup.sequence).max()
}
