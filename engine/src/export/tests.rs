//! Exports of a database that has everything a database can have.

use std::{
    fs::{self, File},
    io::Read,
    sync::atomic::{AtomicU64, Ordering},
};

use rusqlite::Connection;

use super::*;
use crate::{
    Silent,
    create::{CreateOptions, create},
    databases::{AddDatabaseOptions, add_database},
    sqlite::content_hash::content_hash,
    testing::{self, Fixture},
};

/// Everything that a plain dump gets wrong.
fn everything(path: &Path, encoding: &str, journal: &str) {
    let c = Connection::open(path).unwrap();
    c.execute_batch(&format!("PRAGMA encoding='{encoding}'; PRAGMA page_size=1024; PRAGMA journal_mode={journal}; PRAGMA user_version=7; PRAGMA application_id=99;"))
        .unwrap();
    c.execute_batch(
        r#"
        CREATE TABLE users(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, password_hash TEXT NOT NULL, email TEXT UNIQUE,
            api_token TEXT UNIQUE NOT NULL, pin INT NOT NULL DEFAULT 0, upper_name TEXT AS (upper(name)) VIRTUAL);
        INSERT INTO users(id, name, password_hash, email, api_token) VALUES (5, 'Zoë "Q"', 'h1', 'a@b', 't1'), (90, NULL, 'h2', '', 't2');
        CREATE TABLE "odd "" name, with 'quotes'"("a b" TEXT, "select" BLOB, "x,y" REAL, "ünï" ANY, "=1+1" TEXT);
        CREATE TABLE strict_one(k INTEGER PRIMARY KEY, r REAL, b BLOB, any ANY) STRICT;
        CREATE TABLE pairs(a TEXT, b INTEGER, v, PRIMARY KEY(b DESC, a)) WITHOUT ROWID;
        INSERT INTO pairs VALUES ('x', 1, 'one'), ('y', 2, X'00ff'), ('', -1, NULL);
        CREATE TABLE hidden_rowid(rowid TEXT, v);
        INSERT INTO hidden_rowid(_rowid_, rowid, v) VALUES (77, 'r', 1), (-3, 's', 2);
        CREATE TABLE heap(v);
        INSERT INTO heap(rowid, v) VALUES (10, 'ten'), (3, 'three'), (9223372036854775807, 'last');
        CREATE TABLE late_key(k INTEGER PRIMARY KEY DESC, v);
        INSERT INTO late_key(rowid, k, v) VALUES (40, 2, 'a'), (41, 1, 'b');
        CREATE TABLE checked(n INTEGER CHECK (n > 0), p INTEGER REFERENCES nowhere(id));
        PRAGMA ignore_check_constraints=ON; PRAGMA foreign_keys=OFF;
        INSERT INTO checked VALUES (-1, 5);
        PRAGMA ignore_check_constraints=OFF;
        CREATE TABLE gone(id INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE gone;
        CREATE VIRTUAL TABLE notes USING fts5(title, body);
        INSERT INTO notes(rowid, title, body) VALUES (4, 'first', 'the quick brown fox'), (9, 'second', 'jumps');
        CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1);
        INSERT INTO boxes VALUES (1, 0.5, 1.5), (2, -3, 4);
        CREATE INDEX users_by_name ON users(name COLLATE NOCASE, id DESC) WHERE name IS NOT NULL;
        CREATE INDEX users_by_length ON users(length(name));
        CREATE VIEW named AS SELECT id, name FROM users -- a comment that ends the view
        ;
        CREATE TRIGGER on_named INSTEAD OF INSERT ON named BEGIN INSERT INTO heap VALUES (new.name); SELECT 1; END;
        CREATE TRIGGER on_heap AFTER INSERT ON heap BEGIN UPDATE users SET name = 'a;b' WHERE id = -1; END;
        ANALYZE;
        "#,
    )
    .unwrap();
    let texts =
        ["", "a", "it's", "line\nline\r\nline\r", "nul\0inside", "'quoted'", "=cmd|'/c calc'!A0", "日本 🦀", "\u{fffd}", "x;\n.quit\n"];
    let reals = [
        0.1,
        -0.0,
        1.0,
        1e300,
        5e-324,
        f64::MAX,
        f64::MIN_POSITIVE,
        1.0 / 3.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e15,
        123_456_789.123_456_79,
    ];
    let table = "\"odd \"\" name, with 'quotes'\"";
    for (number, text) in texts.iter().enumerate() {
        c.execute(
            &format!("INSERT INTO {table} VALUES (?1, ?2, ?3, ?4, ?5)"),
            rusqlite::params![text, text.as_bytes(), reals[number], reals[number], text],
        )
        .unwrap();
    }
    for (number, real) in reals.iter().enumerate() {
        let integer = [0, 1, -1, i64::MAX, i64::MIN, (1 << 53) + 1, -(1 << 53) - 1, 1 << 53, 7, 8, 9, 10][number];
        c.execute("INSERT INTO strict_one VALUES (?1, ?2, ?3, ?1)", rusqlite::params![integer, real, vec![0_u8, 255, 13]]).unwrap();
    }
    if encoding == "UTF-8" {
        c.execute("INSERT INTO heap VALUES (CAST(X'ff00fe41' AS TEXT))", []).unwrap();
    } else {
        // Half of a surrogate pair, and what is no character.
        for units in [[0xd800_u16, 0x41], [0x41, 0xfffe], [0xffff, 0x42]] {
            let bytes = units.iter().flat_map(|unit| if encoding == "UTF-16be" { unit.to_be_bytes() } else { unit.to_le_bytes() });
            c.execute("INSERT INTO heap VALUES (CAST(?1 AS TEXT))", [bytes.collect::<Vec<u8>>()]).unwrap();
        }
    }
}

