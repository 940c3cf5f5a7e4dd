//! Names: of databases, backups, jobs and kinds, and how they are read and written.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Crockford's base32 in lower case: no i, l, o, u.
pub const CROCKFORD: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Why a text is not a name of the wanted sort.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidId {
    /// What it should have been, e.g. "database id".
    pub expected: &'static str,
    pub text: String,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is not a {}", self.text, self.expected)
    }
}

impl std::error::Error for InvalidId {}

macro_rules! text_id {
    ($name:ident) => {
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

/// Names a database in this vault, e.g. `shop`: a slug `[a-z0-9-]{1,40}` that is no name of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(example = "shop", pattern = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"))]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseId(String);
text_id!(DatabaseId);

impl FromStr for DatabaseId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fits = (1..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-')
            && !text.ends_with('-')
            && text.parse::<Kind>().is_err();
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidId { expected: "database id", text: text.to_owned() }) }
    }
}

impl DatabaseId {
    /// The id for a database of this file stem, avoiding those that are `taken`: `My Shop` → `my-shop`, `my-shop-2`, …
    pub fn from_stem(stem: &str, taken: impl Fn(&str) -> bool) -> Self {
        let mut slug = String::new();
        for c in stem.chars() {
            match c.to_ascii_lowercase() {
                c @ ('a'..='z' | '0'..='9') => slug.push(c),
                _ if slug.ends_with('-') || slug.is_empty() => {}
                _ => slug.push('-'),
            }
            if slug.len() == 36 {
                break;
            }
        }
        let slug = slug.trim_end_matches('-');
        let slug = if slug.is_empty() { "database" } else { slug };
        let base = if slug.parse::<Kind>().is_ok() { format!("{slug}-db") } else { slug.to_owned() };
        let mut candidate = base.clone();
        let mut number = 2_u32;
        while taken(&candidate) {
            candidate = format!("{base}-{number}");
            number += 1;
        }
        Self(candidate)
    }
}

/// Names a database for ever, wherever it moves, e.g. `7f3c…` (32 hexadecimal digits).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(example = "7f3c5d0a9b1e4c2f8a6d7e0b1c2d3e4f"))]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseUid(String);
text_id!(DatabaseUid);

impl FromStr for DatabaseUid {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fits = text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidId { expected: "database uid", text: text.to_owned() }) }
    }
}

/// What occasioned a backup, e.g. `daily`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Manual,
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
    Interval,
    Startup,
    Shutdown,
    /// Made before a restore, of the state that the restore replaces.
    Safety,
    /// Only where the source of an import names no kind.
    Imported,
}

impl Kind {
    pub const ALL: [Self; 11] = [
        Self::Manual,
        Self::Hourly,
        Self::Daily,
        Self::Weekly,
        Self::Monthly,
        Self::Yearly,
        Self::Interval,
        Self::Startup,
        Self::Shutdown,
        Self::Safety,
        Self::Imported,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
            Self::Interval => "interval",
            Self::Startup => "startup",
            Self::Shutdown => "shutdown",
            Self::Safety => "safety",
            Self::Imported => "imported",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| InvalidId { expected: "kind of backup", text: text.to_owned() })
    }
}

/// Names a backup, e.g. `shop_daily_20261120T030000Z_k3f9`: database, kind, UTC, four random characters. Read from the right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(example = "shop_daily_20261120T030000Z_k3f9"))]
#[serde(try_from = "String", into = "String")]
pub struct BackupId(String);
text_id!(BackupId);

impl BackupId {
    /// Composes an id; `random` is any number, of which the low 20 bits are used.
    pub fn compose(database: &DatabaseId, kind: Kind, at: Timestamp, random: u32) -> Self {
        let tail: String = (0..4).map(|i| CROCKFORD[(random >> (i * 5)) as usize & 31] as char).collect();
        Self(format!("{database}_{kind}_{}_{tail}", at.strftime("%Y%m%dT%H%M%SZ")))
    }

    /// The parts, from the right: (database, kind, time).
    fn split(text: &str) -> Option<(DatabaseId, Kind, Timestamp)> {
        let mut parts = text.rsplitn(4, '_');
        let tail = parts.next()?;
        let time = parts.next()?;
        let kind = parts.next()?.parse().ok()?;
        let database = parts.next()?.parse().ok()?;
        if tail.len() != 4 || !tail.bytes().all(|b| CROCKFORD.contains(&b)) || time.len() != 16 {
            return None;
        }
        let at = moment(time.as_bytes())?;
        Some((database, kind, at))
    }

    pub fn database(&self) -> DatabaseId {
        Self::split(&self.0).expect("checked when it was made").0
    }

