//! When cleanup looks at a database by itself: reading the rhythm, and setting it.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    database::Database,
    id::{DatabaseId, Kind},
    retention::CleanupRhythm,
    schedule::{Schedule, Trigger},
};

use crate::{Error, Result, Vault, databases, scheduler::Timing};

/// Cleanup that did not look for twice its longest gap, and this, is late.
const SLACK: SignedDuration = SignedDuration::from_hours(2);

/// A rhythm, read.
#[derive(Debug)]
pub(super) struct Rhythm {
    timing: Timing,
    trigger: Trigger,
}

impl Rhythm {
    pub(super) fn of(rhythm: &CleanupRhythm) -> Result<Self> {
        rhythm.check().map_err(|refusal| Error::Invalid { field: refusal.field, message: refusal.message })?;
        Ok(Self { timing: Timing::of(&Schedule::of(Kind::Daily, rhythm.trigger.clone()))?, trigger: rhythm.trigger.clone() })
    }

    /// When it looks again after a look at `last`. An interval is counted from there: a look because of a backup is a look.
    pub(super) fn next_after(&self, last: Timestamp) -> Option<Timestamp> {
        match &self.trigger {
            Trigger::Interval { every_secs } => last.checked_add(SignedDuration::from_secs(i64::try_from(*every_secs).ok()?)).ok(),
            _ => self.timing.next_after(last),
        }
    }

    /// How long after a look the next one is overdue.
    pub(super) fn late_after(&self, now: Timestamp) -> SignedDuration {
        let gap_secs = self.timing.longest_gap_secs(now).unwrap_or(24 * 3600);
        SignedDuration::from_secs(i64::try_from(gap_secs.saturating_mul(2)).unwrap_or(i64::MAX)).saturating_add(SLACK)
    }
}

/// e.g. "every 24 h, and after each scheduled backup".
pub fn rhythm_words(rhythm: &CleanupRhythm) -> String {
    let Ok(read) = Rhythm::of(rhythm) else { return "cannot be read".to_owned() };
    let said = read.timing.words();
    let mut chars = said.chars();
    let mut words: String = chars.next().into_iter().flat_map(char::to_lowercase).chain(chars).collect();
    if let Trigger::Cron { time_zone, .. } = &rhythm.trigger {
        words = format!("{words} ({time_zone})");
    }
    if rhythm.after_backups {
        words.push_str(", and after each scheduled backup");
    }
    if rhythm.paused {
        words.push_str("; paused");
    }
    words
}

/// Sets when cleanup looks at a database by itself; a scheduler that runs minds it within seconds.
pub fn set_rhythm(vault: &Vault, id: &DatabaseId, rhythm: &CleanupRhythm, actor: &str, now: Timestamp) -> Result<Database> {
    let read = Rhythm::of(rhythm)?;
    if let (Trigger::Cron { cron, .. }, None) = (&rhythm.trigger, read.next_after(now)) {
        return Err(Error::Invalid { field: "cron", message: format!("\"{cron}\" never comes up: there is no such day") });
    }
    databases::set_cleanup(vault, id, rhythm, &rhythm_words(rhythm), actor)
}
