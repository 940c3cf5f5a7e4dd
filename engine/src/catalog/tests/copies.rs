//! The catalog's own copies: when they are made, what a rebuilt catalog takes out of them, and what becomes of those that cannot be read.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{access::Role, event::Event, token::Scope};

use crate::{
    Vault,
    activity::{self, EventFilter},
    catalog::copies,
    databases, layout,
    testing::{self, Fixture, vault},
    tokens, users,
    vault::{OpenMode, RebuildReport, VaultOptions, rebuild},
};

fn add_user(vault: &Vault, name: &str) {
    let options = users::AddUserOptions {
        name: name.to_owned(),
        role: Role::Admin,
        password_hash: Some("$argon2id$…".to_owned()),
        actor: "test".to_owned(),
    };
    users::add(vault, &options).unwrap();
}

fn add_token(vault: &Vault) -> String {
    let (name, actor) = ("deploy".to_owned(), "test".to_owned());
    let options = tokens::CreateTokenOptions { name, scopes: vec![Scope::Create], databases: None, lifetime_secs: None, actor };
    tokens::create(vault, &options).unwrap().secret
}

fn events(vault: &Vault) -> Vec<Event> {
    let mut events = activity::events(vault, &EventFilter::default()).unwrap();
    events.reverse();
    events
}

fn names(vault: &Vault) -> Vec<String> {
    users::list(vault).unwrap().into_iter().map(|user| user.name).collect()
}

fn copies_of(vault: &Vault) -> Vec<PathBuf> {
    copies::list(&layout::catalog_copies(vault.data_dir())).unwrap().into_iter().map(|copy| copy.path).collect()
}

/// Closes the vault, damages its catalog, and makes a new one.
fn rebuilt(vault: Vault) -> (Vault, RebuildReport) {
    let options = VaultOptions { data: vault.data_dir().to_owned(), backups: None, mode: OpenMode::Existing };
    drop(vault);
    fs::write(options.data.join(layout::CATALOG), "damaged").unwrap();
    let report = rebuild(&options, "test").unwrap();
    (Vault::open(&options).unwrap(), report)
}

#[test]
fn users_tokens_and_activity_come_back_from_the_newest_copy() {
    let Fixture { vault, dir } = vault();
    let now = Timestamp::now();
    let later = |hours| now + SignedDuration::from_hours(hours);
    let source = dir.path().join("shop.db");
    rusqlite::Connection::open(&source).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let location = source.to_str().unwrap().to_owned();
    let options = databases::AddDatabaseOptions { location, name: None, schedules: None, actor: "test".to_owned() };
    let shop = databases::add_database(&vault, &options).unwrap().id;
    add_user(&vault, "ann");
    let first = vault.copy_catalog(now).unwrap().unwrap();
    assert_eq!(fs::metadata(&first).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(vault.copy_catalog(later(1)).unwrap(), None, "one a day is enough");
    let secret = add_token(&vault);
    vault.copy_catalog(now + SignedDuration::from_millis(1)).unwrap().expect("who may do what has changed");
    tokens::authenticate(&vault, &secret, later(3)).unwrap().expect("a token");
    assert_eq!(vault.copy_catalog(later(3)).unwrap(), None, "that a token was used is no change");
    let known = events(&vault);
    add_user(&vault, "late");

    let (vault, report) = rebuilt(vault);
    let taken = report.taken_over.unwrap();
    assert_eq!((taken.users, taken.tokens, taken.events), (1, 1, known.len() as u64));
    assert_eq!((names(&vault), report.skipped), (vec!["ann".to_owned()], vec![]));
    assert!(tokens::authenticate(&vault, &secret, later(3)).unwrap().is_some());
    let after = events(&vault);
    assert_eq!(after[..known.len()], known);
    assert_eq!(after.last().unwrap().action, "catalog.rebuilt");
    assert!(after.last().unwrap().message.contains("users, tokens and activity are those of "));
    assert_eq!(activity::verify_chain(&vault).unwrap().broken_at, None, "the chain goes on");
    let databases: Vec<_> = vault.catalog().databases().unwrap().into_iter().map(|database| database.id).collect();
    assert_eq!(databases, [shop], "from its folder, not twice");
}

#[test]
fn a_copy_that_cannot_be_read_is_told_and_an_older_one_taken() {
    let Fixture { vault, dir: _dir } = vault();
    let now = Timestamp::now();
    add_user(&vault, "ann");
    vault.copy_catalog(now).unwrap().unwrap();
    add_user(&vault, "bob");
    let newer = vault.copy_catalog(now + SignedDuration::from_hours(1)).unwrap().unwrap();
    let mut bytes = fs::read(&newer).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xA5);
    fs::write(&newer, bytes).unwrap();

    let (vault, report) = rebuilt(vault);
    assert_eq!(names(&vault), ["ann"], "{report:?}");
    assert!(report.skipped.len() == 1 && report.skipped[0].contains(newer.to_str().unwrap()), "{:?}", report.skipped);

    for copy in copies_of(&vault) {
        fs::write(copy, "").unwrap();
    }
    let (vault, report) = rebuilt(vault);
    assert!(report.taken_over.is_none() && report.skipped.len() == 2, "{report:?}");
    assert_eq!(names(&vault), [""; 0]);

    let folder = layout::catalog_copies(vault.data_dir());
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "no folder").unwrap();
    let (_, report) = rebuilt(vault);
    assert!(report.taken_over.is_none() && report.skipped.len() == 1, "{report:?}");
}

