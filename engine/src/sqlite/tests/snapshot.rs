//! Snapshots: every make of database, one moment under writers, the same by both methods, and when they end themselves.

use std::{thread, time::Instant};

use keepstone_model::job::Step;

use super::*;
use crate::sqlite::{inspect::inspect_image, snapshot::snapshot};

fn counts(facts: &ImageFacts) -> Vec<(String, u64)> {
    facts.table_counts().into_iter().collect()
}

#[test]
fn every_make_of_database_comes_out_whole() {
    let sizes = [512, 1024, 4096, 8192, 65536].map(|size| (size, ""));
    let settings =
        ["PRAGMA auto_vacuum=FULL;", "PRAGMA auto_vacuum=INCREMENTAL;", "PRAGMA encoding='UTF-16le';"].map(|setting| (1024, setting));
    for (page_size, setting) in sizes.into_iter().chain(settings) {
        for mode in ["WAL", "DELETE"] {
            let place = Place::new();
            drop(place.sql(&format!("PRAGMA page_size={page_size}; {setting} PRAGMA journal_mode={mode}; {ZOO}")));
            let file = fs::read(place.db()).unwrap();
            let (bytes, facts) = place.take().unwrap();
            let case = format!("{page_size} {setting} {mode}");
            assert!(bytes == file, "{case}: byte-identical");
            assert!(fs::read(place.db()).unwrap() == file, "{case}: the source is as it was");
            let expected: Vec<_> = ZOO_COUNTS.map(|(name, n)| (name.to_owned(), n)).into();
            assert_eq!(counts(&facts), expected, "{case}");
            assert_eq!(facts.suspect, None);
            assert_eq!(facts.migration_version.as_deref(), Some("4f2a"));
            let source = &facts.source;
            assert_eq!((source.page_size, source.user_version, source.application_id), (page_size, 7, 99));
            assert_eq!((source.journal_mode.as_str(), source.method.as_str()), (mode.to_lowercase().as_str(), "dbpage"));
            let report = inspect_image(&place.image(&bytes), &Silent).unwrap();
            assert_eq!((report.integrity, report.foreign_keys, report.page_size), (Ok(()), Ok(()), page_size), "{case}");
            assert_eq!(report.schema.unwrap(), facts.schema, "{case}");
        }
    }
}

#[test]
fn columns_are_those_that_a_person_knows() {
    let place = Place::new();
    drop(place.sql(ZOO));
    let (_, facts) = place.take().unwrap();
    let names = |table: &str| facts.schema[table].columns.iter().map(|c| (c.name.as_str(), c.declared_type.as_str())).collect::<Vec<_>>();
    assert_eq!(names("exact"), [("n", "INTEGER"), ("t", "TEXT"), ("double", "INTEGER"), ("half", "REAL")]);
    assert_eq!(names("words"), [("body", "")], "without FTS5's hidden columns");
    assert_eq!(names("odd \"quoted\" näme; DROP TABLE plain"), [("select", "INT"), ("a b", "TEXT")]);
}

#[test]
fn no_file_is_left_beside_a_database_that_had_none() {
    let place = Place::new();
    drop(place.sql(&format!("PRAGMA journal_mode=WAL; {ZOO}")));
    place.take().unwrap();
    let names: Vec<_> = fs::read_dir(place.db().parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["shop.db"]);
}

#[test]
fn what_stands_in_the_log_is_in_the_snapshot_and_stays_in_the_log() {
    let place = Place::new();
    let writer = place.sql(&format!("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; {ZOO}"));
    let main_file = fs::read(place.db()).unwrap();
    let (bytes, facts) = place.take().unwrap();
    assert!(bytes.len() > main_file.len(), "the main file alone is not the database");
    assert_eq!(facts.schema["plain"].row_count, 700);
    assert!(fs::read(place.db()).unwrap() == main_file, "nothing was checkpointed");
    assert_eq!(inspect_image(&place.image(&bytes), &Silent).unwrap().integrity, Ok(()));
    // A crash leaves the same files without anybody having them open.
    let crashed = Place::new();
    for suffix in ["", "-wal"] {
        fs::copy(super::super::scratch::beside(&place.db(), suffix), super::super::scratch::beside(&crashed.db(), suffix)).unwrap();
    }
    drop(writer);
    assert_eq!(restore_hash(&crashed.take().unwrap().0), restore_hash(&bytes), "a hot log is taken in");
    assert!(fs::read(crashed.db()).unwrap() == main_file, "and left alone");
}

