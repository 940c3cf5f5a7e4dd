//! Secrets that were just made (a token, a link), until their page shows them: once, to whoever made them, and not later than some minutes
//! after. In memory only; the address of the page carries a name for them and never a secret.

use std::sync::{Mutex, PoisonError};

use keepstone_engine::tokens;
use keepstone_model::Timestamp;

use super::blocking;
use crate::error::AppError;

const KEPT_SECS: i64 = 5 * 60;
/// More than anyone makes in that time.
const MOST: usize = 50;

#[derive(Debug)]
struct Entry<T> {
    handle: String,
    /// Whose it is: nobody sees what another one made.
    person: String,
    secret: T,
    at: Timestamp,
}

#[derive(Debug)]
pub(crate) struct Once<T>(Mutex<Vec<Entry<T>>>);

impl<T> Once<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Keeps it under a name as random as a secret itself, and of no use to anyone else.
    pub(crate) async fn keep(&self, person: &str, secret: T) -> Result<String, AppError> {
        let handle = blocking(|_| tokens::random_name()).await?;
        self.keep_under(handle.clone(), person, secret, Timestamp::now());
        Ok(handle)
    }

    fn keep_under(&self, handle: String, person: &str, secret: T, now: Timestamp) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| is_fresh(entry, now));
        if entries.len() >= MOST {
            entries.remove(0);
        }
        entries.push(Entry { handle, person: person.to_owned(), secret, at: now });
    }

    /// Gives it out; it is gone then.
    pub(crate) fn take(&self, handle: &str, person: &str, now: Timestamp) -> Option<T> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| is_fresh(entry, now));
        let index = entries.iter().position(|entry| entry.handle == handle && entry.person == person)?;
        Some(entries.remove(index).secret)
    }
}

fn is_fresh<T>(entry: &Entry<T>, now: Timestamp) -> bool {
    (0..KEPT_SECS).contains(&now.duration_since(entry.at).as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_once_to_who_made_it_and_not_for_long() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let made = Once::new();
        made.keep_under("h1".to_owned(), "alice", "kst_secret", at(0));
        assert!(made.take("h1", "bob", at(1)).is_none() && made.take("h2", "alice", at(1)).is_none());
        assert_eq!(made.take("h1", "alice", at(1)), Some("kst_secret"));
        assert!(made.take("h1", "alice", at(1)).is_none());
        made.keep_under("h3".to_owned(), "alice", "kst_other", at(0));
        assert!(made.take("h3", "alice", at(300)).is_none());
    }
}
