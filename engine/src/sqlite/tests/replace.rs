//! Restores over a live database: connected applications go on, and whatever goes wrong changes nothing.

use std::{sync::atomic::AtomicI64, thread, time::Instant};

use super::*;
use crate::sqlite::{
    inspect::inspect_image,
    live::live_state,
    replace::{PresentState, ReplaceOptions, ReplaceReport, replace_by},
    scratch::beside,
};

/// A replacement with what a test wants otherwise.
struct Replacement<'a> {
    method: Method,
    hash: String,
    identity: Option<&'a str>,
    schema_hash: Option<&'a str>,
    busy_wait: Duration,
}

impl Replacement<'_> {
    fn of(image: &[u8]) -> Self {
        Self { method: Method::Dbpage, hash: restore_hash(image), identity: None, schema_hash: None, busy_wait: Duration::from_secs(5) }
    }

    fn run(
        &self,
        place: &Place,
        image: &[u8],
        before_write: &mut dyn FnMut(&mut dyn PresentState) -> Result<()>,
        monitor: &dyn Monitor,
    ) -> Result<ReplaceReport> {
        let (image, scratch_dir) = (place.image(image), place.spool());
        let options = ReplaceOptions {
            image: &image,
            restore_hash: &self.hash,
            scratch_dir: &scratch_dir,
            busy_wait: self.busy_wait,
            expected_identity: self.identity,
            expected_schema_hash: self.schema_hash,
        };
        let report = replace_by(self.method, &place.db(), &options, before_write, monitor);
        assert_eq!(fs::read_dir(&scratch_dir).unwrap().count(), 0, "the scratch files are gone");
        report
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it stands in for one that may fail")]
fn nothing_before(_: &mut dyn PresentState) -> Result<()> {
    Ok(())
}

/// What a database holds, as SQL sees it.
fn content(connection: &Connection) -> Vec<String> {
    let mut lines = Vec::new();
    let tables: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(std::result::Result::unwrap)
        .collect();
    for table in tables {
        let quoted = format!("\"{}\"", table.replace('"', "\"\""));
        let mut statement = connection.prepare(&format!("SELECT * FROM {quoted} ORDER BY 1")).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<_> = (0..columns).map(|i| format!("{:?}", row.get_ref(i).unwrap())).collect();
            lines.push(format!("{table}: {}", cells.join("|")));
        }
    }
    lines
}

/// The many ways in which a database has become another one since its backup.
const CHANGES: [&str; 5] = [
    "UPDATE plain SET note='changed' WHERE id % 100 = 0; DELETE FROM keyed",
    // grown
    "INSERT INTO plain(name, note) SELECT name, hex(randomblob(300)) FROM plain; CREATE TABLE new_one(x); INSERT INTO new_one SELECT zeroblob(9000) FROM plain",
    // shrunk
    "DELETE FROM plain; DROP TABLE words; DROP TABLE boxes; VACUUM",
    // much on the free list
    "DELETE FROM plain WHERE id > 10; INSERT INTO words VALUES ('another')",
    "ALTER TABLE plain ADD COLUMN more DEFAULT 'x'; DROP INDEX plain_by_name; PRAGMA user_version=8",
];

#[test]
fn every_change_is_taken_back_with_everyone_connected() {
    let vacuums = ["", "PRAGMA auto_vacuum=FULL;", "PRAGMA auto_vacuum=INCREMENTAL;"];
    for mode in ["WAL", "DELETE"] {
        for vacuum in vacuums {
            for change in CHANGES {
                is_taken_back(mode, vacuum, change);
            }
        }
    }
    is_taken_back("PERSIST", "", CHANGES[1]);
    is_taken_back("TRUNCATE", "", CHANGES[2]);
}

