//! When a schedule comes up: cron words in a time zone. Pure: the time is always an argument.

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use keepstone_model::schedule::Schedule;

use crate::{Error, Result};

/// How many runs ahead are looked at for the longest gap: of a daily schedule two months, of a yearly one the next decades.
const RUNS_AHEAD: usize = 60;
/// And no further than this.
const DAYS_AHEAD: i64 = 800;

/// A schedule's cron, read, in its time zone.
#[derive(Debug, Clone)]
pub(crate) struct Timing {
    /// One for each time of day of a cron with fixed hours and minutes (`0 2,14 * * *` is two), else just the one. Each fixed time runs once
    /// per local date: in a gap of daylight saving time at the first valid minute after it, in an overlap the first time. Wildcards and
    /// steps run at every real occurrence. croner takes only a single hour and minute for a fixed time.
    crons: Vec<Cron>,
    text: String,
    zone: TimeZone,
}

impl Timing {
    pub(crate) fn of(schedule: &Schedule) -> Result<Self> {
        let zone = TimeZone::get(&schedule.time_zone)
            .map_err(|_| Error::Invalid { field: "time_zone", message: format!("no time zone \"{}\"", schedule.time_zone) })?;
        let invalid = |e: croner::errors::CronError| Error::Invalid { field: "cron", message: format!("\"{}\": {e}", schedule.cron) };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let crons = single_times(&schedule.cron).iter().map(|cron| parser.parse(cron)).collect::<Result<_, _>>().map_err(invalid)?;
        Ok(Self { crons, text: schedule.cron.clone(), zone })
    }

    /// The first run after `at`; none if it never comes up again.
    pub(crate) fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let local = at.to_zoned(self.zone.clone());
        // Later than `at` in any case, so that a surprise of the library never becomes a run that repeats for ever.
        let next = |cron: &Cron| cron.find_next_occurrence(&local, false).ok().map(|zoned| zoned.timestamp());
        self.crons.iter().filter_map(next).filter(|&next| next > at).min()
    }

    /// The longest time between two runs that follow each other, from `now` on; none if there are no two. By the wall clock: the hour that
    /// daylight saving time adds once a year is within the objective's slack.
    pub(crate) fn longest_gap_secs(&self, now: Timestamp) -> Option<u64> {
        let start = now.to_zoned(self.zone.clone()).datetime();
        let end = start.saturating_add(jiff::Span::new().days(DAYS_AHEAD));
        let next = |at: &DateTime| self.crons.iter().filter_map(|cron| cron.find_next_occurrence(at, false).ok()).min();
        let runs = std::iter::successors(next(&start), next);
        let runs: Vec<DateTime> = runs.take(RUNS_AHEAD).take_while(|run| *run <= end).collect();
        let gaps = runs.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs());
        gaps.max().and_then(|secs| u64::try_from(secs).ok())
    }

    /// In words, e.g. "Every Monday at 03:00".
    pub(crate) fn words(&self) -> String {
        let described = |cron: &Cron| {
            let words = cron.describe();
            let words = words.trim_end_matches('.');
            words.strip_prefix("At every ").map_or_else(|| words.to_owned(), |rest| format!("Every {rest}"))
        };
        // Several times of day are described as the one cron that they were written as.
        usual_words(&self.text).unwrap_or_else(|| self.text.parse().map_or_else(|_| self.text.clone(), |cron| described(&cron)))
    }
}

/// `0 2,14 * * *` → `0 2 * * *` and `0 14 * * *`; anything but plain numbers stays as it is.
fn single_times(cron: &str) -> Vec<String> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [minutes, hours, rest @ ..] = fields.as_slice() else { return vec![cron.to_owned()] };
    let plain = |field: &str| field.bytes().all(|b| b.is_ascii_digit() || b == b',');
    if !plain(minutes) || !plain(hours) {
        return vec![cron.to_owned()];
    }
    let rest = rest.join(" ");
    hours.split(',').flat_map(|hour| minutes.split(',').map(move |minute| (minute, hour))).map(|(m, h)| format!("{m} {h} {rest}")).collect()
}

fn usual_words(cron: &str) -> Option<String> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [minute, hour, day, "*", weekday] = fields.as_slice() else { return None };
    if *hour == "*" && *day == "*" && *weekday == "*" {
        return Some(format!("Every hour at minute {}", minute.parse::<u8>().ok()?));
    }
    let time = format!("{:02}:{:02}", hour.parse::<u8>().ok()?, minute.parse::<u8>().ok()?);
    match (*day, *weekday) {
        ("*", "*") => Some(format!("Every day at {time}")),
        ("*", weekday) => {
            let name = match weekday.to_ascii_uppercase().as_str() {
                "0" | "7" | "SUN" => "Sunday",
                "1" | "MON" => "Monday",
                "2" | "TUE" => "Tuesday",
                "3" | "WED" => "Wednesday",
                "4" | "THU" => "Thursday",
                "5" | "FRI" => "Friday",
                "6" | "SAT" => "Saturday",
                _ => return None,
            };
            Some(format!("Every {name} at {time}"))
        }
        (day, "*") => {
            let number = day.parse::<u8>().ok()?;
            let ending = match number {
                1 | 21 | 31 => "st",
                2 | 22 => "nd",
                3 | 23 => "rd",
                _ => "th",
            };
            Some(format!("On the {number}{ending} of each month at {time}"))
        }
        _ => None,
    }
}
