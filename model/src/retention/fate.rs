//! What becomes of a backup, and why, as a person reads it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    plan::{FLOOR, SAFETY_SECS},
    policy::age,
};
use crate::id::Kind;

/// A rule that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    Last,
    Kind(Kind),
}

impl Rule {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Kind(kind) => kind.as_str(),
        }
    }
}

/// Why a backup stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    // It is not one that rules are about
    Running,
    Failed,
    Interrupted,
    Missing,
    Unreadable,
    NewerFormat,
    Bad,
    Suspect,
    Partial,
    Unproven,
    // A person or its nature keeps it
    Pinned,
    NewestGood,
    Manual,
    Imported,
    Safety,
    // A rule keeps it
    Count {
        rule: Rule,
        number: u32,
        of: u32,
    },
    OldestOfYear {
        year: i16,
        number: u32,
        of: u32,
    },
    /// Younger than the greatest age, in seconds; no other rule is about its kind.
    Younger {
        max_age_secs: u64,
    },
    /// Among so many; no other rule is about its kind.
    Among {
        of: u32,
    },
    /// No rule is about this kind.
    NoRule(Kind),
    // The rules would remove it, but
    Held,
    Clock,
    NoNewerGood,
    Leased,
    Notes,
    Floor,
    NextPass,
}

/// Why a backup goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remove {
    Beyond { rule: Rule, of: u32 },
    TooOld { max_age_secs: u64 },
    OverCount { of: u32 },
    SafetyOver,
}

/// What becomes of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Kept(Keep),
    Removed(Remove),
}

impl Fate {
    pub fn is_removed(self) -> bool {
        matches!(self, Self::Removed(_))
    }

    /// The name of the reason, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Kept(keep) => keep.code(),
            Self::Removed(remove) => match remove {
                Remove::Beyond { .. } => "beyond_count",
                Remove::TooOld { .. } => "too_old",
                Remove::OverCount { .. } => "over_max_count",
                Remove::SafetyOver => "safety_over",
            },
        }
    }
}

impl Keep {
    fn code(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::NewerFormat => "newer_format",
            Self::Bad => "bad",
            Self::Suspect => "suspect",
            Self::Partial => "partial",
            Self::Unproven => "unproven",
            Self::Pinned => "pinned",
            Self::NewestGood => "newest_good",
            Self::Manual => "manual",
            Self::Imported => "imported",
            Self::Safety => "safety",
            Self::Count { .. } => "count",
            Self::OldestOfYear { .. } => "oldest_of_year",
            Self::Younger { .. } => "younger",
            Self::Among { .. } => "among",
            Self::NoRule(_) => "no_rule",
            Self::Held => "held",
            Self::Clock => "clock",
            Self::NoNewerGood => "no_newer_good",
            Self::Leased => "leased",
            Self::Notes => "notes",
            Self::Floor => "floor",
            Self::NextPass => "next_pass",
        }
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match *self {
            Self::Running => "still being made",
            Self::Failed => "failed: it has no archive",
            Self::Interrupted => "interrupted: it has no archive",
            Self::Missing => "its archive is missing",
            Self::Unreadable => "its archive cannot be read: a person decides",
            Self::NewerFormat => "newer format",
            Self::Bad => "bad: a person decides",
            Self::Suspect => "suspect: a person decides",
            Self::Partial => "partial: a person decides",
            Self::Unproven => "unproven: it does not count",
            Self::Pinned => "pinned",
            Self::NewestGood => "newest good",
            Self::Manual => "manual",
            Self::Imported => "imported, not included",
            Self::Safety => return write!(f, "safety, younger than {}", days(SAFETY_SECS)),
            Self::Count { rule, number, of } => return write!(f, "{} {number} of {of}", rule.as_str()),
            Self::OldestOfYear { year, number, of } => return write!(f, "yearly {number} of {of}: the oldest monthly of {year}"),
            Self::Younger { max_age_secs } => return write!(f, "younger than {}", age(max_age_secs)),
            Self::Among { of } => return write!(f, "among the newest {of}"),
            Self::NoRule(kind) => return write!(f, "no rule for {kind}"),
            Self::Held => "held: a newer backup is suspect",
            Self::Clock => "kept: the clock was changed, and no good backup was made since",
            Self::NoNewerGood => "kept: no newer good one",
            Self::Leased => "leased: it is being read",
            Self::Notes => "its notes cannot be read: it may be pinned",
            Self::Floor => return write!(f, "kept: one of the last {FLOOR} good ones"),
            Self::NextPass => "goes in a later pass",
        };
        f.write_str(words)
    }
}

impl fmt::Display for Remove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Beyond { rule: Rule::Last, of } => write!(f, "beyond the last {of}"),
            Self::Beyond { rule, of } => write!(f, "{}, beyond the newest {of}", rule.as_str()),
            Self::TooOld { max_age_secs } => write!(f, "older than {}", age(max_age_secs)),
            Self::OverCount { of } => write!(f, "more than {of} in all"),
            Self::SafetyOver => write!(f, "safety, older than {}", days(SAFETY_SECS)),
        }
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(keep) => keep.fmt(f),
            Self::Removed(remove) => remove.fmt(f),
        }
    }
}

fn days(secs: i64) -> String {
    crate::human::counted(secs / 86_400, "day")
}
