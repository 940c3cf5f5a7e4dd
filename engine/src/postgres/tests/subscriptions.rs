//! A database that replicates from another: no copy of it does, or touches the slot, and none of them is in the way of anything.

use keepstone_model::job::Verb;

use super::*;

/// A database with a subscription that is not enabled, to a publisher that does not exist: whatever asked it would fail.
fn subscriber(server: &Server, name: &str) -> (Fixture, Database) {
    let (fixture, database) = shop(server, name);
    server.psql(
        name,
        "CREATE SUBSCRIPTION su CONNECTION 'host=127.0.0.1 port=1 password=hidden' PUBLICATION pb WITH (connect = false, slot_name = 'sl'); \
         COMMENT ON SUBSCRIPTION su IS 'live'",
    );
    (fixture, database)
}

fn subscriptions(server: &Server, database: &str) -> String {
    server.psql(database, "SELECT subname, subenabled, coalesce(subslotname, '-') FROM pg_subscription s JOIN pg_database d ON d.oid = subdbid WHERE datname = current_database()")
}

fn drop_them(server: &Server, databases: &[&str]) {
    for database in databases {
        server.psql(database, "ALTER SUBSCRIPTION su SET (slot_name = NONE)");
        server.psql(database, "DROP SUBSCRIPTION su");
    }
}

#[test]
fn a_scratch_copy_has_none_and_a_restored_database_follows_no_slot() {
    let Some(server) = server() else { return };
    let (fixture, database) = subscriber(server, "subscribed");
    let vault = &fixture.vault;
    let made = backup(vault, &database);
    let script = create(
        vault,
        &CreateOptions {
            image: ImageOptions { plain_sql: true, ..ImageOptions::default() },
            ..CreateOptions::new(database.id.clone(), "alice")
        },
        &Silent,
    )
    .unwrap();
    for (report, name) in [(&made, "subscribed_dump"), (&script, "subscribed_script")] {
        let options = VerifyOptions { test_restore: true, ..VerifyOptions::new(report.backup.id.clone(), "alice") };
        let checked = verify(vault, &options, &Silent).unwrap();
        let check = checked.proof.checks.iter().find(|check| check.name == CheckName::TestRestore).unwrap();
        assert!(check.result == CheckResult::Passed && check.detail.ends_with("and removed again"), "{check:?}");
        let target = new_database(vault, &database, &report.backup.id, Some(name)).unwrap();
        let plan = plan_restore(vault, &PlanOptions { backup: report.backup.id.clone(), target, safety_backup: true }).unwrap();
        let told = plan.warnings.iter().any(|warning| warning.contains("subscriptions (su) disabled"));
        assert_eq!(told, name == "subscribed_dump", "a script is not read for a plan: {:?}", plan.warnings);
        let done = restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &Silent).unwrap();
        assert_eq!(subscriptions(server, name), "su|f|-");
        let log = crate::jobs::job(vault, &done.job.unwrap()).unwrap().log.join("\n");
        assert!(log.contains("ALTER SUBSCRIPTION \"su\" SET (slot_name = 'sl')") && !log.contains("hidden"), "{log}");
    }
    assert_eq!(leftovers(server, vault), 0);
    let in_place = plan_restore(vault, &PlanOptions { backup: made.backup.id.clone(), target: Target::InPlace, safety_backup: true });
    assert_eq!(in_place.unwrap_err().code(), "not_replaceable");

    // An older version left one behind, which the server does not drop as it is; and one that cannot be dropped at all is in nobody's way.
    let job = vault
        .catalog()
        .list_jobs(&crate::jobs::JobFilter::default())
        .unwrap()
        .into_iter()
        .find(|row| row.job.verb == Verb::Verify)
        .unwrap()
        .job
        .id;
    let (left, kept) = (super::super::unfinished::name_for(&job), super::super::unfinished::name_for(&job));
    for name in [&left, &kept] {
        server.psql("postgres", &format!("CREATE DATABASE \"{name}\""));
    }
    server.psql(&left, "CREATE SUBSCRIPTION su CONNECTION 'host=127.0.0.1 port=1' PUBLICATION pb WITH (connect = false, slot_name = 'sl')");
    server.psql("postgres", &format!("ALTER DATABASE \"{kept}\" IS_TEMPLATE true"));
    let target = new_database(vault, &database, &made.backup.id, Some("subscribed_again")).unwrap();
    restore_to(vault, &made, target).unwrap();
    let there = |name: &str| server.psql("postgres", &format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'"));
    assert_eq!((there(&left).as_str(), there(&kept).as_str()), ("0", "1"));
    server.psql("postgres", &format!("ALTER DATABASE \"{kept}\" IS_TEMPLATE false"));
    server.psql("postgres", &format!("DROP DATABASE \"{kept}\""));

    // In the live one's place, and out of it: the kept one is dropped although it has a subscription with a slot.
    let plan = plan_restore(vault, &PlanOptions { backup: made.backup.id.clone(), target: Target::Replace, safety_backup: false }).unwrap();
    restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &Silent).unwrap();
    assert_eq!(subscriptions(server, "subscribed"), "su|f|-");
    assert_eq!(server.psql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'subscribed\\_before%'"), "0");
    server.psql("subscribed", "ALTER SUBSCRIPTION su SET (slot_name = 'sl')");
    server.psql("subscribed", "ALTER SUBSCRIPTION su ENABLE");
    let refused =
        plan_restore(vault, &PlanOptions { backup: made.backup.id.clone(), target: Target::Replace, safety_backup: true }).unwrap_err();
    assert!(refused.to_string().contains("subscriptions replicate into it"), "{refused}");
    server.psql("subscribed", "ALTER SUBSCRIPTION su DISABLE");
    drop_them(server, &["subscribed", "subscribed_dump", "subscribed_script", "subscribed_again"]);
}
