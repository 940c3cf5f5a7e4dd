//! Looking into images: sound ones, damaged ones, and files that are none.

use super::*;
use crate::{
    image::hex,
    sqlite::{content::Content, inspect::inspect_image, reading::read_written},
    throttle::Paced,
};

#[test]
fn a_sound_image_is_not_touched() {
    let place = Place::new();
    drop(place.sql(&format!("PRAGMA journal_mode=WAL; {ZOO}")));
    let path = place.folder.path().join("an image?#%20.sqlite");
    fs::copy(place.db(), &path).unwrap();
    let before = (fs::read(&path).unwrap(), fs::read_dir(place.folder.path()).unwrap().count());
    let report = inspect_image(&path, &Silent).unwrap();
    assert_eq!((report.integrity, report.foreign_keys), (Ok(()), Ok(())));
    assert!(report.not_examined.is_empty());
    assert_eq!((fs::read(&path).unwrap(), fs::read_dir(place.folder.path()).unwrap().count()), before);
}

#[test]
fn rows_that_refer_to_nothing_are_counted_by_table() {
    let place = Place::new();
    drop(place.sql(
        "PRAGMA foreign_keys=OFF; CREATE TABLE customer(id INTEGER PRIMARY KEY); CREATE TABLE orders(c REFERENCES customer(id));
         INSERT INTO customer VALUES (1); INSERT INTO orders VALUES (1), (2), (3), (NULL);",
    ));
    let report = inspect_image(&place.db(), &Silent).unwrap();
    assert_eq!(report.integrity, Ok(()));
    assert_eq!(report.foreign_keys, Err("2 rows of orders refer to rows of customer that are not there".to_owned()));
}

#[test]
fn damage_is_a_finding_and_not_an_error() {
    let place = Place::new();
    drop(place.sql(ZOO));
    let file = fs::read(place.db()).unwrap();
    let report = |bytes: &[u8]| inspect_image(&place.image(bytes), &Silent).unwrap();

    let mut flipped = file.clone();
    let middle = file.len() / 2;
    flipped[middle..middle + 600].fill(0x55);
    assert!(report(&flipped).integrity.is_err());

    let cut = report(&file[..file.len() - 8192]);
    assert!(cut.integrity.is_err() && cut.schema.is_err(), "{cut:?}");

    for nothing in [&b""[..], b"hello", &[0xff; 9000]] {
        let none = report(nothing);
        if nothing.is_empty() {
            assert_eq!(none.schema.unwrap().len(), 0, "an empty file is an empty database to SQLite: the counts tell");
        } else {
            assert!(none.integrity.is_err() && none.schema.is_err() && none.foreign_keys.is_err(), "{none:?}");
            assert_eq!(none.page_size, 0);
        }
    }
    assert_eq!(code(inspect_image(&place.folder.path().join("none"), &Silent)), "io_error");
}

#[test]
fn an_index_by_the_applications_own_function_is_told_and_the_rest_is_checked() {
    let place = Place::new();
    let connection = Connection::open(place.db()).unwrap();
    let flags = rusqlite::functions::FunctionFlags::SQLITE_UTF8 | rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("fits", 1, flags, |_| Ok(true)).unwrap();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<400) SELECT hex(randomblob(50)) FROM n";
    connection
        .execute_batch(&format!("CREATE TABLE own(x); CREATE INDEX own_fits ON own(fits(x)); INSERT INTO own {rows}; CREATE TABLE other(x); INSERT INTO other {rows};"))
        .unwrap();
    drop(connection);
    let sound = fs::read(place.db()).unwrap();
    let report = inspect_image(&place.image(&sound), &Silent).unwrap();
    assert_eq!(report.integrity, Ok(()));
    assert!(report.not_examined[0].contains("fits"), "{:?}", report.not_examined);
    assert_eq!(report.schema.unwrap()["own"].row_count, 400);
    for table in ["own", "other"] {
        let root = root_offset(&Connection::open(place.db()).unwrap(), table, 4096);
        let mut damaged = sound.clone();
        damaged[root + 8..root + 4096].fill(0x77);
        assert!(inspect_image(&place.image(&damaged), &Silent).unwrap().integrity.is_err(), "{table}");
    }
}

#[test]
fn a_cancel_ends_the_look() {
    let place = Place::new();
    let rows = "CREATE TABLE t(x); CREATE INDEX i ON t(x); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<150000) SELECT randomblob(60) FROM n;";
    drop(place.sql(&format!("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {rows}")));
    let monitor = StopWhen::new(|_| true);
    monitor.stopped.store(true, Ordering::Relaxed);
    let began = std::time::Instant::now();
    assert_eq!(code(inspect_image(&place.db(), &monitor)), "cancelled");
    let cancelled_after = began.elapsed();
    let began = std::time::Instant::now();
    inspect_image(&place.db(), &Silent).unwrap();
    assert!(cancelled_after < began.elapsed(), "{cancelled_after:?} against {:?}", began.elapsed());
}

