//! What the schedule editor is told: the schedules, the form as it was filled in, and what it would do.

use serde::{Deserialize, Serialize};

use crate::ui::{Moment, schedule_table::ScheduleRow};

/// The form of one schedule, as text. It is the query of the page, so that checking it needs no script.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Form {
    /// The schedule that is being changed; empty for a new one.
    pub number: String,
    /// `cron`, `interval`, `start` or `stop`; empty while nothing was filled in.
    pub on: String,
    pub cron: String,
    pub zone: String,
    /// e.g. `12h`.
    pub every: String,
    /// Empty: the kind that fits.
    pub kind: String,
    /// `run_once` or `skip`.
    pub if_missed: String,
    /// e.g. `10min`; empty for none.
    pub jitter: String,
}

/// A run that lies ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// For machines.
    pub iso: String,
    /// By the clock of the schedule's zone, e.g. `Fri 20 Nov 2026 02:00 CET`.
    pub local: String,
    pub relative: String,
    /// What the clock does on that day.
    pub note: Option<String>,
}

/// What the form would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    pub words: String,
    pub kind: String,
    pub runs: Vec<Run>,
    pub clock_notes: Vec<String>,
}

/// Everything on the page of a database's schedules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EditorView {
    pub database: String,
    pub may_change: bool,
    /// The whole database is paused: none of them runs.
    pub paused: bool,
    pub rows: Vec<ScheduleRow>,
    pub form: Form,
    /// By name of the field, what is wrong with it.
    pub faults: Vec<(String, String)>,
    pub preview: Option<Preview>,
    /// The largest age that the newest good backup may have, e.g. `26 h`.
    pub objective: String,
    /// Sent along with forms that queue a job, so that sending it twice acts once.
    pub key: String,
    /// The environment has the schedules off.
    pub off: bool,
    pub cleanup: Cleanup,
    /// Who alone may change the retention, which then no preset changes.
    pub retention_managed_by: Option<String>,
}

/// When cleanup looks at the database by itself: how it stands, and the form as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleanup {
    pub words: String,
    pub last: Option<Moment>,
    pub next: Option<Moment>,
    pub alarm: Option<String>,
    /// `cron` or `interval`.
    pub on: String,
    pub cron: String,
    pub zone: String,
    pub every: String,
    pub after_backups: bool,
    pub paused: bool,
}

/// How many rows a page has.
pub const PAGE: usize = 60;

/// Everything on the page of all schedules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulesView {
    pub rows: Vec<ScheduleRow>,
    /// Of all, not of this page alone.
    pub total: usize,
    pub page: usize,
    /// The environment has the schedules off.
    pub off: bool,
    pub limits: Limits,
    /// Whether the person may set the limits.
    pub may_limit: bool,
}

/// What holds for all jobs, as the form has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    pub max_running: u32,
    /// e.g. `15min`, as the form takes it; and in words.
    pub hung_after: String,
    pub hung_after_words: String,
    pub stop_within: String,
    pub stop_within_words: String,
}
