//! How the archives of a vault grew, and when its disk is full if that goes on. Pure: the time and the free space are arguments.

use jiff::{SignedDuration, Timestamp};

/// An archive as the history knows it: also one that is long removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    pub from: Timestamp,
    /// When it was removed; none: it lies there.
    pub until: Option<Timestamp>,
    pub size_bytes: u64,
}

/// What lay in the vault at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub at: Timestamp,
    pub size_bytes: u64,
}

/// Growth is told from this many days.
pub const GROWTH_DAYS: u64 = 30;
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What lay there at the end of each of the last days, the oldest first, the last one now. No day before the first archive.
pub fn history(stays: &[Stay], days: u64, now: Timestamp) -> Vec<Level> {
    let Some(first) = stays.iter().map(|stay| stay.from).min() else { return Vec::new() };
    let mut levels = Vec::new();
    for back in (0..=i32::try_from(days).unwrap_or(i32::MAX)).rev() {
        let at = now.saturating_sub(DAY * back).unwrap_or(now);
        if at < first && back > 0 {
            continue;
        }
        let there = |stay: &&Stay| stay.from <= at && stay.until.is_none_or(|until| until > at);
        levels.push(Level { at, size_bytes: stays.iter().filter(there).map(|stay| stay.size_bytes).sum() });
    }
    levels
}

/// By how many bytes a day the vault grew in the last [`GROWTH_DAYS`], what cleanup removed taken off; negative where it shrank. None with less
/// than two days to tell from.
pub fn growth_per_day(history: &[Level]) -> Option<i64> {
    let last = history.last()?;
    let days = |level: &Level| last.at.duration_since(level.at).as_hours() / 24;
    let first = history.iter().find(|level| days(level) <= i64::try_from(GROWTH_DAYS).unwrap_or(i64::MAX))?;
    let span = days(first);
    if span < 2 {
        return None;
    }
    let grown = i128::from(last.size_bytes) - i128::from(first.size_bytes);
    i64::try_from(grown / i128::from(span)).ok()
}

/// Days until the disk is full at this growth; none if it does not grow.
pub fn days_until_full(free_bytes: u64, growth_per_day: Option<i64>) -> Option<u64> {
    growth_per_day.and_then(|growth| u64::try_from(growth).ok()).and_then(|growth| free_bytes.checked_div(growth))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap()
    }

    #[test]
    fn what_was_removed_counts_for_as_long_as_it_lay_there() {
        let stays = [
            Stay { from: at(0), until: Some(at(3)), size_bytes: 100 },
            Stay { from: at(1), until: None, size_bytes: 10 },
            Stay { from: at(4), until: None, size_bytes: 1 },
        ];
        let sizes = |days, now| history(&stays, days, at(now)).iter().map(|level| level.size_bytes).collect::<Vec<_>>();
        assert_eq!(sizes(90, 5), [100, 110, 110, 10, 11, 11], "it begins with the first archive");
        assert_eq!(sizes(1, 5), [11, 11]);
        assert!(history(&[], 90, at(5)).is_empty());
        assert_eq!(history(&stays, 90, at(5)).last().unwrap().at, at(5));
    }

    #[test]
    fn a_vault_that_shrinks_or_is_new_is_no_forecast() {
        let levels =
            |sizes: &[u64]| -> Vec<Level> { sizes.iter().zip(0..).map(|(&size_bytes, day)| Level { at: at(day), size_bytes }).collect() };
        assert_eq!(growth_per_day(&levels(&[0, 50, 100])), Some(50));
        assert_eq!(growth_per_day(&levels(&[100, 50, 40])), Some(-30));
        assert_eq!(growth_per_day(&levels(&[0, 50])), None);
        assert_eq!(growth_per_day(&[]), None);
        let long: Vec<u64> = (0..60).map(|day| if day < 29 { 0 } else { (day - 29) * 7 }).collect();
        assert_eq!(growth_per_day(&levels(&long)), Some(7), "only the last 30 days count");
        assert_eq!((days_until_full(1000, Some(50)), days_until_full(1000, Some(0))), (Some(20), None));
        assert_eq!((days_until_full(1000, Some(-5)), days_until_full(1000, None)), (None, None));
    }
}