#[test]
fn nobody_is_signed_in_after_and_no_job_runs() {
    let Fixture { vault, dir: _dir } = vault();
    let now = Timestamp::now();
    add_user(&vault, "ann");
    let shop = testing::database(&vault, "shop").id;
    let create = crate::create::CreateOptions::new(shop, "test");
    let job = crate::jobs::submit(&vault, &crate::jobs::JobRequest::Create(create), None).unwrap();
    let expires_at = now + SignedDuration::from_hours(1);
    vault.catalog().set_setup_link("hash", expires_at).unwrap();
    users::set_link(&vault, "ann", "hash", expires_at, "test").unwrap();
    vault.copy_catalog(now).unwrap().unwrap();
    let (vault, _) = rebuilt(vault);
    assert_eq!(names(&vault), ["ann"]);
    assert_eq!(vault.catalog().get_job(&job).unwrap().map(|row| row.job.id), None);
    assert!(users::use_link(&vault, "hash", "$argon2id$…").is_err());
}

#[test]
fn a_catalog_of_an_older_version_is_brought_up_to_date() {
    let Fixture { vault, dir: _dir } = vault();
    let data = vault.data_dir().to_owned();
    vault.copy_catalog(Timestamp::now()).unwrap().unwrap();
    let copy = copies_of(&vault).remove(0);
    fs::remove_file(&copy).unwrap();
    let older = rusqlite::Connection::open(&copy).unwrap();
    for step in &super::super::schema::STEPS[..9] {
        older.execute_batch(step).unwrap();
    }
    older.pragma_update(None, "application_id", super::super::schema::APPLICATION_ID).unwrap();
    older.pragma_update(None, "user_version", 9).unwrap();
    older.execute("INSERT INTO users (key, name, role, password_hash, created_at) VALUES ('ann', 'ann', 'admin', '', 0)", []).unwrap();
    drop(older);
    let (vault, report) = rebuilt(vault);
    assert_eq!((names(&vault), report.skipped), (vec!["ann".to_owned()], vec![]));
    assert!(!data.join("catalog.version-9.sqlite").exists(), "a copy of a copy is not kept");
}

#[test]
fn days_pass_and_seven_copies_stay() {
    let Fixture { vault, dir: _dir } = vault();
    let now = Timestamp::now();
    for hours in (0..24 * 12).step_by(12) {
        vault.copy_catalog(now + SignedDuration::from_hours(hours)).unwrap();
    }
    assert_eq!(copies_of(&vault).len(), 7);
    let others: Vec<_> = fs::read_dir(layout::catalog_copies(vault.data_dir())).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(others.len(), 8, "the copies and the lock: {others:?}");
}
