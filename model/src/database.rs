//! A database under protection, and the state that an admin sees.

mod concern;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use concern::{Concern, Situation, Topic, concerns, newer_left_out, unrecoverable};

use crate::{
    anomaly::LossPolicy,
    id::{BackupId, DatabaseId, DatabaseUid},
    retention::{CleanupRhythm, RetentionPolicy},
    snapshot::SnapshotPolicy,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is protected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Database {
    pub id: DatabaseId,
    pub uid: DatabaseUid,
    pub engine: Engine,
    /// For SQLite the absolute path of the file as it was given: a symbolic link on it is followed, wherever it leads.
    pub location: String,
    pub added_at: Timestamp,
    /// The largest age that the newest good backup may have, in seconds. None: the schedules' longest gap and two hours.
    pub objective_secs: Option<u64>,
    pub never_replace: bool,
    pub paused: bool,
    /// Which of its backups cleanup keeps.
    #[serde(default = "RetentionPolicy::standard")]
    pub retention: RetentionPolicy,
    /// Who alone may change the retention, e.g. `environment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_managed_by: Option<String>,
    /// When cleanup looks at it by itself.
    #[serde(default)]
    pub cleanup_rhythm: CleanupRhythm,
    /// Whether a truly corrupt database is restored from its newest good backup without asking.
    #[serde(default)]
    pub auto_recovery: bool,
    /// Whether its backups are encrypted unless a create says otherwise.
    #[serde(default)]
    pub encrypt: bool,
    /// Somebody said that they are not to be. Where nobody said anything they are as the newest one is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
    /// Whether its backups keep the server's roles and tablespaces beside the dump. PostgreSQL only.
    #[serde(default)]
    pub globals: bool,
    /// When fewer rows than before make a backup of it suspect.
    #[serde(default)]
    pub loss: LossPolicy,
    /// When a snapshot of it gives itself up. SQLite only.
    #[serde(default)]
    pub snapshot: SnapshotPolicy,
}

impl Database {
    /// What somebody said of whether its backups are encrypted.
    pub fn encryption_said(&self) -> Option<bool> {
        match (self.encrypt, self.plain) {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        }
    }
}

/// What is known of a database when its state is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseFacts {
    pub paused: bool,
    pub running: bool,
    pub added_at: Timestamp,
    /// When the newest good backup was taken.
    pub newest_good_at: Option<Timestamp>,
    /// When the newest one was taken that is there, proven or not.
    pub newest_at: Option<Timestamp>,
    /// The archive of a backup that is newer than the newest good one is not there any more.
    pub missing: bool,
    /// The catalog was made anew without an archive that is newer than the newest good backup.
    pub left_out: bool,
    pub last_run_failed: bool,
    /// The newest complete backup is of a database that is damaged, or that lost something of which nobody has taken note.
    pub newest_suspect: bool,
    /// A check of a backup that is newer than the newest good one failed.
    pub newer_bad: bool,
    /// Checks of a backup that is newer than the newest good one could not run.
    pub unchecked: bool,
    /// The last look at the live database found it damaged.
    pub damaged: bool,
    pub objective_secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum DatabaseState {
    // In order of risk, the worst first: lists are sorted by this.
    Failed,
    AtRisk,
    Unproven,
    Running,
    Protected,
    Paused,
}

impl DatabaseState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::AtRisk => "at_risk",
            Self::Unproven => "unproven",
            Self::Running => "running",
            Self::Protected => "protected",
            Self::Paused => "paused",
        }
    }

    /// The mark and the word, e.g. `✔ Protected`; a state is never told by colour alone.
    pub fn mark_and_word(self) -> (&'static str, &'static str) {
        match self {
            Self::Failed => ("✖", "Failed"),
            Self::AtRisk => ("▲", "At risk"),
            Self::Unproven => ("○", "Unproven"),
            Self::Running => ("↻", "Running"),
            Self::Protected => ("✔", "Protected"),
            Self::Paused => ("‖", "Paused"),
        }
    }
}

/// The state of a database, first that fits: paused, running, failed, at risk, unproven, protected.
pub fn database_state(facts: &DatabaseFacts, now: Timestamp) -> DatabaseState {
    let old = is_old(facts, now);
    if facts.paused {
        DatabaseState::Paused
    } else if facts.running {
        DatabaseState::Running
    } else if facts.newest_good_at.is_none() && facts.last_run_failed {
        DatabaseState::Failed
    } else if facts.last_run_failed || facts.newest_suspect || facts.newer_bad || facts.missing || facts.left_out || facts.damaged || old {
        // Also with an older good backup that meets the objective: what was counted on is not there, and its disk may lose more.
        DatabaseState::AtRisk
    } else if facts.newest_good_at.is_none() || facts.unchecked {
        // Also a database that has no backup at all yet: nothing unproven is ever green.
        DatabaseState::Unproven
    } else {
        DatabaseState::Protected
    }
}

