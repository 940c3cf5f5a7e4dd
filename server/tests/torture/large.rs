//! More than 4 GiB: the archive needs Zip64, and the database has SQLite's lock page at 1 GiB, which nothing may be stored in.

use std::{fs, path::PathBuf, time::Instant};

use rusqlite::Connection;

use crate::{effort::figures, support::Host};

/// Where there is room for four times the database; not in memory.
fn roomy() -> Host {
    let folder = std::env::var_os("KEEPSTONE_TORTURE_DISK").map_or_else(std::env::temp_dir, PathBuf::from);
    Host { dir: tempfile::tempdir_in(folder).unwrap() }
}

#[test]
#[ignore = "writes 20 GB: a part of make torture"]
fn a_database_of_more_than_4_gib_goes_round() {
    let host = roomy();
    let began = Instant::now();
    let application = Connection::open(host.path("large.db")).unwrap();
    application
        .execute_batch(
            "PRAGMA page_size=65536; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; CREATE TABLE t(id INTEGER PRIMARY KEY, x BLOB);
             CREATE TABLE last(x); INSERT INTO last VALUES ('before the restore');",
        )
        .unwrap();
    // Pages of zeros but for their links, which the disk stores and the compressor does not.
    for _ in 0..44 {
        application.execute("INSERT INTO t(x) VALUES (zeroblob(100000000))", []).unwrap();
    }
    application.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let size = fs::metadata(host.path("large.db")).unwrap().len();
    assert!(size > 4 << 30, "{size}");
    host.ok(&["db", "add", "large.db"]);
    let stored = host.create(&["large", "--no-compress"]);
    let archive = fs::metadata(host.path(&format!("keepstone-data/backups/large/manual/{stored}.zip"))).unwrap().len();
    assert!(archive > 4 << 30, "the payload alone needs Zip64: {archive}");
    let packed = host.create(&["large"]);
    host.ok(&["verify", "--all"]);
    // Far apart, and one of them beyond the lock page.
    application
        .execute_batch("UPDATE t SET x = randomblob(1000) WHERE id IN (2, 12, 43); DELETE FROM last; DELETE FROM t WHERE id = 44")
        .unwrap();
    host.ok(&["restore", &stored, "--replace", "--yes", "--no-safety-backup"]);
    let last: String = application.query_row("SELECT x FROM last", [], |row| row.get(0)).unwrap();
    let (rows, bytes): (i64, i64) =
        application.query_row("SELECT count(*), sum(length(x)) FROM t", [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!((last.as_str(), rows, bytes), ("before the restore", 44, 4_400_000_000));
    drop(application);
    host.ok(&["restore", &packed, "--to", "new.sqlite"]);
    assert_eq!(fs::metadata(host.path("new.sqlite")).unwrap().len(), size);
    let quick: String = Connection::open(host.path("large.db")).unwrap().query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).unwrap();
    assert_eq!(quick, "ok");
    figures("4 GiB and more", &[("bytes", size), ("archives", 2), ("restores", 2), ("seconds", began.elapsed().as_secs())]);
}
