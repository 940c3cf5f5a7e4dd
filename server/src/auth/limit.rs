//! How often a password may be tried: after some failures the next try has to wait, each time twice as long. In memory: a restart forgets.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// Failures that cost nothing yet.
const FREE_FAILURES: u32 = 5;
/// Kept small for names: whoever guesses at a name must not be able to lock its owner out.
pub(super) const LONGEST_WAIT_OF_NAME: Duration = Duration::from_secs(60);
pub(super) const LONGEST_WAIT_OF_ADDRESS: Duration = Duration::from_secs(15 * 60);
/// Failures older than this are forgotten.
const FORGET: Duration = Duration::from_secs(3600);
/// Entries kept at most; beyond it the oldest goes.
const MOST_ENTRIES: usize = 10_000;

#[derive(Debug, Clone, Copy)]
struct Entry {
    failures: u32,
    last: Instant,
}

/// Counts the tries of one sort of caller (a name, an address).
#[derive(Debug)]
pub(super) struct Limit {
    longest: Duration,
    entries: HashMap<String, Entry>,
}

impl Limit {
    pub(super) fn new(longest: Duration) -> Self {
        Self { longest, entries: HashMap::new() }
    }

    /// How long this caller still has to wait; none: it may try now.
    pub(super) fn wait(&self, key: &str, now: Instant) -> Option<Duration> {
        let entry = self.entries.get(key).filter(|entry| now.duration_since(entry.last) < FORGET)?;
        let over = entry.failures.checked_sub(FREE_FAILURES)?;
        let wait = Duration::from_secs(1 << over.min(20)).min(self.longest);
        wait.checked_sub(now.duration_since(entry.last)).filter(|left| !left.is_zero())
    }

    /// Counts a try as failed before it is made, so that tries made at once do not all pass before the first is counted.
    pub(super) fn count(&mut self, key: &str, now: Instant) {
        if self.entries.len() >= MOST_ENTRIES && !self.entries.contains_key(key) {
            self.entries.retain(|_, entry| now.duration_since(entry.last) < FORGET);
            if self.entries.len() >= MOST_ENTRIES {
                let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last).map(|(key, _)| key.clone());
                oldest.map(|key| self.entries.remove(&key));
            }
        }
        let entry = self.entries.entry(key.to_owned()).or_insert(Entry { failures: 0, last: now });
        if now.duration_since(entry.last) >= FORGET {
            entry.failures = 0;
        }
        entry.failures += 1;
        entry.last = now;
    }

    /// This one try was good after all; those before it stand. For addresses: else whoever has one account could guess at others for ever.
    pub(super) fn uncount(&mut self, key: &str) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.failures = entry.failures.saturating_sub(1);
        }
    }

    /// The try was good after all: everything before it is forgotten.
    pub(super) fn forgive(&mut self, key: &str) {
        self.entries.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_and_is_forgotten() {
        let start = Instant::now();
        let at = |secs| start + Duration::from_secs(secs);
        let mut limit = Limit::new(Duration::from_secs(60));
        for _ in 0..4 {
            limit.count("a", start);
        }
        assert_eq!(limit.wait("a", start), None);
        let waits: Vec<_> = (0..8)
            .map(|_| {
                limit.count("a", start);
                limit.wait("a", start).unwrap().as_secs()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(limit.wait("a", at(59)), Some(Duration::from_secs(1)));
        assert_eq!(limit.wait("a", at(60)), None);
        assert_eq!(limit.wait("b", start), None, "each has a count of its own");
        limit.count("a", at(4000));
        assert_eq!(limit.wait("a", at(4000)), None, "after an hour the count begins anew");
    }

    #[test]
    fn a_good_try_forgives_and_the_table_stays_small() {
        let start = Instant::now();
        let mut limit = Limit::new(LONGEST_WAIT_OF_NAME);
        for _ in 0..9 {
            limit.count("a", start);
        }
        limit.forgive("a");
        assert_eq!(limit.wait("a", start), None);
        for n in 0..MOST_ENTRIES + 50 {
            limit.count(&n.to_string(), start);
        }
        assert!(limit.entries.len() <= MOST_ENTRIES);
    }
}
