//! Looking into images that only their application understands: by its own functions, collations and tokenizers, and by names of its own.

use std::fmt::Write as _;

use rusqlite::functions::FunctionFlags;

use super::*;
use crate::sqlite::{
    health::{after_restore, health},
    inspect::{ImageReport, inspect_image},
};

/// As the application opens it.
fn own(place: &Place) -> Connection {
    let connection = Connection::open(place.db()).unwrap();
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("fits", 1, flags, |_| Ok(true)).unwrap();
    connection.create_collation("backwards", |a: &str, b: &str| b.cmp(a)).unwrap();
    connection
}

fn look(place: &Place) -> ImageReport {
    inspect_image(&place.image(&fs::read(place.db()).unwrap()), &Silent).unwrap()
}

const PAGE: usize = 4096;

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// What keeps SQLite from checking a whole database at once.
const UNKNOWN: [&str; 5] = [
    "CREATE TABLE own(a); CREATE INDEX own_fits ON own(fits(a)); INSERT INTO own VALUES (1);",
    "CREATE TABLE own(a TEXT); CREATE INDEX own_back ON own(a COLLATE backwards); INSERT INTO own VALUES ('a'), ('b');",
    "CREATE TABLE own(a, b TEXT NOT NULL AS (fits(a))); INSERT INTO own(a) VALUES (1);",
    "CREATE TABLE own(a); INSERT INTO own VALUES ('this is no JSON');
     PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql='CREATE TABLE own(a, b TEXT AS (json_extract(a, ''$.b'')))' WHERE name='own';",
    "CREATE VIRTUAL TABLE own USING fts5(a); INSERT INTO own VALUES ('word');
     PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql=replace(sql, 'fts5(a)', 'fts5(a, tokenize=''jieba'')') WHERE name='own';",
];

#[test]
fn what_no_table_has_is_looked_at_where_a_table_is_the_applications_own() {
    for unknown in UNKNOWN {
        let place = Place::new();
        let connection = own(&place);
        let rows = |text: &str| {
            format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<500) SELECT i, hex(zeroblob({text})) FROM n")
        };
        connection
            .execute_batch(&format!(
                "PRAGMA page_size={PAGE}; CREATE TABLE t(a, b); CREATE TABLE u(a, b); CREATE TABLE junk(a, b);
                 INSERT INTO t {}; INSERT INTO u {}; INSERT INTO junk {}; DROP TABLE junk; {unknown}",
                rows("50"),
                rows("50"),
                rows("500")
            ))
            .unwrap();
        let roots = ["t", "u"].map(|table| root_offset(&connection, table, PAGE));
        drop(connection);
        let sound = fs::read(place.db()).unwrap();
        let report = inspect_image(&place.image(&sound), &Silent).unwrap();
        assert_eq!(report.integrity, Ok(()), "{unknown}");
        assert!(report.not_examined.len() == 1 && report.not_examined[0].starts_with("own: "), "{unknown}: {:?}", report.not_examined);
        assert_eq!(health(&place.db(), BUSY_WAIT, &Silent).unwrap().damage, None, "{unknown}");

        // The first page below a table's root, which is the application's next one; and that of another table.
        let child = |root: usize| root + usize::from(u16::from_be_bytes([sound[root + 12], sound[root + 13]]));
        let page = u32_at(&sound, child(roots[0])).to_be_bytes();
        let trunk = (u32_at(&sound, 32) as usize - 1) * PAGE;
        for (what, at) in [("free", trunk + 8), ("shared", child(roots[1]))] {
            let mut damaged = sound.clone();
            damaged[at..at + 4].copy_from_slice(&page);
            let report = inspect_image(&place.image(&damaged), &Silent).unwrap();
            let damage = report.integrity.unwrap_err();
            assert!(damage.contains("2nd reference to page"), "{what}, {unknown}: {damage}");
            fs::write(place.db(), &damaged).unwrap();
            let found = health(&place.db(), BUSY_WAIT, &Silent).unwrap();
            assert!(found.damage.is_some(), "{what}, {unknown}: {found:?}");
        }
    }
}