#[test]
fn both_methods_give_the_same_database() {
    for mode in ["WAL", "DELETE"] {
        let place = Place::new();
        let _connected = place.sql(&format!("PRAGMA auto_vacuum=FULL; PRAGMA journal_mode={mode}; {ZOO}"));
        let (by_pages, facts) = place.take().unwrap();
        let (by_api, mut api_facts) = place.take_by(Method::BackupApi, &Silent).unwrap();
        assert_eq!(restore_hash(&by_pages), restore_hash(&by_api), "{mode}");
        assert_eq!(api_facts.source.method, "backup_api");
        api_facts.source.method.clone_from(&facts.source.method);
        api_facts.source.hold_ms = facts.source.hold_ms;
        assert_eq!(api_facts, facts, "{mode}");
    }
}

/// Money moves between accounts all the time, so only a snapshot of one single moment is balanced.
#[test]
fn every_snapshot_under_a_writer_is_of_one_moment() {
    const ACCOUNTS: i64 = 4000;
    for (mode, method, rounds) in
        [("WAL", Method::Dbpage, 12), ("WAL", Method::BackupApi, 6), ("DELETE", Method::Dbpage, 6), ("DELETE", Method::BackupApi, 4)]
    {
        let place = Place::new();
        let setup = format!(
            "PRAGMA page_size=1024; PRAGMA journal_mode={mode}; CREATE TABLE account(id INTEGER PRIMARY KEY, balance INT, pad TEXT);
             CREATE TABLE transfer(id INTEGER PRIMARY KEY, amount INT);
             INSERT INTO account WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{ACCOUNTS}) SELECT i, 100, hex(zeroblob(100)) FROM n;"
        );
        drop(place.sql(&setup));
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let connection = place.sql("PRAGMA synchronous=OFF");
                let mut commits = 0;
                while !over.load(Ordering::Relaxed) {
                    let (from, to) = (commits * 7 % ACCOUNTS + 1, commits * 3571 % ACCOUNTS + 1);
                    let transfer = format!(
                        "BEGIN IMMEDIATE; UPDATE account SET balance=balance-1 WHERE id={from}; UPDATE account SET balance=balance+1 WHERE id={to};
                         INSERT INTO transfer(amount) VALUES (1); COMMIT"
                    );
                    connection.execute_batch(&transfer).unwrap();
                    commits += 1;
                }
                commits
            });
            let mut moments = Vec::new();
            for _ in 0..rounds {
                let (bytes, facts) = place.take_patiently(method).unwrap();
                let image = Connection::open(place.image(&bytes)).unwrap();
                assert_eq!(one::<i64>(&image, "SELECT sum(balance) FROM account"), ACCOUNTS * 100, "{mode} {method:?}");
                let transfers = one::<i64>(&image, "SELECT count(*) FROM transfer");
                assert_eq!(facts.schema["transfer"].row_count, transfers.cast_unsigned(), "counts and pages are of one moment");
                moments.push(transfers);
                drop(image);
                for suffix in ["-wal", "-shm"] {
                    let _ = fs::remove_file(super::super::scratch::beside(&place.image(&bytes), suffix));
                }
            }
            over.store(true, Ordering::Relaxed);
            assert!(writer.join().unwrap() > 0);
            assert!(moments.windows(2).any(|pair| pair[0] < pair[1]), "the writer was writing: {moments:?}");
        });
    }
}

#[test]
fn progress_is_told_and_a_cancel_is_heard_midway() {
    let place = Place::new();
    let rows = "CREATE TABLE t(x); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000) SELECT randomblob(2000) FROM n;";
    drop(place.sql(&format!("PRAGMA journal_mode=WAL; {rows}")));
    let monitor = StopWhen::new(|_| false);
    let (bytes, _) = place.take_by(Method::Dbpage, &monitor).unwrap();
    let last = monitor.seen.lock().unwrap().last().unwrap().clone();
    assert_eq!((last.step, last.done_bytes, last.total_bytes), (Step::Snapshot, bytes.len() as u64, bytes.len() as u64));
    for method in [Method::Dbpage, Method::BackupApi] {
        let monitor = StopWhen::new(|progress| progress.done_bytes == 0);
        assert_eq!(code(place.take_by(method, &monitor)), "cancelled");
    }
}

/// Takes its time.
struct Slow;

impl ImageSink for Slow {
    fn begin(&mut self, _size_bytes: u64) -> Result<()> {
        Ok(())
    }

    fn write(&mut self, _pages: &[u8]) -> Result<()> {
        thread::sleep(Duration::from_millis(30));
        Ok(())
    }
}

/// Writes to the database while its snapshot is held.
struct Meanwhile<'a>(&'a Connection);

impl ImageSink for Meanwhile<'_> {
    fn begin(&mut self, _size_bytes: u64) -> Result<()> {
        self.0.execute_batch("UPDATE t SET x=randomblob(1000) WHERE rowid % 10 = 0").unwrap();
        Ok(())
    }

    fn write(&mut self, pages: &[u8]) -> Result<()> {
        Slow.write(pages)
    }
}

