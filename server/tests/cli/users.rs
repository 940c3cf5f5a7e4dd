//! Who may sign in: passwords only by file or prompt, and none that is weak.

use std::fs;

use crate::support::{Host, shop};

#[test]
fn users_come_and_go() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 1));
    host.ok(&["db", "add", "shop.db"]);
    let link = host.ok(&["user", "setup-link", "--public-url", "https://backup.example.org/"]);
    assert!(link.starts_with("https://backup.example.org/setup?"), "{link}");

    fs::write(host.path("good"), "correct horse battery staple\nsecond line\n").unwrap();
    fs::write(host.path("weak"), "password1234\n").unwrap();
    host.fails(&["user", "add", "alice"], "usage", 2);
    host.fails(&["user", "add", "alice", "--password-file", "weak"], "invalid", 2);
    host.fails(&["user", "add", "no spaces", "--password-file", "good"], "invalid", 2);
    host.ok(&["user", "add", "alice", "--role", "admin", "--password-file", "good"]);
    host.fails(&["user", "add", "Alice", "--password-file", "good"], "already_exists", 7);
    host.ok(&["user", "add", "bob", "--password-file", "good"]);
    host.ok(&["user", "passwd", "bob", "--password-file", "good"]);
    host.fails(&["user", "passwd", "carol", "--password-file", "good"], "unknown_user", 3);
    host.fails(&["user", "setup-link"], "already_set_up", 7);
    let link = host.ok(&["user", "setup-link", "bob", "--public-url", "https://backup.example.org/"]);
    assert!(link.starts_with("https://backup.example.org/setup?token="), "{link}");
    host.ok(&["user", "disable", "bob"]);
    assert_eq!(host.results(&["user", "list"])[1]["state"], "disabled");
    host.fails(&["user", "setup-link", "bob"], "invalid", 2);
    host.ok(&["user", "enable", "BOB"]);
    host.ok(&["user", "role", "bob", "operator"]);
    host.ok(&["user", "role", "bob", "viewer"]);
    assert!(host.ok(&["user", "reset-factor", "bob"]).contains("was off already"));
    host.fails(&["user", "reset-factor", "carol"], "unknown_user", 3);
    host.fails(&["user", "role", "alice", "operator"], "invalid", 2);
    host.fails(&["user", "disable", "alice"], "invalid", 2);
    let users = host.results(&["user", "list"]);
    assert_eq!(users.iter().map(|user| user["role"].as_str().unwrap()).collect::<Vec<_>>(), ["admin", "viewer"]);
    assert!(!serde_json::to_string(&users).unwrap().contains("argon2"), "no hash leaves the catalog");
    let (exit, document) = host.json(&["user", "remove", "alice", "--yes"]);
    assert_eq!(exit, 2, "the last admin stays: {document}");
    host.ok(&["user", "remove", "bob", "--yes"]);
    assert_eq!(host.ok(&["user", "list", "-q"]).trim(), "alice");
}