    pub fn kind(&self) -> Kind {
        Self::split(&self.0).expect("checked when it was made").1
    }

    /// When the backup was begun, to the second.
    pub fn time(&self) -> Timestamp {
        Self::split(&self.0).expect("checked when it was made").2
    }
}

/// Reads `20261120T030000Z`. By hand: a parser of dates is 40 kB for every browser to load.
fn moment(text: &[u8]) -> Option<Timestamp> {
    let number = |range: std::ops::Range<usize>| {
        let digits = text.get(range)?;
        digits.iter().try_fold(0_i64, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
    };
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let (hour, minute, second) = (number(9..11)?, number(11..13)?, number(13..15)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    let fits = text.len() == 16 && text[8] == b'T' && text[15] == b'Z' && hour < 24 && minute < 60 && second < 60;
    if !fits || !(1..=days_of_month).contains(&day) {
        return None;
    }
    // Days since 1970 of the proleptic Gregorian calendar, years beginning in March, so that a leap day is the last of its year.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = y * 365 + y.div_euclid(4) - y.div_euclid(100) + y.div_euclid(400) + (153 * m + 2) / 5 + day - 1 - 719_468;
    Timestamp::from_second(((days * 24 + hour) * 60 + minute) * 60 + second).ok()
}

impl FromStr for BackupId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match Self::split(text) {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(InvalidId { expected: "backup id", text: text.to_owned() }),
        }
    }
}

/// Names a job, e.g. `j-01jd3k9v0q7x`: sorts by time of creation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(example = "j-01jd3k9v0q7x8"))]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);
text_id!(JobId);

impl JobId {
    /// Composes an id from the time (milliseconds, 9 characters) and randomness (4 characters).
    pub fn compose(at: Timestamp, random: u32) -> Self {
        let ms = at.as_millisecond().unsigned_abs();
        let digit = |value: u64| CROCKFORD[(value & 31) as usize] as char;
        let time = (0..9).rev().map(|i| digit(ms >> (i * 5)));
        let tail = (0..4).map(|i| digit(u64::from(random) >> (i * 5)));
        Self(std::iter::once("j-".to_owned()).chain([time.chain(tail).collect()]).collect())
    }
}

impl FromStr for JobId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text.strip_prefix("j-") {
            Some(rest) if rest.len() == 13 && rest.bytes().all(|b| CROCKFORD.contains(&b)) => Ok(Self(text.to_owned())),
            _ => Err(InvalidId { expected: "job id", text: text.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_stem_becomes_a_free_slug() {
        let none = |_: &str| false;
        assert_eq!(DatabaseId::from_stem("My Shop (2)", none).as_str(), "my-shop-2");
        assert_eq!(DatabaseId::from_stem("日本", none).as_str(), "database");
        assert_eq!(DatabaseId::from_stem("daily", none).as_str(), "daily-db");
        assert_eq!(DatabaseId::from_stem("shop", |t| t == "shop" || t == "shop-2").as_str(), "shop-3");
    }

    #[test]
    fn names_of_kinds_are_reserved() {
        for kind in Kind::ALL {
            assert!(kind.as_str().parse::<DatabaseId>().is_err());
        }
    }

    #[test]
    fn what_is_no_backup_id() {
        for text in [
            "",
            "shop",
            "shop_daily_20261120T030000Z",
            "shop_daily_20261120T030000Z_k3u9",
            "shop_never_20261120T030000Z_k3f9",
            "shop_daily_20261320T030000Z_k3f9",
            "../x_daily_20261120T030000Z_k3f9",
            "shop_daily_2026é120T03000Z_k3f9",
        ] {
            assert!(text.parse::<BackupId>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_backup_id_gives_back_its_parts(stem in ".{0,60}", kind in 0..11_usize, second in 0_i64..4_000_000_000, random: u32) {
            let database = DatabaseId::from_stem(&stem, |_| false);
            let at = Timestamp::from_second(second).unwrap();
            let id: BackupId = BackupId::compose(&database, Kind::ALL[kind], at, random).to_string().parse().unwrap();
            prop_assert_eq!((id.database(), id.kind(), id.time()), (database, Kind::ALL[kind], at));
        }

        #[test]
        fn job_ids_sort_by_time(a in 0_i64..30_000_000_000_000, b in 0_i64..30_000_000_000_000, x: u32, y: u32) {
            let id = |ms, r| JobId::compose(Timestamp::from_millisecond(ms).unwrap(), r);
            prop_assert!(id(a, x).to_string().parse::<JobId>().is_ok());
            if a != b { prop_assert_eq!(a < b, id(a, x) < id(b, y)); }
        }
    }
}