fn is_taken_back(mode: &str, vacuum: &str, change: &str) {
    let case = format!("{mode} {vacuum} {change}");
    let place = Place::new();
    let writer = place.sql(&format!("PRAGMA page_size=1024; {vacuum} PRAGMA journal_mode={mode}; {ZOO}"));
    let reader = place.sql("");
    let (image, _) = place.take().unwrap();
    let then = content(&reader);
    writer.execute_batch(change).unwrap();
    assert_ne!(content(&reader), then, "{case}");
    let (before, _) = place.take().unwrap();

    let mut safety = Collected::default();
    let mut keep = |present: &mut dyn PresentState| present.stream(&mut safety, &Silent).map(drop);
    let report = Replacement::of(&image).run(&place, &image, &mut keep, &Silent).unwrap_or_else(|e| panic!("{case}: {e}"));

    assert_eq!(report.page_count, image.len() as u64 / 1024);
    assert!(report.pages_written > 0);
    assert!(safety.bytes == before, "{case}: the safety backup is the state before");
    assert_eq!(content(&reader), then, "{case}: the connected reader sees the backup");
    assert_eq!(restore_hash(&place.take().unwrap().0), restore_hash(&image), "{case}");
    let mode_now: String = one(&Connection::open(place.db()).unwrap(), "PRAGMA journal_mode");
    assert_eq!(mode_now == "wal", mode == "WAL", "{case}: the journal mode stays");
    assert!(is_sound(&place.db()), "{case}");
    // The connections go on writing, and what they write is sound.
    writer.execute_batch("INSERT INTO plain(name) SELECT name FROM plain; DELETE FROM keyed; INSERT INTO words VALUES ('x')").unwrap();
    assert_eq!(one::<i64>(&reader, "SELECT count(*) FROM words('x')"), 1, "{case}");
    assert!(is_sound(&place.db()), "{case}");
    // And the undo.
    Replacement::of(&before).run(&place, &before, &mut nothing_before, &Silent).unwrap();
    assert_eq!(restore_hash(&place.take().unwrap().0), restore_hash(&before), "{case}");
}

#[test]
fn only_what_differs_is_written() {
    let place = Place::new();
    let writer = place.sql(&format!("PRAGMA journal_mode=WAL; {ZOO}"));
    let (image, _) = place.take().unwrap();
    assert_eq!(Replacement::of(&image).run(&place, &image, &mut nothing_before, &Silent).unwrap().pages_written, 0);
    writer.execute_batch("UPDATE exact SET n=9 WHERE t='one'").unwrap();
    let report = Replacement::of(&image).run(&place, &image, &mut nothing_before, &Silent).unwrap();
    assert_eq!((report.pages_written, report.method), (2, "dbpage"), "that page and the first");
}

#[test]
fn an_image_of_another_page_size_journal_mode_or_auto_vacuum_fits() {
    let (small, full, large, usual) =
        ("PRAGMA page_size=512", "PRAGMA page_size=4096; PRAGMA auto_vacuum=FULL", "PRAGMA page_size=65536", "PRAGMA page_size=4096");
    for (image_make, live_make) in [(small, full), (full, large), (large, small), (usual, full), (full, usual), (usual, usual)] {
        for (live_mode, image_mode) in [("WAL", "DELETE"), ("DELETE", "WAL")] {
            for method in [Method::Dbpage, Method::BackupApi] {
                let case = format!("{image_make} {image_mode} over {live_make} {live_mode} by {method:?}");
                let origin = Place::new();
                let source = origin.sql(&format!("{image_make}; PRAGMA journal_mode={image_mode}; {ZOO} DELETE FROM plain WHERE id%3=0"));
                let (image, _) = origin.take().unwrap();
                let place = Place::new();
                let live = place.sql(&format!("{live_make}; PRAGMA journal_mode={live_mode}; {ZOO} DROP TABLE words;"));
                let replaced = Replacement { method, ..Replacement::of(&image) }.run(&place, &image, &mut nothing_before, &Silent);
                let report = replaced.unwrap_or_else(|e| panic!("{case}: {e}"));
                assert_eq!(content(&live), content(&source), "{case}");
                assert_eq!(report.page_count, live_state(&place.db(), Duration::ZERO).unwrap().page_count, "{case}");
                live.execute_batch("DELETE FROM plain WHERE id%2=0; INSERT INTO plain(name) SELECT body FROM words").unwrap();
                assert_eq!(one::<String>(&live, "PRAGMA integrity_check"), "ok", "{case}");
                let mode: String = one(&Connection::open(place.db()).unwrap(), "PRAGMA journal_mode");
                assert_eq!(mode.to_uppercase(), live_mode, "{case}");
            }
        }
    }
}

