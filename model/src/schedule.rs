//! When a backup of which kind is taken. The cron words themselves are read by the engine: time zones in WASM cost too much.

use serde::{Deserialize, Serialize};

use crate::id::Kind;

/// What to do about a run that was missed while nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IfMissed {
    #[default]
    RunOnce,
    Skip,
}

/// One schedule of one database, e.g. daily at `0 2 * * *` in Europe/Berlin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub kind: Kind,
    /// Five fields: minute, hour, day of month, month, day of week.
    pub cron: String,
    /// An IANA name, e.g. `Europe/Berlin`.
    pub time_zone: String,
    pub if_missed: IfMissed,
}

/// The schedule of a new database: daily 02:00, weekly Monday 03:00, monthly on the 1st at 03:00.
pub fn default_schedules(time_zone: &str) -> Vec<Schedule> {
    [(Kind::Daily, "0 2 * * *"), (Kind::Weekly, "0 3 * * 1"), (Kind::Monthly, "0 3 1 * *")]
        .into_iter()
        .map(|(kind, cron)| Schedule { kind, cron: cron.to_owned(), time_zone: time_zone.to_owned(), if_missed: IfMissed::RunOnce })
        .collect()
}

/// The order in which runs that are due together are queued: the rarer kind first.
pub fn due_order(kind: Kind) -> u8 {
    match kind {
        Kind::Yearly => 0,
        Kind::Monthly => 1,
        Kind::Weekly => 2,
        Kind::Daily => 3,
        Kind::Hourly => 4,
        _ => 5,
    }
}

/// How long past the longest gap between runs the newest good backup may be, unless the database says otherwise.
pub const OBJECTIVE_SLACK_SECS: u64 = 2 * 3600;
