//! The real binary restores every archive of the museum, as a person would who has nothing but the file and its password; the dumps are loaded
//! into a server.

use std::{fs, path::Path, process::Command};

use rusqlite::Connection;

use super::postgres::server;
use crate::support::{Host, run};

const PASSWORD: &str = "Museumsschlüssel: offen für alle, für immer";

#[test]
fn every_archive_ever_written_is_restored() {
    let host = Host::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/archives");
    let mut archives: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    archives.retain(|path| path.extension().is_some_and(|end| end == "zip"));
    archives.sort();
    let (mut databases, mut dumps) = (0, Vec::new());
    for archive in archives {
        let name = archive.file_stem().unwrap().to_str().unwrap().to_owned();
        let target = host.path(&name);
        let args = ["restore", "--path", archive.to_str().unwrap(), "--to", target.to_str().unwrap(), "--json"];
        let restored = run(host.command(&args).env("BACKUP_ENCRYPTION_PASSWORD", PASSWORD));
        if name.contains("damage") {
            // Its metadata say so: whoever has nothing else gets it as it is.
            assert!(restored.exit == 0 && restored.stderr.contains("suspect") && target.exists(), "{name}: {restored:?}");
            continue;
        }
        assert_eq!(restored.exit, 0, "{name}: {restored:?}");
        if name.starts_with("v1-dump") || name.starts_with("v1-sql") {
            dumps.push((name, target));
        } else {
            let connection = Connection::open(&target).unwrap();
            let sound: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(sound, "ok", "{name}");
            databases += 1;
        }
    }
    assert!(databases >= 15 && dumps.len() >= 15, "{databases} databases, {} dumps", dumps.len());
    let Some(server) = server::server() else { return };
    server.psql("postgres", "CREATE ROLE clerk");
    for (number, (name, target)) in dumps.into_iter().enumerate() {
        let database = format!("museum_{number}");
        server.psql("postgres", &format!("CREATE DATABASE {database}"));
        if name.starts_with("v1-sql") {
            server.load(&database, &fs::read_to_string(&target).unwrap());
        } else {
            let mut load = Command::new(server.bin.join("pg_restore"));
            load.args(["--exit-on-error", "-d", &server.url(&database)]).arg(&target);
            let loaded = run(&mut load);
            assert_eq!(loaded.exit, 0, "{name}: {loaded:?}");
        }
        let counts = "SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders), (SELECT count(*) FROM audit.\"Log entries\")";
        let expected = match () {
            () if name.contains("schema-only") => "0|0|0",
            () if name.contains("partial") => "40|90|0",
            () => "40|90|7",
        };
        assert_eq!(server.psql(&database, counts), expected, "{name}");
    }
}
