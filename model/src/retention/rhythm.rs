//! When cleanup looks at a database: a schedule of its own.

use serde::{Deserialize, Serialize};

use crate::{
    id::Kind,
    schedule::{Schedule, Trigger},
    validate::Refusal,
};

/// Cleanup looks no more often than this, in seconds.
pub const RHYTHM_MIN_SECS: u64 = 3600;
/// And no more seldom: what is looked at once a month is not looked after.
pub const RHYTHM_MAX_SECS: u64 = 31 * 86_400;

/// When cleanup looks at a database by itself, e.g. every 24 hours, and after each scheduled backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CleanupRhythm {
    /// A cron, or an interval that is counted from the last look.
    #[serde(flatten)]
    pub trigger: Trigger,
    /// Also when a scheduled backup succeeded.
    pub after_backups: bool,
    /// Nothing is removed by itself.
    #[serde(default)]
    pub paused: bool,
}

impl Default for CleanupRhythm {
    fn default() -> Self {
        Self { trigger: Trigger::Interval { every_secs: 24 * 3600 }, after_backups: true, paused: false }
    }
}

impl CleanupRhythm {
    /// Whether it fits together; whether its cron can be read is asked where it is read.
    pub fn check(&self) -> Result<(), Refusal> {
        match &self.trigger {
            Trigger::Interval { every_secs } if !(RHYTHM_MIN_SECS..=RHYTHM_MAX_SECS).contains(every_secs) => Err(Refusal {
                field: "every",
                message: "cleanup looks once an hour at the most and once in 31 days at the least".to_owned(),
            }),
            Trigger::Start | Trigger::Stop => {
                Err(Refusal { field: "on", message: "cleanup goes by a cron or an interval, not by a start or stop".to_owned() })
            }
            Trigger::Interval { .. } | Trigger::Cron { .. } => Schedule::of(Kind::Daily, self.trigger.clone()).check(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_by_the_clock_and_not_too_seldom() {
        let with = |trigger| CleanupRhythm { trigger, ..CleanupRhythm::default() }.check().err().map(|refusal| refusal.field);
        let every = |every_secs| Trigger::Interval { every_secs };
        let cron = |cron: &str| Trigger::Cron { cron: cron.to_owned(), time_zone: "UTC".to_owned() };
        for (trigger, field) in [
            (every(3600), None),
            (every(3599), Some("every")),
            (every(RHYTHM_MAX_SECS + 1), Some("every")),
            (cron("0 4 * * *"), None),
            (cron("0 4 * *"), Some("cron")),
            (Trigger::Start, Some("on")),
            (Trigger::Stop, Some("on")),
        ] {
            assert_eq!(with(trigger.clone()), field, "{trigger:?}");
        }
        assert_eq!(CleanupRhythm::default().check(), Ok(()));
        let json = serde_json::to_string(&CleanupRhythm::default()).unwrap();
        assert_eq!(json, r#"{"on":"interval","every_secs":86400,"after_backups":true,"paused":false}"#);
        assert_eq!(serde_json::from_str::<CleanupRhythm>(&json).unwrap(), CleanupRhythm::default());
    }
}