fn vault_with(encoding: &str, journal: &str) -> (Fixture, DatabaseId) {
    let f = testing::vault();
    let path = f.dir.path().join("shop.db");
    everything(&path, encoding, journal);
    let options = AddDatabaseOptions { location: path.display().to_string(), name: None, schedules: None, actor: "alice".to_owned() };
    let id = add_database(&f.vault, &options).unwrap().id;
    (f, id)
}

fn options(source: ExportSource, format: ExportFormat) -> ExportOptions {
    ExportOptions { source, format, tables: Vec::new(), include_sensitive: true, actor: "alice".to_owned() }
}

/// Loads a script as the `sqlite3` command would.
fn load(script: &Path, into: &Path) {
    let c = Connection::open(into).unwrap();
    c.execute_batch(&fs::read_to_string(script).unwrap()).unwrap();
    c.close().unwrap();
    let c = Connection::open(into).unwrap();
    let check: String = c.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    // The row that breaks its CHECK is as it was in the source.
    assert_eq!(check, "CHECK constraint failed in checked");
}

fn hash(path: &Path) -> String {
    content_hash(path, &Silent).unwrap()
}

fn unpacked(zip: &Path) -> Vec<(String, String)> {
    let mut zip = zip::ZipArchive::new(File::open(zip).unwrap()).unwrap();
    (0..zip.len())
        .map(|at| {
            let mut file = zip.by_index(at).unwrap();
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            (file.name().unwrap().into_owned(), text)
        })
        .collect()
}

#[test]
fn sql_makes_an_equal_database_of_a_live_one_and_of_a_backup() {
    for (encoding, journal) in [("UTF-8", "wal"), ("UTF-16le", "delete"), ("UTF-16be", "wal")] {
        let (f, id) = vault_with(encoding, journal);
        let backup = create(&f.vault, &CreateOptions::new(id.clone(), "alice"), &Silent).unwrap().backup.id;
        let path = |name: &str| f.dir.path().join(name);
        export(&f.vault, &options(ExportSource::Database(id), ExportFormat::Sql), &path("live.sql"), &Silent).unwrap();
        let report =
            export(&f.vault, &options(ExportSource::Backup(backup.clone()), ExportFormat::Sql), &path("backup.sql"), &Silent).unwrap();
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        let restored = path("restored.db");
        crate::restore::restore_file(&f.vault.archive_path(&backup), &crate::keys::Passwords::none(), &restored, &Silent).unwrap();
        for script in ["live.sql", "backup.sql"] {
            let loaded = path(&format!("{script}.db"));
            load(&path(script), &loaded);
            assert_eq!(hash(&loaded), hash(&restored), "{encoding} {script}");
        }
        let c = Connection::open(path("live.sql.db")).unwrap();
        let found: i64 = c.query_row("SELECT rowid FROM notes WHERE notes MATCH 'quick'", [], |row| row.get(0)).unwrap();
        assert_eq!(found, 4);
        let page_size: i64 = c.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap();
        assert_eq!(page_size, 1024);
    }
}

