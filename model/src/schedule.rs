//! When a backup of which kind is taken: triggers, presets and their limits. The cron words themselves are read by the engine: time zones in
//! WASM cost too much.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    human,
    id::{DatabaseId, Kind},
    retention::RetentionPolicy,
    validate::Refusal,
};

/// What to do about a run that was missed while nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum IfMissed {
    #[default]
    RunOnce,
    Skip,
}

impl IfMissed {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunOnce => "run_once",
            Self::Skip => "skip",
        }
    }
}

/// What sets a run off.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "on")]
pub enum Trigger {
    /// Five fields (minute, hour, day of month, month, day of week) by the clock of an IANA zone, e.g. `0 2 * * *` in `Europe/Berlin`.
    Cron { cron: String, time_zone: String },
    /// Every so many seconds, counted from when the schedule was made.
    Interval { every_secs: u64 },
    /// Each time Keepstone starts.
    Start,
    /// Each time Keepstone is told to stop.
    Stop,
}

/// One schedule of one database, e.g. daily at `0 2 * * *` in Europe/Berlin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub kind: Kind,
    pub trigger: Trigger,
    #[serde(default)]
    pub if_missed: IfMissed,
    /// Each run comes later by a delay of at most this, always the same for one schedule: many databases on one machine do not begin at once.
    #[serde(default)]
    pub jitter_secs: u64,
    #[serde(default)]
    pub paused: bool,
}

/// The shortest interval, in seconds.
pub const INTERVAL_MIN_SECS: u64 = 60;
/// The longest interval, in seconds: a year with its leap day.
pub const INTERVAL_MAX_SECS: u64 = 366 * 86_400;
/// The largest jitter, in seconds.
pub const JITTER_MAX_SECS: u64 = 6 * 3600;
/// How many schedules a database may have.
pub const SCHEDULES_MAX: usize = 20;
/// How young the newest backup of the same content is for a start or stop to make none.
pub const UNCHANGED_WITHIN_SECS: u64 = 3600;

impl Schedule {
    /// A cron schedule with the defaults.
    pub fn cron(kind: Kind, cron: impl Into<String>, time_zone: impl Into<String>) -> Self {
        Self::of(kind, Trigger::Cron { cron: cron.into(), time_zone: time_zone.into() })
    }

    /// A schedule with the defaults: made up once if missed, no jitter.
    pub fn of(kind: Kind, trigger: Trigger) -> Self {
        Self { kind, trigger, if_missed: IfMissed::RunOnce, jitter_secs: 0, paused: false }
    }

    /// Whether it fits together; whether its cron can be read is asked where it is read.
    pub fn check(&self) -> Result<(), Refusal> {
        let refuse = |field, message: String| Err(Refusal { field, message });
        match &self.trigger {
            Trigger::Start if self.kind != Kind::Startup => {
                return refuse("kind", format!("what runs at the start makes backups of the kind startup, not {}", self.kind));
            }
            Trigger::Stop if self.kind != Kind::Shutdown => {
                return refuse("kind", format!("what runs at the stop makes backups of the kind shutdown, not {}", self.kind));
            }
            Trigger::Start | Trigger::Stop if self.jitter_secs > 0 => {
                return refuse("jitter", "what runs at the start or stop has no delay".to_owned());
            }
            Trigger::Start | Trigger::Stop => {}
            _ if !TIMED_KINDS.contains(&self.kind) => {
                let kinds: Vec<&str> = TIMED_KINDS.iter().map(|kind| kind.as_str()).collect();
                return refuse(
                    "kind",
                    format!("a schedule by the clock makes backups of the kinds {}, not {}", kinds.join(", "), self.kind),
                );
            }
            Trigger::Interval { every_secs } if !(INTERVAL_MIN_SECS..=INTERVAL_MAX_SECS).contains(every_secs) => {
                return refuse("every", "an interval is at least one minute and at most a year".to_owned());
            }
            Trigger::Interval { every_secs } if self.jitter_secs >= *every_secs => {
                return refuse("jitter", "the delay must be shorter than the interval".to_owned());
            }
            Trigger::Interval { .. } => {}
            Trigger::Cron { cron, .. } => match cron.split_whitespace().count() {
                5 => {}
                0 => return refuse("cron", "say when: minute, hour, day of month, month and day of week, e.g. 0 2 * * *".to_owned()),
                count => {
                    let message =
                        format!("\"{cron}\" has {count} fields, and a cron has five: minute, hour, day of month, month, day of week");
                    return refuse("cron", message);
                }
            },
        }
        if self.jitter_secs > JITTER_MAX_SECS {
            return refuse("jitter", format!("a delay is at most {}", human::duration_ms(JITTER_MAX_SECS * 1000)));
        }
        Ok(())
    }
}

