//! `docs/migrating.md`, tried row by row: its commands on a real vault beside a running server, its lines of Python, addresses, fields, places
//! and functions. `page` reads the rows; `trial` tries them.

mod functions;
mod page;
mod trial;

use std::{collections::BTreeSet, fs, process::Command};

use self::{page::rows, trial::Trial};
use crate::{
    postgres::server,
    support::{Host, shop},
};

/// A folder as a deployment of that system has it: the database, its `backups`, and the files that commands name.
fn deployment(system: &str, database: &str) -> Host {
    let host = Host::new();
    drop(shop(&host.path(&format!("{database}.db")), 3));
    let samples = page::root().join("testdata/predecessors").join(system);
    assert!(Command::new("cp").arg("-a").arg(samples).arg(host.path("backups")).status().unwrap().success());
    fs::write(host.path("password.txt"), "seven horses over the hill\n").unwrap();
    fs::write(host.path("old.txt"), "a password of the old system\n").unwrap();
    fs::write(host.path(".env"), "BACKUP_ENABLED=true\nBACKUP_RETENTION_DAYS=30\nBACKUP_VERIFY_AFTER_CREATE=true  # always\n").unwrap();
    fs::write(host.path("databases.toml"), format!("[databases.{database}]\nlocation = \"{database}.db\"\nobjective = \"26h\"\n")).unwrap();
    host
}

#[test]
fn cosmic_teams() {
    let host = deployment("cosmic-teams", "cosmic");
    host.ok(&["db", "add", "cosmic.db"]);
    Trial::of("Cosmic Teams", "cosmic", host).run();
}

#[test]
fn chame() {
    let host = deployment("chame", "chame");
    let users = "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password TEXT); INSERT INTO users (name) VALUES ('ann');";
    rusqlite::Connection::open(host.path("chame.db")).unwrap().execute_batch(users).unwrap();
    host.ok(&["db", "add", "chame.db"]);
    Trial::of("Chame", "chame", host).run();
}

#[test]
fn crm() {
    let host = deployment("crm", "data");
    host.ok(&["db", "add", "data.db"]);
    Trial::of("CRM", "data", host).run();
}

#[test]
fn the_program() {
    let host = deployment("the-program", "app");
    host.ok(&["db", "add", "app.db"]);
    Trial::of("The Program", "app", host).run();
}

#[test]
fn loopin() {
    let Some(server) = server::server() else { return };
    let host = deployment("loopin", "loopin");
    let url = server.shop("loopin");
    fs::write(host.path("url.txt"), &url).unwrap();
    host.ok(&["db", "add", "--url-file", "url.txt"]);
    Trial::of("LoopIn", "loopin", host).with_url(url).run();
}

/// What the predecessors' documents name, by system. Each stands in that system's table, on its left.
#[test]
fn nothing_of_the_predecessors_is_missing() {
    let (named, mut missing) = (include_str!("migrating/named.txt"), BTreeSet::new());
    let all = rows();
    let mut system = "";
    for line in named.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("# ") {
            system = name;
            assert!(all.iter().any(|row| row.system == system), "no table {system}");
        } else if !all.iter().any(|row| row.system == system && row.there.contains(line)) {
            missing.insert(format!("{system}: {line}"));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
