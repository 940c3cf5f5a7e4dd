//! A database under protection, and the state that an admin sees.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::{DatabaseId, DatabaseUid},
    retention::RetentionPolicy,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
pub struct Database {
    pub id: DatabaseId,
    pub uid: DatabaseUid,
    pub engine: Engine,
    /// For SQLite the absolute path of the file.
    pub location: String,
    pub added_at: Timestamp,
    /// The largest age that the newest good backup may have, in seconds. None: the schedules' longest gap and two hours.
    pub objective_secs: Option<u64>,
    pub never_replace: bool,
    pub paused: bool,
    /// Which of its backups cleanup keeps.
    #[serde(default = "RetentionPolicy::standard")]
    pub retention: RetentionPolicy,
    /// Whether a truly corrupt database is restored from its newest good backup without asking.
    #[serde(default)]
    pub auto_recovery: bool,
    /// Whether its backups are encrypted unless a create says otherwise.
    #[serde(default)]
    pub encrypt: bool,
}

/// What is known of a database when its state is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseFacts {
    pub paused: bool,
    pub running: bool,
    /// When the newest good backup was taken.
    pub newest_good_at: Option<Timestamp>,
    /// Whether any complete backup exists, proven or not.
    pub any_complete: bool,
    pub last_run_failed: bool,
    pub objective_secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    let age_secs = facts.newest_good_at.map(|at| now.duration_since(at).as_secs());
    if facts.paused {
        DatabaseState::Paused
    } else if facts.running {
        DatabaseState::Running
    } else if age_secs.is_none() && facts.last_run_failed {
        DatabaseState::Failed
    } else if facts.last_run_failed || age_secs.is_some_and(|age| age > i64::try_from(facts.objective_secs).unwrap_or(i64::MAX)) {
        DatabaseState::AtRisk
    } else if age_secs.is_none() {
        // Also a database that has no backup at all yet: nothing unproven is ever green.
        DatabaseState::Unproven
    } else {
        DatabaseState::Protected
    }
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
            newest_good_at: Some(at(1000)),
            any_complete: true,
            last_run_failed: false,
            objective_secs: 100,
        };
        let cases = [
            (fine, DatabaseState::Protected),
            (DatabaseFacts { newest_good_at: Some(at(949)), ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { last_run_failed: true, ..fine }, DatabaseState::AtRisk),
            (DatabaseFacts { newest_good_at: None, ..fine }, DatabaseState::Unproven),
            (DatabaseFacts { newest_good_at: None, last_run_failed: true, ..fine }, DatabaseState::Failed),
            (DatabaseFacts { running: true, last_run_failed: true, ..fine }, DatabaseState::Running),
            (DatabaseFacts { paused: true, running: true, ..fine }, DatabaseState::Paused),
        ];
        for (facts, state) in cases {
            assert_eq!(database_state(&facts, at(1050)), state, "{facts:?}");
        }
    }
}
