//! Every fault of a source, an archive or a disk has its own code and exit code, and nothing is lost by it.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::Command,
};

use rusqlite::Connection;

use crate::support::{Host, KEEPSTONE, check_shape, content, run, shop};

/// A vault with one database, `shop`, and one good backup of it.
fn protected() -> (Host, String) {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 100));
    host.ok(&["db", "add", "shop.db"]);
    let id = host.create(&["shop"]);
    (host, id)
}

/// After a fault the older backup is as it was, no half archive is listed, and a failed run shows.
fn nothing_is_lost(host: &Host, id: &str) {
    let complete = host.ok(&["list", "-q", "--state", "complete"]);
    assert_eq!(complete.trim(), id);
    host.ok(&["verify", id]);
    let staging: Vec<_> =
        fs::read_dir(host.path("keepstone-data/backups/.staging")).unwrap().flatten().filter(|entry| entry.path().is_dir()).collect();
    assert!(staging.is_empty(), "{staging:?}");
}

#[test]
fn a_source_that_cannot_be_backed_up_says_why() {
    let text = "This is a letter, not a database, although it is long enough to hold a header. ".repeat(50);
    for (code, exit) in [("source_missing", 3), ("source_empty", 4), ("not_a_database", 4)] {
        let break_it = |file: &Path| match code {
            "source_missing" => fs::remove_file(file).unwrap(),
            "source_empty" => fs::write(file, "").unwrap(),
            _ => fs::write(file, &text).unwrap(),
        };
        let (host, id) = protected();
        let file = host.path("shop.db");
        for side in ["shop.db-wal", "shop.db-shm"] {
            let _ = fs::remove_file(host.path(side));
        }
        break_it(&file);
        host.fails(&["create", "shop"], code, exit);
        nothing_is_lost(&host, &id);
        let (status, document) = host.json(&["status"]);
        assert_eq!((status, document["results"][0]["state"].as_str()), (1, Some("at_risk")), "{document}");

        // Unknown to a vault that is not there: the same fault, and no vault.
        let bare = Host::new();
        break_it_at(&bare, &file);
        bare.fails(&["db", "add", "new.db"], code, exit);
        bare.fails(&["create", "./new.db"], code, exit);
        assert!(!bare.path("keepstone-data").exists(), "{code} left a vault");
    }
}

/// The same broken file, or none, as `new.db`.
fn break_it_at(host: &Host, broken: &Path) {
    if broken.exists() {
        fs::copy(broken, host.path("new.db")).unwrap();
    }
}

#[test]
fn a_source_that_may_not_be_read_says_so() {
    let (host, _) = protected();
    let file = host.path("shop.db");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&file).is_err() {
        host.fails(&["create", "shop"], "source_unreadable", 1);
        return;
    }
    // For root every file can be read, so the binary runs as somebody else, in a folder and from a file of theirs.
    let nobody = 65534;
    let binary = host.path("keepstone");
    fs::copy(KEEPSTONE, &binary).unwrap();
    fs::set_permissions(host.path("."), fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = Command::new(&binary);
    command.args(["create", "./shop.db", "--data", "theirs", "--json"]).current_dir(host.path(".")).env_clear().uid(nobody).gid(nobody);
    let told = run(&mut command);
    let document = serde_json::from_str(&told.stdout).unwrap();
    check_shape(&document, told.exit, &["create"]);
    assert_eq!((document["error"]["code"].as_str(), told.exit), (Some("source_unreadable"), 1), "{document}");
}

#[test]
fn a_locked_source_is_busy() {
    let (host, id) = protected();
    let application = Connection::open(host.path("shop.db")).unwrap();
    application.execute_batch("PRAGMA journal_mode = delete; BEGIN EXCLUSIVE; DELETE FROM orders").unwrap();
    let (exit, document) = host.json(&["create", "shop"]);
    assert_eq!((exit, document["error"]["code"].as_str()), (5, Some("source_busy")), "{document}");
    let who = format!("is locked by process {} (", std::process::id());
    assert!(document["error"]["message"].as_str().unwrap().contains(&who), "{document}");
    application.execute_batch("ROLLBACK").unwrap();
    nothing_is_lost(&host, &id);
    host.ok(&["create", "shop"]);
}

