//! The count of rows on passing pages: what SQLite counts, or nothing at all.

use proptest::prelude::*;

use super::*;
use crate::sqlite::census::{Census, Keyed};

/// Table, root page, and whether it is kept by its key.
fn tables(connection: &Connection) -> Vec<(String, u32, Keyed)> {
    let sql = "SELECT name, rootpage, (SELECT wr FROM pragma_table_list(sqlite_schema.name) WHERE schema='main')
        FROM sqlite_schema WHERE type='table' AND rootpage > 0";
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, if row.get(2)? { Keyed::ByKey } else { Keyed::ByRowid })));
    rows.unwrap().collect::<rusqlite::Result<_>>().unwrap()
}

fn census(image: &[u8]) -> Census {
    let page_size = match u32::from(u16::from_be_bytes([image[16], image[17]])) {
        1 => 65536,
        size => size,
    };
    let mut census = Census::of(page_size, image.len() as u64 / u64::from(page_size));
    image.chunks(3 * page_size as usize).for_each(|pages| census.take(pages));
    census
}

fn counted(connection: &Connection, name: &str) -> u64 {
    let count: i64 =
        connection.query_row(&format!("SELECT count(*) FROM {}", crate::sqlite::content::quoted(name)), [], |row| row.get(0)).unwrap();
    u64::try_from(count).unwrap()
}

#[test]
fn every_table_of_every_make_is_counted_as_sqlite_counts() {
    for page_size in [512, 1024, 4096, 65536] {
        for setting in ["", "PRAGMA auto_vacuum=FULL;", "PRAGMA encoding='UTF-16le';"] {
            let place = Place::new();
            let connection = place.sql(&format!("PRAGMA page_size={page_size}; {setting} {ZOO}"));
            let census = census(&fs::read(place.db()).unwrap());
            for (name, root, keyed) in tables(&connection) {
                assert_eq!(census.rows(root, keyed), Some(counted(&connection, &name)), "{page_size} {setting} {name}");
                let other = if keyed == Keyed::ByKey { Keyed::ByRowid } else { Keyed::ByKey };
                assert_eq!(census.rows(root, other), None, "{page_size} {setting} {name}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Rows come and go, tables too, so that pages are freed, used again, merged, and left with what stood on them.
    #[test]
    fn whatever_happened_to_a_database(acts in prop::collection::vec((0..6_u8, 1..2000_u32, 0..700_u32), 1..25), page_size in 9..13_u32) {
        let place = Place::new();
        let make = "CREATE TABLE IF NOT EXISTS a(x, y); CREATE TABLE IF NOT EXISTS k(k PRIMARY KEY, v) WITHOUT ROWID; CREATE INDEX IF NOT EXISTS ay ON a(y);";
        let connection = place.sql(&format!("PRAGMA synchronous=OFF; PRAGMA page_size={}; {make}", 1 << page_size));
        let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ";
        for (act, rows, bytes) in acts {
            connection.execute_batch(&match act {
                0 | 1 => format!("{fill}{rows}) INSERT INTO a SELECT i, randomblob({bytes}) FROM n"),
                2 => format!("{fill}{rows}) INSERT OR REPLACE INTO k SELECT random() % 5000, zeroblob({bytes}) FROM n"),
                3 => format!("DELETE FROM a WHERE rowid % {} = 0", rows % 7 + 1),
                4 => format!("DELETE FROM k WHERE k % {} = 0", rows % 5 + 1),
                _ => format!("DROP TABLE a; {make}"),
            }).unwrap();
        }
        let census = census(&fs::read(place.db()).unwrap());
        for (name, root, keyed) in tables(&connection) {
            prop_assert_eq!(census.rows(root, keyed), Some(counted(&connection, &name)), "{}", name);
        }
    }
}

/// A database whose table `t` has an inner root; and that root.
fn of_two_levels() -> (Vec<u8>, usize) {
    let place = Place::new();
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 200)";
    let connection = place.sql(&format!("PRAGMA page_size=512; CREATE TABLE t(x); {rows} INSERT INTO t SELECT zeroblob(60) FROM n"));
    let root: usize = connection.query_row("SELECT rootpage FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    (fs::read(place.db()).unwrap(), root)
}

#[test]
fn a_tree_that_is_not_as_it_should_be_is_not_counted() {
    let (sound, root) = of_two_levels();
    let number = u32::try_from(root).unwrap();
    assert_eq!(census(&sound).rows(number, Keyed::ByRowid), Some(200));
    assert_eq!(census(&sound[..sound.len() - 512]).rows(0, Keyed::ByRowid), None, "there is no page 0");
    let at = (root - 1) * 512;
    let spoilt = |place: usize, bytes: &[u8]| {
        let mut image = sound.clone();
        image[at + place..at + place + bytes.len()].copy_from_slice(bytes);
        census(&image).rows(number, Keyed::ByRowid)
    };
    assert_eq!(spoilt(8, &number.to_be_bytes()), None, "its own child");
    assert_eq!(spoilt(8, &[0; 4]), None, "a child that is no page");
    assert_eq!(spoilt(8, &[0xff; 4]), None, "a child beyond the file");
    assert_eq!(spoilt(0, &[2]), None, "the tree of an index");
    assert_eq!(spoilt(0, &[0]), None, "no tree");
    assert_eq!(spoilt(3, &[0xff; 2]), None, "more cells than fit");
    assert_eq!(spoilt(12, &[0xff; 2]), None, "a cell beyond the page");
    let mut part = Census::of(512, sound.len() as u64 / 512);
    part.take(&sound[..sound.len() - 512]);
    assert_eq!(part.rows(number, Keyed::ByRowid), None, "not all pages came");
}

#[test]
fn a_database_of_too_many_pages_is_left_to_sqlite() {
    let mut census = Census::of(512, 5 << 20);
    census.take(&[0; 1024]);
    assert_eq!(census.rows(1, Keyed::ByRowid), None);
}
