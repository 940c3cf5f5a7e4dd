//! Every make of database in every state that a crash or an open application leaves it in: what comes out is byte for byte what SQLite itself
//! would read, and a restore over it gives exactly the backup.

use std::{sync::atomic::AtomicU64, time::Instant};

use super::*;
use crate::sqlite::{
    inspect::inspect_image,
    replace::{PresentState, ReplaceOptions, replace},
    scratch::beside,
};

const PAGE_SIZES: [u32; 8] = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
const MODES: [&str; 4] = ["WAL", "DELETE", "TRUNCATE", "PERSIST"];
const VACUUMS: [&str; 3] = ["NONE", "FULL", "INCREMENTAL"];
const ENCODINGS: [&str; 3] = ["UTF-8", "UTF-16le", "UTF-16be"];

/// Beside the zoo: a trigger, a table with a rowid of its own name, partial and expression indexes, rows that fill many pages, and free pages.
const MORE: &str = "
    CREATE TRIGGER noted AFTER DELETE ON plain BEGIN INSERT INTO \"%_\" VALUES (old.name); END;
    CREATE INDEX some_of_plain ON plain(note) WHERE id % 2;
    CREATE INDEX lower_of_plain ON plain(lower(name));
    CREATE TABLE large(rowid_is_mine INTEGER PRIMARY KEY, body BLOB);
    INSERT INTO large VALUES (1, randomblob(150000)), (-5, zeroblob(70000)), (9000000000, NULL);
    CREATE TABLE gone(x); INSERT INTO gone SELECT randomblob(400) FROM plain; DROP TABLE gone;
    DELETE FROM plain WHERE id > 690;
";

/// One make from backup to restore.
fn from_backup_to_restore(page_size: u32, mode: &str, vacuum: &str, encoding: &str) {
    let case = format!("{page_size} {mode} {vacuum} {encoding}");
    let place = Place::new();
    let pragmas =
        format!("PRAGMA encoding='{encoding}'; PRAGMA page_size={page_size}; PRAGMA auto_vacuum={vacuum}; PRAGMA journal_mode={mode};");
    let application = place.sql(&format!("{pragmas} {ZOO} {MORE}"));
    let expected = content(&application);
    let (bytes, facts) = place.take().unwrap();
    let source = &facts.source;
    let auto_vacuum = vacuum.to_lowercase();
    assert_eq!(
        (source.page_size, source.encoding.as_str(), source.auto_vacuum.as_str()),
        (page_size, encoding, auto_vacuum.as_str()),
        "{case}"
    );
    // Only WAL is written down in the file; the other modes are each connection's own.
    assert_eq!(source.journal_mode, if mode == "WAL" { "wal" } else { "delete" }, "{case}");
    assert_eq!((facts.suspect.as_deref(), facts.schema["plain"].row_count, facts.schema["%_"].row_count), (None, 690, 10), "{case}");
    let report = inspect_image(&place.image(&bytes), &Silent).unwrap();
    assert_eq!((report.integrity, report.schema.unwrap()), (Ok(()), facts.schema), "{case}");
    if mode != "WAL" {
        assert!(fs::read(place.db()).unwrap() == bytes, "{case}: the file itself");
    }
    application.execute_batch("DELETE FROM plain WHERE id % 3 = 0; DROP TABLE large; INSERT INTO words VALUES ('more')").unwrap();
    restore_over(&place, &bytes).unwrap();
    assert_eq!(content(&application), expected, "{case}: what the connected application sees");
    assert_eq!(restore_hash(&place.take().unwrap().0), restore_hash(&bytes), "{case}");
    application.execute_batch("DELETE FROM plain WHERE id=2; INSERT INTO words VALUES ('more')").unwrap();
    assert!(is_sound(&place.db()), "{case}: the application goes on");
}

fn restore_over(place: &Place, image: &[u8]) -> Result<()> {
    let (path, scratch_dir, hash) = (place.image(image), place.spool(), restore_hash(image));
    let options = ReplaceOptions {
        image: &path,
        restore_hash: &hash,
        scratch_dir: &scratch_dir,
        busy_wait: Duration::from_secs(10),
        expected_identity: None,
        expected_schema_hash: None,
    };
    replace(&place.db(), &options, &mut |_: &mut dyn PresentState| Ok(()), &Silent).map(drop)
}

/// What a database holds, as its application sees it.
fn content(connection: &Connection) -> String {
    crate::sqlite::content::content_hash(connection).unwrap()
}

/// Each page size in each journal mode; vacuum and encoding take turns, so that each meets each.
#[test]
fn every_make_comes_out_whole_and_goes_back() {
    let mut turn = 0;
    for page_size in PAGE_SIZES {
        for mode in MODES {
            from_backup_to_restore(page_size, mode, VACUUMS[turn % 3], ENCODINGS[(turn / 3) % 3]);
            turn += 1;
        }
    }
}

