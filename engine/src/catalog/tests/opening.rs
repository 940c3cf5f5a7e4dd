//! Opening a catalog: whole, damaged, older, newer, by several at once.

use std::{fs, os::unix::fs::PermissionsExt};

use jiff::Timestamp;
use rusqlite::Connection;
use tempfile::TempDir;

use super::super::{Catalog, Live, schema};
use crate::{Error, testing};

#[test]
fn a_new_catalog_is_private_and_durable() {
    let f = testing::vault();
    let (mode, synchronous, version): (String, i64, usize) = {
        let c = super::super::lock(&f.vault.catalog().writer);
        let one = |pragma: &str| c.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!((one("foreign_keys"), one("application_id")), (1, schema::APPLICATION_ID));
        let version = usize::try_from(one("user_version")).unwrap();
        (c.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap(), one("synchronous"), version)
    };
    assert_eq!((mode.as_str(), synchronous, version), ("wal", 2, schema::STEPS.len()));
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "live.sqlite", "live.sqlite-wal", "vault.toml"] {
        let mode = fs::metadata(f.vault.data_dir().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_catalog_that_is_replaced_while_it_is_open_is_neither_read_nor_written() {
    let f = testing::vault();
    let path = f.vault.catalog_path();
    let aside = path.with_extension("aside");
    fs::rename(&path, &aside).unwrap();
    for other in ["", "another catalog"] {
        if !other.is_empty() {
            fs::write(&path, other).unwrap();
        }
        let read = f.vault.catalog().databases().unwrap_err();
        let written = f.vault.catalog().set_trash_emptied_at(Timestamp::now()).unwrap_err();
        assert_eq!([read.code(), written.code()], ["catalog_replaced"; 2]);
    }
    fs::rename(&aside, &path).unwrap();
    f.vault.catalog().set_trash_emptied_at(Timestamp::now()).unwrap();
}

#[test]
fn damage_under_an_open_catalog_is_noticed_and_looked_at_once_more() {
    let f = testing::vault();
    let catalog = f.vault.catalog();
    let damaged = |error: Error| assert_eq!(error.code(), "catalog_damaged");
    damaged(catalog.read::<()>(|_| Err(super::super::Stop::Ours(Error::CatalogDamaged { detail: "once".to_owned() }))).unwrap_err());
    catalog.refuse_damaged().unwrap();
    Connection::open(f.vault.catalog_path()).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    fs::write(f.vault.catalog_path(), [7; 8192]).unwrap();
    catalog.refuse_damaged().unwrap();
    // A minute later the file is looked at.
    *catalog.looked_at.lock().unwrap() -= super::super::LOOK_AGAIN;
    damaged(catalog.refuse_damaged().unwrap_err());
    damaged(catalog.refuse_damaged().unwrap_err());
}

#[test]
fn steps_are_taken_once_and_from_where_a_catalog_stands() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("c.sqlite");
    let steps = ["CREATE TABLE a (x)", "INSERT INTO a VALUES (1)", "ALTER TABLE a ADD COLUMN y DEFAULT 2"];
    let count = |c: &Connection, sql: &str| c.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let mut c = Connection::open(&path).unwrap();
    for upto in [2, 2, 3] {
        assert!(schema::migrate_by(&mut c, &steps[..upto], schema::Before::Kept).is_ok());
    }
    assert_eq!(count(&c, "SELECT count(*) + sum(y) FROM a"), 3);
    // What an older version had stays beside it, whole and private.
    let kept = dir.path().join("catalog.version-2.sqlite");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let old = Connection::open(&kept).unwrap();
    assert_eq!((count(&old, "SELECT x FROM a"), count(&old, "PRAGMA user_version")), (1, 2));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "one copy, and nothing unfinished");
    // A step that fails leaves the version before it, whole.
    let failing = [steps.as_slice(), &["CREATE TABLE b (x)", "no sql"]].concat();
    assert!(schema::migrate_by(&mut c, &failing, schema::Before::Kept).is_err());
    assert_eq!(count(&c, "SELECT count(*) FROM sqlite_schema WHERE name = 'b'"), 0);
    assert_eq!(count(&c, "PRAGMA user_version"), 3);
    // A newer one is not touched.
    let newer = schema::migrate_by(&mut c, &steps[..1], schema::Before::Kept).map_err(|stop| stop.into_error(&path));
    assert!(matches!(newer, Err(Error::VaultTooNew { found: 3, known: 1, .. })));
}

