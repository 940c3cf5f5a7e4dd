//! What becomes of users, their sessions and their links.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::{
    activity::{self, EventFilter},
    testing::vault,
};

fn add_as(vault: &Vault, name: &str, role: Role) -> User {
    let options = AddUserOptions { name: name.to_owned(), role, password_hash: Some("$argon2id$…".to_owned()), actor: "cli".to_owned() };
    add(vault, &options).unwrap()
}

fn sign_in(vault: &Vault, name: &str, token_hash: &str) {
    let now = Timestamp::now();
    let session = Session {
        preferences: keepstone_model::preferences::Preferences::default(),
        user: name.to_owned(),
        role: Role::Viewer,
        created_at: now,
        authenticated_at: now,
        last_seen_at: now,
        expires_at: now + SignedDuration::from_hours(1),
        address: "10.0.0.7".to_owned(),
        agent: "curl/8".to_owned(),
    };
    vault.catalog().add_session(token_hash, &session).unwrap();
}

fn is_in(vault: &Vault, token_hash: &str) -> bool {
    vault.catalog().peek_session(token_hash, Timestamp::now()).unwrap().is_some()
}

#[test]
fn there_is_always_an_admin_who_can_sign_in() {
    let f = vault();
    let v = &f.vault;
    add_as(v, "alice", Role::Admin);
    add_as(v, "bob", Role::Operator);
    let options = AddUserOptions { name: "dora".to_owned(), role: Role::Admin, password_hash: None, actor: "alice".to_owned() };
    add(v, &options).unwrap();
    // Dora has no password yet, so alice is the last one.
    let is_last = |refused: Result<User>| matches!(refused, Err(Error::Invalid { field: "name", .. }));
    assert!(is_last(set_role(v, "ALICE", Role::Viewer, "alice")));
    assert!(is_last(set_standing(v, "alice", Standing::Disabled, "alice")));
    assert!(is_last(remove(v, "alice", "alice")));
    set_role(v, "bob", Role::Admin, "alice").unwrap();
    set_standing(v, "alice", Standing::Disabled, "bob").unwrap();
    assert!(is_last(remove(v, "bob", "bob")), "a disabled admin is none");
    set_standing(v, "alice", Standing::Active, "bob").unwrap();
    remove(v, "bob", "alice").unwrap();
    assert!(matches!(user(v, "bob"), Err(Error::UnknownUser { .. })));
    let actions: Vec<String> = activity::events(v, &EventFilter::default()).unwrap().into_iter().map(|event| event.action).rev().collect();
    let expected = ["user.added", "user.added", "user.added", "user.role_changed", "user.disabled", "user.enabled", "user.removed"];
    assert_eq!(actions, expected, "what was refused left no event");
}

#[test]
fn who_is_disabled_is_out_at_once_and_a_role_changes_at_once() {
    let f = vault();
    let v = &f.vault;
    add_as(v, "alice", Role::Admin);
    add_as(v, "bob", Role::Operator);
    sign_in(v, "bob", "aaaaaaaaaaaaaaaa-1");
    set_role(v, "bob", Role::Viewer, "alice").unwrap();
    assert_eq!(v.catalog().peek_session("aaaaaaaaaaaaaaaa-1", Timestamp::now()).unwrap().unwrap().role, Role::Viewer);
    set_link(v, "bob", "link", Timestamp::now() + SignedDuration::from_hours(1), "alice").unwrap();
    set_standing(v, "bob", Standing::Disabled, "alice").unwrap();
    assert!(!is_in(v, "aaaaaaaaaaaaaaaa-1"));
    assert!(v.catalog().user_of_link("link", Timestamp::now()).unwrap().is_none(), "a link opens nothing either");
    assert!(set_link(v, "bob", "link", Timestamp::now() + SignedDuration::from_hours(1), "alice").is_err());
}

#[test]
fn sessions_are_listed_and_ended_by_their_handle() {
    let f = vault();
    let v = &f.vault;
    add_as(v, "alice", Role::Admin);
    add_as(v, "bob", Role::Viewer);
    let tokens = ["1111111111111111-secret", "2222222222222222-secret", "3333333333333333-secret"];
    for token in tokens {
        sign_in(v, "bob", token);
    }
    sign_in(v, "alice", "4444444444444444-secret");
    let of_bob = sessions(v, Some("BOB"), Timestamp::now()).unwrap();
    assert_eq!(of_bob.len(), 3);
    assert!(of_bob.iter().all(|(handle, session)| handle.len() == 16 && session.address == "10.0.0.7"));
    assert_eq!(sessions(v, None, Timestamp::now()).unwrap().len(), 4);
    end_session(v, "alice", "1111111111111111", "alice").unwrap();
    assert!(is_in(v, tokens[0]), "it is not a session of alice's");
    end_session(v, "bob", "1111111111111111", "alice").unwrap();
    assert!(!is_in(v, tokens[0]) && is_in(v, tokens[1]));
    assert_eq!(end_sessions(v, "bob", Some("2222222222222222"), "bob").unwrap(), 1);
    assert!(is_in(v, tokens[1]) && !is_in(v, tokens[2]));
    set_password_hash(v, "bob", "new", Some("2222222222222222"), "bob").unwrap();
    assert!(is_in(v, tokens[1]));
    set_password_hash(v, "bob", "newer", None, "cli").unwrap();
    assert!(!is_in(v, tokens[1]) && is_in(v, "4444444444444444-secret"));
}

