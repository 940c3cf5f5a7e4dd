//! Which backups of a database are kept: the policy.

use serde::{Deserialize, Serialize};

/// How many backups of each kind cleanup keeps, and limits over all of them. `None`: no rule of that sort.
///
/// A count keeps the newest good backups of its kind; a maximum removes. What is never removed whatever the policy says stands in `docs/operations.md`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RetentionPolicy {
    /// The newest good ones over all automatic kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hourly: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly: Option<u32>,
    /// The oldest monthly one of each of so many years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yearly: Option<u32>,
    /// Older ones are removed, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_secs: Option<u64>,
    /// More than so many are not kept, the oldest go first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_count: Option<u32>,
}

impl RetentionPolicy {
    /// Of a new database: 7 daily, 4 weekly, 12 monthly.
    pub fn standard() -> Self {
        Self { daily: Some(7), weekly: Some(4), monthly: Some(12), ..Self::default() }
    }
}