#[test]
fn the_content_hash_sees_what_a_row_count_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    everything(&path, "UTF-8", "delete");
    let before = hash(&path);
    let changes = [
        "UPDATE heap SET v = X'74656e' WHERE v = 'ten'",
        "UPDATE heap SET rowid = 11 WHERE rowid = 10",
        "UPDATE sqlite_sequence SET seq = seq + 1",
        "PRAGMA user_version=8",
        "DROP INDEX users_by_length",
    ];
    let mut seen = vec![before];
    for change in changes {
        Connection::open(&path).unwrap().execute_batch(change).unwrap();
        assert!(!seen.contains(&hash(&path)), "{change}");
        seen.push(hash(&path));
    }
    let before = hash(&path);
    Connection::open(&path).unwrap().execute_batch("REINDEX; ANALYZE; PRAGMA journal_mode=wal;").unwrap();
    assert_eq!(hash(&path), before, "the same content in other pages");
}

#[test]
fn what_looks_sensitive_is_left_out_of_every_form_and_told() {
    let (f, id) = vault_with("UTF-8", "wal");
    for format in ExportFormat::ALL {
        let options = ExportOptions { include_sensitive: false, ..options(ExportSource::Database(id.clone()), format) };
        let target = f.dir.path().join(format!("out.{}", format.ending()));
        let report = export(&f.vault, &options, &target, &Silent).unwrap();
        let left_out = report.left_out();
        for column in ["users.password_hash", "users.api_token", "users.pin", "users.upper_name"] {
            assert!(left_out.iter().any(|name| name == column), "{format}: {left_out:?}");
        }
        let text = match format {
            ExportFormat::Sql => fs::read_to_string(&target).unwrap(),
            _ => unpacked(&target).into_iter().map(|(_, text)| text).collect(),
        };
        for secret in ["'h1'", "\"h1\"", "'t1'", "\"t1\"", "ZO"] {
            assert!(!text.contains(secret), "{format} tells {secret}");
        }
        if format == ExportFormat::Sql {
            let loaded = f.dir.path().join("loaded.db");
            load(&target, &loaded);
            let c = Connection::open(&loaded).unwrap();
            let row: (String, String, i64) = c
                .query_row("SELECT password_hash, api_token, pin FROM users WHERE id = 90", [], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
                })
                .unwrap();
            assert_eq!(row, ("left out 2".to_owned(), "left out 2".to_owned(), 2));
        }
    }
    let events = activity::events(&f.vault, &activity::EventFilter::default()).unwrap();
    assert!(events[0].message.contains("4 columns that look sensitive left out"), "{}", events[0].message);
}

#[test]
fn a_search_index_over_what_is_left_out_is_left_out_whole() {
    let f = testing::vault();
    let path = f.dir.path().join("shop.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE VIRTUAL TABLE found USING fts5(name, secret); INSERT INTO found VALUES ('a', 'zzyzx'); CREATE TABLE found_not(v);",
        )
        .unwrap();
    let add = AddDatabaseOptions { location: path.display().to_string(), name: None, schedules: None, actor: "alice".to_owned() };
    let id = add_database(&f.vault, &add).unwrap().id;
    let options = ExportOptions { include_sensitive: false, ..options(ExportSource::Database(id), ExportFormat::Sql) };
    let report = export(&f.vault, &options, &f.dir.path().join("a.sql"), &Silent).unwrap();
    let script = fs::read_to_string(f.dir.path().join("a.sql")).unwrap();
    assert!(!script.contains("7a7a797a78") && !script.contains("zzyzx") && script.contains("found_not"), "{script}");
    assert!(report.warnings[0].contains("the virtual table found is left out whole"), "{:?}", report.warnings);
}

#[test]
fn json_keeps_every_value_apart() {
    let (f, id) = vault_with("UTF-8", "wal");
    let target = f.dir.path().join("out.zip");
    let report = export(&f.vault, &options(ExportSource::Database(id), ExportFormat::Json), &target, &Silent).unwrap();
    let files = unpacked(&target);
    let rows = |name: &str| -> Vec<serde_json::Value> {
        let text = &files.iter().find(|(file, _)| file == name).unwrap_or_else(|| panic!("{name} is not there")).1;
        let document: serde_json::Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        document["rows"].as_array().unwrap().clone()
    };
    let strict = rows("strict_one.json");
    let by_key = |key: serde_json::Value| strict.iter().find(|row| row["k"] == key).unwrap_or_else(|| panic!("{key}: {strict:?}"));
    assert_eq!(by_key(serde_json::json!({"$integer": "9007199254740993"}))["r"], serde_json::json!(f64::MAX));
    assert_eq!(by_key(serde_json::json!({"$integer": "-9223372036854775808"}))["b"], serde_json::json!({"$blob": "AP8N"}));
    assert_eq!(by_key(serde_json::json!(7))["r"], serde_json::json!({"$real": "inf"}));
    assert_eq!(by_key(serde_json::json!(1_i64 << 53))["any"], serde_json::json!(1_i64 << 53));
    assert!(rows("heap.json").iter().any(|row| row["v"] == serde_json::json!({"$text": "/wD+QQ=="})));
    assert!(rows("odd___name__with__quotes_.json").iter().any(|row| row["a b"] == "nul\0inside"));
    assert_eq!(rows("users.json")[1]["name"], serde_json::Value::Null);
    assert_eq!(rows("notes.json").len(), 2);
    let contents: serde_json::Value = serde_json::from_str(&files.last().unwrap().1).unwrap();
    assert_eq!(contents["tables"].as_array().unwrap().len(), report.tables.len());
}