#[test]
fn a_flipped_byte_in_an_archive_is_found_and_never_restored() {
    let (host, id) = protected();
    let before = content(&host.path("shop.db"));
    let archive = host.archive_of(&id);
    flip_a_byte(&archive);
    for args in [&["restore", &id, "--replace", "--yes"][..], &["restore", &id], &["restore", &id, "--no-verify", "--to", "x.sqlite"]] {
        let (exit, document) = host.json(args);
        assert_eq!(exit, 4, "{args:?}: {document}");
        assert!(["archive_corrupt", "verification_failed"].contains(&document["error"]["code"].as_str().unwrap()), "{document}");
    }
    host.fails(&["verify", &id], "verification_failed", 4);
    let as_file = archive.to_str().unwrap();
    let (exit, document) = host.json(&["verify", as_file]);
    assert_eq!(exit, 4, "{document}");
    let (exit, document) = host.json(&["restore", "--path", as_file, "--to", "y.sqlite"]);
    assert_eq!(exit, 4, "{document}");
    for name in ["x.sqlite", "y.sqlite", &format!("{id}.sqlite")] {
        assert!(!host.path(name).exists(), "{name} was left");
    }
    assert_eq!(content(&host.path("shop.db")), before);
    assert_eq!(host.results(&["list"])[0]["verdict"], "bad");
    assert_eq!(host.json(&["verify", "--all"]).0, 4);
}

#[test]
fn a_missing_archive_is_missing() {
    let (host, id) = protected();
    fs::remove_file(host.archive_of(&id)).unwrap();
    host.fails(&["restore", &id], "archive_missing", 3);
    assert_eq!(host.results(&["list", "--state", "missing"])[0]["id"], *id);
    let (exit, _) = host.json(&["restore", "--path", "no.zip"]);
    assert_eq!(exit, 3);
}

/// Archives on a disk of 75 MB, in a mount namespace that goes with the shell: a small backup fits, a large one does not.
#[test]
fn a_full_disk_is_no_space_and_nothing_is_lost() {
    let host = Host::new();
    drop(shop(&host.path("small.db"), 10));
    drop(shop(&host.path("large.db"), 40_000));
    fs::create_dir(host.path("disk")).unwrap();
    let script = "
        mount -t tmpfs -o size=72m tmpfs disk || exit 77
        export BACKUP_DIR=disk/backups KEEPSTONE_DATA=vault
        $K create ./small.db -q > id || exit 1
        $K create ./large.db --json > full.json; echo $? > full.exit
        $K create ./large.db --json --no-compress > again.json; echo $? > again.exit
        $K list --json > list.json && $K verify --all || exit 2
        $K create ./small.db -q > id2 || exit 3
        find disk -type f -name '*.zip' | wc -l > archives
        ls disk/backups/.staging > staging";
    let mut command = Command::new("unshare");
    let user: &[&str] = if rustix_is_root() { &["--mount"] } else { &["--mount", "--map-root-user"] };
    command.args(user).args(["sh", "-c", script]).current_dir(host.path(".")).env("K", KEEPSTONE).env("TZ", "UTC");
    let told = match command.output() {
        Ok(output) if output.status.code() != Some(77) && !String::from_utf8_lossy(&output.stderr).contains("unshare:") => output,
        refused => {
            crate::skip::skipped(format_args!("this machine lets nobody mount a small disk ({refused:?})"));
            return;
        }
    };
    assert!(told.status.success(), "{told:?}");
    let read = |name: &str| fs::read_to_string(host.path(name)).unwrap();
    for attempt in ["full", "again"] {
        let document = serde_json::from_str(&read(&format!("{attempt}.json"))).unwrap();
        check_shape(&document, read(&format!("{attempt}.exit")).trim().parse().unwrap(), &["create"]);
        assert_eq!((document["error"]["code"].as_str(), document["error"]["exit"].as_i64()), (Some("no_space"), Some(6)), "{document}");
    }
    let list: serde_json::Value = serde_json::from_str(&read("list.json")).unwrap();
    let states: Vec<_> = list["results"].as_array().unwrap().iter().map(|backup| backup["state"].as_str().unwrap()).collect();
    assert_eq!(states.iter().filter(|state| **state == "complete").count(), 1, "{states:?}");
    assert_eq!(read("archives").trim(), "2", "the small ones only, and no half archive");
    content(&host.path("large.db"));
}