/// The kinds of what runs by the clock.
pub const TIMED_KINDS: [Kind; 6] = [Kind::Hourly, Kind::Daily, Kind::Weekly, Kind::Monthly, Kind::Yearly, Kind::Interval];

/// The kind that a trigger suggests: the rarest that it fits, by its longest gap in seconds where it runs by a cron.
pub fn suggested_kind(trigger: &Trigger, longest_gap_secs: Option<u64>) -> Kind {
    const DAY: u64 = 86_400;
    match trigger {
        Trigger::Start => Kind::Startup,
        Trigger::Stop => Kind::Shutdown,
        Trigger::Interval { .. } => Kind::Interval,
        Trigger::Cron { .. } => match longest_gap_secs {
            // With the hour that daylight saving time adds.
            Some(gap) if gap <= 2 * 3600 => Kind::Hourly,
            // Also on working days only: three days over the weekend.
            Some(gap) if gap < 6 * DAY => Kind::Daily,
            Some(gap) if gap < 27 * DAY => Kind::Weekly,
            Some(gap) if gap < 200 * DAY => Kind::Monthly,
            _ => Kind::Yearly,
        },
    }
}

/// Ready-made schedules with the retention and the recovery that go with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Daily 02:00, weekly Monday 03:00, monthly on the 1st at 03:00.
    Standard,
    /// All three at 03:00.
    Three,
    /// Daily 02:00 and weekly Sunday 03:00.
    Sunday,
    /// The same, and monthly on the 1st at 04:00.
    SundayMonthly,
    /// Every 12 hours, at the start and at the stop, with auto-recovery.
    HalfDaily,
    /// One cron; 30 days and 30 backups.
    Cron,
}

impl Preset {
    pub const ALL: [Self; 6] = [Self::Standard, Self::Three, Self::Sunday, Self::SundayMonthly, Self::HalfDaily, Self::Cron];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Three => "three",
            Self::Sunday => "sunday",
            Self::SundayMonthly => "sunday-monthly",
            Self::HalfDaily => "half-daily",
            Self::Cron => "cron",
        }
    }

    /// What it does, in one line.
    pub fn words(self) -> &'static str {
        match self {
            Self::Standard => "daily 02:00, weekly Monday 03:00, monthly on the 1st at 03:00; keeps 7 daily, 4 weekly, 12 monthly",
            Self::Three => "daily, weekly on Monday and monthly on the 1st, all at 03:00; keeps 7 daily, 4 weekly, 12 monthly",
            Self::Sunday => "daily 02:00 and weekly Sunday 03:00; keeps 7 daily, 4 weekly",
            Self::SundayMonthly => "daily 02:00, weekly Sunday 03:00, monthly on the 1st at 04:00; keeps 7 daily, 4 weekly, 12 monthly",
            Self::HalfDaily => "every 12 hours, at the start and at the stop, with auto-recovery; keeps the last 10",
            Self::Cron => "one cron (0 2 * * * unless another is given); keeps 30 days and at most 30 backups",
        }
    }

    /// Its schedules; `cron` is for [`Preset::Cron`] alone, whose kind then follows from it.
    pub fn schedules(self, time_zone: &str, cron: Option<&str>) -> Vec<Schedule> {
        let by_cron = |kind, cron: &str| Schedule::cron(kind, cron, time_zone);
        let (daily, monday, first) = ("0 2 * * *", "0 3 * * 1", "0 3 1 * *");
        match self {
            Self::Standard => vec![by_cron(Kind::Daily, daily), by_cron(Kind::Weekly, monday), by_cron(Kind::Monthly, first)],
            Self::Three => vec![by_cron(Kind::Daily, "0 3 * * *"), by_cron(Kind::Weekly, monday), by_cron(Kind::Monthly, first)],
            Self::Sunday => vec![by_cron(Kind::Daily, daily), by_cron(Kind::Weekly, "0 3 * * 0")],
            Self::SundayMonthly => {
                vec![by_cron(Kind::Daily, daily), by_cron(Kind::Weekly, "0 3 * * 0"), by_cron(Kind::Monthly, "0 4 1 * *")]
            }
            Self::HalfDaily => vec![
                Schedule::of(Kind::Interval, Trigger::Interval { every_secs: 12 * 3600 }),
                Schedule::of(Kind::Startup, Trigger::Start),
                Schedule::of(Kind::Shutdown, Trigger::Stop),
            ],
            Self::Cron => vec![by_cron(Kind::Daily, cron.unwrap_or(daily))],
        }
    }

    pub fn retention(self) -> RetentionPolicy {
        match self {
            Self::Standard | Self::Three | Self::SundayMonthly => RetentionPolicy::standard(),
            Self::Sunday => RetentionPolicy { daily: Some(7), weekly: Some(4), ..RetentionPolicy::default() },
            Self::HalfDaily => RetentionPolicy { last: Some(10), ..RetentionPolicy::default() },
            Self::Cron => RetentionPolicy { max_age_secs: Some(30 * 86_400), max_count: Some(30), ..RetentionPolicy::default() },
        }
    }

    pub fn auto_recovery(self) -> bool {
        self == Self::HalfDaily
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Preset {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        Self::ALL.into_iter().find(|preset| preset.as_str() == text).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|preset| preset.as_str()).collect();
            Refusal { field: "preset", message: format!("no preset \"{text}\": there are {}", known.join(", ")) }
        })
    }
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

