//! Who has given the right password and still owes a code. In memory, under a random name, for five minutes and five tries.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const LIFETIME: Duration = Duration::from_secs(5 * 60);
const TRIES: u32 = 5;
/// More than sign in at once.
const MOST: usize = 200;

#[derive(Debug)]
struct Entry {
    handle: String,
    user: String,
    tries: u32,
    at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Pending(Mutex<Vec<Entry>>);

impl Pending {
    pub(super) fn begin(&self, handle: String, user: &str, now: Instant) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| now.duration_since(entry.at) < LIFETIME);
        if entries.len() >= MOST {
            entries.remove(0);
        }
        entries.push(Entry { handle, user: user.to_owned(), tries: 0, at: now });
    }

    /// Whose code is awaited; counts a try before it is made.
    pub(super) fn try_one(&self, handle: &str, now: Instant) -> Option<String> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.iter_mut().find(|entry| entry.handle == handle && now.duration_since(entry.at) < LIFETIME)?;
        entry.tries += 1;
        (entry.tries <= TRIES).then(|| entry.user.clone())
    }

    pub(super) fn end(&self, handle: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|entry| entry.handle != handle);
    }
}

/// How long an offered secret waits for its first code.
const OFFER_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Secrets of second factors that are being set up: by user, so that a page that is loaded again shows the same one.
#[derive(Debug, Default)]
pub(super) struct Offers(Mutex<Vec<(String, String, Instant)>>);

impl Offers {
    /// The user's, or a new one.
    pub(super) fn of<E>(&self, user: &str, now: Instant, new: impl FnOnce() -> Result<String, E>) -> Result<String, E> {
        if let Some(secret) = self.find(user, now) {
            return Ok(secret);
        }
        let secret = new()?;
        let mut offers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        offers.retain(|(name, _, at)| name != user && now.duration_since(*at) < OFFER_LIFETIME);
        offers.push((user.to_owned(), secret.clone(), now));
        Ok(secret)
    }

    pub(super) fn find(&self, user: &str, now: Instant) -> Option<String> {
        let offers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        offers.iter().find(|(name, _, at)| name == user && now.duration_since(*at) < OFFER_LIFETIME).map(|(_, secret, _)| secret.clone())
    }

    pub(super) fn end(&self, user: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(name, ..)| name != user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_awaited_for_a_while_and_a_few_tries() {
        let start = Instant::now();
        let pending = Pending::default();
        pending.begin("h".to_owned(), "alice", start);
        for _ in 0..TRIES {
            assert_eq!(pending.try_one("h", start).as_deref(), Some("alice"));
        }
        assert_eq!(pending.try_one("h", start), None);
        assert_eq!(pending.try_one("other", start), None);
        pending.begin("late".to_owned(), "bob", start);
        assert_eq!(pending.try_one("late", start + LIFETIME), None);
        pending.begin("done".to_owned(), "bob", start);
        pending.end("done");
        assert_eq!(pending.try_one("done", start), None);
    }
}
