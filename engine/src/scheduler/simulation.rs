//! Ten years of schedules in seconds: a clock that is made up, processes that die and sleep, pauses, full queues, and clocks that are set.
//! What must run is said by an oracle that reads neither cron nor the code under test.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Weekday},
    tz::{AmbiguousOffset, TimeZone},
};
use keepstone_model::{
    id::{DatabaseId, Kind},
    schedule::{IfMissed, Schedule, Trigger, delay_secs},
};

use super::{
    decide::{Circumstances, Decision, decide, first_standing},
    timing::Timing,
};
use crate::testing::at;

const BEGIN: &str = "2020-01-01T00:00:00Z";
const END: &str = "2030-01-01T00:00:00Z";
const LATE: SignedDuration = SignedDuration::from_mins(5);

/// A rule in the oracle's own words.
enum Rule {
    /// These local times on the days that fit.
    Times(&'static [(i8, i8)], fn(Date) -> bool),
    /// Whenever the local clock shows these minutes of these hours.
    Whenever(fn(i8) -> bool, &'static [i8]),
    EverySecs(i64),
}

/// Every moment at which the rule must run, by the clock of the zone: fixed times once per date, in a gap at the moment the clock has moved
/// on; all else at every real occurrence.
fn moments(rule: &Rule, zone: &TimeZone) -> BTreeSet<Timestamp> {
    let (begin, end) = (at(BEGIN), at(END));
    let mut moments = BTreeSet::new();
    match rule {
        Rule::Times(times, fits) => {
            let mut date = begin.to_zoned(zone.clone()).date();
            while date <= end.to_zoned(zone.clone()).date() {
                for (hour, minute) in times.iter().filter(|_| fits(date)) {
                    let local = date.at(*hour, *minute, 0, 0);
                    moments.insert(match zone.to_ambiguous_timestamp(local).offset() {
                        AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                            offset.to_timestamp(local).unwrap()
                        }
                        // By the offset after the gap it lies before the gap: the moment of the change is the first one behind it.
                        AmbiguousOffset::Gap { after, .. } => {
                            zone.following(after.to_timestamp(local).unwrap()).next().unwrap().timestamp()
                        }
                    });
                }
                date = date.tomorrow().unwrap();
            }
        }
        Rule::Whenever(hours, minutes) => {
            // All offsets of the zones here are whole quarters of an hour.
            let quarter = SignedDuration::from_mins(15);
            let mut moment = begin;
            while moment < end {
                let local = zone.to_datetime(moment);
                if hours(local.hour()) && minutes.contains(&local.minute()) {
                    moments.insert(moment);
                }
                moment += quarter;
            }
        }
        Rule::EverySecs(secs) => {
            moments.extend(
                std::iter::successors(Some(begin), |moment| Some(*moment + SignedDuration::from_secs(*secs))).take_while(|m| *m < end),
            );
        }
    }
    moments.into_iter().filter(|moment| *moment > begin && *moment < end).collect()
}

/// Small, and the same on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn once_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn secs(&mut self, from: u64, to: u64) -> SignedDuration {
        SignedDuration::from_secs(i64::try_from(from + self.below(to - from)).unwrap())
    }
}

/// What must run when, told from what happened so far.
struct Oracle {
    moments: BTreeSet<Timestamp>,
    if_missed: IfMissed,
    /// All moments up to here are dealt with.
    covered: Timestamp,
    /// What ran, by the moment it was for, since the clock was last found to be wrong by more than a run.
    ran: BTreeSet<Timestamp>,
}

impl Oracle {
    /// The moment for which a run must begin now; none: nothing may.
    fn expects(&mut self, now: Timestamp, held: bool) -> Option<Timestamp> {
        if now < self.covered {
            let Some(&last) = self.ran.range((std::ops::Bound::Excluded(now), std::ops::Bound::Unbounded)).next_back() else {
                self.covered = now;
                return None;
            };
            let between = self.moments.range((std::ops::Bound::Excluded(now), std::ops::Bound::Excluded(last))).next();
            if between.is_none() {
                self.covered = last;
            } else {
                // The clock was wrong: what it was taken for is forgotten.
                self.ran.retain(|run| *run <= now);
                self.covered = now;
            }
            return None;
        }
        let due: Vec<Timestamp> =
            self.moments.range((std::ops::Bound::Excluded(self.covered), std::ops::Bound::Included(now))).copied().collect();
        self.covered = now;
        if held {
            return None;
        }
        match self.if_missed {
            IfMissed::RunOnce => due.first().copied(),
            IfMissed::Skip => due.into_iter().find(|moment| now.duration_since(*moment) <= LATE),
        }
    }

    fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.moments.range((std::ops::Bound::Excluded(now), std::ops::Bound::Unbounded)).next().copied()
    }
}

