//! What is refused: without a vault, without a confirmation, without sense.

use std::{fs, os::unix::process::ExitStatusExt, process::Stdio};

use crate::support::{Host, content, shop};

#[test]
fn limits_of_snapshots_are_settings() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 3));
    host.ok(&["db", "add", "shop.db"]);
    let edited = &host.results(&["db", "edit", "shop", "--snapshot-hold", "2h", "--snapshot-wal", "20GB"])[0]["snapshot"];
    assert_eq!((&edited["hold_secs"], &edited["wal_growth_bytes"]), (&7200.into(), &20_000_000_000_u64.into()), "{edited}");
    let edited = &host.results(&["db", "edit", "shop", "--snapshot-hold", "auto"])[0]["snapshot"];
    assert!(edited["hold_secs"].is_null() && edited["wal_growth_bytes"] == 20_000_000_000_u64, "{edited}");
    assert!(host.ok(&["db", "show", "shop"]).contains("-wal growth up to 20.0 GB"));
    host.fails(&["db", "edit", "shop", "--snapshot-free", "1"], "invalid", 2);
    host.fails(&["db", "edit", "shop", "--snapshot-hold", "1s"], "invalid", 2);
    std::fs::write(host.path("f.toml"), "[databases.shop]\nlocation = \"shop.db\"\nsnapshot = { wal = \"1GiB\" }\n").unwrap();
    host.ok(&["apply", "-f", "f.toml"]);
    assert!(host.ok(&["db", "show", "shop"]).contains("-wal growth up to 1.1 GB"));
    assert_eq!(host.results(&["apply", "-f", "f.toml"])[0]["changes"], serde_json::json!([]), "done twice it changes nothing");
    host.fails(&["db", "edit", "shop", "--snapshot-wal", "5GB"], "managed", 7);
}

#[test]
fn without_a_vault_every_verb_but_those_that_make_one_exits_3_and_names_the_folder() {
    let host = Host::new();
    let cases: &[&[&str]] = &[
        &["db", "list"],
        &["db", "show", "shop"],
        &["db", "edit", "shop", "--pause"],
        &["db", "remove", "shop", "--yes"],
        &["create"],
        &["create", "shop"],
        &["list"],
        &["status"],
        &["show", "latest"],
        &["verify", "latest"],
        &["verify", "--all"],
        &["restore", "latest"],
        &["undo", "j-01jd3k9v0q7x8", "--yes"],
        &["delete", "latest", "--yes"],
        &["pin", "latest"],
        &["unpin", "latest"],
        &["trash", "list"],
        &["schedule", "list"],
        &["schedule", "next"],
        &["job", "list"],
        &["activity"],
        &["user", "list"],
        &["user", "setup-link"],
        &["info"],
    ];
    for args in cases {
        let (exit, document) = host.json(args);
        assert_eq!((exit, document["error"]["code"].as_str()), (3, Some("no_vault")), "{args:?}: {document}");
        let message = document["error"]["message"].as_str().unwrap();
        assert!(message.contains(host.path("keepstone-data").to_str().unwrap()), "{message}");
    }
    assert!(!host.path("keepstone-data").exists());
}

#[test]
fn a_folder_with_other_things_in_it_is_no_place_for_a_vault() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 1));
    fs::create_dir(host.path("work")).unwrap();
    fs::write(host.path("work/letter.txt"), "mine").unwrap();
    host.fails(&["db", "add", "shop.db", "--data", "work"], "not_a_vault", 7);
    assert_eq!(fs::read_dir(host.path("work")).unwrap().count(), 1, "nothing was made there");
    host.ok(&["db", "add", "shop.db", "--data", "work", "--init"]);
    assert_eq!(fs::read_to_string(host.path("work/letter.txt")).unwrap(), "mine");
}

#[test]
fn what_destroys_is_refused_until_it_is_confirmed() {
    let host = Host::new();
    let file = host.path("shop.db");
    let application = shop(&file, 20);
    host.ok(&["db", "add", "shop.db"]);
    let first = host.create(&["shop"]);
    application.execute("DELETE FROM orders WHERE id > 10", []).unwrap();
    let second = host.create(&["shop"]);
    let now = content(&file);
    let restored = host.results(&["restore", &second, "--replace", "--yes"])[0]["job"].as_str().unwrap().to_owned();
    let third = host.create(&["shop"]);
    host.ok(&["delete", &second, "--yes"]);
    fs::write(host.path("password"), "correct horse battery staple\n").unwrap();
    for name in ["alice", "bob"] {
        host.ok(&["user", "add", name, "--role", "admin", "--password-file", "password"]);
    }
    let cases: &[(&[&str], &str)] = &[
        (&["restore", &first, "--replace"], "restore not confirmed"),
        (&["undo", &restored], "undo not confirmed"),
        (&["delete", &first], "delete not confirmed"),
        (&["trash", "empty"], "empty not confirmed"),
        (&["db", "remove", "shop"], "remove not confirmed"),
        (&["user", "remove", "bob"], "remove not confirmed"),
    ];
    for (args, message) in cases {
        host.fails(args, "not_confirmed", 7);
        let told = host.run(args);
        assert!(told.stderr.contains(&format!("error: {message}")), "{told:?}");
        assert!(told.stdout.len() + told.stderr.len() > message.len() + 100, "the plan is printed: {told:?}");
    }
    let (_, document) = host.json(&["restore", &first, "--replace"]);
    assert_eq!(document["results"][0]["plan"]["tables"][0]["table"], "orders", "{document}");
    assert_eq!(content(&file), now);
    assert_eq!(host.ok(&["trash", "list", "-q"]).trim(), second);
    assert_eq!(host.ok(&["user", "list", "-q"]).lines().count(), 2);
    assert!(host.ok(&["list", "-q"]).contains(&third));

    host.ok(&["db", "edit", "shop", "--never-replace"]);
    host.fails(&["restore", &first, "--replace", "--yes"], "never_replace", 7);
    host.ok(&["db", "edit", "shop", "--allow-replace", "--objective", "2d", "--pause"]);
    let shown = &host.results(&["db", "show", "shop"])[0];
    assert_eq!((shown["objective_secs"].as_u64(), shown["state"].as_str()), (Some(172_800), Some("paused")), "{shown}");
    host.ok(&["db", "remove", "shop", "--yes"]);
    assert!(host.path("keepstone-data/backups/shop/manual").read_dir().unwrap().count() > 0, "the archives stay");
}

#[test]
fn wrong_use_is_a_document_too() {
    let host = Host::new();
    let cases: &[&[&str]] = &[
        &[],
        &["frobnicate"],
        &["list", "--limit", "none"],
        &["create", "--type", "safety"],
        &["create", "--level", "3", "--no-compress"],
        &["create", "./x.db", "--level", "99"],
        &["restore"],
        &["restore", "latest", "--replace", "--to", "x"],
        &["restore", "latest", "--no-safety-backup"],
        &["restore", "--path", "x.zip", "--replace"],
        &["verify"],
        &["db", "edit", "shop"],
        &["serve", "--listen", "everywhere"],
    ];
    for args in cases {
        let (exit, document) = host.json(args);
        assert_eq!((exit, document["error"]["code"].as_str()), (2, Some("usage")), "{args:?}: {document}");
        assert_eq!(host.run(args).exit, 2, "{args:?}");
    }
    let (exit, document) = host.json(&["--help"]);
    assert_eq!(exit, 0, "{document}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let host = Host::new();
    let mut child = host.command(&["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.status.signal()), (Some(0), None), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