#[test]
#[ignore = "all 288 of them: a part of make torture"]
fn all_makes_come_out_whole_and_go_back() {
    for page_size in PAGE_SIZES {
        for mode in MODES {
            for vacuum in VACUUMS {
                for encoding in ENCODINGS {
                    from_backup_to_restore(page_size, mode, vacuum, encoding);
                }
            }
        }
    }
}

/// Copies the files of a database while its application is in the middle of something, as a crash would leave them.
fn crashed(place: &Place) -> Place {
    let copy = Place::new();
    for suffix in ["", "-wal", "-journal"] {
        let file = beside(&place.db(), suffix);
        if file.exists() {
            fs::copy(file, beside(&copy.db(), suffix)).unwrap();
        }
    }
    copy
}

/// A database whose application died in the middle of a transaction that had reached the file, with the content before it.
fn with_hot_journal() -> (Place, String) {
    let place = Place::new();
    let application = place.sql(&format!("PRAGMA page_size=1024; PRAGMA journal_mode=DELETE; {ZOO} {MORE}"));
    let before = content(&application);
    application
        .execute_batch(
            "PRAGMA cache_size=5; BEGIN; UPDATE plain SET note='half done'; DELETE FROM keyed; UPDATE large SET body=zeroblob(90000)",
        )
        .unwrap();
    let copy = crashed(&place);
    assert!(beside(&copy.db(), "-journal").metadata().unwrap().len() > 1024, "the journal is hot");
    assert!(fs::read(copy.db()).unwrap().windows(9).any(|bytes| bytes == b"half done"), "and the file is half changed");
    (copy, before)
}

/// A database whose application died with all that it wrote lately in the log, and a transaction without its end after it.
fn with_hot_log() -> (Place, String) {
    let place = Place::new();
    let application =
        place.sql(&format!("PRAGMA page_size=1024; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; {ZOO} {MORE} DELETE FROM keyed"));
    let before = content(&application);
    application
        .execute_batch("PRAGMA cache_size=5; BEGIN; UPDATE plain SET note='half done'; UPDATE large SET body=zeroblob(90000)")
        .unwrap();
    let copy = crashed(&place);
    assert!(beside(&copy.db(), "-wal").metadata().unwrap().len() > 500_000, "the log is hot");
    (copy, before)
}

#[test]
fn a_hot_journal_and_a_hot_log_are_rolled_back_or_in_as_sqlite_does() {
    for (state, make) in [("journal", with_hot_journal as fn() -> _), ("log", with_hot_log)] {
        let (place, before) = make();
        let (bytes, facts) = place.take().unwrap();
        assert_eq!((facts.suspect.as_deref(), facts.schema["plain"].row_count), (None, 690), "{state}");
        let image = place.image(&bytes);
        assert_eq!(inspect_image(&image, &Silent).unwrap().integrity, Ok(()), "{state}");
        assert_eq!(content(&Connection::open(&image).unwrap()), before, "{state}: the snapshot");
        assert_eq!(content(&place.sql("")), before, "{state}: the database itself");
    }
}

#[test]
fn who_may_not_roll_a_hot_journal_back_is_told_so() {
    let (place, _) = with_hot_journal();
    let before = fs::read(place.db()).unwrap();
    for folder_mode in [0o755, 0o777] {
        super::refusals::mode(place.folder.path(), 0o755);
        super::refusals::mode(place.db().parent().unwrap(), folder_mode);
        for suffix in ["", "-journal"] {
            super::refusals::mode(&beside(&place.db(), suffix), 0o644);
        }
        super::refusals::mode(&place.spool(), 0o777);
        super::refusals::as_nobody(|| assert_eq!(code(place.take()), "source_hot_journal"));
    }
    assert!(fs::read(place.db()).unwrap() == before, "and nothing was touched");
}

#[test]
fn a_restore_beside_a_hot_journal_or_a_hot_log_gives_the_backup_every_time() {
    let backup = Place::new();
    let then = content(&backup.sql(&format!("PRAGMA page_size=1024; {ZOO} DELETE FROM plain WHERE id > 300")));
    let image = fs::read(backup.db()).unwrap();
    for (state, make) in [("journal", with_hot_journal as fn() -> _), ("log", with_hot_log)] {
        for round in 0..6 {
            let (place, before) = make();
            assert_ne!(then, before);
            // Alone, and with an application that came back before the restore.
            let application = (round % 2 == 1).then(|| place.sql("SELECT count(*) FROM plain"));
            restore_over(&place, &image).unwrap();
            assert_eq!(content(&place.sql("")), then, "{state} {round}");
            if let Some(application) = application {
                assert_eq!(content(&application), then, "{state} {round}: the connected application");
            }
            assert_eq!(restore_hash(&place.take().unwrap().0), restore_hash(&image), "{state} {round}");
            assert!(is_sound(&place.db()), "{state} {round}");
        }
    }
}