#[test]
fn without_dbpage_the_backup_api_does_it_and_the_safety_backup_is_of_the_state_before() {
    for mode in ["WAL", "DELETE"] {
        let place = Place::new();
        let writer = place.sql(&format!("PRAGMA journal_mode={mode}; {ZOO}"));
        let (image, _) = place.take().unwrap();
        writer.execute_batch(CHANGES[1]).unwrap();
        let (before, _) = place.take().unwrap();
        let mut safety = Collected::default();
        let mut keep = |present: &mut dyn PresentState| {
            let facts = present.stream(&mut safety, &Silent)?;
            assert_eq!(facts.source.method, "backup_api");
            Ok(())
        };
        let replacement = Replacement { method: Method::BackupApi, ..Replacement::of(&image) };
        let report = replacement.run(&place, &image, &mut keep, &Silent).unwrap();
        assert_eq!(report.method, "backup_api");
        assert_eq!(restore_hash(&safety.bytes), restore_hash(&before));
        assert_eq!(restore_hash(&place.take().unwrap().0), restore_hash(&image));
        assert_eq!(one::<i64>(&writer, "SELECT count(*) FROM plain"), 700);
    }
}

/// Whatever ends a replacement early: the same bytes as before, and the applications go on.
fn unchanged(place: &Place, connected: &Connection, act: impl FnOnce()) {
    unchanged_unless_ok(place, connected, || {
        act();
        ""
    });
}

fn unchanged_unless_ok(place: &Place, connected: &Connection, act: impl FnOnce() -> &'static str) {
    let (before, _) = place.take().unwrap();
    if act() != "ok" {
        assert!(place.take().unwrap().0 == before, "the database is as it was, byte for byte");
    }
    connected.execute_batch("CREATE TABLE goes_on(x); DROP TABLE goes_on").unwrap();
    assert_eq!(one::<String>(connected, "PRAGMA integrity_check"), "ok");
}

/// Wants it stopped once it was asked so many times.
struct StopAfter {
    asked: AtomicI64,
}

impl Monitor for StopAfter {
    fn cancelled(&self) -> bool {
        self.asked.fetch_sub(1, Ordering::Relaxed) <= 0
    }
}

#[test]
fn whatever_goes_wrong_changes_nothing() {
    for (mode, vacuum) in [("WAL", ""), ("DELETE", "PRAGMA auto_vacuum=FULL;")] {
        let place = Place::new();
        let writer = place.sql(&format!("PRAGMA page_size=512; {vacuum} PRAGMA journal_mode={mode}; {ZOO}"));
        let (image, _) = place.take().unwrap();
        writer.execute_batch(CHANGES[1]).unwrap();

        // The image is not the one that was verified.
        unchanged(&place, &writer, || {
            let replacement = Replacement { hash: "0".repeat(64), ..Replacement::of(&image) };
            assert_eq!(code(replacement.run(&place, &image, &mut nothing_before, &Silent)), "restore_mismatch");
            let mut truncated = image.clone();
            truncated.truncate(image.len() - 100);
            assert_eq!(code(Replacement::of(&truncated).run(&place, &truncated, &mut nothing_before, &Silent)), "restore_mismatch");
        });
        // It changes on the disk after it was checked: found before the commit.
        unchanged(&place, &writer, || {
            let mut damage = |_: &mut dyn PresentState| {
                let file = fs::OpenOptions::new().write(true).open(place.folder.path().join("image.sqlite")).unwrap();
                std::os::unix::fs::FileExt::write_all_at(&file, &[0x5a; 40], image.len() as u64 / 2).unwrap();
                Ok(())
            };
            assert_eq!(code(Replacement::of(&image).run(&place, &image, &mut damage, &Silent)), "restore_mismatch");
        });
        // The safety backup fails.
        for method in [Method::Dbpage, Method::BackupApi] {
            unchanged(&place, &writer, || {
                let mut fail = |_: &mut dyn PresentState| Err(Error::NoSpace { path: PathBuf::from("/vault") });
                let replacement = Replacement { method, ..Replacement::of(&image) };
                assert_eq!(code(replacement.run(&place, &image, &mut fail, &Silent)), "no_space");
            });
        }
        // Cancelled at many points: in the safety backup, while comparing, writing and reading back.
        let mut cancelled = 0;
        for asked in (0..).step_by(12) {
            let mut code_now = "";
            let present_hash = restore_hash(&place.take().unwrap().0);
            let monitor = StopAfter { asked: AtomicI64::new(asked) };
            let mut keep = |present: &mut dyn PresentState| present.stream(&mut Collected::default(), &monitor).map(drop);
            unchanged_unless_ok(&place, &writer, || {
                code_now = code(Replacement::of(&image).run(&place, &image, &mut keep, &monitor));
                code_now
            });
            if code_now == "ok" {
                assert_ne!(restore_hash(&place.take().unwrap().0), present_hash);
                break;
            }
            assert_eq!(code_now, "cancelled");
            cancelled += 1;
        }
        assert!(cancelled > 8, "{cancelled}");
        writer.execute_batch(CHANGES[0]).unwrap();
        // Another file or another schema than the plan's.
        let state = live_state(&place.db(), Duration::ZERO).unwrap();
        unchanged(&place, &writer, || {
            for (identity, schema_hash) in [(Some("1:2"), None), (None, Some("abc"))] {
                let replacement = Replacement { identity, schema_hash, ..Replacement::of(&image) };
                assert_eq!(code(replacement.run(&place, &image, &mut nothing_before, &Silent)), "stale_plan");
            }
        });
        let replacement = Replacement { identity: Some(&state.identity), schema_hash: Some(&state.schema_hash), ..Replacement::of(&image) };
        replacement.run(&place, &image, &mut nothing_before, &Silent).unwrap();
    }
}

