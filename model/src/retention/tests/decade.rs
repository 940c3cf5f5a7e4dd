//! Ten years of a database's life on a made-up clock: schedules of every sort, streaks of failures, clocks that go back and jump, people who
//! pin and make backups by hand; a cleanup after each scheduled one. What the truth says of each removal is told apart from what the clock says.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{
    super::{Candidate, Circumstances, CountBy, FLOOR, Pass, RetentionPolicy, clock_anomaly, plan},
    at, good,
    oracle::{self, own_good},
};
use crate::{
    backup::{BackupState, Verdict},
    id::Kind,
};

const HOURS: i64 = 10 * 365 * 24;

/// A small generator of numbers that look random: the same life for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// What is true of a backup, whatever its clock said.
struct Truth {
    made_hour: i64,
}

struct Life {
    dice: Dice,
    policy: RetentionPolicy,
    clocks_err: bool,
    all: Vec<Candidate>,
    truths: Vec<Truth>,
    /// What went, with its true age in hours; and the highest sequence of each kind among it.
    removed: Vec<(Candidate, i64)>,
    newest_gone: BTreeMap<Kind, i64>,
    sequence: i64,
    offset_hours: i64,
    known: Option<Timestamp>,
    guard: Option<i64>,
    failing: bool,
}

impl Life {
    fn new(seed: u64, policy: RetentionPolicy, clocks_err: bool) -> Self {
        Self {
            dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            policy,
            clocks_err,
            all: Vec::new(),
            truths: Vec::new(),
            removed: Vec::new(),
            newest_gone: BTreeMap::new(),
            sequence: 0,
            offset_hours: 0,
            known: None,
            guard: None,
            failing: false,
        }
    }

    fn clock(&self, hour: i64) -> Timestamp {
        at("2026-01-01") + SignedDuration::from_hours(hour + self.offset_hours)
    }

    fn live(&mut self, kinds: &[(Kind, i64)]) {
        for hour in 0..HOURS {
            if self.clocks_err && self.dice.one_in(2000) {
                // By hours, weeks or years, and mostly back to right some time after.
                self.offset_hours = if self.offset_hours != 0 { 0 } else { self.dice.roll(40_000).cast_signed() - 20_000 };
            }
            self.look_at_the_clock(hour);
            // Streaks of about four days.
            if self.dice.one_in(if self.failing { 100 } else { 1500 }) {
                self.failing = !self.failing;
            }
            let mut scheduled = false;
            for &(kind, every) in kinds {
                if hour % every == 0 {
                    scheduled |= self.make(kind, hour);
                }
            }
            match self.dice.roll(400) {
                0 => drop(self.make(Kind::Manual, hour)),
                1 => drop(self.make(Kind::Safety, hour)),
                2 => {
                    let one = usize::try_from(self.dice.roll(self.all.len().max(1) as u64)).unwrap();
                    if let Some(candidate) = self.all.get_mut(one) {
                        candidate.pinned = self.sequence % 5 == 0;
                    }
                }
                _ => {}
            }
            if scheduled {
                self.clean_up(hour);
            }
            if hour % (30 * 24) == 0 {
                self.tidy(hour);
            }
        }
    }

    /// Rows without an archive go after a time, and people look after what is in doubt.
    fn tidy(&mut self, hour: i64) {
        let mut index = 0;
        while index < self.all.len() {
            let counts = oracle::counts(&self.all[index], CountBy::Good);
            if !counts && hour - self.truths[index].made_hour > 60 * 24 {
                self.all.remove(index);
                self.truths.remove(index);
            } else {
                index += 1;
            }
        }
    }

    /// As the engine does: what is odd is written down with the last sequence that was given out.
    fn look_at_the_clock(&mut self, hour: i64) {
        let now = self.clock(hour);
        if clock_anomaly(self.known, now).is_some() {
            self.guard = Some(self.sequence);
        }
        self.known = Some(now);
    }

    /// Whether it was good.
    fn make(&mut self, kind: Kind, hour: i64) -> bool {
        self.sequence += 1;
        let mut made = good(kind, self.sequence, self.clock(hour));
        if self.failing || self.dice.one_in(20) {
            match self.dice.roll(5) {
                0 => made.verdict = Verdict::Unproven,
                1 => made.verdict = Verdict::Bad,
                2 => made.state = BackupState::Interrupted,
                _ => made.state = BackupState::Failed,
            }
        }
        let is_good = own_good(&made, CountBy::Good);
        self.all.push(made);
        self.truths.push(Truth { made_hour: hour });
        is_good
    }