#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    made_up: usize,
    deaths: usize,
    set_back: usize,
    forgotten: usize,
    held: usize,
}

/// Lets the decade pass. The clock that the code sees may be wrong; what really passes only ever goes on.
fn live(schedule: &Schedule, rule: &Rule, zone: &TimeZone, seed: u64) -> Tally {
    let database: DatabaseId = "shop".parse().unwrap();
    let timing = Timing::for_database(&database, schedule, at(BEGIN)).unwrap();
    let delay = SignedDuration::from_secs(i64::try_from(delay_secs(&database, schedule)).unwrap());
    let moments = moments(rule, zone).into_iter().map(|moment| moment + delay).collect();
    let mut oracle = Oracle { moments, if_missed: schedule.if_missed, covered: at(BEGIN), ran: BTreeSet::new() };
    let (mut dice, mut tally) = (Dice(seed | 1), Tally::default());
    let mut standing = first_standing(&timing, at(BEGIN));
    let (mut now, end) = (at(BEGIN), at("2029-11-01T00:00:00Z"));
    let mut held_until = None;
    while now < end {
        // On to just behind the next moment, or less far: a process looks every five seconds.
        let next = oracle.next(now.max(oracle.covered)).map_or(end, |next| next + dice.secs(0, 5));
        now = if dice.once_in(4) { next.min(now + dice.secs(1, 7 * 3600)) } else { next };
        match dice.below(400) {
            0..12 => {
                tally.deaths += 1;
                now += dice.secs(60, 20 * 86_400);
            }
            12..18 => now += dice.secs(1, 3 * 86_400),
            // Not over the beginning, before which nobody said what ran.
            18..29 if now < at("2020-01-04T00:00:00Z") => {}
            18..26 => {
                tally.set_back += 1;
                now -= dice.secs(1, 26 * 3600);
            }
            26..29 => {
                tally.set_back += 1;
                now -= dice.secs(1, 90);
            }
            29..41 => held_until = Some(now + dice.secs(1, 5 * 86_400)),
            _ => {}
        }
        held_until = held_until.filter(|until| *until > now);
        let held = held_until.is_some();
        let circumstances = Circumstances { now, paused: held && dice.once_in(2), waiting: false };
        let circumstances = Circumstances { waiting: held && !circumstances.paused, ..circumstances };
        let ran_before = oracle.ran.len();
        let expected = oracle.expects(now, held);
        tally.forgotten += usize::from(oracle.ran.len() < ran_before);
        let told = || format!("{schedule:?} at {now}, seed {seed}, {tally:?}");
        match decide(schedule, &timing, &standing, &circumstances) {
            Decision::Wait => assert_eq!(expected, None, "missed: {}", told()),
            Decision::Move(to) | Decision::ForgetFuture(to) => {
                assert_eq!(expected, None, "missed: {}", told());
                tally.held += usize::from(held);
                standing = to;
            }
            Decision::Run { due_at, then } => {
                assert_eq!(Some(due_at), expected, "{}", told());
                assert!(oracle.ran.insert(due_at), "doubled: {}", told());
                tally.runs += 1;
                tally.made_up += usize::from(now.duration_since(due_at) > LATE);
                standing = then;
            }
        }
    }
    tally
}

fn case(cron: &str, zone: &str, rule: &Rule, if_missed: IfMissed, jitter_secs: u64, seed: u64) -> Tally {
    let schedule = Schedule { if_missed, jitter_secs, ..Schedule::cron(Kind::Daily, cron, zone) };
    live(&schedule, rule, &TimeZone::get(zone).unwrap(), seed)
}