/// In WAL mode SQLite commits into a file that has lost its name as into any other.
#[test]
fn a_file_that_loses_its_name_meanwhile_is_not_told_as_restored() {
    for mode in ["WAL", "DELETE"] {
        for method in [Method::Dbpage, Method::BackupApi] {
            for replaced in [true, false] {
                let place = Place::new();
                let writer = place.sql(&format!("PRAGMA journal_mode={mode}; {ZOO}"));
                let (image, _) = place.take().unwrap();
                writer.execute_batch(CHANGES[0]).unwrap();
                let other = place.folder.path().join("other.db");
                Connection::open(&other).unwrap().execute_batch("CREATE TABLE other(x)").unwrap();
                let mut lose = |_: &mut dyn PresentState| {
                    if replaced { fs::rename(&other, place.db()) } else { fs::remove_file(place.db()) }.unwrap();
                    Ok(())
                };
                let replacement = Replacement { method, ..Replacement::of(&image) };
                let error = replacement.run(&place, &image, &mut lose, &Silent).unwrap_err();
                assert_eq!(error.code(), "stale_plan", "{mode} {method:?}: {error}");
                assert_eq!(one::<i64>(&writer, "SELECT count(*) FROM keyed"), 0, "{mode} {method:?}: nothing was committed");
                // In WAL mode the old log still lies beside the file that took the name.
                if replaced && mode == "DELETE" {
                    assert_eq!(one::<i64>(&Connection::open(place.db()).unwrap(), "SELECT count(*) FROM other"), 0);
                }
            }
        }
    }
}

#[test]
fn the_applications_log_is_no_larger_afterwards_than_it_was() {
    let place = Place::new();
    let filled = "CREATE TABLE t(id INTEGER PRIMARY KEY, x);
        INSERT INTO t(x) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<8000) SELECT randomblob(900) FROM n";
    let writer = place.sql(&format!("PRAGMA journal_mode=WAL; {filled}"));
    let (image, _) = place.take().unwrap();
    writer.execute_batch("UPDATE t SET x=randomblob(900); PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t(x) VALUES (1)").unwrap();
    let log = || fs::metadata(beside(&place.db(), "-wal")).unwrap().len();
    let before = log();
    // Taken back after all was written, which is more than SQLite keeps in memory; then done.
    let mut damage = |_: &mut dyn PresentState| {
        let file = fs::OpenOptions::new().write(true).open(place.folder.path().join("image.sqlite")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[0x5a; 40], image.len() as u64 / 2).unwrap();
        Ok(())
    };
    assert_eq!(code(Replacement::of(&image).run(&place, &image, &mut damage, &Silent)), "restore_mismatch");
    assert!(log() <= before, "{} bytes, of {before}", log());
    assert_eq!(one::<i64>(&writer, "SELECT count(*) FROM t"), 8001);
    Replacement::of(&image).run(&place, &image, &mut nothing_before, &Silent).unwrap();
    assert!(log() <= before, "{} bytes, of {before}", log());
    // Who reads keeps the log, and the restore does not wait for it.
    writer.execute_batch("UPDATE t SET x=randomblob(900); BEGIN; SELECT count(*) FROM t").unwrap();
    let began = Instant::now();
    Replacement::of(&image).run(&place, &image, &mut nothing_before, &Silent).unwrap();
    assert!(log() > before && began.elapsed() < Duration::from_secs(20));
    assert_eq!(one::<i64>(&writer, "SELECT count(*) FROM t"), 8000, "its moment is what it was");
}

