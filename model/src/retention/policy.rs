//! The policy of a database: how many backups of each kind, and limits over all of them.

use serde::{Deserialize, Serialize};

use crate::{human, id::Kind, validate::Refusal};

/// How many startup and how many shutdown backups are kept where the policy does not say: a crash loop must neither fill the disk nor evict
/// the backups of the schedules.
pub const STARTUP_KEEP: u32 = 10;

const DAY_SECS: u64 = 24 * 3600;
/// More than any vault holds.
const COUNT_MAX: u32 = 1_000_000;
const DAYS_MAX: u64 = 36_500;

/// How many backups of each kind cleanup keeps, and limits over all of them. `None`: no rule of that sort.
///
/// A count keeps the newest good backups of its kind; a maximum removes. A kind that neither has a count nor falls under `last` is removed by
/// the maxima only. What is never removed whatever the policy says stands in `docs/operations.md`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RetentionPolicy {
    /// The newest good ones over all automatic kinds but startup and shutdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hourly: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly: Option<u32>,
    /// Yearly ones, and the oldest monthly one of each of so many years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yearly: Option<u32>,
    /// None: [`STARTUP_KEEP`], as long as the policy has any rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<u32>,
    /// None: [`STARTUP_KEEP`], as long as the policy has any rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<u32>,
    /// Older ones are removed, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_secs: Option<u64>,
    /// More than so many are not kept, the oldest go first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_count: Option<u32>,
    /// Whether imported backups fall under the rules like own ones; else they stay.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub imported: bool,
}

impl RetentionPolicy {
    /// Of a new database: 7 daily, 4 weekly, 12 monthly.
    pub fn standard() -> Self {
        Self { daily: Some(7), weekly: Some(4), monthly: Some(12), ..Self::default() }
    }

    /// Whether it has no rule at all: then everything stays.
    pub fn is_empty(&self) -> bool {
        *self == Self { imported: self.imported, ..Self::default() }
    }

    /// How many of a kind are kept, if there is a count for just this kind.
    pub fn count_of(&self, kind: Kind) -> Option<u32> {
        match kind {
            Kind::Hourly => self.hourly,
            Kind::Daily => self.daily,
            Kind::Weekly => self.weekly,
            Kind::Monthly => self.monthly,
            Kind::Yearly => self.yearly,
            Kind::Startup => self.startup.or_else(|| (!self.is_empty()).then_some(STARTUP_KEEP)),
            Kind::Shutdown => self.shutdown.or_else(|| (!self.is_empty()).then_some(STARTUP_KEEP)),
            Kind::Manual | Kind::Interval | Kind::Safety | Kind::Imported => None,
        }
    }

    /// Whether `last` is about this kind.
    pub(super) fn last_covers(kind: Kind) -> bool {
        !matches!(kind, Kind::Startup | Kind::Shutdown | Kind::Safety)
    }

    /// e.g. `7 daily, 4 weekly, 12 monthly`.
    pub fn words(&self) -> String {
        let counts = [
            (self.last, "last"),
            (self.hourly, "hourly"),
            (self.daily, "daily"),
            (self.weekly, "weekly"),
            (self.monthly, "monthly"),
            (self.yearly, "yearly"),
            (self.startup, "startup"),
            (self.shutdown, "shutdown"),
        ];
        let mut words: Vec<String> = counts
            .into_iter()
            .filter_map(|(count, word)| {
                count.map(|count| if word == "last" { format!("the last {count}") } else { format!("{count} {word}") })
            })
            .collect();
        words.extend(self.max_age_secs.map(|secs| format!("at most {} old", age(secs))));
        words.extend(self.max_count.map(|count| format!("at most {count} in all")));
        if words.is_empty() { "everything stays".to_owned() } else { words.join(", ") }
    }