/// What the last look at a live database found, where that was not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Checkup {
    pub at: Timestamp,
    /// What was damaged, in SQLite's words.
    pub finding: String,
    /// None: it is damaged still.
    pub recovered: Option<Recovered>,
}

/// A damaged database that was brought back without a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recovered {
    /// What was restored, and when that had been taken.
    pub backup: BackupId,
    pub taken_at: Timestamp,
    /// The folder that keeps the damaged files.
    pub kept: String,
}

impl Checkup {
    /// The damage, as long as it was not mended.
    pub fn damage(&self) -> Option<&str> {
        self.recovered.is_none().then_some(&*self.finding)
    }
}

/// How safe it is whatever runs for it just now: a run that hangs, or fails like the last one, makes nothing safer.
pub fn standing(facts: &DatabaseFacts, now: Timestamp) -> DatabaseState {
    match database_state(&DatabaseFacts { running: false, ..*facts }, now) {
        risk @ (DatabaseState::Failed | DatabaseState::AtRisk) => risk,
        _ => database_state(facts, now),
    }
}

/// A clock may be put right by so much.
const CLOCK_SLACK_SECS: i64 = 300;

/// Older than the objective. Without a good backup the newest one counts that is there, else how long the database has been known. What is said to be
/// taken in the future was taken at nobody knows what time.
fn is_old(facts: &DatabaseFacts, now: Timestamp) -> bool {
    let backup_at = facts.newest_good_at.or(facts.newest_at);
    let age_secs = now.duration_since(backup_at.unwrap_or(facts.added_at)).as_secs();
    age_secs > i64::try_from(facts.objective_secs).unwrap_or(i64::MAX) || backup_at.is_some() && age_secs < -CLOCK_SLACK_SECS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_state_that_fits() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let fine = DatabaseFacts {
            paused: false,
            running: false,
            added_at: at(940),
            newest_good_at: Some(at(1000)),
            newest_at: Some(at(1000)),
            missing: false,
            left_out: false,
            last_run_failed: false,
            newest_suspect: false,
            newer_bad: false,
            unchecked: false,
            damaged: false,
            objective_secs: 100,
        };
        let cases = [
            (fine, DatabaseState::Protected),
            (DatabaseFacts { newest_good_at: Some(at(949)), ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { last_run_failed: true, ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { newest_suspect: true, ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { newer_bad: true, ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { newer_bad: true, newest_good_at: None, ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { newer_bad: true, unchecked: true, ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { damaged: true, ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { newest_good_at: None, newest_suspect: true, ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { unchecked: true, ..fine }, DatabaseState::Unproven),
            (DatabaseFacts { unchecked: true, newest_good_at: Some(at(949)), ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { unchecked: true, running: true, ..fine }, DatabaseState::Running),
            (DatabaseFacts { newest_good_at: None, ..fine }, DatabaseState::Unproven),
            (DatabaseFacts { newest_good_at: None, newest_at: Some(at(949)), added_at: at(1050), ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { newest_good_at: None, newest_at: None, added_at: at(950), ..fine }, DatabaseState::Unproven),
            (DatabaseFacts { newest_good_at: None, newest_at: None, ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { missing: true, ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { left_out: true, ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { left_out: true, newest_good_at: None, ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { newest_good_at: Some(at(1350)), ..fine }, DatabaseState::Protected),
            (DatabaseFacts { newest_good_at: Some(at(1351)), ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { newest_good_at: None, last_run_failed: true, ..fine }, DatabaseState::Failed),
            (DatabaseFacts { running: true, last_run_failed: true, ..fine }, DatabaseState::Running),
            (DatabaseFacts { paused: true, running: true, ..fine }, DatabaseState::Paused),
        ];
        for (facts, state) in cases {
            assert_eq!(database_state(&facts, at(1050)), state, "{facts:?}");
            // A run hides no risk, and is told where there is none.
            let running = DatabaseFacts { running: true, ..facts };
            let told = match state {
                DatabaseState::AtRisk | DatabaseState::Failed | DatabaseState::Paused => state,
                _ => DatabaseState::Running,
            };
            if !facts.running {
                assert_eq!(standing(&running, at(1050)), told, "{running:?}");
            }
        }
    }
}