#[test]
fn a_database_that_is_in_use_is_busy_after_the_wait() {
    for mode in ["WAL", "DELETE"] {
        let place = Place::new();
        let writer = place.sql(&format!("PRAGMA journal_mode={mode}; {ZOO}"));
        let (image, _) = place.take().unwrap();
        writer.execute_batch(CHANGES[0]).unwrap();
        let replacement = Replacement { busy_wait: Duration::from_millis(200), ..Replacement::of(&image) };
        writer.execute_batch("BEGIN IMMEDIATE").unwrap();
        let error = replacement.run(&place, &image, &mut nothing_before, &Silent).unwrap_err();
        assert!(matches!(error, Error::SourceBusy { waited_ms: 200.., .. }), "{error:?}");
        writer.execute_batch("ROLLBACK").unwrap();
        replacement.run(&place, &image, &mut nothing_before, &Silent).unwrap();
    }
}

#[test]
fn a_reader_holds_the_commit_off_and_then_lets_it_through() {
    let place = Place::new();
    let writer = place.sql(&format!("PRAGMA journal_mode=DELETE; {ZOO}"));
    let (image, _) = place.take().unwrap();
    writer.execute_batch(CHANGES[0]).unwrap();
    let reader = place.sql("BEGIN; SELECT count(*) FROM plain");
    thread::scope(|scope| {
        let replacing = scope.spawn(|| Replacement::of(&image).run(&place, &image, &mut nothing_before, &Silent));
        // The reader ends once the replacement waits for it: then no new reader gets in.
        let late = Connection::open(place.db()).unwrap();
        late.busy_timeout(Duration::ZERO).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while late.query_row("SELECT count(*) FROM plain", [], |_| Ok(())).is_ok() {
            assert!(Instant::now() < deadline, "the replacement never came to its commit");
        }
        assert_eq!(one::<i64>(&reader, "SELECT count(*) FROM keyed"), 0, "the reader's moment stands");
        reader.execute_batch("COMMIT").unwrap();
        replacing.join().unwrap().unwrap();
    });
    assert_eq!(one::<i64>(&reader, "SELECT count(*) FROM keyed"), 50);
}

#[test]
fn a_reader_that_stays_is_given_up_on_and_nothing_is_changed() {
    let place = Place::new();
    let setup = "PRAGMA journal_mode=DELETE; CREATE TABLE t(x); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<6000) SELECT randomblob(1000) FROM n;";
    let writer = place.sql(setup);
    let (image, _) = place.take().unwrap();
    // More than SQLite's cache takes: it wants to write before the commit.
    writer.execute_batch("UPDATE t SET x=randomblob(1000)").unwrap();
    let (before, _) = place.take().unwrap();
    let reader = place.sql("BEGIN; SELECT count(*) FROM t");
    let replacement = Replacement { busy_wait: Duration::from_millis(200), ..Replacement::of(&image) };
    let began = Instant::now();
    assert_eq!(code(replacement.run(&place, &image, &mut nothing_before, &Silent)), "source_busy");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    reader.execute_batch("COMMIT").unwrap();
    assert!(place.take().unwrap().0 == before);
}

/// A reader and a writer work all the time; each must see the old content or the backup's and never an error or a mix.
#[test]
fn applications_at_work_see_the_old_or_the_new_and_lose_no_commit_after_it() {
    for mode in ["WAL", "DELETE"] {
        let place = Place::new();
        let setup = format!(
            "PRAGMA journal_mode={mode}; CREATE TABLE pair(id INTEGER PRIMARY KEY, a, b); CREATE TABLE log(n);
             INSERT INTO pair WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) SELECT i, 0, hex(zeroblob(200)) FROM n;"
        );
        let owner = place.sql(&setup);
        let (image, _) = place.take().unwrap();
        owner.execute_batch("UPDATE pair SET a=1, b=hex(randomblob(200))").unwrap();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let connection = place.sql("");
                let mut seen = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let (sum, count) = connection
                        .query_row("SELECT sum(a), count(*) FROM pair", [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
                        .unwrap();
                    assert!((sum == 0 || sum == 2000) && count == 2000, "{mode}: {sum} {count}");
                    if seen.last() != Some(&sum) {
                        seen.push(sum);
                    }
                }
                seen
            });
            let writer = scope.spawn(|| {
                let connection = place.sql("PRAGMA synchronous=OFF");
                let mut commits = 0_i64;
                while !over.load(Ordering::Relaxed) {
                    connection.execute("INSERT INTO log VALUES (?1)", [commits]).unwrap();
                    commits += 1;
                    thread::sleep(Duration::from_micros(300));
                }
                commits
            });
            thread::sleep(Duration::from_millis(30));
            let mut replacement = Replacement::of(&image);
            replacement.busy_wait = Duration::from_secs(20);
            let replaced = replacement.run(&place, &image, &mut nothing_before, &Silent);
            thread::sleep(Duration::from_millis(30));
            over.store(true, Ordering::Relaxed);
            replaced.unwrap();
            assert_eq!(reader.join().unwrap(), [2000, 0], "{mode}: old, then new");
            let commits = writer.join().unwrap();
            let (first, last, count): (i64, i64, i64) =
                owner.query_row("SELECT min(n), max(n), count(*) FROM log", [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
            assert_eq!(last, commits - 1, "{mode}: the last commit is there");
            assert_eq!(count, last - first + 1, "{mode}: and all since the restore");
            assert!(first > 0, "{mode}: those before it are replaced");
        });
        assert!(is_sound(&place.db()));
    }
}

