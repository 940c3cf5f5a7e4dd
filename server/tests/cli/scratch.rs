//! What lies in the system's temporary folder is somebody else's: looks into a file work there, and leave it as they found it.

use std::{fs, path::Path};

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