#[test]
fn a_snapshot_that_is_held_too_long_gives_itself_up() {
    let place = Place::new();
    let rows = "CREATE TABLE t(x); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000) SELECT randomblob(1000) FROM n;";
    let writer = place.sql(&format!("PRAGMA journal_mode=WAL; {rows} PRAGMA wal_checkpoint(TRUNCATE);"));
    let spool = place.spool();
    let limits = SnapshotPolicy { hold_secs: Some(0), ..super::limits() };
    let options = SnapshotOptions { spool_dir: &spool, busy_wait: Duration::from_secs(1), limits };
    let began = Instant::now();
    assert_eq!(code(snapshot(&place.db(), &options, &mut Slow, &Silent)), "snapshot_too_long");
    assert!(began.elapsed() < Duration::from_secs(2), "it does not go on to the end");

    let limits = SnapshotPolicy { wal_growth_bytes: Some(100_000), ..super::limits() };
    let error = snapshot(&place.db(), &SnapshotOptions { limits, ..options }, &mut Meanwhile(&writer), &Silent).unwrap_err();
    assert!(matches!(&error, Error::SnapshotTooLong { reason, .. } if reason.contains("-wal")), "{error}");

    let limits = SnapshotPolicy { free_bytes: Some(u64::MAX), ..super::limits() };
    let error = snapshot(&place.db(), &SnapshotOptions { limits, ..options }, &mut Meanwhile(&writer), &Silent).unwrap_err();
    assert!(matches!(&error, Error::SnapshotTooLong { reason, .. } if reason.contains("nearly full")), "{error}");
    snapshot(&place.db(), &SnapshotOptions { limits, ..options }, &mut Collected::default(), &Silent).unwrap();
    writer.execute_batch("PRAGMA journal_mode=DELETE").unwrap();
    assert_eq!(code(snapshot(&place.db(), &SnapshotOptions { limits, ..options }, &mut Slow, &Silent)), "disk_floor");
}

/// A slow disk for the archive, and an application that commits all the while; it does not wait for anything.
struct SlowBeside<'a> {
    writer: &'a Connection,
    commits: u64,
    bytes: Vec<u8>,
    began: Option<Instant>,
    took: Duration,
}

impl ImageSink for SlowBeside<'_> {
    fn begin(&mut self, _size_bytes: u64) -> Result<()> {
        self.began = Some(Instant::now());
        Ok(())
    }

    fn write(&mut self, pages: &[u8]) -> Result<()> {
        thread::sleep(Duration::from_millis(20));
        self.writer.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (x'00'); COMMIT").expect("nothing keeps a writer out by now");
        self.commits += 1;
        self.bytes.extend_from_slice(pages);
        self.took = self.began.map(|began| began.elapsed()).unwrap_or_default();
        Ok(())
    }
}

#[test]
fn a_slow_sink_keeps_no_writer_out() {
    for (mode, method) in [("WAL", Method::Dbpage), ("DELETE", Method::Dbpage), ("TRUNCATE", Method::Dbpage), ("DELETE", Method::BackupApi)]
    {
        let place = Place::new();
        let rows = "CREATE TABLE t(x); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<8000) SELECT randomblob(1000) FROM n;";
        let writer = place.sql(&format!("PRAGMA journal_mode={mode}; {rows}"));
        // It does not wait: whatever kept it out would be seen.
        writer.busy_timeout(Duration::ZERO).unwrap();
        let (spool, limits) = (place.spool(), super::limits());
        let options = SnapshotOptions { spool_dir: &spool, busy_wait: Duration::from_secs(1), limits };
        let mut sink = SlowBeside { writer: &writer, commits: 0, bytes: Vec::new(), began: None, took: Duration::ZERO };
        let facts = snapshot_by(method, &place.db(), &options, &mut sink, &Silent).unwrap();
        let case = format!("{mode} {method:?}");
        assert!(sink.commits >= 5, "{case}: {} commits", sink.commits);
        assert_eq!(facts.schema["t"].row_count, 8000, "{case}: of the moment before them");
        let held = Duration::from_millis(facts.source.hold_ms);
        match mode {
            "WAL" => assert!(held + Duration::from_millis(2) >= sink.took, "{case}: one transaction to the last page, {held:?}"),
            _ => assert!(held < sink.took / 2, "{case}: held for {held:?}, the sink took {:?}", sink.took),
        }
        let image = Connection::open(place.image(&sink.bytes)).unwrap();
        assert_eq!(one::<i64>(&image, "SELECT count(*) FROM t"), 8000, "{case}");
        assert_eq!(one::<i64>(&writer, "SELECT count(*) FROM t"), 8000 + sink.commits.cast_signed(), "{case}");
    }
}

