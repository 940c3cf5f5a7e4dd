//! `keepstone import`, and `restore --path` of what other systems left, on the samples of the repository.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::{Host, content, run, shop};

fn samples(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("testdata/predecessors").join(name)
}

fn host(name: &str) -> Host {
    let host = Host::new();
    drop(shop(&host.path(&format!("{name}.db")), 3));
    host.ok(&["db", "add", &format!("{name}.db")]);
    host
}

#[test]
fn a_dry_run_into_a_database_that_is_not_there_yet_adds_none_and_makes_no_vault() {
    let host = Host::new();
    drop(shop(&host.path("chame.db"), 3));
    let folder = samples("chame");
    let plan = ["import", folder.to_str().unwrap(), "--db", "./chame.db", "--timezone", "Europe/Berlin", "--dry-run"];
    assert!(host.ok(&plan).contains("3 to import"));
    assert!(!host.path("keepstone-data").exists(), "no vault");
    drop(shop(&host.path("other.db"), 3));
    host.ok(&["db", "add", "other.db"]);
    assert!(host.ok(&plan).contains("3 to import"));
    assert_eq!(host.results(&["db", "list"]).len(), 1, "nor a database in the one that is there");
}

#[test]
fn a_folder_is_planned_imported_and_not_twice() {
    let host = host("chame");
    let own = host.create(&["chame"]);
    let folder = samples("chame");
    let path = folder.to_str().unwrap();
    let plan = host.ok(&["import", path, "--dry-run", "--timezone", "Europe/Berlin"]);
    assert!(plan.contains("3 to import") && plan.contains("daily of 2025-06-27 00:00"), "{plan}");
    assert_eq!(host.results(&["list"]).len(), 1, "a dry run changes nothing");
    let done = host.ok(&["import", path, "--timezone", "Europe/Berlin"]);
    assert!(done.contains("3 imported, 0 there already"), "{done}");
    let (exit, again) = host.json(&["import", path, "--timezone", "Europe/Berlin"]);
    assert_eq!(exit, 0);
    assert!(again["results"].as_array().unwrap().iter().all(|file| file["result"] == "present"), "{again}");
    let listed = host.results(&["list"]);
    assert_eq!(listed.len(), 4);
    let daily = listed.iter().find(|backup| backup["kind"] == "daily").unwrap();
    assert_eq!((daily["description"].as_str(), daily["created_by"].as_str()), (Some("Before migration"), Some("admin")));
    let id = daily["id"].as_str().unwrap();
    host.ok(&["verify", id]);
    host.ok(&["restore", id, "--to", "restored.db"]);
    assert_eq!(content(&host.path("restored.db")), content(&folder.join("daily/chame_backup_daily_20250627_020000.db")));
    let shown = host.results(&["show", "latest"]);
    assert_eq!(shown[0]["id"], own.as_str(), "imports come before own backups");
}

#[test]
fn passwords_come_from_a_file_or_the_environment() {
    let host = host("app");
    let folder = samples("the-program");
    let path = folder.to_str().unwrap();
    host.fails(&["import", path], "import_refused", 8);
    assert_eq!(host.results(&["list"]).len(), 2, "what needs no password was imported");
    let one = folder.join("backup_20231113_143022.db.gz.enc");
    host.fails(&["restore", "--path", one.to_str().unwrap()], "password_needed", 8);
    fs::write(host.path("old.txt"), "a password of the old system\n").unwrap();
    host.ok(&["restore", "--path", one.to_str().unwrap(), "--password-file", "old.txt", "--to", "one.db"]);
    let done = run(host.command(&["import", path]).env("BACKUP_ENCRYPTION_PASSWORD", "a password of the old system"));
    assert!(done.exit == 0 && done.stdout.contains("2 imported, 2 there already"), "{done:?}");
    assert!(done.stderr.contains("no proof of authenticity"), "{done:?}");
}

#[test]
fn what_cannot_be_imported_says_why() {
    let host = host("shop");
    let loopin = samples("loopin").join("loopin_backup_daily_20250824_020000.sql");
    // A dump of PostgreSQL, and a database of SQLite
    host.fails(&["import", loopin.to_str().unwrap()], "import_refused", 7);
    host.ok(&["verify", loopin.to_str().unwrap()]);
    host.ok(&["restore", "--path", loopin.to_str().unwrap()]);
    assert_eq!(fs::read(host.path("loopin_backup_daily_20250824_020000.sql")).unwrap(), fs::read(&loopin).unwrap());
    host.fails(&["import", "nothing-here"], "source_missing", 3);
    fs::create_dir(host.path("empty")).unwrap();
    host.fails(&["import", "empty"], "nothing_to_import", 3);
    host.fails(&["import", samples("crm").to_str().unwrap(), "--timezone", "Mars/Base"], "invalid", 2);
    host.fails(&["import", samples("crm").to_str().unwrap(), "--db", "till"], "unknown_database", 3);
    drop(shop(&host.path("till.db"), 1));
    host.ok(&["db", "add", "till.db"]);
    host.fails(&["import", samples("crm").to_str().unwrap()], "usage", 2);
    host.fails(&["import", "shop.db", "--db", "till"], "import_refused", 7);
}