#[test]
fn csv_tells_null_from_nothing_and_runs_no_formula() {
    let (f, id) = vault_with("UTF-8", "delete");
    let target = f.dir.path().join("out.csv");
    let options = ExportOptions {
        tables: vec!["ODD \" name, with 'quotes'".to_owned()],
        ..options(ExportSource::Database(id.clone()), ExportFormat::Csv)
    };
    export(&f.vault, &options, &target, &Silent).unwrap();
    let text = fs::read_to_string(&target).unwrap();
    assert!(text.starts_with("\"a b\",\"select\",\"x,y\",\"ünï\",\"'=1+1\"\r\n"), "{text}");
    assert!(text.contains("\"'=cmd|'/c calc'!A0\","), "{text}");
    assert!(text.contains("\"\",\\x,0.1,0.1,\"\"\r\n"), "{text}");
    let target = f.dir.path().join("users.csv");
    let options = ExportOptions { tables: vec!["users".to_owned()], ..options };
    export(&f.vault, &options, &target, &Silent).unwrap();
    assert!(fs::read_to_string(&target).unwrap().contains("90,,\"h2\",\"\",\"t2\",0,\r\n"));
}

#[test]
fn refusals_leave_nothing_behind() {
    let (f, id) = vault_with("UTF-8", "wal");
    let folder = f.dir.path().join("out");
    fs::create_dir(&folder).unwrap();
    let there = folder.join("there.zip");
    fs::write(&there, "mine").unwrap();
    let of = |tables: &[&str]| ExportOptions {
        tables: tables.iter().map(|&table| table.to_owned()).collect(),
        ..options(ExportSource::Database(id.clone()), ExportFormat::Csv)
    };
    let code = |options: &ExportOptions, target: &Path| export(&f.vault, options, target, &Silent).unwrap_err().code();
    assert_eq!(code(&of(&[]), &there), "target_exists");
    assert_eq!(code(&of(&["named"]), &folder.join("a.zip")), "unknown_table", "a view is no table");
    assert_eq!(code(&of(&[]), &folder.join("a.csv")), "invalid", "many tables in one file");
    assert_eq!(code(&of(&[]), &folder.join("no/such/a.zip")), "io_error");
    assert_eq!(fs::read_to_string(&there).unwrap(), "mine");
    fs::write(f.vault.data_dir().join("export.toml"), "sensitiv = 1").unwrap();
    assert_eq!(code(&of(&[]), &folder.join("a.zip")), "invalid", "a list that is not heeded");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
    let staging: Vec<_> = fs::read_dir(f.vault.staging_root()).unwrap().flatten().filter(|entry| entry.path().is_dir()).collect();
    assert!(staging.is_empty(), "{staging:?}");
}

#[test]
fn a_vault_may_have_its_own_list() {
    let (f, id) = vault_with("UTF-8", "wal");
    fs::write(f.vault.data_dir().join("export.toml"), "sensitive = ['e-mail', 'email']\n").unwrap();
    let options = ExportOptions { include_sensitive: false, ..options(ExportSource::Database(id.clone()), ExportFormat::Json) };
    let report = export(&f.vault, &options, &f.dir.path().join("a.zip"), &Silent).unwrap();
    assert_eq!(report.left_out(), ["users.email", "users.upper_name"]);
    let outline = outline(&f.vault, &ExportSource::Database(id)).unwrap();
    let users = outline.iter().find(|table| table.name == "users").unwrap();
    assert!(users.columns.contains(&("email".to_owned(), true)) && users.columns.contains(&("name".to_owned(), false)));
}

/// Says stop once so many bytes were told.
struct StopAfter(u64, AtomicU64);

impl Monitor for StopAfter {
    fn progress(&self, progress: &keepstone_model::job::Progress) {
        self.1.store(progress.done_bytes, Ordering::Relaxed);
    }
    fn cancelled(&self) -> bool {
        self.1.load(Ordering::Relaxed) > self.0
    }
}