    pub fn check(&self) -> Result<(), Refusal> {
        let counts = [
            ("last", self.last),
            ("hourly", self.hourly),
            ("daily", self.daily),
            ("weekly", self.weekly),
            ("monthly", self.monthly),
            ("yearly", self.yearly),
            ("startup", self.startup),
            ("shutdown", self.shutdown),
            ("max_count", self.max_count),
        ];
        if let Some((field, _)) = counts.into_iter().find(|(_, count)| count.is_some_and(|count| count > COUNT_MAX)) {
            return Err(Refusal { field, message: format!("a count is at most {COUNT_MAX}") });
        }
        if self.max_count == Some(0) {
            return Err(Refusal { field: "max_count", message: "at least one backup is kept".to_owned() });
        }
        if self.max_age_secs.is_some_and(|secs| !(3600..=DAYS_MAX * DAY_SECS).contains(&secs)) {
            return Err(Refusal { field: "max_age", message: "a maximum age is one hour to a hundred years".to_owned() });
        }
        Ok(())
    }
}

/// An age as a policy has it, e.g. `30 d`.
pub(super) fn age(secs: u64) -> String {
    if secs.is_multiple_of(DAY_SECS) { format!("{} d", secs / DAY_SECS) } else { human::duration_ms(secs.saturating_mul(1000)) }
}

/// A policy as a form or an address has it: one text for each rule, empty where there is none; the greatest age in days, or
/// hours as in `36h`. Read the same by the
/// server and by the browser's preview.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PolicyText {
    /// In the order of [`PolicyText::FIELDS`].
    pub values: [String; 10],
    pub imported: bool,
}

impl PolicyText {
    pub const FIELDS: [&'static str; 10] =
        ["last", "hourly", "daily", "weekly", "monthly", "yearly", "startup", "shutdown", "max_age", "max_count"];

    pub fn of(policy: &RetentionPolicy) -> Self {
        let text = |count: Option<u32>| count.map(|count| count.to_string()).unwrap_or_default();
        let age = policy.max_age_secs.map(|secs| match secs.div_ceil(3600) {
            hours if hours.is_multiple_of(24) => (hours / 24).to_string(),
            hours => format!("{hours}h"),
        });
        Self {
            values: [
                text(policy.last),
                text(policy.hourly),
                text(policy.daily),
                text(policy.weekly),
                text(policy.monthly),
                text(policy.yearly),
                text(policy.startup),
                text(policy.shutdown),
                age.unwrap_or_default(),
                text(policy.max_count),
            ],
            imported: policy.imported,
        }
    }

    pub fn policy(&self) -> Result<RetentionPolicy, Refusal> {
        let count = |index: usize| -> Result<Option<u32>, Refusal> {
            let text = self.values[index].trim();
            if text.is_empty() {
                return Ok(None);
            }
            let message = || format!("\"{text}\" is not a number of backups: give a whole number, or nothing for no such rule");
            text.parse().map(Some).map_err(|_| Refusal { field: Self::FIELDS[index], message: message() })
        };
        let age = self.values[8].trim();
        let max_age_secs = if age.is_empty() {
            None
        } else {
            let (digits, unit_secs) = age.strip_suffix('h').map_or((age.trim_end_matches('d'), DAY_SECS), |hours| (hours, 3600));
            let secs = digits.trim().parse::<u32>().ok().map(|number| u64::from(number) * unit_secs);
            let message = || format!("\"{age}\" is not an age: give a number of days, hours as in 36h, or nothing for no such rule");
            Some(secs.ok_or_else(|| Refusal { field: "max_age", message: message() })?)
        };
        let policy = RetentionPolicy {
            last: count(0)?,
            hourly: count(1)?,
            daily: count(2)?,
            weekly: count(3)?,
            monthly: count(4)?,
            yearly: count(5)?,
            startup: count(6)?,
            shutdown: count(7)?,
            max_age_secs,
            max_count: count(9)?,
            imported: self.imported,
        };
        policy.check()?;
        Ok(policy)
    }
}
