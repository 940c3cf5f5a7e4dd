//! How long a snapshot of a live SQLite database may go on: what a database is set to, and what holds where nothing is set.

use serde::{Deserialize, Serialize};

use crate::{
    human,
    validate::{self, Refusal},
};

/// The longest hold of a database that is small enough for it.
const HOLD_SECS: u64 = 30 * 60;
/// A disk that is slower than this with everything beside it would need more than the hold above.
const SLOW_BYTES_PER_S: u64 = 16_000_000;
const WAL_GROWTH_BYTES: u64 = 4 << 30;
const FREE_BYTES: u64 = 64 << 20;

/// When a snapshot gives itself up: a read transaction that is held pins the write-ahead log of the application. `None`: as it fits the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct SnapshotPolicy {
    /// How long it may be held, in seconds; null: half an hour, or longer where the database is so large that a slow disk needs it.
    #[cfg_attr(feature = "openapi", schema(minimum = 10, maximum = 2_592_000))]
    pub hold_secs: Option<u64>,
    /// How much the -wal file may grow meanwhile; null: 4 GiB, or the size of the database if that is more.
    #[cfg_attr(feature = "openapi", schema(minimum = 1_048_576, maximum = 1_125_899_906_842_624_u64))]
    pub wal_growth_bytes: Option<u64>,
    /// What stays free on the disk of the database while its -wal file grows, or while pages are put aside there; null: 64 MiB.
    #[cfg_attr(feature = "openapi", schema(minimum = 16_777_216, maximum = 1_125_899_906_842_624_u64))]
    pub free_bytes: Option<u64>,
}

impl SnapshotPolicy {
    pub fn hold_secs(&self, database_bytes: u64) -> u64 {
        self.hold_secs.unwrap_or_else(|| HOLD_SECS.max(database_bytes / SLOW_BYTES_PER_S))
    }

    pub fn wal_growth_bytes(&self, database_bytes: u64) -> u64 {
        self.wal_growth_bytes.unwrap_or_else(|| WAL_GROWTH_BYTES.max(database_bytes))
    }

    pub fn free_bytes(&self) -> u64 {
        self.free_bytes.unwrap_or(FREE_BYTES)
    }

    /// What is wrong with it, if anything.
    pub fn refusal(&self) -> Option<Refusal> {
        let outside = |value: Option<u64>, least: u64, most: u64| value.is_some_and(|value| !(least..=most).contains(&value));
        let refused = |field, message: &str| Some(Refusal { field, message: message.to_owned() });
        if outside(self.hold_secs, 10, 30 * 86_400) {
            refused("snapshot_hold", "a snapshot may be held for 10 s to 30 days")
        } else if outside(self.wal_growth_bytes, 1 << 20, 1 << 50) {
            refused("snapshot_wal", "the -wal file may grow by 1 MiB to 1 PiB")
        } else if outside(self.free_bytes, 16 << 20, 1 << 50) {
            refused("snapshot_free", "16 MiB to 1 PiB stay free")
        } else {
            None
        }
    }

    /// Takes in what a person writes, e.g. `2h`, `20GB`, `1GB`; each may be `auto` or empty.
    pub fn of(hold: &str, wal: &str, free: &str) -> Result<Self, Refusal> {
        let mut policy = Self::default();
        policy.set(Some(hold), Some(wal), Some(free))?;
        Ok(policy)
    }

    /// The same where only some are said.
    pub fn set(&mut self, hold: Option<&str>, wal: Option<&str>, free: Option<&str>) -> Result<(), Refusal> {
        let said = |text: &str| !matches!(text.trim(), "" | "auto");
        if let Some(hold) = hold {
            self.hold_secs = said(hold).then(|| validate::duration_secs("snapshot_hold", hold)).transpose()?;
        }
        if let Some(wal) = wal {
            self.wal_growth_bytes = said(wal).then(|| validate::size_bytes("snapshot_wal", wal)).transpose()?;
        }
        if let Some(free) = free {
            self.free_bytes = said(free).then(|| validate::size_bytes("snapshot_free", free)).transpose()?;
        }
        self.refusal().map_or(Ok(()), Err)
    }

    /// e.g. "held up to 2 h, -wal growth up to 20.0 GB, 67.1 MB kept free".
    pub fn words(&self) -> String {
        let hold = self.hold_secs.map_or_else(|| "30 min, longer by its size".to_owned(), |secs| human::duration_ms(secs * 1000));
        let wal = self.wal_growth_bytes.map_or_else(|| "4.3 GB, more by its size".to_owned(), human::bytes);
        format!("held up to {hold}; -wal growth up to {wal}; {} kept free", human::bytes(self.free_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_set_grows_with_the_database() {
        let policy = SnapshotPolicy::default();
        for (size, hold, wal) in [(1 << 20, 1800, 4 << 30), (1_000_000_000_000, 62_500, 1_000_000_000_000)] {
            assert_eq!((policy.hold_secs(size), policy.wal_growth_bytes(size), policy.free_bytes()), (hold, wal, 64 << 20));
        }
    }

    #[test]
    fn what_a_person_writes() {
        let policy = SnapshotPolicy::of("2h", "20GB", " auto ").unwrap();
        assert_eq!(policy, SnapshotPolicy { hold_secs: Some(7200), wal_growth_bytes: Some(20_000_000_000), free_bytes: None });
        assert_eq!(policy.words(), "held up to 2 h; -wal growth up to 20.0 GB; 67.1 MB kept free");
        assert_eq!(SnapshotPolicy::of("", "auto", "").unwrap(), SnapshotPolicy::default());
        for (hold, wal, free, field) in [("1s", "", "", "snapshot_hold"), ("", "5", "", "snapshot_wal"), ("", "", "0", "snapshot_free")] {
            assert_eq!(SnapshotPolicy::of(hold, wal, free).unwrap_err().field, field);
        }
        let mut some = policy;
        some.set(None, Some("auto"), Some("1 GiB")).unwrap();
        assert_eq!(some, SnapshotPolicy { hold_secs: Some(7200), wal_growth_bytes: None, free_bytes: Some(1 << 30) });
    }
}