    fn clean_up(&mut self, hour: i64) {
        let (now, at) = (self.clock(hour), Circumstances { clock_guard: self.guard, pass: Pass::Unattended, ..Circumstances::default() });
        let plan = plan(&self.all, &self.policy, now, &at);
        for &index in &plan.removed {
            let why = oracle::forbidden(&self.all, &self.all[index], now, &self.policy, &at);
            assert!(why.is_none(), "hour {hour}: {:?}: {why:?}", self.all[index]);
        }
        let mut gone = plan.removed;
        gone.sort_unstable();
        let before = self.anchors();
        for index in gone.into_iter().rev() {
            let (gone, age_hours) = (self.all.remove(index), hour - self.truths.remove(index).made_hour);
            self.newest_gone.entry(gone.kind).and_modify(|newest| *newest = gone.sequence.max(*newest)).or_insert(gone.sequence);
            self.removed.push((gone, age_hours));
        }
        let after = self.anchors();
        assert!(after.len() >= before.len().min(FLOOR), "hour {hour}: {} good ones are left", after.len());
        assert_eq!(after.last(), before.last(), "hour {hour}: the newest good one is gone");
        self.nothing_that_counts_is_gone(hour);
    }

    fn anchors(&self) -> Vec<i64> {
        self.all.iter().filter(|c| own_good(c, CountBy::Good)).map(|c| c.sequence).collect()
    }

    /// Of each kind the newest that the policy promises are there: in truth, by the order in which they were made.
    fn nothing_that_counts_is_gone(&self, hour: i64) {
        for kind in [Kind::Hourly, Kind::Daily, Kind::Weekly, Kind::Monthly, Kind::Yearly] {
            let Some(promised) =
                self.policy.count_of(kind).filter(|_| self.policy.max_age_secs.is_none() && self.policy.max_count.is_none())
            else {
                continue;
            };
            let there = self.all.iter().filter(|c| c.kind == kind && oracle::counts(c, CountBy::Good));
            let there: Vec<i64> = there.map(|c| c.sequence).collect();
            let Some(&newest_gone) = self.newest_gone.get(&kind) else { continue };
            let newer = there.iter().filter(|&&sequence| sequence > newest_gone).count();
            assert!(newer >= promised as usize, "hour {hour}: of the {kind} ones only {newer} are newer than one that went");
        }
    }
}

const SCHEDULES: [(Kind, i64); 4] = [(Kind::Monthly, 30 * 24), (Kind::Weekly, 7 * 24), (Kind::Daily, 24), (Kind::Hourly, 12)];

#[test]
fn counts_hold_whatever_clock_and_failures_do() {
    let policy = RetentionPolicy { hourly: Some(8), yearly: Some(5), ..RetentionPolicy::standard() };
    for seed in 1..=2 {
        let mut life = Life::new(seed, policy.clone(), true);
        life.live(&SCHEDULES);
        assert!(life.removed.len() > 5000, "{} were removed", life.removed.len());
        assert!(life.removed.iter().all(|(c, _)| c.kind != Kind::Manual && !c.pinned));
    }
}

#[test]
fn ages_hold_while_the_clock_is_right() {
    let policy = RetentionPolicy { max_age_secs: Some(30 * 86_400), max_count: Some(60), ..RetentionPolicy::default() };
    for seed in 1..=2 {
        let mut life = Life::new(seed, policy.clone(), false);
        life.live(&[(Kind::Daily, 24)]);
        assert!(life.removed.len() > 2000, "{} were removed", life.removed.len());
        let oldest_allowed = |c: &Candidate| if c.kind == Kind::Safety { 7 * 24 } else { 30 * 24 };
        assert!(life.removed.iter().all(|(c, age_hours)| *age_hours >= oldest_allowed(c)), "none went before its time");
        let due = |(c, truth): (&Candidate, &Truth)| {
            c.kind == Kind::Daily && !c.pinned && oracle::counts(c, CountBy::Good) && HOURS - truth.made_hour > 40 * 24
        };
        assert!(life.all.iter().zip(&life.truths).filter(|&(c, truth)| due((c, truth))).count() <= FLOOR, "what is due goes");
    }
}

#[test]
fn a_clock_that_jumps_deletes_nothing_before_the_next_good_backup() {
    let policy = RetentionPolicy { max_age_secs: Some(30 * 86_400), ..RetentionPolicy::default() };
    let mut life = Life::new(9, policy, false);
    for day in 0..40 {
        life.look_at_the_clock(day * 24);
        life.make(Kind::Daily, day * 24);
    }
    life.offset_hours = 50 * 365 * 24;
    life.look_at_the_clock(40 * 24);
    let there = life.all.len();
    life.clean_up(40 * 24);
    life.all.push(Candidate { verdict: Verdict::Bad, ..good(Kind::Daily, 100, life.clock(41 * 24)) });
    life.truths.push(Truth { made_hour: 41 * 24 });
    life.clean_up(41 * 24);
    assert_eq!(life.all.len(), there + 1);
}
