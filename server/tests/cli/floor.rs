//! A small disk that vault and database share: what Keepstone writes there stops before the application has no room left, and leaves nothing.

use std::{fs, process::Command};

use crate::support::{Host, run, shop};

/// In a mount namespace that goes with the shell. The floor is 64 MiB, the database 20 MB that no compressor makes smaller.
#[test]
fn the_disk_of_the_application_is_never_filled() {
    let host = Host::new();
    let connection = shop(&host.path("shop.db"), 10_000);
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(connection);
    fs::create_dir(host.path("disk")).unwrap();
    let script = "
        mount -t tmpfs -o size=95m tmpfs disk || exit 77
        cp shop.db disk/ && $K db add disk/shop.db -q || exit 1
        free() { df --output=avail -B1 disk | tail -1; }
        free > before
        $K create shop --json > packed.json; echo $? > packed.exit
        $K create shop --json --no-compress > plain.json; echo $? > plain.exit
        find disk/vault/backups/.staging disk/vault/backups/shop -name '*.zip' -o -name '*.spool' > left
        free > after
        mount -o remount,size=155m disk
        $K create shop --json > enough.json; echo $? > enough.exit
        $K restore latest --replace --yes --json > restore.json; echo $? > restore.exit
        $K restore latest --to disk/new.db --dry-run --json > new.json; echo $? > new.exit";
    let mut command = Command::new("unshare");
    let root = fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0);
    command.args(if root { &["--mount"][..] } else { &["--mount", "--map-root-user"] }).args(["sh", "-c", script]);
    host.furnish(&mut command);
    command.env("K", crate::support::KEEPSTONE).env("KEEPSTONE_DATA", "disk/vault");
    let done = run(&mut command);
    if done.exit == 77 || done.stderr.contains("unshare:") {
        eprintln!("SKIPPED: this machine lets nobody mount a small disk");
        return;
    }
    assert_eq!(done.exit, 0, "{done:?}");
    let read = |name: &str| fs::read_to_string(host.path(name)).unwrap();
    let fault = |name: &str| {
        let document: serde_json::Value = serde_json::from_str(&read(&format!("{name}.json"))).unwrap();
        (read(&format!("{name}.exit")).trim().parse::<i32>().unwrap(), document["error"]["code"].clone(), document)
    };
    for name in ["packed", "plain"] {
        let (exit, code, document) = fault(name);
        assert_eq!((exit, code.as_str()), (6, Some("disk_floor")), "{name}: {document}");
        assert!(document["error"]["message"].as_str().unwrap().contains("stay free on the disk of the live database"), "{document}");
    }
    assert_eq!(read("left"), "", "nothing was left");
    let free = |name: &str| read(name).trim().parse::<u64>().unwrap();
    assert!(free("before").abs_diff(free("after")) < 2_000_000, "what was written has gone");
    let (exit, _, document) = fault("enough");
    assert_eq!((exit, document["results"][0]["verdict"].as_str()), (0, Some("good")), "{document}");
    // The image, the safety backup and the log are on the one disk, and the floor.
    let (exit, code, document) = fault("restore");
    assert_eq!((exit, code.as_str()), (6, Some("no_space")), "{document}");
    let (exit, _, document) = fault("new");
    let needed = document["results"][0]["plan"]["space_needed_bytes"].as_u64().unwrap();
    assert!(exit == 0 && needed > fs::metadata(host.path("shop.db")).unwrap().len() + (64 << 20) - 1, "{document}");
}