#[test]
fn a_link_sets_a_password_once() {
    let f = vault();
    let v = &f.vault;
    let options = AddUserOptions { name: "bob".to_owned(), role: Role::Viewer, password_hash: None, actor: "alice".to_owned() };
    add(v, &options).unwrap();
    let soon = Timestamp::now() + SignedDuration::from_hours(1);
    set_link(v, "bob", "old", soon, "alice").unwrap();
    set_link(v, "bob", "new", soon, "alice").unwrap();
    assert!(use_link(v, "old", "hash").is_err(), "the newest counts");
    assert!(v.catalog().user_of_link("new", soon).unwrap().is_none(), "it has expired by then");
    assert_eq!(use_link(v, "new", "hash").unwrap().password_hash, "hash");
    assert!(use_link(v, "new", "other").is_err());
    set_link(v, "bob", "again", soon, "alice").unwrap();
    set_password_hash(v, "bob", "by the host", None, "cli").unwrap();
    assert!(use_link(v, "again", "other").is_err(), "a password that was set since is not replaced by an older link");
}

#[test]
fn a_second_factor_is_sealed_used_up_step_by_step_and_goes_with_its_user() {
    let f = vault();
    let v = &f.vault;
    add_as(v, "alice", Role::Admin);
    add_as(v, "bob", Role::Viewer);
    assert!(factor(v, "bob").unwrap().is_none() && !use_step(v, "bob", 8).unwrap());
    set_factor(v, "bob", "SECRETSECRET", 7, vec!["h1".to_owned(), "h2".to_owned()]).unwrap();
    let (found, secret) = factor(v, "BOB").unwrap().unwrap();
    assert_eq!((secret.as_str(), found.last_step, found.recovery.len()), ("SECRETSECRET", 7, 2));
    let catalog = std::fs::read(v.data_dir().join("catalog.sqlite-wal")).unwrap_or_default();
    assert!(!String::from_utf8_lossy(&catalog).contains("SECRETSECRET"));
    assert!(!use_step(v, "bob", 7).unwrap() && use_step(v, "bob", 8).unwrap() && !use_step(v, "bob", 8).unwrap());
    assert!(use_recovery(v, "bob", "h1").unwrap() && !use_recovery(v, "bob", "h1").unwrap());
    set_recovery(v, "bob", vec!["h3".to_owned()]).unwrap();
    assert!(!use_recovery(v, "bob", "h2").unwrap() && use_recovery(v, "bob", "h3").unwrap());
    // Whoever takes the secret's file away does not take the factor away.
    crate::keys::set_secret(v, "second factor of bob", None).unwrap();
    assert!(factor(v, "bob").is_err());
    assert!(remove_factor(v, "bob", "cli").unwrap() && !remove_factor(v, "bob", "cli").unwrap());
    set_factor(v, "bob", "ANOTHER", 1, Vec::new()).unwrap();
    remove(v, "bob", "alice").unwrap();
    add_as(v, "bob", Role::Viewer);
    assert!(factor(v, "bob").unwrap().is_none());
}

#[test]
fn what_a_user_sets_is_there_in_every_browser_and_makes_no_event() {
    let f = vault();
    let v = &f.vault;
    add_as(v, "alice", Role::Viewer);
    sign_in(v, "alice", "at work");
    sign_in(v, "alice", "at home");
    let before = activity::events(v, &EventFilter::default()).unwrap().len();
    let wanted = Preferences { zone: "Europe/Berlin".to_owned(), format: "de".to_owned(), without_shortcuts: true };
    set_preferences(v, "ALICE", &wanted).unwrap();
    for browser in ["at work", "at home"] {
        let session = v.catalog().peek_session(browser, Timestamp::now()).unwrap().unwrap();
        assert_eq!(session.preferences, wanted, "{browser}");
    }
    assert_eq!(activity::events(v, &EventFilter::default()).unwrap().len(), before);
    assert!(matches!(set_preferences(v, "bob", &wanted), Err(Error::UnknownUser { .. })));
}
