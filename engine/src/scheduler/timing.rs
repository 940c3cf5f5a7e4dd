//! When a schedule comes up: cron words in a time zone, or a grid of equal intervals. Pure: the time is always an argument.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::{AmbiguousOffset, TimeZone},
};
use keepstone_model::{
    human,
    id::DatabaseId,
    schedule::{Schedule, Trigger, delay_secs},
};

use super::words;
use crate::{Error, Result, catalog::ScheduleRow};

/// How many runs ahead are looked at for the longest gap: of a daily schedule two months, of a yearly one the next decades.
const RUNS_AHEAD: usize = 60;
/// And no further than this.
const DAYS_AHEAD: i64 = 800;
/// How far ahead changes of the clock are told.
const NOTES_AHEAD: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How many fixed times of day a cron may have to be taken apart into them.
const MOST_TIMES: usize = 48;

/// A schedule's trigger, read.
#[derive(Debug, Clone)]
pub(crate) struct Timing {
    rule: Rule,
    /// Each run comes so much later than its rule says.
    delay: SignedDuration,
}

#[derive(Debug, Clone)]
enum Rule {
    Cron(Box<ByClock>),
    /// All moments that are a whole number of intervals from the anchor: before it, too, for the clock may be set back behind it.
    Interval {
        anchor: Timestamp,
        every: SignedDuration,
    },
    /// Not by the clock.
    Event(&'static str),
}

#[derive(Debug, Clone)]
struct ByClock {
    /// One for each time of day of a cron with fixed hours and minutes (`0 2,14 * * *` is two), else just the one. Each fixed time runs once
    /// per local date: in a gap of daylight saving time at the first valid minute after it, in an overlap the first time. Wildcards and
    /// steps run at every real occurrence. croner takes only a single hour and minute for a fixed time.
    crons: Vec<Cron>,
    /// The fixed time of each cron; none of a cron with wildcards or steps.
    fixed: Vec<Time>,
    text: String,
    zone: TimeZone,
}

impl Timing {
    /// As the schedule says it, without the delay, intervals counted from 1970. To check, to describe, to measure gaps.
    pub(crate) fn of(schedule: &Schedule) -> Result<Self> {
        schedule.check().map_err(|refusal| Error::Invalid { field: refusal.field, message: refusal.message })?;
        let rule = match &schedule.trigger {
            Trigger::Cron { cron, time_zone } => Rule::Cron(Box::new(ByClock::read(cron, time_zone)?)),
            Trigger::Interval { every_secs } => {
                let every = i64::try_from(*every_secs).map_or(SignedDuration::MAX, SignedDuration::from_secs);
                Rule::Interval { anchor: Timestamp::UNIX_EPOCH, every }
            }
            Trigger::Start => Rule::Event("Each time Keepstone starts"),
            Trigger::Stop => Rule::Event("Each time Keepstone is told to stop"),
        };
        Ok(Self { rule, delay: SignedDuration::ZERO })
    }

    /// As it runs for a database, counted from `anchor`.
    pub(crate) fn for_database(database: &DatabaseId, schedule: &Schedule, anchor: Timestamp) -> Result<Self> {
        let mut timing = Self::of(schedule)?;
        if let Rule::Interval { anchor: from, .. } = &mut timing.rule {
            *from = anchor;
        }
        timing.delay = SignedDuration::from_secs(i64::try_from(delay_secs(database, schedule)).unwrap_or_default());
        Ok(timing)
    }

    pub(crate) fn of_row(row: &ScheduleRow) -> Result<Self> {
        Self::for_database(&row.database, &row.schedule, row.anchor_at)
    }

    /// The first run after `at`; none if it never comes up again, or not by the clock.
    pub(crate) fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let by_rule = at.checked_sub(self.delay).ok()?;
        let next = match &self.rule {
            Rule::Cron(cron) => cron.next_after(by_rule),
            // The anchor is where it was set, and no run: not even one that the delay moves behind it.
            Rule::Interval { anchor, every } if at >= *anchor => next_on_grid(*anchor, *every, by_rule.max(*anchor)),
            Rule::Interval { anchor, every } => next_on_grid(*anchor, *every, by_rule),
            Rule::Event(_) => None,
        }?;
        next.checked_add(self.delay).ok()
    }

