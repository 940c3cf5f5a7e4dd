//! The museum: archives of every variant that a version ever wrote stay in `testdata/archives` and open for ever. `expected.json` there says
//! what each must give; it is never regenerated for an archive that is already in it.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use keepstone_model::metadata::{Column, Kdf, Table};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::*;
use crate::keys::{Password, Stretched};

/// What an archive of the museum must give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Expected {
    archive_hash: String,
    original_size: u64,
    payload_hash: String,
    backup_hash: String,
    restore_hash: String,
    table_counts: BTreeMap<String, u64>,
}

pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/archives")
}

/// The archives, by name.
pub(super) fn archives() -> BTreeMap<String, PathBuf> {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|end| end == "zip")).map(|path| (name_of(&path), path)).collect()
}

/// What opens the encrypted ones; `README.md` beside them says it, too.
pub(super) const PASSWORD: &str = "Museumsschlüssel: offen für alle, für immer";

/// Shared by the tests: one derivation takes half a second.
pub(super) fn passwords() -> &'static Passwords {
    static PASSWORDS: LazyLock<Passwords> = LazyLock::new(|| Passwords::of([Password::new(PASSWORD)]));
    &PASSWORDS
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn expected() -> BTreeMap<String, Expected> {
    serde_json::from_slice(&fs::read(folder().join("expected.json")).unwrap()).unwrap()
}

fn table_counts(database: &Path) -> BTreeMap<String, u64> {
    let connection = Connection::open(database).unwrap();
    let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(sound, "ok");
    let mut names =
        connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'").unwrap();
    let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(|name| name.unwrap()).collect();
    let count = |name: &str| connection.query_row(&format!("SELECT count(*) FROM \"{name}\""), [], |row| row.get::<_, i64>(0)).unwrap();
    names.into_iter().map(|name| (name.clone(), count(&name).unsigned_abs())).collect()
}

#[test]
fn every_archive_ever_written_opens() {
    let (expected, archives) = (expected(), archives());
    assert!(expected.keys().eq(archives.keys()), "the list and the folder differ: {:?} {:?}", expected.keys(), archives.keys());
    let scratch = tempfile::tempdir().unwrap();
    for (name, path) in archives {
        let plain = read_with(&path, passwords()).unwrap();
        let database = scratch.path().join(&name);
        fs::write(&database, &plain).unwrap();
        let archive = Archive::open_with(&path, passwords()).unwrap();
        let metadata = archive.metadata();
        let found = Expected {
            archive_hash: hex(&Sha256::digest(fs::read(&path).unwrap())),
            original_size: plain.len() as u64,
            payload_hash: metadata.payload_hash.clone(),
            backup_hash: hex(&Sha256::digest(&plain)),
            restore_hash: metadata.restore_hash.clone(),
            table_counts: table_counts(&database),
        };
        assert_eq!(found, expected[&name], "{name}");
        assert_eq!(metadata.table_counts, found.table_counts, "{name}");
    }
}