fn rustix_is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| std::os::unix::fs::MetadataExt::uid(&meta) == 0)
}

/// Changes one byte of a file, in the middle.
fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_source_is_kept_as_suspect_and_alarms() {
    let (host, id) = protected();
    let file = host.path("shop.db");
    let connection = Connection::open(&file).unwrap();
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = delete").unwrap();
    drop(connection);
    let mut bytes = fs::read(&file).unwrap();
    let leaf = bytes.len() - 3 * 4096;
    bytes[leaf..leaf + 64].fill(0xff);
    fs::write(&file, &bytes).unwrap();
    let (exit, document) = host.json(&["create", "shop"]);
    assert_eq!((exit, document["ok"].as_bool()), (4, Some(false)), "{document}");
    let listed = host.results(&["list"]);
    assert!(listed.iter().any(|backup| backup["id"] == *id && backup["good"] == true), "{listed:?}");
    assert!(!listed.iter().any(|backup| backup["id"] != *id && backup["good"] == true), "nothing of it counts as good: {listed:?}");
    assert!(listed.iter().any(|backup| backup["verdict"] == "suspect" && backup["state"] == "complete"), "it is kept: {listed:?}");
    assert_eq!(host.results(&["show", "latest"])[0]["id"], *id, "latest is the newest good one");
}

#[test]
fn a_damaged_catalog_is_rebuilt() {
    let (host, id) = protected();
    let catalog = host.path("keepstone-data/catalog.sqlite");
    let open = Connection::open(&catalog).unwrap();
    open.query_row("SELECT count(*) FROM backups", [], |_| Ok(())).unwrap();
    host.fails(&["catalog", "rebuild", "--yes"], "catalog_in_use", 5);
    drop(open);
    for side in ["-wal", "-shm"] {
        let _ = fs::remove_file(host.path(&format!("keepstone-data/catalog.sqlite{side}")));
    }
    fs::write(&catalog, "damaged").unwrap();
    host.fails(&["list"], "catalog_damaged", 4);
    host.fails(&["catalog", "rebuild"], "not_confirmed", 7);
    let report = &host.results(&["catalog", "rebuild", "--yes"])[0];
    assert_eq!(report["backup_count"], 1);
    assert_eq!((report["taken_over"]["user_count"].as_u64(), report["skipped"].as_array().map(Vec::len)), (Some(0), Some(0)), "{report}");
    let made = host.results(&["activity"]).iter().filter(|event| event["action"] == "backup.created").count();
    assert_eq!(made, 1, "the log of before is here");
    nothing_is_lost(&host, &id);
    host.create(&["shop"]);
}

#[test]
fn a_backup_that_could_not_be_checked_alarms_until_it_is() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    host.ok(&["db", "add", "shop.db"]);
    let (good, unchecked) = (host.create(&["shop"]), host.create(&["shop"]));
    assert_eq!(host.run(&["status"]).exit, 0);
    // As where there was no room for the scratch copy.
    let catalog = Connection::open(host.path("keepstone-data/catalog.sqlite")).unwrap();
    let (passed, not_run) =
        (r#""sqlite_integrity_check","result":"passed""#, r#""sqlite_integrity_check","result":"could_not_run","detail":"no space""#);
    let spoilt =
        "UPDATE backups SET good = 0, verdict = 'unproven', proof = replace(proof, ?2, ?3) WHERE id = ?1 AND proof LIKE '%' || ?2 || '%'";
    assert_eq!(catalog.execute(spoilt, (&unchecked, passed, not_run)).unwrap(), 1);
    drop(catalog);
    host.fails(&["status"], "unproven", 1);
    let status = &host.json(&["status"]).1["results"][0];
    assert_eq!((&status["state"], &status["concerns"][0]["backup"]), (&"unproven".into(), &unchecked.as_str().into()), "{status}");
    assert!(host.run(&["doctor"]).stdout.contains("could not be checked"));
    // The older good one is the newest that counts.
    assert!(host.results(&["show", "latest"])[0]["id"] == good.as_str());
    host.ok(&["verify", &unchecked]);
    assert_eq!(host.run(&["status"]).exit, 0);
}
