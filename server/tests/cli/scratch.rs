//! What lies in the system's temporary folder is somebody else's: looks into a file work there, and leave it as they found it.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{Host, run, shop};

const OTHERS: [&str; 4] = ["scratch.sqlite", "scratch.sqlite-wal", "scratch.sqlite-journal", "scratch.sqlite-shm"];

#[test]
fn a_look_into_a_file_touches_nothing_that_lies_in_the_temporary_folder() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    let archive = format!("{}.zip", host.create(&["shop.db"]));
    fs::rename(host.path("keepstone-data/backups/shop/manual").join(&archive), host.path(&archive)).unwrap();
    let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/predecessors/chame/daily/chame_backup_daily_20250627_020000.db");
    let temporary = host.path("tmp");
    fs::create_dir(&temporary).unwrap();
    for name in OTHERS {
        fs::write(temporary.join(name), "somebody else's").unwrap();
    }
    let command = |args: &[&str]| {
        let mut command = host.command(args);
        command.env("TMPDIR", &temporary);
        command
    };
    let old = old.to_str().unwrap();
    for args in [["verify", &archive].as_slice(), &["verify", old], &["restore", &archive, "--dry-run"], &["restore", old, "--dry-run"]] {
        let run = run(&mut command(args));
        assert_eq!(run.exit, 0, "{args:?}: {run:?}");
    }
    let at_once: Vec<_> = (0..4).map(|_| command(&["verify", "-q", &archive]).spawn().unwrap()).collect();
    for mut child in at_once {
        assert!(child.wait().unwrap().success());
    }
    for name in OTHERS {
        assert_eq!(fs::read_to_string(temporary.join(name)).unwrap(), "somebody else's");
    }
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), OTHERS.len(), "nothing of ours is left");
}

/// What a check unpacks outside of a vault may be the plain image of an encrypted backup.
#[test]
fn what_a_stopped_or_killed_look_unpacked_does_not_stay() {
    let host = Host::new();
    let filled = "CREATE TABLE t(x); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000) SELECT randomblob(1000) FROM n";
    rusqlite::Connection::open(host.path("shop.db")).unwrap().execute_batch(filled).unwrap();
    let archive = format!("{}.zip", host.create(&["shop.db"]));
    fs::rename(host.path("keepstone-data/backups/shop/manual").join(&archive), host.path(&archive)).unwrap();
    let temporary = host.path("tmp");
    fs::create_dir(&temporary).unwrap();
    let verify = |rate: &str| {
        let mut command = host.command(&["verify", "-q", "--rate", rate, &archive]);
        command.env("TMPDIR", &temporary);
        command
    };
    let left = || fs::read_dir(&temporary).unwrap().count();
    let ended_by = |signal: &str| {
        // So slow that it is not over before it is ended.
        let mut child = verify("1MB").stderr(Stdio::null()).spawn().unwrap();
        while left() == 0 && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        child.wait().unwrap()
    };
    assert_eq!(ended_by("-HUP").code(), Some(1), "cancelled");
    assert_eq!(left(), 0, "the terminal went, and nothing is left");
    assert_eq!(ended_by("-KILL").code(), None);
    assert_eq!(left(), 1);
    assert_eq!(run(&mut verify("1GB")).exit, 0);
    assert_eq!(left(), 0, "the next one removes it");
}
