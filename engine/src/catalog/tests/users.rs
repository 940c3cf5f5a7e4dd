//! Names, sessions and the set-up link, as rows. What becomes of users is tested in `users/tests.rs`.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{access::Role, event::EventResult};

use crate::{
    Error,
    activity::NewEvent,
    catalog::{Session, User},
    testing::{at, vault},
};

fn user(name: &str, role: Role) -> User {
    let created_at = at("2026-11-20T03:00:00Z");
    User { name: name.to_owned(), role, password_hash: "$argon2id$…".to_owned(), created_at, disabled: false }
}

fn event() -> NewEvent<'static> {
    let (actor, action, message) = ("test", "user.changed", String::new());
    NewEvent { actor, action, result: EventResult::Ok, database: None, backup: None, job: None, message }
}

fn session(name: &str, now: Timestamp) -> Session {
    Session {
        preferences: keepstone_model::preferences::Preferences::default(),
        user: name.to_owned(),
        role: Role::Admin,
        created_at: now,
        authenticated_at: now,
        last_seen_at: now,
        expires_at: now + SignedDuration::from_hours(12),
        address: "127.0.0.1".to_owned(),
        agent: String::new(),
    }
}

#[test]
fn names_compare_without_case() {
    let f = vault();
    let c = f.vault.catalog();
    c.add_user(&user("Ärzte", Role::Viewer), &event()).unwrap();
    assert!(matches!(c.add_user(&user("äRZTE", Role::Admin), &event()), Err(Error::AlreadyExists { what: "user", .. })));
    assert_eq!(c.user("ÄRZTE").unwrap(), Some(user("Ärzte", Role::Viewer)));
    assert_eq!(c.user("arzte").unwrap(), None);
}

#[test]
fn a_session_ends_with_its_time_and_its_user() {
    let f = vault();
    let c = f.vault.catalog();
    let now = at("2026-11-20T03:00:00Z");
    c.add_user(&user("alice", Role::Operator), &event()).unwrap();
    c.add_session("t1", &session("ALICE", now)).unwrap();
    assert!(matches!(c.add_session("t2", &session("nobody", now)), Err(Error::UnknownUser { .. })));
    let seen = c.session("t1", now).unwrap().unwrap();
    assert_eq!((seen.user.as_str(), seen.role), ("alice", Role::Operator), "the user's name and role, not what the cookie's row was told");
    let minutes = |n| now + SignedDuration::from_mins(n);
    assert_eq!(c.session("t1", minutes(0)).unwrap().unwrap().last_seen_at, now);
    assert_eq!(c.session("t1", minutes(2)).unwrap().unwrap().last_seen_at, minutes(2));
    assert!(c.session("t1", minutes(12 * 60 - 1)).unwrap().is_some());
    assert!(c.session("t1", minutes(12 * 60)).unwrap().is_none());
    assert!(c.session("other", now).unwrap().is_none());
    c.add_session("t3", &session("alice", now)).unwrap();
    c.remove_session("t1").unwrap();
    assert!(c.session("t1", now).unwrap().is_none() && c.session("t3", now).unwrap().is_some());
    c.remove_user("alice", &event(), now).unwrap();
    assert!(c.session("t3", now).unwrap().is_none());
}

#[test]
fn the_set_up_link_opens_once() {
    let f = vault();
    let c = f.vault.catalog();
    let (now, until) = (at("2026-11-20T03:00:00Z"), at("2026-11-20T03:30:00Z"));
    let alice = user("alice", Role::Viewer);
    assert!(matches!(c.finish_setup("h", &alice, now), Err(Error::Invalid { field: "link", .. })), "no link yet");
    c.set_setup_link("old", until).unwrap();
    c.set_setup_link("h", until).unwrap();
    assert!(!c.setup_link_is_valid("old", now).unwrap(), "a new link replaces the one before");
    assert!(c.setup_link_is_valid("h", now).unwrap());
    assert!(!c.setup_link_is_valid("h", until).unwrap(), "it has expired");
    assert!(c.finish_setup("h", &alice, until).is_err());
    c.finish_setup("h", &alice, now).unwrap();
    assert_eq!(c.users().unwrap()[0].role, Role::Admin);
    assert!(c.finish_setup("h", &user("mallory", Role::Admin), now).is_err(), "it is used up");
    c.set_setup_link("left-over", until).unwrap();
    assert!(c.finish_setup("left-over", &user("mallory", Role::Admin), now).is_err(), "there is an admin already");
}
