//! Facts as words and as JSON: times in the local zone, states as mark and word, a backup as an object.

use jiff::{Timestamp, tz::TimeZone};
use keepstone_engine::model::{
    backup::{Acknowledgement, Backup, BackupState, CheckResult, Level, Verdict},
    database::{Database, DatabaseState},
    human,
    job::{Job, JobState},
};
use serde_json::{Value, json};

use super::table::{Cell, Tone};
use crate::shape;

/// e.g. `2026-11-20 03:00:07`, in the zone of this machine.
pub(crate) fn time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

pub(crate) fn time_or_dash(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "–".to_owned(), time)
}

/// e.g. `3 h ago`.
pub(crate) fn ago(at: Timestamp) -> String {
    match human::age_secs(Timestamp::now().duration_since(at).as_secs()) {
        now if now == "just now" => now,
        age => format!("{age} ago"),
    }
}

pub(crate) fn bytes_or_dash(count: u64) -> String {
    if count == 0 { "–".to_owned() } else { human::bytes(count) }
}

pub(crate) fn database_state(state: DatabaseState) -> Cell {
    let (mark, word) = state.mark_and_word();
    let tone = match state {
        DatabaseState::Failed => Tone::Bad,
        DatabaseState::AtRisk | DatabaseState::Unproven => Tone::Warn,
        DatabaseState::Protected => Tone::Good,
        DatabaseState::Running | DatabaseState::Paused => Tone::Plain,
    };
    Cell::toned(format!("{mark} {word}"), tone)
}

/// e.g. `✔ good`: the state, and for a complete one its verdict.
pub(crate) fn backup_state(backup: &Backup) -> (&'static str, &'static str, Tone) {
    match (backup.state, backup.verdict()) {
        (BackupState::Complete, Verdict::Good) => ("✔", "good", Tone::Good),
        (BackupState::Complete, Verdict::Unproven) => ("○", "unproven", Tone::Warn),
        (BackupState::Complete, Verdict::Bad) => ("✖", "bad", Tone::Bad),
        (BackupState::Complete, Verdict::Suspect) => ("▲", "suspect", Tone::Warn),
        (BackupState::Complete, Verdict::Partial) => ("◐", "partial", Tone::Plain),
        (BackupState::Running, _) => ("↻", "running", Tone::Plain),
        (BackupState::Failed, _) => ("✖", "failed", Tone::Bad),
        (BackupState::Interrupted, _) => ("✖", "interrupted", Tone::Bad),
        (BackupState::Missing, _) => ("✖", "missing", Tone::Bad),
        (BackupState::Trashed, _) => ("–", "trashed", Tone::Dim),
    }
}

pub(crate) fn backup_state_cell(backup: &Backup) -> Cell {
    let (mark, word, tone) = backup_state(backup);
    Cell::toned(format!("{mark} {word}"), tone)
}

pub(crate) fn job_state(job: &Job) -> Cell {
    if job.is_done_unsound() {
        return Cell::toned("✖ done, unsound", Tone::Bad);
    }
    let (mark, tone) = match job.state {
        JobState::Queued => ("○", Tone::Plain),
        JobState::Running => ("↻", Tone::Plain),
        JobState::Done => ("✔", Tone::Good),
        JobState::Failed | JobState::Abandoned => ("✖", Tone::Bad),
        JobState::Cancelled => ("–", Tone::Dim),
    };
    Cell::toned(format!("{mark} {}", job.state.as_str()), tone)
}

pub(crate) fn check_result(result: CheckResult) -> Cell {
    let (mark, tone) = match result {
        CheckResult::Passed => ("✔", Tone::Good),
        CheckResult::Failed => ("✖", Tone::Bad),
        CheckResult::CouldNotRun => ("▲", Tone::Warn),
        CheckResult::NotApplicable => ("–", Tone::Dim),
    };
    Cell::toned(format!("{mark} {}", result.as_str()), tone)
}

/// How far a backup is proven, for what it is.
pub(crate) fn level(level: Level) -> &'static str {
    match level {
        Level::None => "not proven",
        Level::Stored => "stored bytes checked, not opened",
        Level::Opened => "opened and checked, not test-restored",
        Level::Restored => "restored in a test",
    }
}

/// A backup with what follows from it.
pub(crate) fn backup_json(backup: &Backup) -> Value {
    json!(shape::BackupStatus::from(backup))
}

/// Who took note of a doubt, when and why.
pub(crate) fn acknowledged(word: &Acknowledgement) -> String {
    let why = if word.reason.is_empty() { String::new() } else { format!(": {}", word.reason) };
    format!("by {}, {}{why}", word.by, time(word.at))
}

pub(crate) fn database_json(database: &Database) -> Value {
    json!(database)
}
