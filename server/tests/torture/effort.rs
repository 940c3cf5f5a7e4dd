//! How much of a campaign is run, and the figures that it ends with.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

/// A few cases where the tests run, as many as fit into the time in `make torture`.
pub(crate) struct Effort {
    began: Instant,
    time: Option<Duration>,
}

impl Effort {
    pub(crate) fn begin() -> Self {
        let seconds = std::env::var("KEEPSTONE_TORTURE_SECONDS").ok().and_then(|text| text.parse().ok());
        Self { began: Instant::now(), time: seconds.map(Duration::from_secs) }
    }

    /// For one of so many parts, one after another.
    pub(crate) fn begin_part(parts: u32) -> Self {
        let whole = Self::begin();
        Self { time: whole.time.map(|time| time / parts), ..whole }
    }

    /// Whether this is `make torture`.
    pub(crate) fn is_large(&self) -> bool {
        self.time.is_some()
    }

    /// `small` or `large`, by what this run is.
    pub(crate) fn either<T>(&self, small: T, large: T) -> T {
        if self.is_large() { large } else { small }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.time.is_some_and(|time| self.began.elapsed() >= time)
    }

    /// Which cases of a campaign are run: so many, spread over all of them, others by another seed; in large all, in an order that leaves none out for
    /// ever where the time does not suffice.
    pub(crate) fn choose<T>(&self, mut all: Vec<T>, small: usize) -> Vec<T> {
        if self.is_large() {
            shuffle(&mut all, seed());
            return all;
        }
        let every = all.len().div_ceil(small.max(1)).max(1);
        let first = usize::try_from(steady_seed() % every as u64).unwrap();
        all.into_iter().skip(first).step_by(every).collect()
    }
}

/// `KEEPSTONE_TORTURE_SHARE`, as `1/2`: where so many processes play a campaign side by side, the cases of this one.
pub(crate) fn share<T>(cases: Vec<T>) -> Vec<T> {
    let share = std::env::var("KEEPSTONE_TORTURE_SHARE").unwrap_or_default();
    let number = |text: &str| text.parse::<usize>().ok().filter(|number| *number > 0);
    let Some((which, of)) = share.split_once('/').and_then(|(which, of)| Some((number(which)?, number(of)?))) else { return cases };
    cases.into_iter().skip(which - 1).step_by(of).collect()
}

/// `KEEPSTONE_TORTURE_ONLY`: of a campaign only what is described with these words, all of it.
pub(crate) fn only() -> Option<String> {
    std::env::var("KEEPSTONE_TORTURE_ONLY").ok().filter(|words| !words.is_empty())
}

/// Different at every run, and told, so that a run can be repeated by `KEEPSTONE_TORTURE_SEED`.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("KEEPSTONE_TORTURE_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| u64::from(std::process::id()))
}

/// The same at every run that was not given one: what passed once passes again until the code changes.
pub(crate) fn steady_seed() -> u64 {
    std::env::var("KEEPSTONE_TORTURE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// A small generator of numbers, the same for the same seed (`SplitMix64`).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides.max(1) as u64).unwrap()
    }
}

fn shuffle<T>(all: &mut [T], seed: u64) {
    let mut dice = Dice::new(seed);
    for last in (1..all.len()).rev() {
        all.swap(last, dice.roll(last + 1));
    }
}

/// One line for the table of `make torture`.
pub(crate) fn figures(campaign: &str, figures: &[(&str, u64)]) {
    let mut line = format!("FIGURES {campaign}:");
    for (what, count) in figures {
        write!(line, " {count} {what},").unwrap();
    }
    eprintln!("{}", line.trim_end_matches(','));
}