#[test]
fn ten_years_miss_nothing_and_double_nothing() {
    use IfMissed::{RunOnce, Skip};
    let every_day = |_: Date| true;
    let monday = |date: Date| date.weekday() == Weekday::Monday;
    let first = |date: Date| date.day() == 1;
    let leap = |date: Date| (date.month(), date.day()) == (2, 29);
    let first_or_friday = |date: Date| date.day() == 1 || date.weekday() == Weekday::Friday;
    let cases: Vec<(&str, &str, Rule, IfMissed, u64)> = vec![
        ("30 2 * * *", "Europe/Berlin", Rule::Times(&[(2, 30)], every_day), RunOnce, 0),
        ("30 2 * * *", "America/New_York", Rule::Times(&[(2, 30)], every_day), Skip, 0),
        ("15 1,13 * * *", "America/New_York", Rule::Times(&[(1, 15), (13, 15)], every_day), RunOnce, 0),
        ("10 2 * * *", "Australia/Lord_Howe", Rule::Times(&[(2, 10)], every_day), RunOnce, 0),
        ("45 1 * * *", "Australia/Lord_Howe", Rule::Times(&[(1, 45)], every_day), RunOnce, 600),
        ("0 3 * * 1", "Europe/Berlin", Rule::Times(&[(3, 0)], monday), RunOnce, 0),
        ("0 3 1 * *", "Asia/Kolkata", Rule::Times(&[(3, 0)], first), RunOnce, 3600),
        ("0 2 29 2 *", "UTC", Rule::Times(&[(2, 0)], leap), RunOnce, 0),
        ("20 4 1 * 5", "UTC", Rule::Times(&[(4, 20)], first_or_friday), Skip, 0),
        ("30 */6 * * *", "Asia/Kolkata", Rule::Whenever(|hour| hour % 6 == 0, &[30]), RunOnce, 0),
        ("0 */3 * * *", "Europe/Berlin", Rule::Whenever(|hour| hour % 3 == 0, &[0]), Skip, 0),
        ("15 1-2 * * *", "America/New_York", Rule::Times(&[(1, 15), (2, 15)], every_day), RunOnce, 0),
    ];
    let all: BTreeMap<String, Tally> = std::thread::scope(|scope| {
        let threads: Vec<_> = cases
            .iter()
            .enumerate()
            .map(|(n, (cron, zone, rule, if_missed, jitter))| {
                scope.spawn(move || (format!("{cron} {zone}"), case(cron, zone, rule, *if_missed, *jitter, 0x9E37_79B9 + n as u64)))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // The decade was one in which things happened.
    let daily = &all["30 2 * * * Europe/Berlin"];
    assert!(daily.runs > 2000 && daily.made_up > 30 && daily.deaths > 30 && daily.set_back > 30 && daily.held > 10, "{daily:?}");
    assert!(all.values().any(|tally| tally.forgotten > 0), "{all:?}");
    assert!(all["30 2 * * * America/New_York"].made_up == 0, "what is skipped is not made up");
}

#[test]
fn an_interval_keeps_its_rhythm_for_ten_years() {
    for (secs, seed) in [(12 * 3600, 1), (7 * 86_400, 2), (100 * 60 * 60, 3)] {
        let schedule = Schedule { jitter_secs: 60, ..Schedule::of(Kind::Interval, Trigger::Interval { every_secs: secs }) };
        let rule = Rule::EverySecs(i64::try_from(secs).unwrap());
        let tally = live(&schedule, &rule, &TimeZone::UTC, seed);
        assert!(tally.runs > 100, "{secs}: {tally:?}");
    }
}

#[test]
fn without_any_trouble_each_moment_has_its_run() {
    // Also without the dice: what croner and the oracle say of ten years is the same, moment by moment.
    let rules: [(&str, &str, Rule); 5] = [
        ("30 2 * * *", "Europe/Berlin", Rule::Times(&[(2, 30)], |_| true)),
        ("0 2 * * *", "America/New_York", Rule::Times(&[(2, 0)], |_| true)),
        ("15 2 * * *", "Australia/Lord_Howe", Rule::Times(&[(2, 15)], |_| true)),
        ("0,30 2 * * 0", "Europe/Berlin", Rule::Times(&[(2, 0), (2, 30)], |date| date.weekday() == Weekday::Sunday)),
        ("0 3 31 * *", "Asia/Kolkata", Rule::Times(&[(3, 0)], |date| date.day() == 31)),
    ];
    for (cron, zone, rule) in &rules {
        let timing = Timing::of(&Schedule::cron(Kind::Daily, *cron, *zone)).unwrap();
        let said: Vec<Timestamp> =
            std::iter::successors(timing.next_after(at(BEGIN)), |run| timing.next_after(*run)).take_while(|run| *run < at(END)).collect();
        let wanted: Vec<Timestamp> = moments(rule, &TimeZone::get(zone).unwrap()).into_iter().collect();
        assert_eq!(said, wanted, "{cron} {zone}");
    }
}

#[test]
fn wildcards_run_through_half_an_hour_that_comes_twice() {
    let zone = "Australia/Lord_Howe";
    let timing = Timing::of(&Schedule::cron(Kind::Hourly, "*/30 1-3 * * 0", zone)).unwrap();
    let from = at("2027-04-03T00:00:00Z");
    let said: Vec<Timestamp> = std::iter::successors(timing.next_after(from), |run| timing.next_after(*run)).take(8).collect();
    let zone = TimeZone::get(zone).unwrap();
    let sunday = |moment: &Timestamp| {
        let local = zone.to_datetime(*moment);
        local.weekday() == Weekday::Sunday && (1..=3).contains(&local.hour()) && local.minute() % 30 == 0
    };
    let wanted: Vec<Timestamp> = std::iter::successors(Some(from), |moment| Some(*moment + LATE)).filter(sunday).take(8).collect();
    assert_eq!(said, wanted, "half an hour comes twice on 4 April 2027");
}
