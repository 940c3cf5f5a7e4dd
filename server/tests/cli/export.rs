//! `keepstone export`: what it writes, what it leaves out, and what it refuses.

use std::fs;

use rusqlite::Connection;

use crate::support::{Host, content, shop};

fn host_with_secrets() -> Host {
    let host = Host::new();
    let shop = shop(&host.path("shop.db"), 30);
    shop.execute_batch("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, password_hash TEXT NOT NULL); INSERT INTO people VALUES (1, 'Ann', 'xyzzy1');")
        .unwrap();
    host.ok(&["db", "add", "shop.db"]);
    host
}

#[test]
fn an_export_says_what_it_left_out_and_goes_beside_nothing() {
    let host = host_with_secrets();
    let told = host.run(&["export", "shop", "--format", "csv", "-o", "shop.zip"]);
    assert_eq!(told.exit, 0, "{told:?}");
    assert!(told.stdout.contains("exported 34 rows of 4 tables"), "{told:?}");
    assert!(told.stderr.contains("people.password_hash"), "{told:?}");
    host.fails(&["export", "shop", "--format", "csv", "-o", "shop.zip"], "target_exists", 7);
    host.fails(&["export", "shop", "--table", "till"], "unknown_table", 3);
    host.fails(&["export", "till"], "unknown_database", 3);
    host.fails(&["export", "shop", "-o", "shop.json"], "invalid", 2);
    let one = &host.results(&["export", "shop", "--table", "people", "-o", "people.json", "--include-sensitive"])[0];
    assert_eq!(one["left_out"], serde_json::json!([]));
    assert!(fs::read_to_string(host.path("people.json")).unwrap().contains("xyzzy1"));
    let log = host.ok(&["activity", "list", "--db", "shop"]);
    assert!(log.contains("with the columns that look sensitive"), "{log}");
}

#[test]
fn sql_of_a_backup_loads_into_an_equal_database() {
    let host = host_with_secrets();
    host.create(&["shop"]);
    host.ok(&["export", "latest", "--format", "sql", "--include-sensitive", "-o", "shop.sql"]);
    let loaded = Connection::open(host.path("loaded.db")).unwrap();
    loaded.execute_batch(&fs::read_to_string(host.path("shop.sql")).unwrap()).unwrap();
    drop(loaded);
    assert_eq!(content(&host.path("loaded.db")), content(&host.path("shop.db")));
    // By default into the present folder, under a name of its own.
    let path = host.ok(&["-q", "export", "latest", "--format", "sql"]);
    assert!(host.path(path.trim()).is_file(), "{path}");
}
