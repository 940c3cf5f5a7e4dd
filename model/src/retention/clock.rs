//! Whether the clock may be believed. An age that a wrong clock tells must not delete anything.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far a clock may be set back without a word: time servers do that.
pub const CLOCK_SLACK_SECS: i64 = 120;
/// A clock that is further than this after everything that is known has jumped, or nothing ran for that long.
pub const CLOCK_JUMP_SECS: i64 = 7 * 24 * 3600;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockAnomaly {
    WentBack,
    Jumped,
}

impl ClockAnomaly {
    pub fn words(self) -> &'static str {
        match self {
            Self::WentBack => "the clock went back",
            Self::Jumped => "the clock jumped by more than a week, or nothing ran for so long",
        }
    }
}

/// What is odd about a clock that says `now`, where `known` is the latest time that was ever seen (an event, a backup, the last look).
pub fn clock_anomaly(known: Option<Timestamp>, now: Timestamp) -> Option<ClockAnomaly> {
    let ahead_secs = now.duration_since(known?).as_secs();
    if ahead_secs < -CLOCK_SLACK_SECS {
        Some(ClockAnomaly::WentBack)
    } else if ahead_secs > CLOCK_JUMP_SECS {
        Some(ClockAnomaly::Jumped)
    } else {
        None
    }
}

/// The year in UTC, reckoned by hand: calendars are too much for every browser to load.
pub(super) fn year_of(at: Timestamp) -> i16 {
    // Days since 0000-03-01 of the proleptic Gregorian calendar; eras of 400 years, years that begin in March.
    let days = at.as_second().div_euclid(86_400) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    // From the 306th day on it is January or February of the year after.
    i16::try_from(era * 400 + year + i64::from(of_year >= 306)).unwrap_or(i16::MAX)
}