    /// The longest time between two runs that follow each other, from `now` on; none if there are no two. By the wall clock: the hour that
    /// daylight saving time adds once a year is within the objective's slack.
    pub(crate) fn longest_gap_secs(&self, now: Timestamp) -> Option<u64> {
        match &self.rule {
            Rule::Cron(cron) => cron.longest_gap_secs(now),
            Rule::Interval { every, .. } => u64::try_from(every.as_secs()).ok(),
            Rule::Event(_) => None,
        }
    }

    /// In words, e.g. "Every Monday at 03:00".
    pub(crate) fn words(&self) -> String {
        match &self.rule {
            Rule::Cron(cron) => words::of_cron(&cron.text),
            Rule::Interval { every, .. } => {
                format!("Every {}", human::duration_ms(every.as_millis().unsigned_abs().try_into().unwrap_or(u64::MAX)))
            }
            Rule::Event(words) => (*words).to_owned(),
        }
    }

    /// What the clock does at a run of this schedule that a person would wonder about; nothing on ordinary days.
    pub(crate) fn note(&self, run: Timestamp) -> Option<String> {
        let Rule::Cron(cron) = &self.rule else { return None };
        cron.note(run.checked_sub(self.delay).ok()?)
    }

    /// The changes of the clock in the next year that touch runs of this schedule, e.g. "28 March 2027: 02:30 does not exist on this day, …".
    pub(crate) fn clock_notes(&self, now: Timestamp) -> Vec<String> {
        let Rule::Cron(cron) = &self.rule else { return Vec::new() };
        let until = now.saturating_add(NOTES_AHEAD).unwrap_or(now);
        let mut notes: Vec<String> = Vec::new();
        for change in cron.zone.following(now).map(|change| change.timestamp()).take_while(|change| *change <= until) {
            let day = SignedDuration::from_hours(24);
            let (Ok(from), Ok(to)) = (change.checked_sub(day), change.checked_add(day)) else { continue };
            let runs = std::iter::successors(cron.next_after(from), |run| cron.next_after(*run)).take_while(|run| *run < to);
            for run in runs.filter(|run| *run > now) {
                if let Some(note) = cron.note(run) {
                    let note = format!("{}: {note}", run.to_zoned(cron.zone.clone()).strftime("%-d %B %Y"));
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                }
            }
        }
        notes
    }

    /// The zone by whose clock it runs; none for what follows no clock.
    pub(crate) fn zone(&self) -> Option<&TimeZone> {
        match &self.rule {
            Rule::Cron(cron) => Some(&cron.zone),
            _ => None,
        }
    }
}

impl ByClock {
    fn read(cron: &str, time_zone: &str) -> Result<Self> {
        let zone = TimeZone::get(time_zone).map_err(|_| Error::Invalid {
            field: "time_zone",
            message: format!("there is no time zone \"{time_zone}\": use a name like Europe/Berlin or UTC"),
        })?;
        let invalid = |e: croner::errors::CronError| Error::Invalid {
            field: "cron",
            message: format!("\"{cron}\" is no cron: {}", words::of_fault(&e)),
        };
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let single = single_times(cron);
        let crons = single.iter().map(|(cron, _)| parser.parse(cron)).collect::<Result<_, _>>().map_err(invalid)?;
        Ok(Self { crons, fixed: single.into_iter().filter_map(|(_, time)| time).collect(), text: cron.to_owned(), zone })
    }

    fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let local = at.to_zoned(self.zone.clone());
        // Later than `at` in any case, so that a surprise of the library never becomes a run that repeats for ever.
        let next = |cron: &Cron| cron.find_next_occurrence(&local, false).ok().map(|zoned| zoned.timestamp());
        self.crons.iter().filter_map(next).filter(|&next| next > at).min()
    }

    /// Reckoned once for each text and day, from that day's beginning on: every look at a database's state asks for it.
    fn longest_gap_secs(&self, now: Timestamp) -> Option<u64> {
        type Known = BTreeMap<(String, Date), Option<u64>>;
        const KNOWN_MAX: usize = 1000;
        static KNOWN: Mutex<Known> = Mutex::new(Known::new());
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let day = now.to_zoned(self.zone.clone()).date();
        let key = (self.text.clone(), day);
        if let Some(gap) = known().get(&key) {
            return *gap;
        }
        let gap = self.longest_gap_secs_from(day.to_datetime(Time::midnight()));
        let mut known = known();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(key, gap);
        gap
    }

    fn longest_gap_secs_from(&self, start: DateTime) -> Option<u64> {
        let end = start.saturating_add(jiff::Span::new().days(DAYS_AHEAD));
        let next = |at: &DateTime| self.crons.iter().filter_map(|cron| cron.find_next_occurrence(at, false).ok()).min();
        let runs = std::iter::successors(next(&start), next);
        let runs: Vec<DateTime> = runs.take(RUNS_AHEAD).take_while(|run| *run <= end).collect();
        let gaps = runs.windows(2).map(|pair| pair[1].duration_since(pair[0]).as_secs());
        gaps.max().and_then(|secs| u64::try_from(secs).ok())
    }

    fn note(&self, run: Timestamp) -> Option<String> {
        let local = run.to_zoned(self.zone.clone());
        if self.fixed.is_empty() {
            let twice = matches!(self.zone.to_ambiguous_timestamp(local.datetime()).offset(), AmbiguousOffset::Fold { .. });
            return twice.then(|| "the clock goes back, this hour comes twice, and it runs both times".to_owned());
        }
        self.fixed.iter().find_map(|fixed| {
            let wished = local.date().to_datetime(*fixed);
            let wished_words = fixed.strftime("%H:%M");
            match self.zone.to_ambiguous_timestamp(wished).offset() {
                AmbiguousOffset::Gap { .. } if is_first_after(&self.zone, wished, run) => Some(format!(
                    "{wished_words} does not exist on this day, the clock goes forward; it runs at {}",
                    local.strftime("%H:%M")
                )),
                AmbiguousOffset::Fold { .. } if local.datetime() == wished => {
                    Some(format!("{wished_words} comes twice on this day, the clock goes back; it runs the first time"))
                }
                _ => None,
            }
        })
    }
}

/// Whether `run` is the first moment after the gap in which a local time lies.
fn is_first_after(zone: &TimeZone, in_gap: DateTime, run: Timestamp) -> bool {
    // By the offset before the gap the wished time lies behind it, by the one after it before it: the change is between the two.
    zone.to_ambiguous_timestamp(in_gap)
        .earlier()
        .ok()
        .and_then(|early| zone.following(early).next())
        .is_some_and(|change| change.timestamp() == run)
}

fn next_on_grid(anchor: Timestamp, every: SignedDuration, after: Timestamp) -> Option<Timestamp> {
    let (anchor, every, after) = (anchor.as_millisecond(), i64::try_from(every.as_millis()).ok()?, after.as_millisecond());
    let steps = after.checked_sub(anchor)?.div_euclid(every) + 1;
    Timestamp::from_millisecond(anchor.checked_add(steps.checked_mul(every)?)?).ok()
}

/// The plain numbers and ranges of a field; none if it holds anything else.
fn numbers(field: &str) -> Option<Vec<i8>> {
    let mut all = Vec::new();
    for part in field.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (from.parse::<i8>().ok()?, to.parse::<i8>().ok()?);
        // A range that runs backwards is for the parser to refuse.
        if from > to {
            return None;
        }
        all.extend(from..=to);
    }
    Some(all)
}

/// `0 2,14 * * *` → `0 2 * * *` and `0 14 * * *`, each with its time; likewise of a range (`9-17`). Wildcards and steps stay as they are, and so
/// does what would be very many.
fn single_times(cron: &str) -> Vec<(String, Option<Time>)> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let whole = || vec![(cron.to_owned(), None)];
    let [minutes, hours, rest @ ..] = fields.as_slice() else { return whole() };
    let (Some(minutes), Some(hours)) = (numbers(minutes), numbers(hours)) else { return whole() };
    if minutes.len() * hours.len() > MOST_TIMES {
        return whole();
    }
    let rest = rest.join(" ");
    let times = hours.iter().flat_map(|hour| minutes.iter().map(move |minute| (*hour, *minute)));
    let single = times.map(|(hour, minute)| Some((format!("{minute} {hour} {rest}"), Some(Time::new(hour, minute, 0, 0).ok()?))));
    // Times that do not exist are for the parser to refuse, in its words.
    single.collect::<Option<Vec<_>>>().unwrap_or_else(whole)
}