#[test]
fn a_writer_without_a_pause_starves_nobody() {
    let place = Place::new();
    let rows = "CREATE TABLE t(x); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) SELECT randomblob(1000) FROM n;";
    drop(place.sql(&format!("PRAGMA journal_mode=DELETE; {rows}")));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let connection = place.sql("PRAGMA synchronous=OFF; PRAGMA locking_mode=NORMAL");
            connection.busy_timeout(Duration::from_secs(60)).unwrap();
            while !over.load(Ordering::Relaxed) {
                // The lock that keeps readers out, from the first moment to the last.
                connection.execute_batch("BEGIN EXCLUSIVE; UPDATE t SET x=randomblob(1000) WHERE rowid % 4 = 0; COMMIT").unwrap();
            }
        });
        let began = Instant::now();
        for _ in 0..3 {
            let (_, facts) = place.take_patiently(Method::Dbpage).unwrap();
            assert_eq!(facts.schema["t"].row_count, 2000);
        }
        over.store(true, Ordering::Relaxed);
        writer.join().unwrap();
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    });
}

#[test]
fn damage_makes_the_snapshot_suspect_and_keeps_what_is_there() {
    for mode in ["WAL", "DELETE"] {
        // A page of a table's tree is overwritten.
        let place = Place::new();
        let root = root_offset(&place.sql(&format!("PRAGMA journal_mode={mode}; {ZOO}")), "keyed", 4096);
        let mut file = fs::read(place.db()).unwrap();
        file[root..root + 4096].fill(0xaa);
        fs::write(place.db(), &file).unwrap();
        let (bytes, facts) = place.take().unwrap();
        assert!(bytes == file);
        assert!(facts.suspect.as_deref().unwrap().contains("keyed"), "{:?}", facts.suspect);
        assert_eq!(facts.schema["plain"].row_count, 700, "the other tables are counted");

        // The schema itself is malformed.
        let place = Place::new();
        let writer = place.sql(&format!("PRAGMA journal_mode={mode}; {ZOO}"));
        writer.execute_batch("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql='CREATE TABLE nonsense(' WHERE name='%_'").unwrap();
        drop(writer);
        let (_, facts) = place.take().unwrap();
        assert!(facts.suspect.is_some());
        assert_eq!(facts.schema["plain"].row_count, 700);

        // The end of the file is missing.
        let place = Place::new();
        drop(place.sql(&format!("PRAGMA journal_mode={mode}; {ZOO}")));
        let file = fs::read(place.db()).unwrap();
        fs::write(place.db(), &file[..file.len() - 3 * 4096]).unwrap();
        let (bytes, facts) = place.take().unwrap();
        assert_eq!(bytes.len(), file.len() - 3 * 4096);
        assert!(facts.suspect.is_some(), "{mode}");
    }
}

#[test]
fn what_only_the_application_can_read_does_not_make_a_source_suspect() {
    let place = Place::new();
    let connection = Connection::open(place.db()).unwrap();
    connection.create_collation("OWN", |a: &str, b: &str| b.cmp(a)).unwrap();
    let sql = "CREATE TABLE t(k TEXT COLLATE OWN PRIMARY KEY, v) WITHOUT ROWID; INSERT INTO t VALUES ('a',1),('b',2),('c',3);
               CREATE VIRTUAL TABLE foreign_one USING fts5(x); PRAGMA writable_schema=ON;
               UPDATE sqlite_schema SET sql=replace(sql,'fts5','unheard_of') WHERE name='foreign_one';";
    connection.execute_batch(sql).unwrap();
    drop(connection);
    let (bytes, facts) = place.take().unwrap();
    assert_eq!(facts.suspect, None);
    assert_eq!(facts.schema["t"].row_count, 3);
    assert!(!facts.schema.contains_key("foreign_one"));
    let report = inspect_image(&place.image(&bytes), &Silent).unwrap();
    assert_eq!(report.integrity, Ok(()));
    assert!(report.not_examined.iter().any(|line| line.contains("OWN")), "{:?}", report.not_examined);
}

#[test]
fn a_script_that_makes_nothing_makes_no_backup() {
    let place = Place::new();
    fs::write(place.db(), "").unwrap();
    let nothing =
        crate::sqlite::snapshot::stream_image(&place.db(), Path::new("nothing.sql"), &mut Collected::default(), &Silent).unwrap_err();
    assert_eq!((nothing.code(), nothing.kind()), ("empty", crate::error::Kind::Corrupt), "{nothing}");
}