/// The delay of a schedule's runs, in seconds: within its jitter, and the same in every process and after every restart.
pub fn delay_secs(database: &DatabaseId, schedule: &Schedule) -> u64 {
    if schedule.jitter_secs == 0 {
        return 0;
    }
    // FNV-1a: spreads short texts well and is the same for ever, which the standard library does not promise of its own hasher.
    let trigger = match &schedule.trigger {
        Trigger::Cron { cron, time_zone } => format!("{cron} {time_zone}"),
        Trigger::Interval { every_secs } => every_secs.to_string(),
        Trigger::Start | Trigger::Stop => return 0,
    };
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in format!("{database} {} {trigger}", schedule.kind).bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // The low bits of FNV are its weak ones.
    (hash ^ (hash >> 32)) % (schedule.jitter_secs + 1)
}

/// How long past the longest gap between runs the newest good backup may be, unless the database says otherwise.
pub const OBJECTIVE_SLACK_SECS: u64 = 2 * 3600;

/// What holds for all jobs of a vault, in whichever process they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct JobLimits {
    /// So many queued backups run at once, and so many verifications; restores and cleanups are not held back. What a person begins at a
    /// terminal counts, and is not held back either.
    pub max_running: u32,
    /// A job that makes no progress for so long is cancelled, and abandoned a minute later.
    pub hung_after_secs: u64,
    /// How long the backups of a stop may take all together.
    pub stop_within_secs: u64,
}

impl Default for JobLimits {
    fn default() -> Self {
        Self { max_running: 2, hung_after_secs: 15 * 60, stop_within_secs: 30 }
    }
}

