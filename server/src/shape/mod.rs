//! What a result looks like as JSON: one type for each, the same for `--json` of the command line and for the HTTP API. What a field is called
//! here is a promise to programs.

mod backup;
mod cleanup;
mod database;
mod job;
mod schedule;
mod vault;

pub(crate) use backup::{BackupDetail, BackupStatus, InTrash, TakenNote};
pub(crate) use cleanup::{CleanupPlan, CleanupStatus, Held, RetentionDetail};
pub(crate) use database::DatabaseStatus;
pub(crate) use job::{JobDetail, JobStatus};
pub(crate) use schedule::{NextRun, ScheduleDetail, ScheduleStatus};
pub(crate) use vault::{ActivityCheck, Info, KeyStatus, StatsOf};
