//! Encrypted archives through the real binary: from the password to a clean machine, and that no secret is anywhere it should not be.

use std::{fs, path::Path, thread, time::Duration};

use rusqlite::Connection;

use crate::support::{Host, content, run, shop};

const PASSWORD: &str = "Elf Bälle für den Würfel №7";
const OTHER: &str = "another rather long sentence";

/// A vault with an encrypted database. PBKDF2: a derivation is not the point here.
fn encrypting() -> Host {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 300));
    host.ok(&["db", "add", "shop.db"]);
    fs::write(host.path("pw"), format!("{PASSWORD}\n")).unwrap();
    fs::write(host.path("other"), OTHER).unwrap();
    host.ok(&["key", "add", "--password-file", "pw", "--kdf", "pbkdf2"]);
    host.ok(&["db", "edit", "shop", "--encrypt"]);
    host
}

fn archive(host: &Host, id: &str) -> String {
    host.results(&["show", id])[0]["path"].as_str().unwrap().to_owned()
}

/// Whether any file below holds these bytes.
fn is_anywhere(folder: &Path, bytes: &str) -> bool {
    fs::read_dir(folder).unwrap().flatten().any(|entry| {
        let path = entry.path();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => is_anywhere(&path, bytes),
            kind if kind.is_file() => fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes.as_bytes()),
            _ => false,
        }
    })
}

#[test]
fn from_a_password_to_a_clean_machine() {
    let host = encrypting();
    let id = host.create(&["shop", "--description", "geheime Sache"]);
    let path = archive(&host, &id);
    let shown = host.ok(&["show", &id]);
    assert!(shown.contains("AES-256-GCM") && shown.contains("every chunk fits its tag"), "{shown}");
    host.ok(&["verify", &id]);
    host.ok(&["-v", "-v", "restore", &id, "--to", "again.db"]);
    assert_eq!(content(&host.path("again.db")), content(&host.path("shop.db")));
    assert!(!is_anywhere(&host.path("keepstone-data"), PASSWORD), "the password lies in clear in the data directory or the log");
    assert!(!is_anywhere(&host.path("keepstone-data/backups"), "geheime Sache"), "the description lies in clear in the backups folder");

    // Another machine: an archive and a password.
    let clean = Host::new();
    fs::create_dir(clean.path("usb")).unwrap();
    let file = "usb/shop.zip";
    fs::copy(&path, clean.path(file)).unwrap();
    fs::copy(host.path("pw"), clean.path("pw")).unwrap();
    fs::copy(host.path("other"), clean.path("other")).unwrap();
    let listed = &clean.results(&["list", "--dir", "usb"])[0];
    assert_eq!((listed["locked"].as_bool(), listed["metadata"]["backup_id"].as_str()), (Some(true), Some(id.as_str())));
    assert_eq!(listed["metadata"]["description"], "");
    let listed = &clean.results(&["list", "--dir", "usb", "--password-file", "pw"])[0];
    assert_eq!((listed["locked"].as_bool(), listed["metadata"]["description"].as_str()), (Some(false), Some("geheime Sache")));
    clean.fails(&["restore", "--path", file, "--to", "out.db"], "password_needed", 8);
    clean.fails(&["restore", "--path", file, "--to", "out.db", "--password-file", "other"], "wrong_password", 8);
    clean.fails(&["verify", file, "--password-file", "other"], "wrong_password", 8);
    assert!(!clean.path("out.db").exists());
    clean.ok(&["verify", file, "--password-file", "pw"]);
    clean.ok(&["restore", "--path", file, "--to", "out.db", "--password-file", "pw"]);
    assert_eq!(content(&clean.path("out.db")), content(&host.path("shop.db")));
    let mut with_variable = clean.command(&["restore", "--path", file, "--to", "two.db"]);
    assert_eq!(run(with_variable.env("BACKUP_ENCRYPTION_PASSWORD", PASSWORD)).exit, 0);

    // Damage is damage, whatever the password.
    let mut bytes = fs::read(clean.path(file)).unwrap();
    bytes[2000] ^= 1;
    fs::write(clean.path(file), bytes).unwrap();
    for password in ["pw", "other"] {
        let (exit, document) = clean.json(&["verify", file, "--password-file", password]);
        assert_eq!(exit, 4, "{document}");
    }
}

