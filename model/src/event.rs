//! A line of the activity log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{BackupId, DatabaseId, JobId};

/// Who did what to what, when, with which result. Each carries the hash of the one before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// 1 for the first, without gaps.
    pub number: u64,
    pub at: Timestamp,
    /// A user's name, `cli:alice`, or `schedule`.
    pub actor: String,
    /// e.g. `backup.created`, `restore.failed`, `user.signed_in`.
    pub action: String,
    pub result: EventResult,
    pub database: Option<DatabaseId>,
    pub backup: Option<BackupId>,
    pub job: Option<JobId>,
    /// One sentence for a person.
    pub message: String,
    /// SHA-256 of the event before this one, in hexadecimal; 64 zeros for the first.
    pub previous_hash: String,
    pub hash: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EventResult {
    Ok,
    Warning,
    Failed,
}

impl EventResult {
    pub const ALL: [Self; 3] = [Self::Ok, Self::Warning, Self::Failed];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|result| result.as_str() == word)
    }
}