#[test]
fn a_damaged_catalog_says_so() {
    let whole = testing::vault();
    testing::database(&whole.vault, "shop");
    drop(whole.vault);
    let path = whole.dir.path().join("vault/catalog.sqlite");
    let bytes = fs::read(&path).unwrap();
    let damages = [
        ("no database", b"this is no database, though as long as the header of one, and then some more. ".repeat(9)),
        ("a page overwritten", [&bytes[..4096], &[0xAA; 8192], &bytes[4096 + 8192..]].concat()),
        ("cut off", bytes[..bytes.len() / 2].to_vec()),
    ];
    for (name, damaged) in damages {
        fs::write(&path, damaged).unwrap();
        let error = Catalog::open(&path).unwrap_err();
        assert!(matches!(error, Error::CatalogDamaged { .. }), "{name}: {error}");
        let _ = fs::remove_file(path.with_extension("sqlite-wal"));
        let _ = fs::remove_file(path.with_extension("sqlite-shm"));
    }
    Connection::open(dir_file(&path)).unwrap().execute_batch("PRAGMA user_version = 1; CREATE TABLE t (x)").unwrap();
    assert!(matches!(Catalog::open(&dir_file(&path)), Err(Error::CatalogDamaged { .. })), "another program's database");
}

fn dir_file(path: &std::path::Path) -> std::path::PathBuf {
    path.with_file_name("other.sqlite")
}

#[test]
fn progress_that_cannot_be_read_is_made_anew() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("live.sqlite");
    for content in [&b"garbage, and enough of it to be taken for a header of some file or other, which it is not."[..], b""] {
        fs::write(&path, content.repeat(20)).unwrap();
        assert!(Live::open(&path).unwrap().all().unwrap().is_empty());
    }
}

#[test]
fn many_open_a_new_vault_at_once() {
    let dir = TempDir::new().unwrap();
    let uids: Vec<String> = std::thread::scope(|scope| {
        let open = || {
            testing::open(&dir);
            fs::read_to_string(dir.path().join("vault/vault.toml")).unwrap()
        };
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(uids.iter().all(|uid| *uid == uids[0]), "one vault, not several");
}

#[test]
fn on_a_full_disk_the_reserve_makes_room() {
    let f = testing::vault();
    let reserve = f.vault.data_dir().join("reserve");
    assert_eq!(fs::metadata(&reserve).unwrap().len(), 16 << 20);
    let pages = |tx: &Connection, most: i64| tx.pragma_update_and_check(None, "max_page_count", most, |_| Ok(()));
    let fill = |tx: &Connection, key: &str| tx.execute("INSERT INTO meta VALUES (?1, hex(zeroblob(1000000)))", [key]);
    let tries = std::cell::Cell::new(0);
    // SQLite's own limit stands for the disk's: full at the first tries, wider at the last.
    let write = |key: &str, full: u32| {
        tries.set(0);
        f.vault.catalog().write(|tx| {
            pages(tx, if tries.replace(tries.get() + 1) < full { 1 } else { 1 << 20 })?;
            Ok(fill(tx, key)?)
        })
    };
    assert_eq!((write("one", 1).unwrap(), tries.get()), (1, 2));
    assert_eq!(fs::metadata(&reserve).unwrap().len(), 15 << 20, "no more is given up than is needed");
    assert_eq!((write("all of it", 15).unwrap(), tries.get()), (1, 16));
    assert!(!reserve.exists());
    // There is none left: the fault is told, and nothing is half done.
    let outcome = f.vault.catalog().write(|tx| {
        tx.execute("INSERT INTO meta VALUES ('small', '')", [])?;
        pages(tx, 1)?;
        Ok(fill(tx, "two")?)
    });
    assert!(matches!(outcome, Err(Error::NoSpace { .. })), "{outcome:?}");
    let ours = "SELECT count(*) FROM meta WHERE key IN ('one', 'all of it', 'small', 'two')";
    let left: i64 = f.vault.catalog().read(|c| Ok(c.query_row(ours, [], |row| row.get(0))?)).unwrap();
    assert_eq!(left, 2);
    testing::open(&f.dir);
    assert_eq!(fs::metadata(&reserve).unwrap().len(), 16 << 20, "set aside again once there is room");
    assert_eq!(write("one more", 1).unwrap(), 1);
    testing::open(&f.dir);
    assert_eq!(fs::metadata(&reserve).unwrap().len(), 16 << 20, "made whole again");
}
