//! The password of the environment goes missing, cannot be read, or is another one: what a person's shell, a cron job and a rescue do then.

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

use crate::support::{Host, Run, content, run, shop};

const VARIABLE: &str = "BACKUP_ENCRYPTION_PASSWORD";
const FILE: &str = "BACKUP_ENCRYPTION_PASSWORD_FILE";
const PASSWORD: &str = "env battery staple x";

/// A database with one backup that the environment had encrypted.
fn encrypted() -> Host {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 50));
    host.ok(&["db", "add", "shop.db"]);
    assert_eq!(with(&host, VARIABLE, PASSWORD, &["create", "shop"]).exit, 0);
    host
}

fn with(host: &Host, variable: &str, value: &str, args: &[&str]) -> Run {
    run(host.command(args).env(variable, value))
}

/// What the list says of the newest.
fn newest(host: &Host) -> String {
    host.results(&["list", "--limit", "1"])[0]["encryption"].as_str().unwrap().to_owned()
}

#[test]
fn without_the_variable_nothing_is_in_clear_that_was_encrypted() {
    let host = encrypted();
    host.ok(&["create", "shop"]);
    assert_eq!(newest(&host), "known");
    assert_eq!(with(&host, VARIABLE, "", &["create", "shop"]).exit, 0);
    assert_eq!(newest(&host), "known", "an empty variable is as none");
    host.ok(&["scheduler", "--run-once", "daily"]);
    assert_eq!(newest(&host), "known");
    host.ok(&["restore", "latest", "--replace", "--yes"]);
    assert!(host.results(&["list"]).iter().all(|backup| backup["encryption"] == "known"));
    // Where nothing is known any more it is refused, and says how it may be switched off.
    fs::rename(host.path("keepstone-data/keys"), host.path("keys")).unwrap();
    let refused = host.run(&["create", "shop"]);
    assert!(refused.exit == 2 && refused.stderr.contains("db edit DB --no-encrypt"), "{refused:?}");
    host.ok(&["db", "edit", "shop", "--no-encrypt"]);
    host.ok(&["create", "shop"]);
    assert_eq!(newest(&host), "none");
}

/// What the doctor warns of.
fn warnings(command: &mut Command) -> String {
    run(command).stdout.lines().filter(|line| line.contains('▲') || line.contains('✖')).collect()
}

#[test]
fn another_password_and_a_newest_in_clear_are_told() {
    let host = encrypted();
    let doctor = |host: &Host| warnings(&mut host.command(&["doctor"]));
    assert_eq!(doctor(&host), "");
    let slip = with(&host, VARIABLE, "env batery staple x", &["create", "shop"]);
    assert!(slip.exit == 0 && slip.stderr.contains("another one than before"), "{slip:?}");
    assert!(doctor(&host).contains("another password than before"));
    host.ok(&["key", "kit"]);
    assert_eq!(doctor(&host), "", "it is on paper now");
    host.ok(&["create", "shop", "--no-encrypt"]);
    assert!(doctor(&host).contains("is not encrypted, and earlier ones are"));
    host.ok(&["db", "edit", "shop", "--no-encrypt"]);
    assert_eq!(doctor(&host), "", "it is meant");
    fs::write(host.path("pw"), PASSWORD).unwrap();
    fs::set_permissions(host.path("pw"), fs::Permissions::from_mode(0o666)).unwrap();
    assert!(warnings(host.command(&["doctor"]).env(FILE, "pw")).contains("may be written by others (mode 666)"));
}

#[test]
fn a_word_of_the_environment_switches_it_off_too() {
    let host = encrypted();
    assert_eq!(with(&host, "BACKUP_ENCRYPTION_ENABLED", "false", &["create", "shop"]).exit, 0);
    assert_eq!(newest(&host), "none");
}

#[test]
fn a_password_file_that_cannot_be_read_blocks_no_rescue() {
    let host = encrypted();
    let archive = host.results(&["show", "latest"])[0]["path"].as_str().unwrap().to_owned();
    fs::write(host.path("pw"), PASSWORD).unwrap();
    for args in [
        &["status"][..],
        &["list"],
        &["list", "--dir", "keepstone-data/backups"],
        &["verify", "latest"],
        &["verify", &archive, "--password-file", "pw"],
        &["restore", "latest", "--to", "one.db"],
        &["restore", "--path", &archive, "--password-file", "pw", "--to", "two.db"],
        &["restore", "latest", "--replace", "--yes"],
    ] {
        let ran = with(&host, FILE, "nowhere/pw", args);
        assert!(ran.exit == 0 && ran.stderr.contains(FILE) && ran.stderr.matches("warning").count() == 1, "{args:?}: {ran:?}");
    }
    assert_eq!(content(&host.path("two.db")), content(&host.path("shop.db")));
    for args in [&["create", "shop"][..], &["scheduler", "--run-once", "daily"], &["serve", "--listen", "127.0.0.1:0"]] {
        let ran = with(&host, FILE, "nowhere/pw", args);
        assert!(ran.exit == 1 && ran.stderr.contains(FILE), "{args:?}: {ran:?}");
    }
    let endless = host.run(&["key", "add", "--password-file", "/dev/zero"]);
    assert!(endless.exit == 2 && endless.stderr.contains("/dev/zero holds more than a password"), "{endless:?}");
}
