//! Each verb's document and its text, on a small vault; and several databases at once.

use std::fs;

use crate::support::{Host, shop};

#[test]
fn every_verb_prints_one_document_and_some_text() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    host.ok(&["db", "add", "shop.db"]);
    let id = host.create(&["shop"]);
    let job = host.results(&["job", "list"])[0]["id"].as_str().unwrap().to_owned();
    let cases: &[(&[&str], &str)] = &[
        (&["db", "list"], "shop"),
        (&["db", "show", "shop"], "Every day at 02:00"),
        (&["list"], &id),
        (&["status"], "Protected"),
        (&["status", "./shop.db"], "Protected"),
        (&["show", "latest"], "checksum_validation"),
        (&["show", &id[..20]], "orders"),
        (&["verify", "latest"], "passed"),
        (&["restore", "latest", "--dry-run"], "Restore"),
        (&["pin", "latest"], &id),
        (&["unpin", "latest"], &id),
        (&["trash", "list"], ""),
        (&["cleanup", "--dry-run"], "newest good"),
        (&["retention", "show", "shop"], "7 daily"),
        (&["schedule", "list"], "weekly"),
        (&["schedule", "next", "shop"], "daily"),
        (&["job", "list"], "create"),
        (&["job", "show", &job], "done"),
        (&["job", "cancel", &job], &job),
        (&["activity"], "backup"),
        (&["activity", "list", "--db", "shop", "--limit", "1"], "shop"),
        (&["activity", "verify"], "whole"),
        (&["user", "list"], ""),
        (&["info"], "0."),
        (&["completions", "bash"], "_keepstone"),
        (&["completions", "zsh"], "#compdef"),
        (&["man"], ".TH keepstone"),
        (&["man", "restore"], "safety"),
    ];
    for (args, word) in cases {
        let (exit, document) = host.json(args);
        assert_eq!(exit, 0, "{args:?}: {document}");
        let text = host.ok(args);
        assert!(text.contains(word), "{args:?}: {text}");
        assert!(!text.contains('\u{1b}'), "no colours for a file: {text}");
    }
}

#[test]
fn names_that_are_not_there_exit_3() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    host.ok(&["db", "add", "shop.db"]);
    host.fails(&["create", "till"], "unknown_database", 3);
    host.fails(&["status", "./till.db"], "unknown_database", 3);
    host.fails(&["show", "shop_manual"], "unknown_backup", 3);
    host.fails(&["restore", "latest"], "unknown_backup", 3);
    host.fails(&["job", "show", "j-01jd3k9v0q7x8"], "unknown_job", 3);
    host.fails(&["undo", "yesterday"], "unknown_job", 3);
    host.fails(&["trash", "put-back", "x"], "unknown_backup", 3);
    host.create(&["shop"]);
    host.create(&["shop"]);
    host.fails(&["show", "shop_manual"], "ambiguous_backup", 2);
}

#[test]
fn one_database_that_fails_does_not_stop_the_rest() {
    let host = Host::new();
    for name in ["a.db", "b.db", "c.db"] {
        drop(shop(&host.path(name), 3));
        host.ok(&["db", "add", name]);
    }
    fs::write(host.path("a.db"), "").unwrap();
    fs::remove_file(host.path("c.db")).unwrap();
    let (exit, document) = host.json(&["create"]);
    let results = document["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    assert_eq!(results.iter().filter(|one| one["ok"] == true).count(), 1);
    assert_eq!(document["error"], results.iter().find(|one| one["ok"] == false).unwrap()["error"], "the first failure's");
    assert_eq!(exit, document["error"]["exit"]);
    let told = host.run(&["create"]);
    assert_eq!(told.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 2, "{told:?}");
}

#[test]
fn verify_all_leaves_out_what_was_checked_lately() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    host.ok(&["db", "add", "shop.db"]);
    let (checked, unchecked) = (host.create(&["shop"]), host.create(&["shop", "--no-verify"]));
    assert_eq!(host.results(&["list", "--limit", "1"])[0]["verdict"], "unproven", "a backup never proven says so");
    let ids = |args: &[&str]| host.results(args).iter().map(|result| result["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&["verify", "--all", "--older-than", "7d", "--rate", "100MB"]), std::slice::from_ref(&unchecked));
    assert!(ids(&["verify", "--all", "--older-than", "7d"]).is_empty());
    assert_eq!(ids(&["verify", "--all"]), [checked, unchecked]);
    host.fails(&["verify", "--all", "--rate", "fast"], "usage", 2);
    host.fails(&["verify", "latest", "--older-than", "7d"], "usage", 2);
}

#[test]
fn what_could_not_be_printed_is_a_failure_unless_nobody_reads() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    host.ok(&["db", "add", "shop.db"]);
    host.create(&["shop"]);
    for args in [&["list"][..], &["status", "--json"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = host.command(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("standard output could not be written"), "{output:?}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = host.command(args).stdout(writer).output().unwrap();
        assert!(output.stderr.is_empty(), "{args:?}: {output:?}");
    }
}