#[test]
fn what_the_application_left_is_remarked_and_is_no_damage() {
    let place = Place::new();
    let connection = place.sql("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c TEXT); CREATE INDEX ti ON t(c);");
    connection
        .execute_batch(
            "INSERT INTO t(b, c) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<30) SELECT NULL, i FROM n;
             PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql=replace(sql, 'b TEXT', 'b TEXT NOT NULL') WHERE name='t';",
        )
        .unwrap();
    drop(connection);
    let report = inspect_image(&place.image(&fs::read(place.db()).unwrap()), &Silent).unwrap();
    assert_eq!(report.integrity, Ok(()));
    assert_eq!(report.remarks.len(), 10, "{:?}", report.remarks);
    assert!(report.remarks[0].contains("NULL value in t.b"), "{:?}", report.remarks);
    // Damage is found behind more of these than are told: a row that its index does not know.
    let connection = Connection::open(place.db()).unwrap();
    connection
        .execute_batch(
            "PRAGMA writable_schema=ON; CREATE TABLE kept AS SELECT * FROM sqlite_schema WHERE name='ti'; DELETE FROM sqlite_schema WHERE name='ti';",
        )
        .unwrap();
    drop(connection);
    let connection = Connection::open(place.db()).unwrap();
    connection
        .execute_batch(
            "UPDATE t SET c='moved' WHERE a=29; PRAGMA writable_schema=ON; INSERT INTO sqlite_schema SELECT * FROM kept; DROP TABLE kept;",
        )
        .unwrap();
    drop(connection);
    let report = inspect_image(&place.image(&fs::read(place.db()).unwrap()), &Silent).unwrap();
    assert!(report.integrity.clone().unwrap_err().contains("missing from index ti"), "{:?}", report.integrity);
}

#[test]
fn a_look_reads_no_faster_than_it_may_however_long_that_takes() {
    let place = Place::new();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<4000) SELECT hex(randomblob(100)) FROM n";
    drop(place.sql(&format!("CREATE TABLE t(x); INSERT INTO t {rows};")));
    let size_bytes = fs::metadata(place.db()).unwrap().len();
    // So slow that it takes longer than a look may work.
    let slowly = Paced::at(size_bytes / 1_000);
    let report = inspect_image(&place.db(), &slowly).unwrap();
    assert_eq!((report.integrity, report.schema.unwrap()["t"].row_count), (Ok(()), 4000));
    // It is checked page by page and, on a connection of its own, counted.
    let napped = slowly.clock.napped();
    assert!((1_900..2_200).contains(&napped.as_secs()), "{napped:?}");
    let (took, second) = (report.took, Duration::from_secs(1));
    assert!([took.integrity, took.foreign_keys, took.counts].iter().all(|time| !time.is_zero() && *time < second), "{took:?}");
}

#[test]
fn a_table_that_is_not_to_be_counted_in_a_hurry_is_counted_in_small_steps() {
    let place = Place::new();
    let mut connection = place.sql(
        "CREATE TABLE t(x); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<10000) SELECT i FROM n",
    );
    let mut steps = |monitor: &dyn Monitor| {
        let counted = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let handler = counted.clone();
        let step = move || {
            handler.fetch_add(1, Ordering::Relaxed);
            false
        };
        connection.progress_handler(100, Some(step)).unwrap();
        assert_eq!(Content::read(&connection, &place.db(), monitor).unwrap().tables["t"].row_count, 10_000);
        counted.load(Ordering::Relaxed)
    };
    let (at_once, slowly) = (steps(&Silent), steps(&Paced::at(1_000_000)));
    assert!(at_once < 10 && slowly > 100, "{at_once} {slowly}");
}

#[test]
fn a_scratch_copy_that_does_not_give_back_what_was_written_is_no_damaged_source() {
    use sha2::{Digest, Sha256};
    let place = Place::new();
    drop(place.sql("CREATE TABLE t(x); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) SELECT hex(randomblob(50)) FROM n"));
    let written = fs::read(place.db()).unwrap();
    let mut given = written.clone();
    let root = root_offset(&Connection::open(place.db()).unwrap(), "t", 4096);
    given[root..root + 4096].fill(0x55);
    let image = place.image(&given);
    let read = |bytes: &[u8]| {
        let hash = hex(&Sha256::digest(bytes));
        read_written(&image, Some(&hash), &Silent, &mut |reading| {
            let count = reading.connection.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0));
            count.map_err(|error| reading.fault(error))
        })
    };
    assert_eq!(code(read(&written)), "io_error");
    assert_eq!(code(read(&given)), "source_corrupt", "it is what was written");
}

#[test]
fn a_value_that_is_derived_from_a_large_one_is_no_fault() {
    let place = Place::new();
    let large = "CREATE TABLE t(d, h AS (hex(d)) CHECK(length(h) > 3)); CREATE INDEX i ON t(substr(hex(d), 1, 8)); INSERT INTO t VALUES (zeroblob(9000000))";
    drop(place.sql(large));
    let report = inspect_image(&place.db(), &Silent).unwrap();
    assert_eq!((report.integrity, report.schema.unwrap()["t"].row_count), (Ok(()), 1));
}
