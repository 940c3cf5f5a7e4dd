//! A file applied: planned, carried out, done again, and who may change what afterwards.

use std::fs;

use keepstone_model::id::Kind;
use keepstone_model::schedule::Trigger;
use rusqlite::Connection;

use super::*;
use crate::testing::{self, Fixture};

fn source(f: &Fixture, name: &str) -> String {
    let path = f.dir.path().join(name);
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE a (b); INSERT INTO a VALUES (1)").unwrap();
    path.display().to_string()
}

fn wanted(f: &Fixture) -> WantedDatabase {
    WantedDatabase {
        objective_secs: Some(26 * 3600),
        never_replace: Some(true),
        schedules: Some(vec![
            Schedule::cron(Kind::Daily, "0 2 * * *", "UTC"),
            Schedule { jitter_secs: 600, ..Schedule::of(Kind::Interval, Trigger::Interval { every_secs: 43_200 }) },
            Schedule::of(Kind::Startup, Trigger::Start),
        ]),
        retention: Some(RetentionPolicy { last: Some(10), ..RetentionPolicy::default() }),
        ..WantedDatabase::new("shop".parse().unwrap(), source(f, "shop.db"))
    }
}

fn done(f: &Fixture, wanted: &[WantedDatabase]) -> Vec<String> {
    let now = Timestamp::now();
    let plan = plan_apply(&f.vault, wanted, now).unwrap();
    apply(&f.vault, &plan, Consent::Later, now).unwrap();
    let word = |change: &Change| format!("{:?} {} of {}", change.act, change.what, change.database);
    plan.changes.iter().map(word).collect()
}

#[test]
fn a_file_is_carried_out_and_once_more_changes_nothing() {
    let f = testing::vault();
    let mut shop = wanted(&f);
    let planned = plan_apply(&f.vault, std::slice::from_ref(&shop), Timestamp::now()).unwrap();
    assert!(databases::databases(&f.vault).unwrap().is_empty(), "a plan changes nothing");
    assert_eq!(planned.changes.len(), 7, "{:?}", planned.changes);
    assert_eq!(done(&f, std::slice::from_ref(&shop)).len(), 7);
    let rows = f.vault.catalog().schedules(None).unwrap();
    assert!(rows.len() == 3 && rows.iter().all(|row| row.managed_by.as_deref() == Some(BY)));
    let events = crate::activity::events(&f.vault, &crate::activity::EventFilter::default()).unwrap().len();
    assert_eq!(done(&f, std::slice::from_ref(&shop)), [""; 0]);
    assert_eq!(crate::activity::events(&f.vault, &crate::activity::EventFilter::default()).unwrap().len(), events, "not even an event");
    assert_eq!(f.vault.catalog().schedules(None).unwrap(), rows, "where they stand stays");
    // What it changes, and nothing else.
    let list = shop.schedules.as_mut().unwrap();
    list.remove(2);
    list[1].jitter_secs = 0;
    list.push(Schedule::cron(Kind::Weekly, "0 3 * * 1", "UTC"));
    shop.never_replace = None;
    let changed = done(&f, std::slice::from_ref(&shop));
    assert_eq!(changed, ["Change schedule of shop", "Add schedule of shop", "Remove schedule of shop", "Release never_replace of shop"],);
    let after = f.vault.catalog().schedules(None).unwrap();
    assert_eq!((after[0].number, &after[0].standing), (rows[0].number, &rows[0].standing), "the daily one goes on");
    assert!(databases::database(&f.vault, &shop.id).unwrap().never_replace, "what is released stays as it is");
}

#[test]
fn what_it_sets_is_changed_only_there() {
    let f = testing::vault();
    let shop = wanted(&f);
    done(&f, std::slice::from_ref(&shop));
    let by_hand = |edit: EditDatabaseOptions| {
        databases::edit_database(&f.vault, &shop.id, &EditDatabaseOptions { actor: "alice".to_owned(), ..edit })
    };
    let refused = by_hand(EditDatabaseOptions { objective_secs: Some(None), ..EditDatabaseOptions::default() }).unwrap_err();
    assert_eq!(
        (refused.code(), refused.to_string().as_str()),
        ("managed", "the setting \"objective\" of shop is set by the applied file and changed only there")
    );
    by_hand(EditDatabaseOptions { paused: Some(true), ..EditDatabaseOptions::default() }).unwrap();
    let policy = RetentionPolicy::standard();
    let set = |actor| {
        cleanup::set_policy(&f.vault, &shop.id, &policy, Consent::Given, keepstone_model::retention::CountBy::Good, actor).map(drop)
    };
    assert_eq!(set("alice").unwrap_err().code(), "managed");
    let row = f.vault.catalog().schedules(None).unwrap().remove(0);
    let now = Timestamp::now();
    assert_eq!(schedules::remove(&f.vault, row.number, "alice", now).unwrap_err().code(), "managed");
    let more = schedules::AddScheduleOptions {
        database: shop.id.clone(),
        schedule: Schedule::cron(Kind::Daily, "0 5 * * *", "UTC"),
        actor: "alice".to_owned(),
    };
    assert_eq!(schedules::add(&f.vault, &more, now).unwrap_err().code(), "managed");
    assert_eq!(databases::remove_database(&f.vault, &shop.id, "alice").unwrap_err().code(), "managed");
    // Taken out of the file it is everybody's again.
    assert_eq!(done(&f, &[]), ["Release database of shop"]);
    set("alice").unwrap();
    schedules::remove(&f.vault, row.number, "alice", now).unwrap();
    schedules::add(&f.vault, &more, now).unwrap();
    databases::remove_database(&f.vault, &shop.id, "alice").unwrap();
}

#[test]
fn a_file_that_cannot_be_carried_out_whole_is_not_begun() {
    let f = testing::vault();
    let shop = wanted(&f);
    let code = |others: &[WantedDatabase]| plan_apply(&f.vault, others, Timestamp::now()).unwrap_err().code();
    let missing = WantedDatabase::new("till".parse().unwrap(), f.dir.path().join("till.db").display().to_string());
    assert_eq!(code(&[shop.clone(), missing]), "source_missing");
    assert_eq!(code(&[shop.clone(), WantedDatabase { id: "other".parse().unwrap(), ..shop.clone() }]), "invalid");
    assert_eq!(code(&[WantedDatabase { encrypt: Some(true), ..shop.clone() }]), "no_encryption_password");
    let bad = WantedDatabase { schedules: Some(vec![Schedule::cron(Kind::Daily, "0 2 30 2 *", "UTC")]), ..shop.clone() };
    assert_eq!(code(&[bad]), "invalid");
    assert!(databases::databases(&f.vault).unwrap().is_empty());
    done(&f, std::slice::from_ref(&shop));
    assert_eq!(code(&[WantedDatabase { id: "store".parse().unwrap(), ..shop.clone() }]), "invalid");
    fs::copy(f.dir.path().join("shop.db"), f.dir.path().join("copy.db")).unwrap();
    assert_eq!(code(&[WantedDatabase { location: f.dir.path().join("copy.db").display().to_string(), ..shop }]), "invalid");
}
