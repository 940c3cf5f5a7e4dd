//! The whole story of one database: add, create, show, verify, restore, undo, delete, put back; with the application connected all the time.

use crate::support::{Host, content, fill, shop};

#[test]
fn a_database_is_protected_lost_and_brought_back() {
    let host = Host::new();
    let file = host.path("shop.db");
    let application = shop(&file, 500);

    let added = &host.results(&["db", "add", "shop.db"])[0];
    assert_eq!((added["id"].as_str(), added["added"].as_bool()), (Some("shop"), Some(true)));
    let kinds: Vec<_> = added["schedules"].as_array().unwrap().iter().map(|schedule| schedule["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["daily", "weekly", "monthly"], "the default schedules");
    assert_eq!(host.results(&["db", "add", "sqlite:///shop.db"])[0]["added"], false, "the same file by another name");

    // Create
    let first = &host.results(&["create", "shop", "--description", "before", "--tag", "a,b", "--tag", "c", "--app-label", "v1"])[0];
    let first_id = first["id"].as_str().unwrap();
    assert!(first_id.starts_with("shop_manual_2"), "{first_id}");
    assert_eq!((first["verdict"].as_str(), first["level"].as_str()), (Some("good"), Some("opened")), "{first}");
    assert_eq!(first["tags"], serde_json::json!(["a", "b", "c"]));
    let before = content(&file);

    // Show and list
    let shown = &host.results(&["show", "latest"])[0];
    assert_eq!(shown["id"], *first_id);
    assert_eq!(shown["metadata"]["table_counts"], serde_json::json!({ "orders": 500, "products": 2, "settings": 1 }));
    assert_eq!(shown["metadata"]["app_label"], "v1");
    let listed = host.results(&["list", "shop", "--type", "manual", "--state", "good"]);
    assert_eq!(listed.len(), 1);
    let text = host.ok(&["list"]);
    assert!(text.contains("✔ good") && text.contains(first_id) && text.contains("#a"), "{text}");
    let status = host.ok(&["status"]);
    assert!(status.contains("✔ Protected"), "{status}");

    // Verify, by id and as a file
    let verified = &host.results(&["verify", first_id])[0];
    assert_eq!(verified["ok"], true);
    let archive = host.archive_of(first_id);
    assert_eq!(host.results(&["verify", archive.to_str().unwrap()])[0]["level"], "opened");
    assert!(host.ok(&["list", "--dir", "keepstone-data/backups"]).contains(first_id));

    // Into a new file: equal, and the live one is as it was
    fill(&application, 100);
    application.execute_batch("DROP TABLE settings; CREATE TABLE later (x)").unwrap();
    let after = content(&file);
    let told = host.run(&["restore", first_id]);
    assert!(told.stderr.contains("unchanged"), "{told:?}");
    assert_eq!(content(&host.path(&format!("{first_id}.sqlite"))), before);
    assert_eq!(content(&file), after);
    host.fails(&["restore", first_id], "target_exists", 7);
    assert_eq!(
        host.ok(&["restore", "--path", archive.to_str().unwrap(), "--to", "elsewhere.sqlite", "-q"]).trim(),
        host.path("elsewhere.sqlite").to_str().unwrap()
    );
    assert_eq!(content(&host.path("elsewhere.sqlite")), before);

    // Over the live database, with the application connected
    let plan = host.ok(&["restore", "latest", "--replace", "--dry-run"]);
    for word in ["orders", "100 rows fewer", "settings", "will come back", "later", "will be gone", "Safety backup: yes"] {
        assert!(plan.contains(word), "{word} is missing in: {plan}");
    }
    assert_eq!(content(&file), after, "a dry run changes nothing");
    let restored = &host.results(&["restore", "latest", "--replace", "--yes"])[0];
    assert_eq!((restored["hash_equal"].as_bool(), restored["live_unchanged"].as_bool()), (Some(true), Some(false)), "{restored}");
    let orders: u32 = application.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap();
    assert_eq!(orders, 500, "the application's own connection sees it");
    assert_eq!(content(&file), before);
    application.execute("UPDATE products SET price = 5 WHERE id = 1", []).unwrap();

    // Undo, and undo is there only once
    let job = restored["job"].as_str().unwrap();
    assert!(host.ok(&["job", "show", job]).contains("keepstone undo"));
    host.ok(&["undo", job, "--confirm"]);
    assert_eq!(content(&file), after);
    host.fails(&["undo", job, "--yes"], "undo_refused", 7);

    // Delete and take back; the newest good one stays
    let second = host.create(&["shop", "--pin"]);
    host.fails(&["delete", &second, "--yes"], "delete_refused", 7);
    host.ok(&["unpin", &second]);
    host.ok(&["delete", first_id, "--yes"]);
    assert!(!archive.exists());
    assert!(!host.ok(&["list", "-q"]).contains(first_id));
    assert_eq!(host.results(&["trash", "list"])[0]["id"], *first_id);
    host.ok(&["trash", "put-back", first_id]);
    assert_eq!(
        host.results(&["verify", "--all", "--db", "shop"]).iter().filter(|one| one["ok"] == true).count(),
        host.ok(&["list", "-q", "--state", "complete"]).lines().count()
    );
    host.ok(&["delete", first_id, "--yes"]);
    assert_eq!(host.results(&["trash", "empty", "--yes"])[0]["removed"], 1);

    // It is all in the log, and the log is whole
    let actions: Vec<String> =
        host.results(&["activity", "list", "--limit", "100"]).iter().map(|event| event["action"].as_str().unwrap().to_owned()).collect();
    assert!(actions.len() >= 8, "{actions:?}");
    assert!(host.results(&["activity", "list"]).iter().all(|event| event["actor"].as_str().unwrap().starts_with("cli:")));
    host.ok(&["activity", "verify"]);
    assert!(host.path("keepstone-data/logs/keepstone.log").exists());
}

#[test]
fn a_location_alone_is_backed_up_without_a_schedule_and_says_so() {
    let host = Host::new();
    drop(shop(&host.path("till.db"), 5));
    let told = host.run(&["create", "./till.db"]);
    assert_eq!(told.exit, 0, "{told:?}");
    assert!(told.stderr.contains("without a schedule"), "{told:?}");
    assert_eq!(host.results(&["schedule", "list"]).len(), 0);
    let again = host.run(&["create", "till.db"]);
    assert!(again.exit == 0 && !again.stderr.contains("added"), "{again:?}");
    host.ok(&["create", "--compress=gzip", "--level", "9", "--type", "daily", "--user", "alice"]);
    let shown = &host.results(&["show", "latest:daily"])[0];
    assert_eq!((shown["metadata"]["compression"].as_str(), shown["created_by"].as_str()), (Some("gzip"), Some("alice")));
    host.ok(&["create", "--no-compress", "--no-verify", "-q"]);
    assert_eq!(host.results(&["list", "--state", "unproven"]).len(), 1);
}

#[test]
fn archives_restore_without_a_vault() {
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 50));
    let id = host.create(&["shop.db"]);
    let moved = host.path("moved.zip");
    std::fs::copy(host.archive_of(&id), &moved).unwrap();
    std::fs::remove_dir_all(host.path("keepstone-data")).unwrap();
    host.ok(&["verify", "moved.zip"]);
    host.ok(&["restore", "moved.zip", "--to", "back.sqlite"]);
    assert_eq!(content(&host.path("back.sqlite")), content(&host.path("shop.db")));
    assert!(!host.path("keepstone-data").exists(), "no vault was made");
}
