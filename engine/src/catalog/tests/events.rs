//! The chain of events.

use keepstone_model::event::EventResult;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::{
    activity::{self, ChainReport, EventFilter, FIRST_PREVIOUS_HASH, NewEvent, event_hash},
    image::hex,
    testing::{open, plain_event, vault},
};

#[test]
fn each_event_carries_the_hash_of_the_one_before() {
    let f = vault();
    let other = open(&f.dir);
    for n in 0..6 {
        activity::record(if n % 2 == 0 { &f.vault } else { &other }, &plain_event("test.done")).unwrap();
    }
    let events = activity::events(&f.vault, &EventFilter::default()).unwrap();
    assert_eq!(events.iter().map(|e| e.number).collect::<Vec<_>>(), [6, 5, 4, 3, 2, 1]);
    assert_eq!(events[5].previous_hash, FIRST_PREVIOUS_HASH);
    assert!(events.windows(2).all(|pair| pair[0].previous_hash == pair[1].hash));
    assert!(events.iter().all(|event| event.hash == event_hash(event)));
    let page = activity::events(&f.vault, &EventFilter { before: Some(4), limit: Some(2), ..EventFilter::default() }).unwrap();
    assert_eq!(page.iter().map(|e| e.number).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(activity::verify_chain(&f.vault).unwrap(), ChainReport { events: 6, broken_at: None });
}

#[test]
fn they_are_found_by_who_and_by_result() {
    let f = vault();
    for (actor, result) in
        [("anna", EventResult::Ok), ("cli:Anna", EventResult::Failed), ("bert", EventResult::Failed), ("schedule", EventResult::Warning)]
    {
        activity::record(&f.vault, &NewEvent { actor, result, ..plain_event("test.done") }).unwrap();
    }
    let found = |actor: Option<&str>, result| {
        let filter = EventFilter { actor: actor.map(str::to_owned), result, ..EventFilter::default() };
        activity::events(&f.vault, &filter).unwrap().into_iter().map(|event| event.actor).collect::<Vec<_>>()
    };
    assert_eq!(found(Some("ANNA"), None), ["cli:Anna", "anna"]);
    assert_eq!(found(Some("anna"), Some(EventResult::Failed)), ["cli:Anna"]);
    assert_eq!(found(None, Some(EventResult::Failed)), ["bert", "cli:Anna"]);
    assert_eq!(found(Some("%"), None), Vec::<String>::new(), "no pattern");
}

#[test]
fn the_hash_is_the_documented_one() {
    let f = vault();
    let event = activity::record(&f.vault, &plain_event("test.done")).unwrap();
    let canonical = format!(
        r#"{{"action":"test.done","actor":"alice","at":{},"backup":null,"database":null,"job":null,"message":"something ünïcode \"happened\"","number":1,"previous_hash":"{FIRST_PREVIOUS_HASH}","result":"ok"}}"#,
        event.at.as_millisecond()
    );
    assert_eq!(event.hash, hex(&Sha256::digest(canonical)));
}

#[test]
fn tampering_shows_where_it_begins() {
    // A rewritten hash hides the change of its own line, but not from the next one.
    let cases = [
        ("UPDATE events SET message = 'nothing happened' WHERE number = 3", 3),
        ("UPDATE events SET at = at + 1 WHERE number = 1", 1),
        ("UPDATE events SET result = 'failed' WHERE number = 5", 5),
        ("UPDATE events SET hash = 'x' WHERE number = 2", 2),
        ("UPDATE events SET actor = x'00' WHERE number = 2", 2),
        ("DELETE FROM events WHERE number = 1", 1),
        ("DELETE FROM events WHERE number = 3", 3),
        ("DELETE FROM events WHERE number >= 4", 4),
        ("DELETE FROM events", 1),
    ];
    for (sql, broken_at) in cases {
        let f = vault();
        for _ in 0..5 {
            activity::record(&f.vault, &plain_event("test.done")).unwrap();
        }
        let c = Connection::open(f.vault.catalog_path()).unwrap();
        assert!(c.execute(sql, []).is_err(), "the table itself forbids it: {sql}");
        let free = "DROP TRIGGER events_stay; DROP TRIGGER events_keep; PRAGMA ignore_check_constraints = on;";
        c.execute_batch(free).unwrap();
        if c.execute(sql, []).is_err() {
            continue; // STRICT refuses a blob in a text column, whoever asks.
        }
        assert_eq!(activity::verify_chain(&f.vault).unwrap().broken_at, Some(broken_at), "{sql}");
    }
}

#[test]
fn a_page_verifies_what_came_since_the_last_one() {
    let f = vault();
    let add = || (0..5).for_each(|_| drop(activity::record(&f.vault, &plain_event("test.done")).unwrap()));
    let whole = |events| assert_eq!(activity::verify_new_events(&f.vault).unwrap(), ChainReport { events, broken_at: None });
    whole(0);
    add();
    whole(5);
    whole(5);
    let c = Connection::open(f.vault.catalog_path()).unwrap();
    c.execute_batch("DROP TRIGGER events_stay; DROP TRIGGER events_keep").unwrap();
    // Of what was verified only the last line is looked at again …
    c.execute("UPDATE events SET message = 'nothing happened' WHERE number = 2", []).unwrap();
    add();
    whole(10);
    assert_eq!(activity::verify_chain(&f.vault).unwrap().broken_at, Some(2));
    // … and after a broken chain everything is.
    assert_eq!(activity::verify_new_events(&f.vault).unwrap().broken_at, Some(2));
    c.execute("UPDATE events SET message = ?1 WHERE number = 2", [plain_event("test.done").message]).unwrap();
    whole(10);
    c.execute("DELETE FROM events WHERE number = 10", []).unwrap();
    assert_eq!(activity::verify_new_events(&f.vault).unwrap(), ChainReport { events: 9, broken_at: Some(10) });
}

#[test]
fn a_long_verification_keeps_nobody_waiting() {
    let f = vault();
    activity::record(&f.vault, &plain_event("test.done")).unwrap();
    let _held = crate::catalog::lock(&f.vault.catalog().reader);
    assert_eq!(activity::verify_chain(&f.vault).unwrap().events, 1);
}