#[test]
fn tables_in_the_order_of_the_applications_collation_are_sound() {
    let place = Place::new();
    let connection = own(&place);
    let mut sql = String::from("PRAGMA journal_mode=WAL;");
    for n in 0..3 {
        write!(
            sql,
            "CREATE TABLE t{n}(a TEXT COLLATE backwards); CREATE UNIQUE INDEX i{n} ON t{n}(a); INSERT INTO t{n} VALUES ('a'), ('b'), ('c');
             CREATE TABLE k{n}(a TEXT COLLATE backwards PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO k{n} VALUES ('a', 1), ('b', 2), ('c', 3);"
        )
        .unwrap();
    }
    connection.execute_batch(&format!("{sql} PRAGMA wal_checkpoint(TRUNCATE);")).unwrap();
    let report = look(&place);
    assert_eq!(report.integrity, Ok(()));
    assert_eq!((report.not_examined.len(), report.schema.unwrap().len()), (6, 6), "{:?}", report.not_examined);
    // And where it stands right after a restore.
    assert_eq!(after_restore(&place.db(), BUSY_WAIT, &Silent).unwrap().damage, None);
}

#[test]
fn damage_is_found_behind_more_rows_that_break_a_rule_than_sqlite_tells_of_a_table() {
    let place = Place::new();
    let connection = own(&place);
    connection
        .execute_batch(
            "CREATE TABLE own(a); CREATE INDEX own_fits ON own(fits(a)); INSERT INTO own VALUES (1);
             CREATE TABLE y(k TEXT, v TEXT, w); CREATE INDEX yi ON y(k);
             INSERT INTO y WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<150) SELECT 'k' || i, i, NULL FROM n;
             PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql=replace(sql, ', w', ', w NOT NULL') WHERE name='y';",
        )
        .unwrap();
    drop(connection);
    let report = look(&place);
    assert_eq!((report.integrity, report.remarks.len()), (Ok(()), 10), "{:?}", report.not_examined);
    let connection = own(&place);
    connection
        .execute_batch("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql=replace(sql, 'yi ON y(k)', 'yi ON y(v)') WHERE name='yi';")
        .unwrap();
    drop(connection);
    let report = look(&place);
    let damage = report.integrity.unwrap_err();
    assert!(damage.contains("missing from index yi") && !damage.contains("own_fits"), "{damage}");
}

#[test]
fn a_full_text_index_that_lags_behind_its_table_is_remarked() {
    for (module, is_lag) in
        [("fts4(content='docs', body)", true), ("fts5(body, content='docs', content_rowid='id')", true), ("fts4(body)", false)]
    {
        let place = Place::new();
        let rowid = if module.starts_with("fts4") { "docid" } else { "rowid" };
        let connection = place.sql(&format!(
            "CREATE TABLE docs(id INTEGER PRIMARY KEY, body); CREATE VIRTUAL TABLE f USING {module};
             INSERT INTO docs VALUES (1, 'hello world'), (2, 'foo bar'); INSERT INTO f({rowid}, body) SELECT id, body FROM docs;
             UPDATE docs SET body='changed' WHERE id=1; DELETE FROM docs WHERE id=2;"
        ));
        if !is_lag {
            connection.execute_batch("UPDATE f_content SET c0body='changed' WHERE docid=1").unwrap();
        }
        drop(connection);
        let report = look(&place);
        assert_eq!(report.integrity.is_ok(), is_lag, "{module}: {:?}", report.integrity);
        assert_eq!(report.remarks.len(), usize::from(module.contains("content='docs', body")), "{module}: {:?}", report.remarks);
    }
}

#[test]
fn a_name_of_the_applications_does_not_hide_its_tables() {
    let place = Place::new();
    drop(place.sql(
        "CREATE TABLE t(x); INSERT INTO t VALUES (1), (2); CREATE TABLE pragma_table_xinfo(name);
         CREATE VIEW pragma_table_list AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i AS name, 2 AS type, 3 AS schema FROM n;",
    ));
    let report = look(&place);
    let schema = report.schema.unwrap();
    assert_eq!((schema["t"].row_count, schema["t"].columns.len(), schema.len()), (2, 1, 2), "{schema:?}");
    assert_eq!(place.take().unwrap().1.schema, schema);
}

#[test]
fn an_index_on_a_function_that_every_sqlite_has_is_checked() {
    let place = Place::new();
    let connection = Connection::open(place.db()).unwrap();
    connection.execute_batch("CREATE TABLE t(a REAL); CREATE INDEX t_sin ON t(sin(a)); INSERT INTO t VALUES (0.5), (1.5), (2.5);").unwrap();
    let sound = look(&place);
    assert!(sound.integrity.is_ok() && sound.not_examined.is_empty() && sound.remarks.is_empty(), "{sound:?}");
    // Every entry of it is that of another function.
    connection
        .execute_batch("PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql = 'CREATE INDEX t_sin ON t(cos(a))' WHERE name = 't_sin';")
        .unwrap();
    assert!(look(&place).integrity.is_err());
}
