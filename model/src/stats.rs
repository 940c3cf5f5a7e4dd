//! What the backups of a database come to: counts, sizes, growth, and when the disk is full at that rate. Pure; the time and the free space are
//! arguments.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    backup::{Backup, BackupState, Verdict},
    id::Kind,
};

/// Over this many days growth is looked at.
const GROWTH_DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;

/// Totals over some backups.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stats {
    /// Complete ones.
    pub backup_count: u64,
    pub archive_size_bytes: u64,
    /// The plain images that these archives hold.
    pub original_size_bytes: u64,
    pub average_archive_bytes: u64,
    /// How many bytes of a database one byte of its archives holds, e.g. 4.2; none where there is nothing.
    pub compression_ratio: Option<f64>,
    /// Complete ones that were opened and checked, or restored in a test.
    pub verified_count: u64,
    pub good_count: u64,
    pub suspect_count: u64,
    pub bad_count: u64,
    pub unproven_count: u64,
    /// Complete ones without the rows of some tables.
    pub partial_count: u64,
    /// Runs that failed or were interrupted.
    pub failed_count: u64,
    pub missing_count: u64,
    pub oldest_at: Option<Timestamp>,
    pub newest_at: Option<Timestamp>,
    /// Complete ones by kind.
    pub by_kind: BTreeMap<String, u64>,
    /// What the archives grew by a day, in the last 30 days: what was made and is still there; cleanup may take as much away again.
    pub growth_bytes_per_day: u64,
}

/// Adds up backups of one database or of several.
pub fn stats(backups: &[Backup], now: Timestamp) -> Stats {
    let complete = || backups.iter().filter(|backup| backup.state == BackupState::Complete);
    let count = |verdict| complete().filter(|backup| backup.verdict() == verdict).count() as u64;
    let in_state = |states: &[BackupState]| backups.iter().filter(|backup| states.contains(&backup.state)).count() as u64;
    let backup_count = complete().count() as u64;
    let archive_size_bytes: u64 = complete().map(|backup| backup.archive_size_bytes).sum();
    let original_size_bytes: u64 = complete().map(|backup| backup.original_size_bytes).sum();
    let mut by_kind = BTreeMap::new();
    for kind in Kind::ALL {
        let of_kind = complete().filter(|backup| backup.kind == kind).count() as u64;
        if of_kind > 0 {
            by_kind.insert(kind.as_str().to_owned(), of_kind);
        }
    }
    Stats {
        backup_count,
        archive_size_bytes,
        original_size_bytes,
        average_archive_bytes: archive_size_bytes.checked_div(backup_count).unwrap_or(0),
        compression_ratio: (archive_size_bytes > 0).then(|| original_size_bytes as f64 / archive_size_bytes as f64),
        verified_count: complete().filter(|backup| backup.level() >= crate::backup::Level::Opened).count() as u64,
        good_count: count(Verdict::Good),
        suspect_count: count(Verdict::Suspect),
        bad_count: count(Verdict::Bad),
        unproven_count: count(Verdict::Unproven),
        partial_count: count(Verdict::Partial),
        failed_count: in_state(&[BackupState::Failed, BackupState::Interrupted]),
        missing_count: in_state(&[BackupState::Missing]),
        oldest_at: complete().map(|backup| backup.created_at).min(),
        newest_at: complete().map(|backup| backup.created_at).max(),
        by_kind,
        growth_bytes_per_day: growth(complete(), now),
    }
}

/// The bytes of the last days over the days that they are spread over, at least one: a vault of an hour is no forecast for a day.
fn growth<'a>(complete: impl Iterator<Item = &'a Backup> + Clone, now: Timestamp) -> u64 {
    let age_ms = |backup: &Backup| now.duration_since(backup.created_at).as_millis();
    let recent = complete.filter(|backup| (0..=i128::from(GROWTH_DAYS * DAY_MS)).contains(&age_ms(backup)));
    let span_ms = recent.clone().map(age_ms).max().unwrap_or(0).max(i128::from(DAY_MS));
    let bytes: u64 = recent.map(|backup| backup.archive_size_bytes).sum();
    u64::try_from(i128::from(bytes) * i128::from(DAY_MS) / span_ms).unwrap_or(u64::MAX)
}

/// Days until the disk is full at this growth; none if it does not grow.
pub fn days_to_full(free_bytes: u64, growth_bytes_per_day: u64) -> Option<u64> {
    free_bytes.checked_div(growth_bytes_per_day)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::backup::example;

    #[test]
    fn backups_are_added_up() {
        let now = Timestamp::from_second(10_000_000).unwrap();
        let at = |days: i64, kind, archive_size_bytes| Backup {
            created_at: now - SignedDuration::from_hours(24 * days),
            kind,
            archive_size_bytes,
            original_size_bytes: archive_size_bytes * 4,
            ..example()
        };
        let failed = Backup { state: BackupState::Failed, ..at(1, Kind::Daily, 0) };
        let suspect = Backup { suspect: Some("x".into()), ..at(2, Kind::Manual, 100) };
        let all = [at(0, Kind::Daily, 100), at(10, Kind::Daily, 300), at(60, Kind::Weekly, 1000), failed, suspect];
        let found = stats(&all, now);
        assert_eq!((found.backup_count, found.archive_size_bytes, found.original_size_bytes), (4, 1500, 6000));
        assert_eq!((found.average_archive_bytes, found.compression_ratio), (375, Some(4.0)));
        assert_eq!((found.good_count, found.suspect_count, found.failed_count), (3, 1, 1));
        assert_eq!(found.by_kind, [("daily".to_owned(), 2), ("manual".to_owned(), 1), ("weekly".to_owned(), 1)].into());
        assert_eq!(found.growth_bytes_per_day, 50, "500 bytes over ten days");
        assert_eq!((found.oldest_at, found.newest_at), (Some(all[2].created_at), Some(now)));
        assert_eq!((days_to_full(1000, 50), days_to_full(1000, 0)), (Some(20), None));
        let none = stats(&[], now);
        assert_eq!((none.backup_count, none.average_archive_bytes, none.compression_ratio, none.growth_bytes_per_day), (0, 0, None, 0));
    }
}
