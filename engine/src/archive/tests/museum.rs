//! The museum: archives of every variant that a version ever wrote stay in `testdata/archives` and open for ever. `expected.json` there says
//! what each must give; it is never regenerated for an archive that is already in it.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use keepstone_model::{
    backup::{CheckName, CheckResult, Level, SuspectCause},
    metadata::{Column, Form, Kdf, Table},
};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::*;
use crate::{
    keys::{Password, Stretched},
    proof::{Depth, prove},
};

/// The second one is the museum's.
const TWO_SLOTS: &str = "v1-zstd-encrypted-two-slots.zip";

/// What an archive of the museum must give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Expected {
    archive_hash: String,
    original_size: u64,
    payload_hash: String,
    backup_hash: String,
    restore_hash: String,
    table_counts: BTreeMap<String, u64>,
    /// Why its source was in doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    suspect: Option<String>,
    /// Rows were left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    globals: bool,
    #[serde(default = "one", skip_serializing_if = "is_one")]
    slots: usize,
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_one(slots: &usize) -> bool {
    *slots == 1
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
    for (name, path) in archives {
        let found = found_in(&name, &path);
        assert_eq!(found, expected[&name], "{name}");
    }
}

/// What an archive gives, as far as it can be told without what it says of itself.
fn found_in(name: &str, path: &Path) -> Expected {
    let scratch = tempfile::tempdir().unwrap();
    let plain = read_with(path, passwords()).unwrap();
    let archive = Archive::open_with(path, passwords()).unwrap();
    let metadata = archive.metadata();
    let is_damaged = metadata.suspect_cause == Some(SuspectCause::Damage);
    if metadata.engine == Engine::Sqlite && !is_damaged {
        let database = scratch.path().join(name);
        fs::write(&database, &plain).unwrap();
        assert_eq!(table_counts(&database), metadata.table_counts, "{name}");
    }
    let head: &[u8] = match archive.form() {
        Form::Sqlite => b"SQLite format 3\0",
        Form::Dump => b"PGDMP",
        Form::Sql => b"--\n-- PostgreSQL database dump\n",
    };
    assert!(plain.starts_with(head), "{name}");
    Expected {
        archive_hash: hex(&Sha256::digest(fs::read(path).unwrap())),
        original_size: plain.len() as u64,
        payload_hash: metadata.payload_hash.clone(),
        backup_hash: hex(&Sha256::digest(&plain)),
        restore_hash: metadata.restore_hash.clone(),
        table_counts: metadata.table_counts.clone(),
        suspect: metadata.suspect.clone(),
        partial: metadata.coverage == Coverage::Partial,
        globals: metadata.globals.is_some(),
        slots: metadata.slots.len().max(1),
    }
}

fn entry_of(archive: &Archive) -> String {
    let (form, metadata) = (archive.form(), archive.metadata());
    let entry = if metadata.encrypted { form.entry_encrypted(metadata.compression) } else { form.entry(metadata.compression) };
    entry.to_owned()
}

/// Something beside the payload's form that makes a variant.
type Other = (&'static str, fn(&Metadata) -> bool);

#[test]
fn every_variant_that_is_written_is_here() {
    let mut missing = Vec::new();
    let entries: Vec<(String, Metadata)> = archives()
        .into_values()
        .map(|path| {
            let archive = Archive::open_with(&path, passwords()).unwrap();
            (entry_of(&archive), archive.metadata().clone())
        })
        .collect();
    for form in [Form::Sqlite, Form::Dump, Form::Sql] {
        for compression in ALL {
            for entry in [form.entry(compression), form.entry_encrypted(compression)] {
                if entries.iter().all(|(there, _)| there != entry) {
                    missing.push(entry.to_owned());
                }
            }
        }
    }
    let is_there = |is: fn(&Metadata) -> bool| entries.iter().any(|(_, metadata)| is(metadata));
    let others: [Other; 7] = [
        ("damage", |m| m.suspect_cause == Some(SuspectCause::Damage)),
        ("loss", |m| m.suspect_cause == Some(SuspectCause::Loss)),
        ("sealed doubt", |m| m.encrypted && m.suspect.is_some()),
        ("partial", |m| m.coverage == Coverage::Partial),
        ("globals", |m| m.globals.is_some()),
        ("two slots", |m| m.slots.len() == 2),
        ("pbkdf2", |m| m.slots.iter().any(|slot| matches!(slot.kdf, Kdf::Pbkdf2 { .. }))),
    ];
    missing.extend(others.iter().filter(|(_, is)| !is_there(*is)).map(|(name, _)| (*name).to_owned()));
    assert!(missing.is_empty(), "the museum lacks {missing:?}");
}

#[test]
fn every_archive_passes_the_checks_of_today() {
    for (name, path) in archives() {
        let scratch = tempfile::tempdir().unwrap();
        let (metadata, proof) = prove(&path, passwords(), scratch.path(), Depth::Opened, Step::Verify, &Silent).unwrap();
        let is_damaged = metadata.unwrap().suspect_cause == Some(SuspectCause::Damage);
        let failed: Vec<_> = proof.checks.iter().filter(|check| check.result == CheckResult::Failed).map(|check| check.name).collect();
        if is_damaged {
            assert!(failed.contains(&CheckName::SqliteIntegrityCheck), "{name}: {:?}", proof.checks);
        } else {
            assert_eq!((failed, proof.level()), (Vec::new(), Level::Opened), "{name}: {:?}", proof.checks);
        }
    }
}

/// Writes the archives that are not there yet, and what those must give that were laid there (`README.md` says how they are made). Run it by hand
/// when a version writes a new variant.
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
        (TWO_SLOTS, Compression::Zstd, Some(Kdf::SCRYPT), "PRAGMA page_size = 4096", shop),
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
                let mut with = vec![Arc::clone(stretched.entry(kdf.as_str()).or_insert_with(new))];
                if name == TWO_SLOTS {
                    with.insert(
                        0,
                        Arc::new(Stretched::new(&Password::new("the other one's password, which is not told"), Kdf::PBKDF2).unwrap()),
                    );
                }
                ArchiveWriter::create_encrypted(&path, &options(compression), &with).unwrap()
            }
        };
        writer.begin(image.len() as u64).unwrap();
        writer.write(&image).unwrap();
        writer
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
    }
    for (name, path) in archives() {
        list.entry(name.clone()).or_insert_with(|| found_in(&name, &path));
    }
    fs::write(folder().join("expected.json"), serde_json::to_string_pretty(&list).unwrap() + "\n").unwrap();
}

fn columns(database: &Path, table: &str) -> Vec<Column> {
    let connection = Connection::open(database).unwrap();
    let mut columns = connection.prepare("SELECT name, type FROM pragma_table_xinfo(?1)").unwrap();
    let columns = columns.query_map([table], |row| Ok(Column { name: row.get(0)?, declared_type: row.get(1)? })).unwrap();
    columns.map(|column| column.unwrap()).collect()
}
