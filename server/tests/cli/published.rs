//! What a create leaves that dies between any two steps of publishing: an archive never stands there without its pin and without the damage that
//! its checks found.

use std::{fs, process::Command};

use rusqlite::Connection;

use crate::support::{Host, KEEPSTONE, run};

/// Dies at the Nth call of that name. Whether it was killed, and not done before.
fn killed_at(host: &Host, call: &str, number: u32) -> bool {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"]);
    command.arg(format!("inject={call}:signal=KILL:when={number}")).arg(KEEPSTONE).args(["create", "shop", "--pin"]);
    host.furnish(&mut command);
    run(&mut command).exit == -1
}

/// A database whose index says something else than its table: only the integrity check sees that.
fn damaged(host: &Host) {
    let path = host.path("shop.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE t (a TEXT); CREATE INDEX i ON t (a); INSERT INTO t VALUES ('a-needle'), ('b-thread')").unwrap();
    drop(connection);
    let mut bytes = fs::read(&path).unwrap();
    let found = bytes.windows(8).rposition(|window| window == b"a-needle").unwrap();
    bytes[found] = b'c';
    fs::write(&path, bytes).unwrap();
}

#[test]
fn an_archive_is_never_without_its_pin_and_its_doubt() {
    if Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success()) {
        let host = Host::new();
        damaged(&host);
        host.ok(&["db", "add", "shop.db"]);
        let (mut kills, mut kept) = (0, 0);
        for call in ["rename", "renameat2", "fsync"] {
            for number in 1.. {
                if !killed_at(&host, call, number) {
                    break;
                }
                kills += 1;
                host.run(&["status"]);
                let backups = host.results(&["list", "--state", "complete"]);
                for backup in &backups {
                    assert_eq!(
                        (&backup["pinned"], &backup["verdict"]),
                        (&true.into(), &"suspect".into()),
                        "after {call} {number}: {backup}"
                    );
                    assert!(backup["suspect"].as_str().unwrap().contains("missing from index"), "{backup}");
                }
                kept += backups.len();
                let folder = host.path("keepstone-data/backups/shop/manual");
                let names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name().into_string().unwrap());
                let (notes, archives): (Vec<_>, Vec<_>) = names.partition(|name| name.ends_with(".notes.json"));
                assert_eq!((notes.len(), archives.len()), (backups.len(), backups.len()), "after {call} {number}: {notes:?} {archives:?}");
            }
        }
        assert!(kills >= 6 && kept > 0, "{kills} kills, {kept} kept");
    } else {
        crate::skip::skipped("strace is not installed, or may not trace here (Debian: apt install strace)");
    }
}
