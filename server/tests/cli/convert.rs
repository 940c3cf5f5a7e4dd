//! `convert`, and `verify` of what other systems left.

use std::{fs, path::Path};

use crate::support::{Host, content, run, shop};

#[test]
fn an_older_archive_is_encrypted_in_its_place() {
    let host = Host::new();
    let file = host.path("shop.db");
    drop(shop(&file, 20));
    host.ok(&["db", "add", "shop.db"]);
    let old = host.create(&["shop", "--description", "before", "--pin"]);
    host.create(&["shop"]);
    assert_eq!(host.results(&["convert", &old])[0]["unchanged"], true);
    fs::write(host.path("password.txt"), "correct horse battery staple\n").unwrap();
    host.ok(&["key", "add", "--password-file", "password.txt"]);
    host.ok(&["db", "edit", "shop", "--encrypt"]);
    assert!(host.ok(&["show", &old]).contains(&format!("keepstone convert {old}")), "it is offered");
    let converted = &host.results(&["convert", &old])[0];
    let new = converted["id"].as_str().unwrap();
    assert_eq!((converted["converted_from"].as_str(), converted["pinned"].as_bool()), (Some(old.as_str()), Some(true)), "{converted}");
    assert_eq!(converted["description"], "before");
    assert!(converted["old_in_trash_until"].is_string(), "{converted}");
    host.ok(&["verify", new]);
    host.ok(&["restore", new, "--to", "back.db"]);
    assert_eq!(content(&host.path("back.db")), content(&file));
    let plain = host.run(&["restore", "--path", host.archive_of(new).to_str().unwrap(), "--to", "no.db"]);
    assert_eq!(plain.exit, 8, "without its password it stays shut: {plain:?}");
    host.ok(&["trash", "put-back", &old]);
    host.ok(&["verify", &old]);
    host.fails(&["convert", "nothing"], "unknown_backup", 3);
    // The other way, and what must not be.
    let open = &host.results(&["convert", new, "--no-encrypt", "--compress=gzip"])[0];
    assert_eq!(open["unchanged"], false);
    let safety =
        host.results(&["restore", open["id"].as_str().unwrap(), "--replace", "--yes"])[0]["safety_backup"].as_str().unwrap().to_owned();
    host.fails(&["convert", &safety, "--no-encrypt"], "convert_refused", 7);
}

#[test]
fn what_other_systems_left_is_checked_where_it_lies() {
    let host = Host::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("testdata/predecessors");
    let verify = |file: &str| host.json(&["verify", folder.join(file).to_str().unwrap()]);
    for file in [
        "cosmic-teams/daily/backup_daily_20231011_120000.zip",
        "chame/daily/chame_backup_daily_20250627_020000.db",
        "crm/data_backup_AUTO_20251031_120000.db",
        "the-program/backup_20231111_143022.db.gz",
        "bare/shop-20240104_000000.sql",
    ] {
        let (exit, found) = verify(file);
        assert_eq!((exit, found["results"][0]["ok"].as_bool()), (0, Some(true)), "{file}: {found}");
    }
    assert_eq!(verify("the-program/backup_20231113_143022.db.gz.enc").0, 8, "without its password");
    let known = run(host
        .command(&["verify", folder.join("the-program/backup_20231113_143022.db.gz.enc").to_str().unwrap()])
        .env("BACKUP_ENCRYPTION_PASSWORD", "a password of the old system"));
    assert!(known.exit == 0 && known.stdout.contains("decryption_test"), "{known:?}");
    let mut bytes = fs::read(folder.join("chame/daily/chame_backup_daily_20250627_020000.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::create_dir(host.path("metadata")).unwrap();
    fs::copy(
        folder.join("chame/metadata/chame_backup_daily_20250627_020000.db.json"),
        host.path("metadata/chame_backup_daily_20250627_020000.db.json"),
    )
    .unwrap();
    fs::write(host.path("chame_backup_daily_20250627_020000.db"), bytes).unwrap();
    host.fails(&["verify", "chame_backup_daily_20250627_020000.db"], "checksum_mismatch", 4);
    host.fails(&["verify", "nothing.db"], "archive_missing", 3);
    assert!(!host.path("keepstone-data").exists(), "it needs no vault");
}