/// Writes the archives that are not there yet. Run it by hand when a version writes a new variant.
#[test]
#[ignore = "makes new exhibits"]
fn add_exhibits() {
    let shop = "CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT);
        CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customers, total_cents INTEGER, note BLOB);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
            INSERT INTO customers SELECT i, 'Customer ' || i, 'c' || i || '@example.org' FROM n;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 90)
            INSERT INTO orders SELECT i, 1 + i % 40, i * 250, x'00ff' FROM n;";
    let large = "CREATE TABLE log (id INTEGER PRIMARY KEY, line TEXT);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7000)
            INSERT INTO log SELECT i, 'Überall dieselbe Zeile, und noch einmal dieselbe Zeile, und noch einmal ' FROM n;";
    let utf16 = "PRAGMA page_size = 65536; PRAGMA encoding = 'UTF-16le'";
    let exhibits = [
        ("v1-zstd.zip", Compression::Zstd, None, "PRAGMA page_size = 4096", shop),
        ("v1-gzip.zip", Compression::Gzip, None, "PRAGMA page_size = 4096", shop),
        ("v1-none.zip", Compression::None, None, "PRAGMA page_size = 1024", shop),
        ("v1-zstd-many-frames-utf16-64k-pages.zip", Compression::Zstd, None, utf16, large),
        ("v1-gzip-many-members-512-byte-pages.zip", Compression::Gzip, None, "PRAGMA page_size = 512", large),
        ("v1-zstd-wal-without-tables.zip", Compression::Zstd, None, "PRAGMA journal_mode = WAL", "PRAGMA user_version = 1"),
        ("v1-zstd-encrypted-scrypt.zip", Compression::Zstd, Some(Kdf::SCRYPT), "PRAGMA page_size = 4096", shop),
        ("v1-gzip-encrypted-scrypt.zip", Compression::Gzip, Some(Kdf::SCRYPT), "PRAGMA page_size = 4096", shop),
        ("v1-none-encrypted-scrypt-many-chunks.zip", Compression::None, Some(Kdf::SCRYPT), "PRAGMA page_size = 512", large),
        ("v1-zstd-encrypted-pbkdf2.zip", Compression::Zstd, Some(Kdf::PBKDF2), "PRAGMA page_size = 4096", shop),
        ("v1-gzip-encrypted-pbkdf2.zip", Compression::Gzip, Some(Kdf::PBKDF2), "PRAGMA page_size = 4096", shop),
        ("v1-none-encrypted-pbkdf2.zip", Compression::None, Some(Kdf::PBKDF2), "PRAGMA page_size = 1024", shop),
    ];
    let mut stretched = BTreeMap::new();
    let mut list = if folder().join("expected.json").exists() { expected() } else { BTreeMap::new() };
    let scratch = tempfile::tempdir().unwrap();
    for (name, compression, kdf, pragmas, sql) in exhibits {
        if list.contains_key(name) {
            continue;
        }
        let database = scratch.path().join(name);
        let connection = Connection::open(&database).unwrap();
        connection.execute_batch(pragmas).unwrap();
        connection.execute_batch(sql).unwrap();
        let pragma = |pragma: &str| connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get(0)).unwrap();
        let source = Source {
            location: "/srv/shop/shop.db".to_owned(),
            host: "museum".to_owned(),
            page_size: connection.query_row("PRAGMA page_size", [], |row| row.get(0)).unwrap(),
            page_count: connection.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).unwrap().unsigned_abs(),
            journal_mode: pragma("journal_mode"),
            encoding: pragma("encoding"),
            user_version: connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap(),
            application_id: 0,
            auto_vacuum: "none".to_owned(),
            sqlite_version: rusqlite::version().to_owned(),
            method: "dbpage".to_owned(),
            hold_ms: 1,
            postgres: None,
        };
        drop(connection);
        let counts = table_counts(&database);
        let image = fs::read(&database).unwrap();
        let path = folder().join(name);
        let mut writer = match kdf {
            None => ArchiveWriter::create(&path, &options(compression)).unwrap(),
            Some(kdf) => {
                let new = || Arc::new(Stretched::new(&Password::new(PASSWORD), kdf).unwrap());
                let with = stretched.entry(kdf.as_str()).or_insert_with(new);
                ArchiveWriter::create_encrypted(&path, &options(compression), std::slice::from_ref(with)).unwrap()
            }
        };
        writer.begin(image.len() as u64).unwrap();
        writer.write(&image).unwrap();
        let written = writer
            .finish(&mut |facts| Metadata {
                schema: counts
                    .iter()
                    .map(|(name, &row_count)| (name.clone(), Table { columns: columns(&database, name), row_count }))
                    .collect(),
                table_counts: counts.clone(),
                total_records: counts.values().sum(),
                source: source.clone(),
                ..metadata_of(facts, compression)
            })
            .unwrap();
        let facts = written.metadata;
        let entry = Expected {
            archive_hash: hex(&Sha256::digest(fs::read(&path).unwrap())),
            original_size: facts.original_size,
            payload_hash: facts.payload_hash,
            backup_hash: facts.backup_hash,
            restore_hash: facts.restore_hash,
            table_counts: counts,
        };
        list.insert(name.to_owned(), entry);
    }
    fs::write(folder().join("expected.json"), serde_json::to_string_pretty(&list).unwrap() + "\n").unwrap();
}

fn columns(database: &Path, table: &str) -> Vec<Column> {
    let connection = Connection::open(database).unwrap();
    let mut columns = connection.prepare("SELECT name, type FROM pragma_table_xinfo(?1)").unwrap();
    let columns = columns.query_map([table], |row| Ok(Column { name: row.get(0)?, declared_type: row.get(1)? })).unwrap();
    columns.map(|column| column.unwrap()).collect()
}
