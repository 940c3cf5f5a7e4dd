//! The secrets of tokens that were just made, until their page shows them: once, to whoever made them, and not later than some minutes after.
//! In memory only; the address of the page carries a name for them and never a secret. Server only.

use std::sync::{Mutex, PoisonError};

use keepstone_engine::tokens::NewToken;
use keepstone_model::Timestamp;

const KEPT_SECS: i64 = 5 * 60;
/// More than anyone makes in that time.
const MOST: usize = 50;

#[derive(Debug)]
struct Entry {
    handle: String,
    /// Whose it is: nobody sees what another one made.
    person: String,
    token: NewToken,
    at: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct Made(Mutex<Vec<Entry>>);

pub(super) static MADE: Made = Made(Mutex::new(Vec::new()));

impl Made {
    pub(super) fn keep(&self, handle: String, person: &str, token: NewToken, now: Timestamp) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| is_fresh(entry, now));
        if entries.len() >= MOST {
            entries.remove(0);
        }
        entries.push(Entry { handle, person: person.to_owned(), token, at: now });
    }

    /// Gives it out; it is gone then.
    pub(super) fn take(&self, handle: &str, person: &str, now: Timestamp) -> Option<NewToken> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.retain(|entry| is_fresh(entry, now));
        let index = entries.iter().position(|entry| entry.handle == handle && entry.person == person)?;
        Some(entries.remove(index).token)
    }
}

fn is_fresh(entry: &Entry, now: Timestamp) -> bool {
    (0..KEPT_SECS).contains(&now.duration_since(entry.at).as_secs())
}

#[cfg(test)]
mod tests {
    use keepstone_model::token::{Scope, Token};

    use super::*;

    #[test]
    fn a_secret_is_shown_once_to_who_made_it_and_not_for_long() {
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let token = Token {
            number: 1,
            name: "ci".to_owned(),
            scopes: vec![Scope::Read],
            databases: None,
            created_at: at(0),
            created_by: "alice".to_owned(),
            expires_at: None,
            last_used_at: None,
        };
        let new = NewToken { token, secret: "kst_secret".to_owned() };
        let made = Made::default();
        made.keep("h1".to_owned(), "alice", new.clone(), at(0));
        assert!(made.take("h1", "bob", at(1)).is_none() && made.take("h2", "alice", at(1)).is_none());
        assert_eq!(made.take("h1", "alice", at(1)).unwrap().secret, "kst_secret");
        assert!(made.take("h1", "alice", at(1)).is_none());
        made.keep("h3".to_owned(), "alice", new, at(0));
        assert!(made.take("h3", "alice", at(300)).is_none());
    }
}