#[test]
fn a_damaged_database_that_still_opens_is_rescued() {
    let place = Place::new();
    let root = root_offset(&place.sql(ZOO), "keyed", 4096);
    let (image, _) = place.take().unwrap();
    let file = fs::read(place.db()).unwrap();
    let mut overwritten = file.clone();
    overwritten[root..root + 4096].fill(0x99);
    let cut = file[..file.len() - 5 * 4096].to_vec();
    for damaged in [overwritten, cut] {
        fs::write(place.db(), &damaged).unwrap();
        let mut safety = Collected::default();
        let mut suspect = None;
        let mut keep = |present: &mut dyn PresentState| {
            suspect = present.stream(&mut safety, &Silent)?.suspect;
            Ok(())
        };
        Replacement::of(&image).run(&place, &image, &mut keep, &Silent).unwrap();
        assert!(suspect.is_some(), "the safety backup of a damaged database is suspect");
        assert!(safety.bytes == damaged);
        assert!(is_sound(&place.db()));
        assert_eq!(restore_hash(&place.take().unwrap().0), restore_hash(&image));
    }
}

/// Files of writers before SQLite 3.7 do not state their page count.
#[test]
fn an_image_that_does_not_state_its_page_count_fits() {
    let place = Place::new();
    let writer = place.sql(ZOO);
    let (mut image, _) = place.take().unwrap();
    image[28..32].fill(0);
    image[92..96].fill(0);
    writer.execute_batch(CHANGES[1]).unwrap();
    Replacement::of(&image).run(&place, &image, &mut nothing_before, &Silent).unwrap();
    assert_eq!(one::<i64>(&writer, "SELECT count(*) FROM plain"), 700);
    assert_eq!(one::<String>(&writer, "PRAGMA integrity_check"), "ok");
    assert_eq!(inspect_image(&place.db(), &Silent).unwrap().integrity, Ok(()));
}

/// SQLite writes its version into the header at every commit (96–99), so an image that another one wrote cannot come out the same there.
#[test]
fn an_image_that_another_version_of_sqlite_wrote_fits() {
    for method in [Method::Dbpage, Method::BackupApi] {
        let place = Place::new();
        let writer = place.sql(&format!("PRAGMA journal_mode=WAL; {ZOO}"));
        let (mut image, _) = place.take().unwrap();
        image[96..100].copy_from_slice(&3_007_017_u32.to_be_bytes());
        writer.execute_batch(CHANGES[0]).unwrap();
        Replacement { method, ..Replacement::of(&image) }.run(&place, &image, &mut nothing_before, &Silent).unwrap();
        let (mut now, _) = place.take().unwrap();
        now[96..100].copy_from_slice(&image[96..100]);
        assert_eq!(restore_hash(&now), restore_hash(&image), "{method:?}");
    }
}

#[test]
fn alone_it_leaves_one_file_behind() {
    let place = Place::new();
    drop(place.sql(&format!("PRAGMA journal_mode=WAL; {ZOO}")));
    let (image, _) = place.take().unwrap();
    drop(place.sql(CHANGES[3]));
    Replacement::of(&image).run(&place, &image, &mut nothing_before, &Silent).unwrap();
    assert!(!beside(&place.db(), "-wal").exists());
    assert_eq!(restore_hash(&fs::read(place.db()).unwrap()), restore_hash(&image), "all of it is in the main file");
}