#[test]
fn encryption_that_cannot_be_had_stops_everything() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 10));
    fs::write(host.path("empty"), "\n").unwrap();
    let enabled = ("BACKUP_ENCRYPTION_ENABLED", "true");
    for (variables, code) in [
        (&[enabled][..], "no_encryption_password"),
        (&[enabled, ("BACKUP_ENCRYPTION_PASSWORD", "changeme")], "weak_password"),
        (&[("BACKUP_ENCRYPTION_PASSWORD", "your-password-here")], "weak_password"),
        (&[enabled, ("BACKUP_ENCRYPTION_PASSWORD_FILE", "empty")], "usage"),
        (&[enabled, ("BACKUP_ENCRYPTION_PASSWORD_FILE", "nowhere")], "io_error"),
        (&[("BACKUP_ENCRYPTION_PASSWORD", OTHER), ("BACKUP_ENCRYPTION_PASSWORD_FILE", "empty")], "usage"),
        (&[("BACKUP_ENCRYPTION_ENABLED", "perhaps")], "usage"),
    ] {
        for verb in [&["create", "shop.db", "--json"][..], &["serve", "--listen", "127.0.0.1:0", "--json"]] {
            let ran = run(host.command(verb).envs(variables.iter().copied()));
            assert!(ran.exit != 0 && ran.stdout.contains(&format!("\"code\":\"{code}\"")), "{variables:?} {verb:?}: {ran:?}");
            assert!(!ran.stdout.contains("changeme") && !ran.stderr.contains("your-password-here"));
            assert!(!host.path("keepstone-data").exists(), "{variables:?} {verb:?} made a vault");
        }
    }
    host.fails(&["create", "shop.db", "--encrypt"], "no_encryption_password", 2);
    host.ok(&["db", "add", "shop.db"]);
    host.fails(&["db", "edit", "shop", "--encrypt"], "no_encryption_password", 2);
    // What is asked for on the line wins.
    let plain = run(host.command(&["create", "shop", "--no-encrypt", "-q"]).env(enabled.0, enabled.1));
    assert_eq!(plain.exit, 0, "{plain:?}");
}

