//! More than 4 GiB: the archive needs Zip64, and the database has SQLite's lock page at 1 GiB, which nothing may be stored in.

use std::{fs, path::PathBuf, time::Instant};

use rusqlite::Connection;

use crate::{effort::figures, support::Host};

/// Where there is room for four times the database; not in memory.
fn roomy() -> Host {
    let folder = std::env::var_os("KEEPSTONE_TORTURE_DISK").map_or_else(std::env::temp_dir, PathBuf::from);
    Host { dir: tempfile::tempdir_in(folder).unwrap() }
}

/// So many rows of 100 MB.
const ROWS: i64 = 44;

/// Pages of zeros but for their links, which the disk stores and the compressor does not; and every eleventh row of what no compressor makes smaller.
fn application(host: &Host, page_size: u32, mode: &str) -> Connection {
    let application = Connection::open(host.path("large.db")).unwrap();
    application
        .execute_batch(&format!(
            "PRAGMA page_size={page_size}; PRAGMA journal_mode={mode}; PRAGMA synchronous=OFF; CREATE TABLE t(id INTEGER PRIMARY KEY, x BLOB);
             CREATE TABLE last(x); INSERT INTO last VALUES ('before the restore');"
        ))
        .unwrap();
    for row in 0..ROWS {
        let blob = if row % 11 == 5 { "randomblob" } else { "zeroblob" };
        application.execute(&format!("INSERT INTO t(x) VALUES ({blob}(100000000))"), []).unwrap();
    }
    application.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    application
}

fn size(host: &Host) -> u64 {
    let size = fs::metadata(host.path("large.db")).unwrap().len();
    assert!(size > 4 << 30, "{size}");
    size
}

/// Far apart, and one of them beyond the lock page.
fn change(application: &Connection) {
    application
        .execute_batch("UPDATE t SET x = randomblob(1000) WHERE id IN (2, 12, 43); DELETE FROM last; DELETE FROM t WHERE id = 44")
        .unwrap();
}

/// The rows, their bytes, and what stands in the table that was made first.
fn told(application: &Connection) -> (i64, i64, Option<String>) {
    let sums = "SELECT count(*), sum(length(x)), (SELECT x FROM last) FROM t";
    application.query_row(sums, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap()
}

fn is_sound(host: &Host) {
    let quick: String = Connection::open(host.path("large.db")).unwrap().query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).unwrap();
    assert_eq!(quick, "ok");
}

#[test]
#[ignore = "writes 20 GB: a part of make torture"]
fn a_database_of_more_than_4_gib_goes_round() {
    let host = roomy();
    let began = Instant::now();
    let application = application(&host, 65536, "WAL");
    let size = size(&host);
    host.ok(&["db", "add", "large.db"]);
    let stored = host.create(&["large", "--no-compress"]);
    let archive = fs::metadata(host.path(&format!("keepstone-data/backups/large/manual/{stored}.zip"))).unwrap().len();
    assert!(archive > 4 << 30, "the payload alone needs Zip64: {archive}");
    let packed = host.create(&["large"]);
    host.ok(&["verify", "--all"]);
    let before = told(&application);
    change(&application);
    host.ok(&["restore", &stored, "--replace", "--yes", "--no-safety-backup"]);
    assert_eq!(told(&application), before);
    assert_eq!(before, (ROWS, ROWS * 100_000_000, Some("before the restore".to_owned())));
    drop(application);
    host.ok(&["restore", &packed, "--to", "new.sqlite"]);
    assert_eq!(fs::metadata(host.path("new.sqlite")).unwrap().len(), size);
    is_sound(&host);
    figures("4 GiB and more", &[("bytes", size), ("archives", 2), ("restores", 2), ("seconds", began.elapsed().as_secs())]);
}

/// Writers wait in this mode: the pages are spooled first. The state before the restore is kept, and comes back.
#[test]
#[ignore = "writes 25 GB: a part of make torture"]
fn a_database_of_more_than_4_gib_in_rollback_mode_goes_round_and_back() {
    let host = roomy();
    let began = Instant::now();
    let application = application(&host, 4096, "DELETE");
    let size = size(&host);
    host.ok(&["db", "add", "large.db"]);
    let id = host.create(&["large"]);
    let before = told(&application);
    change(&application);
    let after = told(&application);
    assert!(before != after);
    let restored = host.results(&["restore", &id, "--replace", "--yes"]);
    assert_eq!(told(&application), before);
    is_sound(&host);
    host.ok(&["undo", restored[0]["job"].as_str().unwrap(), "--yes"]);
    assert_eq!(told(&application), after);
    is_sound(&host);
    host.ok(&["verify", "--all"]);
    figures("4 GiB in rollback mode", &[("bytes", size), ("restores", 1), ("undone", 1), ("seconds", began.elapsed().as_secs())]);
}
