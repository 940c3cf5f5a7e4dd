//! Tables that are rebuilt by TRUNCATE while a backup begins: it holds their rows, or is none.

use super::*;

/// Holds the table by a transaction that empties and fills it, until the dump waits for it.
fn rebuilding(server: &Server, database: &str, sql: &str) -> std::process::Child {
    let mut rebuilder = Command::new(server.bin.join("psql"))
        .args(["-X", "-q", "-h", "127.0.0.1", "-U", "postgres", "-d", database, "-p", &server.port.to_string()])
        .args(["-c", &format!("BEGIN; {sql}")])
        .args([
            "-c",
            "DO $$ BEGIN WHILE NOT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock' \
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) LOOP PERFORM pg_sleep(0.02); END LOOP; END $$",
        ])
        .args(["-c", "COMMIT"])
        .env("PGPASSWORD", server::PASSWORD)
        .spawn()
        .unwrap();
    while server.psql(database, "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = relation WHERE relname = 'orders' AND mode = 'AccessExclusiveLock' AND granted") == "0" {
        assert!(rebuilder.try_wait().unwrap().is_none(), "it ended");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    rebuilder
}

#[test]
fn a_table_that_is_rebuilt_as_the_dump_begins_is_in_it_with_its_rows() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "rebuilt");
    for sql in [
        "TRUNCATE orders; INSERT INTO orders SELECT n, 'new' FROM generate_series(1, 700) n",
        "LOCK orders IN ACCESS EXCLUSIVE MODE; CREATE TABLE orders_new (LIKE orders INCLUDING ALL); \
         INSERT INTO orders_new SELECT n, 'new' FROM generate_series(1, 700) n; DROP TABLE orders; ALTER TABLE orders_new RENAME TO orders",
    ] {
        let mut rebuilder = rebuilding(server, "rebuilt", sql);
        let made = create(&fixture.vault, &CreateOptions::new(database.id.clone(), "alice"), &Silent);
        assert!(rebuilder.wait().unwrap().success());
        let made = made.unwrap();
        assert!(made.backup.is_good());
        assert_eq!(archive_of(&fixture.vault, &made).metadata().table_counts["orders"], 700, "{sql}");
    }
}
