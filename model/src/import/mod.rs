//! What other systems left: how it is recognised by its name, what it says of itself, and what each file becomes. Pure; files are read by the
//! engine.

pub mod moment;
pub mod name;
pub mod plan;
mod whose;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use crate::id::Kind;

/// Which system laid a file down, by its name and form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// A zip of a database and its `metadata.json`, in a folder of its kind.
    CosmicTeams,
    /// `<app>_backup_<type>_<time>.db`, with `metadata/<name>.json`.
    Chame,
    /// `data_backup_AUTO_<time>.db`, `data_latest.db`, `corrupted_<time>.db`.
    Crm,
    /// `backup_<time>.db[.gz][.enc]`, with `.metadata/<id>.json`.
    TheProgram,
    /// `<app>_backup_<type>_<time>.sql`, with a `.json`: PostgreSQL.
    Loopin,
    /// An archive of Keepstone's own.
    Keepstone,
    /// A database or a dump that no system named.
    File,
}

impl Layout {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CosmicTeams => "cosmic-teams",
            Self::Chame => "chame",
            Self::Crm => "crm",
            Self::TheProgram => "the-program",
            Self::Loopin => "loopin",
            Self::Keepstone => "keepstone",
            Self::File => "file",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a file's first bytes say it is, once what packs it is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    Sqlite,
    /// A script that makes a SQLite database.
    SqliteDump,
    /// A script of `pg_dump`.
    PostgresDump,
    /// `pg_dump`'s custom format.
    PostgresCustom,
    /// Cannot be seen before it is decrypted.
    Encrypted,
    /// A zip with one database and `metadata.json`.
    Zip,
    /// Keepstone's own archive.
    Archive,
    Empty,
    Unknown,
}

/// What a file's own metadata say, as far as they do. Nothing of it is trusted: hashes and counts are compared, the rest is text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sidecar {
    /// `backup_type`, e.g. `pre_restore`.
    pub kind: Option<String>,
    /// `created_at` and `timestamp`, the better one first.
    pub moments: Vec<String>,
    pub description: Option<String>,
    pub tags: Vec<String>,
    pub created_by: Option<String>,
    /// `backup_hash` or `checksum`, lower-case hexadecimal.
    pub checksum: Option<String>,
    /// `database_size`, `file_size`, `original_size`: of the plain database, if they are.
    pub size_bytes: Option<u64>,
    /// `table_counts`, or the counts of `schema`.
    pub table_counts: BTreeMap<String, u64>,
    /// `schema_version` or `database_version`, as text.
    pub version: Option<String>,
    pub pinned: bool,
}

/// The kind that a predecessor's word means; none: it names none that is known.
pub fn kind_of(word: &str) -> Option<Kind> {
    Some(match word.trim().to_ascii_lowercase().replace('-', "_").as_str() {
        "manual" | "user" | "on_demand" | "ondemand" => Kind::Manual,
        "hourly" => Kind::Hourly,
        "daily" => Kind::Daily,
        "weekly" => Kind::Weekly,
        "monthly" => Kind::Monthly,
        "yearly" | "annual" => Kind::Yearly,
        "auto" | "automatic" | "scheduled" | "interval" | "periodic" => Kind::Interval,
        "startup" | "start" => Kind::Startup,
        "shutdown" | "stop" => Kind::Shutdown,
        "safety" | "pre_restore" | "prerestore" | "before_restore" => Kind::Safety,
        _ => return None,
    })
}

/// The number of an import within its database: below every own one, and in the order of time whatever was imported before. Milliseconds, so
/// that those of one second have room side by side.
pub fn sequence_of(at: crate::Timestamp) -> i64 {
    at.as_millisecond().clamp(-IMPORT_BASE + 1, IMPORT_BASE - 1_000_000) - IMPORT_BASE
}

/// 2^50 ms are 35,000 years; and a double holds every number below.
const IMPORT_BASE: i64 = 1 << 50;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn imports_come_before_own_ones_and_in_time_order(a in -62_135_596_800_000_i64..253_402_000_000_000, b in -62_135_596_800_000_i64..253_402_000_000_000) {
            let sequence = |ms| sequence_of(crate::Timestamp::from_millisecond(ms).unwrap());
            prop_assert!(sequence(a) < 1 && sequence(a) > -(1 << 53));
            prop_assert_eq!(a.cmp(&b), sequence(a).cmp(&sequence(b)));
        }
    }

    #[test]
    fn words_of_predecessors() {
        assert_eq!(kind_of("PRE-RESTORE"), Some(Kind::Safety));
        assert_eq!(kind_of("AUTO"), Some(Kind::Interval));
        assert_eq!(kind_of("full"), None);
    }
}