#[test]
fn a_changed_password_and_kills_in_the_midst_of_it() {
    let host = encrypting();
    let ids: Vec<String> = (0..6).map(|_| host.create(&["shop"])).collect();
    let opens = |id: &str, password: &str| {
        let at = archive(&host, id);
        let scratch = Host::new();
        fs::copy(host.path(password), scratch.path("pw")).unwrap();
        scratch.run(&["restore", "--path", &at, "--to", "out.db", "--password-file", "pw"]).exit
    };
    for round in 0..6 {
        let mut child = host.spawn(&["key", "change", "--password-file", "other", "--kdf", "pbkdf2"]);
        thread::sleep(Duration::from_millis(20 + 60 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        // Whatever was reached, the vault opens every one.
        host.ok(&["verify", &ids[usize::try_from(round).unwrap()]]);
    }
    host.ok(&["key", "change", "--password-file", "other", "--kdf", "pbkdf2"]);
    for id in [&ids[0], &ids[5]] {
        assert_eq!((opens(id, "pw"), opens(id, "other")), (8, 0), "{id}");
    }
    let keys = host.results(&["key", "list"]);
    let counts: Vec<_> = keys.iter().map(|key| (key["current"].as_bool().unwrap(), key["archives"].as_u64().unwrap())).collect();
    assert_eq!(counts, [(false, 0), (true, 6)]);
    let id = |key: usize| keys[key]["id"].as_str().unwrap();
    host.ok(&["key", "remove", id(0)]);
    host.fails(&["key", "remove", id(1)], "key_needed", 7);
    host.ok(&["verify", "--all"]);

    // One that is lost all the same is an alarm, and comes back with the password.
    host.ok(&["key", "remove", id(1), "--yes"]);
    host.fails(&["verify", &ids[0]], "password_needed", 8);
    let (exit, document) = host.json(&["status"]);
    assert_ne!(exit, 0);
    assert_eq!(document["results"][0]["lost_count"], 6);
    assert!(document["results"][0]["concerns"][0]["reason"].as_str().unwrap().contains("no known password"), "{document}");
    host.ok(&["restore", &ids[0], "--to", "found.db", "--password-file", "other"]);
    assert_eq!(host.results(&["status"])[0]["lost_count"], 0, "one password opens them all");
}

#[test]
fn a_kit_and_what_help_promises() {
    let host = encrypting();
    host.create(&["shop"]);
    host.ok(&["key", "kit", "--output", "kit.txt"]);
    let kit = fs::read_to_string(host.path("kit.txt")).unwrap();
    assert!(kit.contains("RECOVERY KIT") && kit.contains("test string") && !kit.contains(PASSWORD));
    host.fails(&["key", "kit", "--output", "kit.txt"], "target_exists", 7);
    host.fails(&["key", "remove", "nothing"], "unknown_key", 3);
    host.fails(&["key", "add"], "usage", 2);
    fs::write(host.path("weak"), "password123").unwrap();
    host.fails(&["key", "add", "--password-file", "weak"], "weak_password", 2);
    // A rebuilt catalog knows the encrypted backups, with their descriptions.
    let before = host.results(&["list"]);
    fs::write(host.path("keepstone-data/catalog.sqlite"), "damaged").unwrap();
    host.ok(&["catalog", "rebuild", "--yes"]);
    let after = host.results(&["list"]);
    assert_eq!(after[0]["encryption"], "known");
    assert_eq!(
        (&after[0]["id"], &after[0]["description"], &after[0]["total_records"]),
        (&before[0]["id"], &before[0]["description"], &before[0]["total_records"])
    );
    drop(Connection::open(host.path("shop.db")));
}

#[test]
fn the_doctor_says_whether_the_known_passwords_open_what_is_encrypted() {
    let host = encrypting();
    let newest = host.create(&["shop"]);
    let keys = |exit: i32| {
        let (found, document) = host.json(&["doctor"]);
        let findings: Vec<_> =
            document["results"].as_array().unwrap().iter().filter(|finding| finding["area"] == "keys").cloned().collect();
        assert_eq!(findings.iter().filter_map(|finding| finding["exit"].as_i64()).max(), Some(i64::from(exit)), "{document}");
        assert!(exit == 0 || found != 0, "{document}");
        findings
    };
    let well = keys(0);
    assert!(well.len() == 2 && well[1]["message"].as_str().unwrap().contains("opens the newest"), "{well:?}");
    fs::rename(host.path("keepstone-data/keys"), host.path("keys-lost")).unwrap();
    let lost = keys(8);
    let finding = lost.iter().find(|finding| finding["exit"] == 8).unwrap();
    assert!(finding["message"].as_str().unwrap().contains(&newest), "{finding}");
    assert!(finding["remedy"].as_str().unwrap().contains("keepstone key add"), "{finding}");
    host.ok(&["key", "add", "--password-file", "pw", "--kdf", "pbkdf2"]);
    keys(0);
}

/// All that is left are archives and notes, flat in one folder: the data directory with the keys is lost, and `database.json`, too.
#[test]
fn a_rebuild_knows_the_environments_password() {
    let host = encrypting();
    let (id, newest) = (host.create(&["shop", "--description", "before the flood"]), host.create(&["shop"]));
    let flat = host.path("anew/backups/shop");
    fs::create_dir_all(&flat).unwrap();
    for entry in fs::read_dir(host.path("keepstone-data/backups/shop/manual")).unwrap().flatten() {
        fs::rename(entry.path(), flat.join(entry.file_name())).unwrap();
    }
    fs::remove_dir_all(host.path("keepstone-data")).unwrap();
    let rebuild = |file: &str| {
        let mut command = host.command(&["--data", "anew", "catalog", "rebuild", "--yes", "--json"]);
        run(command.env("BACKUP_ENCRYPTION_PASSWORD_FILE", file))
    };
    // Without it nobody can tell whose they are; a file that cannot be read keeps nobody from that.
    let without = rebuild("nowhere");
    assert_eq!((without.exit, without.stdout.contains("no known password opens its archives")), (1, true), "{without:?}");
    let with = rebuild("pw");
    assert_eq!((with.exit, with.stdout.contains("in shop/manual now")), (0, true), "{with:?}");
    let listed = host.results(&["--data", "anew", "list"]);
    let told: Vec<_> = listed.iter().map(|row| (row["id"].as_str().unwrap(), row["encryption"].as_str().unwrap())).collect();
    assert_eq!(told, [(newest.as_str(), "known"), (id.as_str(), "known")]);
    assert_eq!(listed[1]["description"], "before the flood");
    host.ok(&["--data", "anew", "restore", &id, "--to", "again.db"]);
}

#[test]
fn no_password_is_asked_for_where_the_newest_archive_is_damaged() {
    let host = encrypting();
    let newest = host.create(&["shop"]);
    fs::OpenOptions::new().write(true).open(archive(&host, &newest)).unwrap().set_len(100).unwrap();
    let (_, document) = host.json(&["doctor"]);
    let about = |finding: &&serde_json::Value| finding["message"].as_str().unwrap().contains("the newest encrypted archive");
    let finding = document["results"].as_array().unwrap().iter().find(about).unwrap();
    assert!(finding["area"] == "archives" && !finding["remedy"].as_str().unwrap().contains("key add"), "{finding}");
}