#[test]
fn a_large_log_that_was_never_checkpointed_is_taken_in_and_left_alone() {
    let place = Place::new();
    let application = place.sql(
        "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t(id INTEGER PRIMARY KEY, x);
         INSERT INTO t(x) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<6000) SELECT randomblob(900) FROM n",
    );
    for round in 0..6 {
        application.execute("UPDATE t SET x=randomblob(900) WHERE id % 6 <> ?1", [round]).unwrap();
    }
    let (main, log) = (place.db().metadata().unwrap().len(), beside(&place.db(), "-wal").metadata().unwrap().len());
    assert!(log > 5 * 6_000_000 && main < 10_000, "all of it is in the log: {main} {log}");
    let (bytes, facts) = place.take().unwrap();
    assert_eq!(facts.schema["t"].row_count, 6000);
    assert_eq!(content(&Connection::open(place.image(&bytes)).unwrap()), content(&application));
    assert_eq!(beside(&place.db(), "-wal").metadata().unwrap().len(), log, "and nothing was checkpointed");
    assert!(place.db().metadata().unwrap().len() == main);
}

#[test]
fn a_link_to_a_database_is_the_database() {
    let place = Place::new();
    let application = place.sql(&format!("PRAGMA journal_mode=WAL; {ZOO}"));
    let link = place.folder.path().join("link.db");
    std::os::unix::fs::symlink(place.db(), &link).unwrap();
    let mut sink = Collected::default();
    let spool = place.spool();
    let options = SnapshotOptions { spool_dir: &spool, busy_wait: Duration::from_millis(300), limits: limits() };
    let resolved = crate::sqlite::location::path_of(link.to_str().unwrap()).unwrap();
    let facts = snapshot_by(Method::Dbpage, &resolved, &options, &mut sink, &Silent).unwrap();
    assert_eq!(facts.schema["plain"].row_count, 700);
    assert_eq!(content(&Connection::open(place.image(&sink.bytes)).unwrap()), content(&application), "with what stands in the log");
}

/// Every commit of an application that never rests is in the safety backup or in the database after the restore: none fell between.
#[test]
fn no_commit_falls_between_the_safety_backup_and_the_write() {
    for mode in ["WAL", "DELETE"] {
        let place = Place::new();
        let owner = place.sql(&format!("PRAGMA journal_mode={mode}; {ZOO} CREATE TABLE log(n INTEGER PRIMARY KEY)"));
        let (image, _) = place.take().unwrap();
        let (over, written) = (AtomicBool::new(false), AtomicU64::new(0));
        // On a machine with much to do the writer may not come to it for a while.
        let wait_for_the_writer = || {
            let (before, began) = (written.load(Ordering::Relaxed), Instant::now());
            while written.load(Ordering::Relaxed) < before + 2 && began.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        for _ in 0..3 {
            over.store(false, Ordering::Relaxed);
            let first: i64 = one::<Option<i64>>(&owner, "SELECT max(n) FROM log").unwrap_or(0) + 1;
            let (committed, safety) = std::thread::scope(|scope| {
                let writer = scope.spawn(|| {
                    let connection = place.sql("PRAGMA synchronous=OFF");
                    let mut next = first;
                    while !over.load(Ordering::Relaxed) {
                        connection.execute("INSERT INTO log VALUES (?1)", [next]).unwrap();
                        next += 1;
                        written.fetch_add(1, Ordering::Relaxed);
                    }
                    first..next
                });
                wait_for_the_writer();
                let mut safety = Collected::default();
                let (path, scratch_dir, hash) = (place.image(&image), place.spool(), restore_hash(&image));
                let options = ReplaceOptions {
                    image: &path,
                    restore_hash: &hash,
                    scratch_dir: &scratch_dir,
                    busy_wait: Duration::from_secs(20),
                    expected_identity: None,
                    expected_schema_hash: None,
                };
                let mut keep = |present: &mut dyn PresentState| present.stream(&mut safety, &Silent).map(drop);
                let replaced = replace(&place.db(), &options, &mut keep, &Silent);
                wait_for_the_writer();
                over.store(true, Ordering::Relaxed);
                replaced.unwrap();
                (writer.join().unwrap(), safety.bytes)
            });
            let numbers = |connection: &Connection| -> Vec<i64> {
                let mut statement = connection.prepare("SELECT n FROM log ORDER BY n").unwrap();
                statement.query_map([], |row| row.get(0)).unwrap().map(std::result::Result::unwrap).collect()
            };
            let kept = numbers(&Connection::open(place.image(&safety)).unwrap());
            let after = numbers(&owner);
            assert!(!kept.is_empty() && !after.is_empty(), "{mode}: the writer wrote before and after");
            assert_eq!([&kept[..], &after[..]].concat(), committed.collect::<Vec<_>>(), "{mode}: each commit is in one of them, once");
            owner.execute_batch("DELETE FROM log").unwrap();
            for suffix in ["-wal", "-shm"] {
                let _ = fs::remove_file(beside(&place.image(&safety), suffix));
            }
        }
    }
}