impl JobLimits {
    pub fn check(&self) -> Result<(), Refusal> {
        let refuse = |field, message: &str| Err(Refusal { field, message: message.to_owned() });
        if !(1..=32).contains(&self.max_running) {
            return refuse("max_running", "1 to 32 jobs run at once");
        }
        if !(60..=86_400).contains(&self.hung_after_secs) {
            return refuse("hung_after", "a job counts as hung after one minute at the least and a day at the most");
        }
        if !(1..=3600).contains(&self.stop_within_secs) {
            return refuse("stop_within", "the backups of a stop have one second at the least and an hour at the most");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daily(cron: &str) -> Schedule {
        Schedule::cron(Kind::Daily, cron, "UTC")
    }

    #[test]
    fn what_does_not_fit_together_is_refused_with_its_field() {
        let every = |every_secs| Schedule::of(Kind::Interval, Trigger::Interval { every_secs });
        let cases = [
            (daily("0 2 * * *"), None),
            (daily("0 2 * *"), Some("cron")),
            (daily(" "), Some("cron")),
            (Schedule { kind: Kind::Safety, ..daily("0 2 * * *") }, Some("kind")),
            (Schedule { kind: Kind::Startup, ..daily("0 2 * * *") }, Some("kind")),
            (Schedule { jitter_secs: JITTER_MAX_SECS + 1, ..daily("0 2 * * *") }, Some("jitter")),
            (every(59), Some("every")),
            (every(60), None),
            (every(INTERVAL_MAX_SECS + 1), Some("every")),
            (Schedule { jitter_secs: 60, ..every(60) }, Some("jitter")),
            (Schedule::of(Kind::Startup, Trigger::Start), None),
            (Schedule::of(Kind::Daily, Trigger::Start), Some("kind")),
            (Schedule::of(Kind::Startup, Trigger::Stop), Some("kind")),
            (Schedule { jitter_secs: 5, ..Schedule::of(Kind::Shutdown, Trigger::Stop) }, Some("jitter")),
        ];
        for (schedule, field) in cases {
            assert_eq!(schedule.check().err().map(|refusal| refusal.field), field, "{schedule:?}");
        }
    }

    #[test]
    fn presets_are_sound_and_named() {
        for preset in Preset::ALL {
            assert_eq!(preset.as_str().parse(), Ok(preset));
            let schedules = preset.schedules("Europe/Berlin", None);
            for schedule in &schedules {
                assert_eq!(schedule.check(), Ok(()), "{preset}");
            }
            assert_ne!(preset.retention(), RetentionPolicy::default(), "{preset} keeps by some rule");
            assert_eq!(preset.auto_recovery(), preset == Preset::HalfDaily);
        }
        assert!("weekly".parse::<Preset>().is_err());
        let crons = |preset: Preset| -> Vec<String> {
            let cron = |schedule: Schedule| match schedule.trigger {
                Trigger::Cron { cron, .. } => cron,
                other => format!("{other:?}"),
            };
            preset.schedules("UTC", Some("0 14 * * *")).into_iter().map(cron).collect()
        };
        assert_eq!(crons(Preset::Standard), ["0 2 * * *", "0 3 * * 1", "0 3 1 * *"]);
        assert_eq!(crons(Preset::Three), ["0 3 * * *", "0 3 * * 1", "0 3 1 * *"]);
        assert_eq!(crons(Preset::SundayMonthly), ["0 2 * * *", "0 3 * * 0", "0 4 1 * *"]);
        assert_eq!(crons(Preset::HalfDaily), ["Interval { every_secs: 43200 }", "Start", "Stop"]);
        assert_eq!(crons(Preset::Cron), ["0 14 * * *"]);
    }

    #[test]
    fn a_delay_is_within_the_jitter_and_spreads() {
        let schedule = Schedule { jitter_secs: 600, ..daily("0 2 * * *") };
        let delay = |n: u32| delay_secs(&format!("shop-{n}").parse().unwrap(), &schedule);
        let mut delays: Vec<u64> = (0..200).map(delay).collect();
        assert_eq!(delay(7), delay(7));
        assert!(delays.iter().all(|&delay| delay <= 600));
        delays.sort_unstable();
        delays.dedup();
        assert!(delays.len() > 150, "{}", delays.len());
        assert!(delays.iter().any(|&delay| delay < 60) && delays.iter().any(|&delay| delay > 540));
    }

    #[test]
    fn the_kind_follows_from_the_gap() {
        let trigger = Trigger::Cron { cron: String::new(), time_zone: String::new() };
        for (hours, kind) in
            [(1, Kind::Hourly), (12, Kind::Daily), (72, Kind::Daily), (168, Kind::Weekly), (744, Kind::Monthly), (8784, Kind::Yearly)]
        {
            assert_eq!(suggested_kind(&trigger, Some(hours * 3600)), kind, "{hours} h");
        }
    }
}