/// A disk with so much room.
struct Full(usize);
impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_cancelled_or_broken_export_leaves_no_file() {
    let (f, id) = vault_with("UTF-8", "wal");
    let c = Connection::open(f.dir.path().join("shop.db")).unwrap();
    c.execute_batch("CREATE TABLE big(b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO big SELECT randomblob(20000) FROM n;")
        .unwrap();
    let target = f.dir.path().join("out.zip");
    let options = options(ExportSource::Database(id), ExportFormat::Json);
    let error = export(&f.vault, &options, &target, &StopAfter(100_000, AtomicU64::new(0))).unwrap_err();
    assert_eq!(error.code(), "cancelled");
    for format in ExportFormat::ALL {
        let options = ExportOptions { format, ..options.clone() };
        assert_eq!(export_stream(&f.vault, &options, &mut Full(200_000), &Silent).unwrap_err().code(), "no_space", "{format}");
    }
    assert!(fs::read_dir(f.dir.path()).unwrap().flatten().all(|entry| !entry.file_name().to_string_lossy().contains("out.zip")));
}

#[test]
fn an_export_into_a_file_that_the_activity_log_cannot_take_down_says_so_and_a_stream_fails() {
    let fixture = testing::vault();
    let (vault, dir) = (&fixture.vault, fixture.dir.path());
    let live = dir.join("shop.db");
    Connection::open(&live).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)").unwrap();
    let options = AddDatabaseOptions { location: live.display().to_string(), name: None, schedules: None, actor: "alice".to_owned() };
    let database = add_database(vault, &options).unwrap().id;
    let catalog = Connection::open(vault.data_dir().join("catalog.sqlite")).unwrap();
    catalog.execute_batch("CREATE TRIGGER fail BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'the disk failed'); END").unwrap();
    let options = ExportOptions {
        source: ExportSource::Database(database),
        format: ExportFormat::Json,
        tables: Vec::new(),
        include_sensitive: false,
        actor: "alice".to_owned(),
    };
    let target = dir.join("out.zip");
    let report = export(vault, &options, &target, &Silent).unwrap();
    assert_eq!(report.warnings, ["The activity log could not take this export down: catalog: the disk failed."]);
    assert!(target.exists());
    assert_eq!(export_stream(vault, &options, &mut io::sink(), &Silent).unwrap_err().code(), "catalog_error");
}

#[test]
fn what_only_the_application_computes_is_left_out_and_told() {
    let f = testing::vault();
    let path = f.dir.path().join("shop.db");
    let c = Connection::open(&path).unwrap();
    let flags = rusqlite::functions::FunctionFlags::SQLITE_UTF8 | rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC;
    c.create_scalar_function("app", 1, flags, |_| Ok(7)).unwrap();
    c.execute_batch(
        "CREATE TABLE t(a, b AS (app(a)), c AS (sqrt(a))); INSERT INTO t(a) VALUES (4), (9);
         CREATE TABLE own(a); INSERT INTO own VALUES (1);
         PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql='CREATE VIRTUAL TABLE own USING nothing_known(a)', rootpage=0 WHERE name='own';",
    )
    .unwrap();
    let options_of_db = AddDatabaseOptions { location: path.display().to_string(), name: None, schedules: None, actor: "alice".to_owned() };
    let id = add_database(&f.vault, &options_of_db).unwrap().id;
    let target = f.dir.path().join("out.csv");
    let named =
        |table: &str| ExportOptions { tables: vec![table.to_owned()], ..options(ExportSource::Database(id.clone()), ExportFormat::Csv) };
    let report = export(&f.vault, &named("t"), &target, &Silent).unwrap();
    assert_eq!((report.row_count(), fs::read_to_string(&target).unwrap().as_str()), (2, "\"a\",\"c\"\r\n4,2.0\r\n9,3.0\r\n"));
    assert!(report.warnings.iter().any(|warning| warning.contains("left out: b")), "{:?}", report.warnings);
    // A person asked for it, and nothing of it can be read: an empty file would pass for it.
    let error = export(&f.vault, &named("own"), &f.dir.path().join("own.csv"), &Silent).unwrap_err();
    assert_eq!((error.code(), f.dir.path().join("own.csv").exists()), ("invalid", false), "{error}");
    // In an export of everything it is missed.
    for (format, name) in [(ExportFormat::Csv, "all.zip"), (ExportFormat::Sql, "all.sql")] {
        let report = export(&f.vault, &options(ExportSource::Database(id.clone()), format), &f.dir.path().join(name), &Silent).unwrap();
        assert_eq!(report.tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["t"]);
        assert!(report.warnings.iter().any(|warning| warning.contains("own is left out")), "{:?}", report.warnings);
    }
}
