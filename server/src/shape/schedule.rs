//! Schedules.

use keepstone_engine::schedules;
use keepstone_model::{
    Timestamp,
    id::{DatabaseId, Kind},
    schedule::{IfMissed, Trigger},
};
use serde::Serialize;
use utoipa::ToSchema;

/// What sets the runs of a schedule off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum On {
    Cron,
    Interval,
    Start,
    Stop,
}

/// One schedule of a database.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ScheduleStatus {
    pub(crate) number: i64,
    pub(crate) database: DatabaseId,
    pub(crate) kind: Kind,
    pub(crate) on: On,
    pub(crate) cron: Option<String>,
    pub(crate) time_zone: Option<String>,
    pub(crate) every_secs: Option<u64>,
    pub(crate) if_missed: IfMissed,
    pub(crate) jitter_secs: u64,
    pub(crate) paused: bool,
    /// Who alone may change it, e.g. `environment`.
    pub(crate) managed_by: Option<String>,
    /// e.g. `Every day at 02:00`.
    pub(crate) words: String,
    pub(crate) last_run_at: Option<Timestamp>,
    /// None: paused, not by the clock, or never again.
    pub(crate) next_run_at: Option<Timestamp>,
}

impl From<&schedules::ScheduleStatus> for ScheduleStatus {
    fn from(status: &schedules::ScheduleStatus) -> Self {
        let schedule = &status.schedule;
        let (on, cron, time_zone, every_secs) = match &schedule.trigger {
            Trigger::Cron { cron, time_zone } => (On::Cron, Some(cron.clone()), Some(time_zone.clone()), None),
            Trigger::Interval { every_secs } => (On::Interval, None, None, Some(*every_secs)),
            Trigger::Start => (On::Start, None, None, None),
            Trigger::Stop => (On::Stop, None, None, None),
        };
        Self {
            number: status.number,
            database: status.database.clone(),
            kind: schedule.kind,
            on,
            cron,
            time_zone,
            every_secs,
            if_missed: schedule.if_missed,
            jitter_secs: schedule.jitter_secs,
            paused: schedule.paused,
            managed_by: status.managed_by.clone(),
            words: status.words.clone(),
            last_run_at: status.last_run_at,
            next_run_at: status.next_run_at,
        }
    }
}

/// A run that lies ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PlannedRun {
    pub(crate) at: Timestamp,
    /// By the clock of the schedule's zone, e.g. `Fri 20 Nov 2026 02:00 CET`.
    pub(crate) local: String,
    /// What the clock does on that day, if a person would wonder.
    pub(crate) note: Option<String>,
}

impl From<&schedules::PlannedRun> for PlannedRun {
    fn from(run: &schedules::PlannedRun) -> Self {
        Self { at: run.at, local: run.local.clone(), note: run.note.clone() }
    }
}

/// A schedule with its next runs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct ScheduleDetail {
    #[serde(flatten)]
    pub(crate) schedule: ScheduleStatus,
    pub(crate) next_runs: Vec<PlannedRun>,
    /// The changes of the clock within a year that touch it.
    pub(crate) clock_notes: Vec<String>,
}

impl ScheduleDetail {
    pub(crate) fn of(status: &schedules::ScheduleStatus, preview: &schedules::Preview) -> Self {
        Self {
            schedule: status.into(),
            next_runs: preview.runs.iter().map(PlannedRun::from).collect(),
            clock_notes: preview.clock_notes.clone(),
        }
    }
}

/// A run that lies ahead, with its schedule; `next_run_at` is this run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct NextRun {
    #[serde(flatten)]
    pub(crate) schedule: ScheduleStatus,
    pub(crate) local: String,
    pub(crate) note: Option<String>,
}

impl NextRun {
    pub(crate) fn of(status: &schedules::ScheduleStatus, run: &schedules::PlannedRun) -> Self {
        let schedule = ScheduleStatus { next_run_at: Some(run.at), ..status.into() };
        Self { schedule, local: run.local.clone(), note: run.note.clone() }
    }
}
