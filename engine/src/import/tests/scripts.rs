//! Scripts of SQLite: what they may do, and that an export comes back.

use std::{fs, path::Path};

use rusqlite::Connection;

use super::{image, vault};
use crate::{Silent, import::restore_foreign, sqlite::content_hash::content_hash};

#[test]
fn scripts_can_do_nothing_but_fill_their_file() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim.db");
    fs::write(&victim, image(1)).unwrap();
    let scripts = [
        format!("BEGIN; ATTACH '{}' AS v; DELETE FROM v.users;", victim.display()),
        "CREATE TABLE t(a); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;".to_owned(),
        "CREATE TABLE t(a); SELECT load_extension('/tmp/x.so');".to_owned(),
        "BEGIN; CREATE TABLE t(a); INSERT INTO t VALUES (1); ROLLBACK;".to_owned(),
        "BEGIN; CREATE TABLE t(a);".to_owned(),
        "CREATE TABLE t(a); INSERT INTO t VALUES ('x".to_owned(),
        "CREATE VIRTUAL TABLE t USING sqlite_dbpage; ".to_owned(),
        "CREATE TABLE t(a); UPDATE sqlite_dbpage SET data = zeroblob(4096);".to_owned(),
        "CREATE TABLE t(a); VACUUM INTO '/tmp/keepstone-must-not-be.db';".to_owned(),
        "CREATE TABLE t(a);\n.shell touch /tmp/keepstone-must-not-be\n;".to_owned(),
        "PRAGMA writable_schema=ON; CREATE TABLE t(a); UPDATE sqlite_schema SET rootpage = 1, sql = 'CREATE TABLE t(a, b)'; INSERT INTO t VALUES (1);".to_owned(),
    ];
    for script in scripts {
        let file = dir.path().join("evil.sql");
        fs::write(&file, &script).unwrap();
        let target = dir.path().join("out.db");
        let error = restore_foreign(&file, &target, &[], &Silent).expect_err(&script);
        assert_eq!(error.code(), "damaged", "{script}: {error}");
        assert!(!target.exists(), "{script}");
    }
    assert_eq!(fs::read(&victim).unwrap(), image(1));
    assert!(!Path::new("/tmp/keepstone-must-not-be").exists() && !Path::new("/tmp/keepstone-must-not-be.db").exists());
}

#[test]
fn a_script_of_an_export_gives_the_same_content_back() {
    let (f, id) = vault("shop");
    let live = f.dir.path().join("shop.db");
    Connection::open(&live)
        .unwrap()
        .execute_batch("CREATE VIRTUAL TABLE notes USING fts5(a); INSERT INTO notes VALUES ('quick fox'); CREATE TABLE seq(id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO seq(v) VALUES (X'00'), (1e999), ('a' || char(13, 10, 0)); CREATE TRIGGER t AFTER DELETE ON seq BEGIN SELECT 1; END;")
        .unwrap();
    let script = f.dir.path().join("shop.sql.zst");
    let export = crate::export::ExportOptions {
        source: crate::export::ExportSource::Database(id),
        format: keepstone_model::export::ExportFormat::Sql,
        tables: Vec::new(),
        include_sensitive: true,
        actor: "alice".to_owned(),
    };
    crate::export::export(&f.vault, &export, &script, &Silent).unwrap();
    let target = f.dir.path().join("again.db");
    restore_foreign(&script, &target, &[], &Silent).unwrap();
    let hash = |path: &Path| content_hash(path, &Silent).unwrap();
    assert_eq!(hash(&target), hash(&live));
}

#[test]
fn a_script_that_does_not_say_is_loaded_without_foreign_keys_as_sqlite3_does() {
    let dir = tempfile::tempdir().unwrap();
    let load = |script: &str| {
        let (file, target) = (dir.path().join("dump.sql"), dir.path().join("out.db"));
        let _ = fs::remove_file(&target);
        fs::write(&file, script).unwrap();
        restore_foreign(&file, &target, &[], &Silent).unwrap();
        Connection::open(&target).unwrap().query_row("SELECT count(*) FROM child", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let tables = "CREATE TABLE parent(id INTEGER PRIMARY KEY, v); CREATE TABLE child(p REFERENCES parent(id) ON DELETE CASCADE);";
    assert_eq!(
        load(&format!(
            "{tables} INSERT INTO parent VALUES (1, 'a'); INSERT INTO child VALUES (1), (1); REPLACE INTO parent VALUES (1, 'b');"
        )),
        2
    );
    // As Python's `iterdump` writes: by name, the child before its parent.
    let dumped = "BEGIN TRANSACTION; CREATE TABLE child(p REFERENCES parent(id)); INSERT INTO child VALUES (1); CREATE TABLE parent(id INTEGER PRIMARY KEY); INSERT INTO parent VALUES (1); COMMIT;";
    assert_eq!(load(dumped), 1);
}
