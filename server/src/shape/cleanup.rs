//! Retention and cleanup.

use keepstone_engine::cleanup;
use keepstone_model::{
    Timestamp,
    backup::{BackupState, Verdict},
    id::{BackupId, DatabaseId, Kind},
    retention::{Fate, Forecast, RetentionPolicy},
};
use serde::Serialize;
use utoipa::ToSchema;

/// How cleanup stands with a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct CleanupStatus {
    /// When it looks, in words.
    pub(crate) rhythm: String,
    /// A person holds it: nothing is removed by itself.
    pub(crate) paused: bool,
    /// When it last went through.
    pub(crate) last_at: Option<Timestamp>,
    /// None: the database is paused, or its cleanup is.
    pub(crate) next_at: Option<Timestamp>,
    /// It should have run by now, and nothing ran it.
    pub(crate) late: bool,
    /// What it waits for, in words.
    pub(crate) waits_for: Option<String>,
    /// Why the last pass failed.
    pub(crate) failure: Option<String>,
    /// What a person should know of it.
    pub(crate) alarm: Option<String>,
}

impl From<&cleanup::CleanupStatus> for CleanupStatus {
    fn from(status: &cleanup::CleanupStatus) -> Self {
        Self {
            rhythm: status.rhythm.clone(),
            paused: status.paused,
            last_at: status.last_at,
            next_at: status.next_at,
            late: status.late,
            waits_for: status.waits_for.clone(),
            failure: status.failure.clone(),
            alarm: status.alarm(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Keep,
    Remove,
}

/// A backup, and what a cleanup would do with it and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PlannedBackup {
    pub(crate) id: BackupId,
    pub(crate) kind: Kind,
    pub(crate) sequence: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) state: BackupState,
    pub(crate) verdict: Verdict,
    pub(crate) archive_size_bytes: u64,
    pub(crate) action: Action,
    /// e.g. `daily 3 of 7`.
    pub(crate) reason: String,
    pub(crate) reason_code: String,
}

/// What a cleanup would do, or what was planned before it did.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CleanupPlan {
    pub(crate) ok: bool,
    pub(crate) database: DatabaseId,
    pub(crate) policy: RetentionPolicy,
    pub(crate) policy_words: String,
    pub(crate) dry_run: bool,
    pub(crate) done: bool,
    /// How many would go.
    pub(crate) would_remove: u64,
    pub(crate) would_free_bytes: u64,
    pub(crate) kept: u64,
    pub(crate) kept_bytes: u64,
    /// The highest sequence first.
    pub(crate) backups: Vec<PlannedBackup>,
}

impl CleanupPlan {
    pub(crate) fn of(plan: &cleanup::CleanupPlan, dry_run: bool, done: bool) -> Self {
        let backups = plan.lines.iter().map(|line| PlannedBackup {
            id: line.backup.id.clone(),
            kind: line.backup.kind,
            sequence: line.backup.sequence,
            created_at: line.backup.created_at,
            state: line.backup.state,
            verdict: line.backup.verdict(),
            archive_size_bytes: line.backup.archive_size_bytes,
            action: if matches!(line.fate, Fate::Removed(_)) { Action::Remove } else { Action::Keep },
            reason: line.fate.to_string(),
            reason_code: line.fate.code().to_owned(),
        });
        Self {
            ok: true,
            database: plan.database.id.clone(),
            policy: plan.policy.clone(),
            policy_words: plan.policy.words(),
            dry_run,
            done,
            would_remove: plan.removed.len() as u64,
            would_free_bytes: plan.freed_bytes,
            kept: plan.kept_count,
            kept_bytes: plan.kept_bytes,
            backups: backups.collect(),
        }
    }
}

/// What a policy will hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Held {
    pub(crate) backups: u64,
    pub(crate) bytes: u64,
}

impl From<&Forecast> for Held {
    fn from(forecast: &Forecast) -> Self {
        Self { backups: forecast.count, bytes: forecast.bytes }
    }
}

/// A policy, what it keeps and removes today, and what it will hold in 30 days.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RetentionDetail {
    #[serde(flatten)]
    pub(crate) plan: CleanupPlan,
    pub(crate) in_30_days: Held,
    /// Of the policy that is set; none for one that is only tried.
    pub(crate) cleanup: Option<CleanupStatus>,
}
