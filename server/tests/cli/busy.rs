//! Two at once, and stopping one that runs.

use std::{
    process::{Child, Command, Output},
    thread,
    time::{Duration, Instant},
};

use crate::support::{Host, content, shop};

/// A database that takes a while, compressed as slowly as can be.
fn slow() -> Host {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 8000));
    host.ok(&["db", "add", "shop.db"]);
    host
}

const SLOWLY: [&str; 4] = ["create", "shop", "--level", "19"];

/// Waits until the child's job holds its staging folder.
fn until_it_runs(host: &Host, child: &mut Child) {
    let begun = Instant::now();
    while !host.path("keepstone-data/backups/.staging").read_dir().is_ok_and(|entries| entries.flatten().any(|entry| entry.path().is_dir()))
    {
        assert!(child.try_wait().unwrap().is_none() && begun.elapsed() < Duration::from_secs(20), "it never began");
        thread::sleep(Duration::from_millis(2));
    }
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

fn finished(child: Child) -> Output {
    child.wait_with_output().unwrap()
}

#[test]
fn the_same_database_is_never_backed_up_twice_at_once() {
    let host = slow();
    let mut first = host.spawn(&SLOWLY);
    until_it_runs(&host, &mut first);
    let (exit, document) = host.json(&["create", "shop"]);
    assert_eq!((exit, document["error"]["code"].as_str()), (5, Some("database_busy")), "{document}");
    let first = finished(first);
    assert_eq!(first.status.code(), Some(0), "{first:?}");

    // Whoever comes first, and however close: both in turn, or one is busy.
    let both = [host.spawn(&["create", "shop"]), host.spawn(&["create", "shop"])];
    let mut exits = both.map(|child| finished(child).status.code().unwrap());
    exits.sort_unstable();
    assert!(exits == [0, 0] || exits == [0, 5], "{exits:?}");
    let complete = host.ok(&["list", "-q", "--state", "complete"]).lines().count();
    assert_eq!(complete, 1 + exits.iter().filter(|exit| **exit == 0).count());
    host.ok(&["verify", "--all"]);
}

#[test]
fn the_first_interrupt_cancels_cleanly() {
    let host = slow();
    let before = content(&host.path("shop.db"));
    let mut child = host.spawn(&[&SLOWLY[..], &["--json"]].concat());
    until_it_runs(&host, &mut child);
    interrupt(&child);
    let output = finished(child);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), document["error"]["code"].as_str()), (Some(1), Some("cancelled")), "{document}");
    assert_eq!(host.results(&["job", "list"])[0]["state"], "cancelled");
    assert_eq!(host.ok(&["list", "-q", "--state", "complete"]), "");
    assert_eq!(content(&host.path("shop.db")), before);
}

#[test]
fn another_process_can_cancel_it() {
    let host = slow();
    let mut child = host.spawn(&SLOWLY);
    until_it_runs(&host, &mut child);
    let job = loop {
        if let Some(job) = host.results(&["job", "list", "--state", "running"]).first() {
            assert_eq!(job["verb"], "create");
            break job["id"].as_str().unwrap().to_owned();
        }
    };
    host.ok(&["job", "cancel", &job]);
    let output = finished(child);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(host.results(&["job", "show", &job])[0]["state"], "cancelled");
}
