//! The watch sees what other connections commit, and nothing else.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use keepstone_model::{
    access::Role,
    job::{Progress, Step, Verb},
    token::Scope,
};

use crate::{
    catalog::{Change, Session, Watch},
    testing::{database, job, open, vault},
    tokens::{self, CreateTokenOptions},
    users::{self, AddUserOptions},
};

const LONG: Duration = Duration::from_secs(10);

#[test]
fn a_commit_of_any_process_is_a_change_once() {
    let f = vault();
    let other = open(&f.dir);
    let mut watch = Watch::new(&f.vault).unwrap();
    assert_eq!(watch.next(Duration::ZERO).unwrap(), Change::default());
    for (vault, name) in [(&f.vault, "shop"), (&other, "blog")] {
        database(vault, name);
        assert!(watch.next(LONG).unwrap().catalog);
        assert_eq!(watch.next(Duration::ZERO).unwrap(), Change::default());
    }
}

#[test]
fn merely_looking_is_no_change() {
    let f = vault();
    let now = Timestamp::now();
    let user = AddUserOptions { name: "alice".into(), role: Role::Viewer, password_hash: None, actor: "test".into() };
    users::add(&f.vault, &user).unwrap();
    let session = Session {
        preferences: keepstone_model::preferences::Preferences::default(),
        user: "alice".into(),
        role: Role::Viewer,
        created_at: now,
        authenticated_at: now,
        last_seen_at: now,
        expires_at: now + Duration::from_secs(86_400),
        address: String::new(),
        agent: String::new(),
    };
    f.vault.catalog().add_session("hash", &session).unwrap();
    let options =
        CreateTokenOptions { name: "t".into(), scopes: vec![Scope::Read], databases: None, lifetime_secs: None, actor: "test".into() };
    let secret = tokens::create(&f.vault, &options).unwrap().secret;
    let mut watch = Watch::new(&f.vault).unwrap();
    let later = now + Duration::from_secs(61);
    assert_eq!(f.vault.catalog().session("hash", later).unwrap().unwrap().last_seen_at, later);
    assert!(tokens::authenticate(&f.vault, &secret, later).unwrap().is_some());
    assert_eq!(watch.next(Duration::ZERO).unwrap(), Change::default());
    f.vault.catalog().remove_session("hash").unwrap();
    assert!(watch.next(LONG).unwrap().catalog, "to sign out is one");
    f.vault.catalog().remove_session("hash").unwrap();
    assert_eq!(watch.next(Duration::ZERO).unwrap(), Change::default(), "nothing was there to be removed");
}

#[test]
fn progress_that_moved_is_told_and_only_that() {
    let f = vault();
    let other = open(&f.dir);
    let (a, b) = (job(Verb::Create, None).id, job(Verb::Verify, None).id);
    let at = |done_bytes| Progress { step: Step::Snapshot, done_bytes, total_bytes: 10, elapsed_ms: 0 };
    other.live().put(&a, &at(1)).unwrap();
    let mut watch = Watch::new(&f.vault).unwrap();
    other.live().put(&b, &at(2)).unwrap();
    assert_eq!(watch.next(LONG).unwrap(), Change { catalog: false, progress: vec![(b.clone(), at(2))] });
    f.vault.live().put(&a, &at(3)).unwrap();
    assert_eq!(watch.next(LONG).unwrap().progress, [(a, at(3))]);
    other.live().forget(&b).unwrap();
    assert_eq!(watch.next(Duration::ZERO).unwrap(), Change::default(), "an end of progress is told by the job's row");
}

#[test]
fn a_change_ends_the_wait() {
    let f = vault();
    let mut watch = Watch::new(&f.vault).unwrap();
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| database(&f.vault, "shop"));
        assert!(watch.next(LONG).unwrap().catalog);
    });
    assert!(begun.elapsed() < LONG / 2);
}
