//! Restores into a real server: beside the live database, in its place, and back.

use super::*;

const SUM: &str = "SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM orders o";

#[test]
fn a_new_database_is_whole_or_not_there() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "fresh");
    let vault = &fixture.vault;
    let made = backup(vault, &database);
    let target = new_database(vault, &database, &made.backup.id, None).unwrap();
    let Target::NewDatabase { location } = &target else { panic!() };
    assert!(location.contains("/fresh_2") && !location.contains("s3cret"), "{location}");
    let report = restore_to(vault, &made, target.clone()).unwrap();
    assert!(!report.replaced && report.path.display().to_string() == *location);
    assert_eq!(report.after.as_ref().unwrap().rows, 1003);
    let name = location.rsplit('/').next().unwrap();
    assert_eq!(server.psql(name, SUM), server.psql("fresh", SUM));
    assert_eq!(
        server.psql(
            "postgres",
            &format!("SELECT coalesce(shobj_description(oid, 'pg_database'), '-') FROM pg_database WHERE datname = '{name}'")
        ),
        "-"
    );
    // It is there now: not a second time.
    assert_eq!(restore_to(vault, &made, target).unwrap_err().code(), "target_exists");
    assert_eq!(leftovers(server, vault), 0);
    // As a file it is what pg_restore takes, without Keepstone.
    let file = fixture.dir.path().join("fresh.dump");
    restore_to(vault, &made, Target::NewFile { path: file.to_str().unwrap().to_owned() }).unwrap();
    let listed = Command::new(server.bin.join("pg_restore")).arg("--list").arg(&file).output().unwrap();
    assert!(listed.status.success() && String::from_utf8_lossy(&listed.stdout).contains("TABLE DATA public orders"));
}

#[test]
fn a_restore_that_fails_leaves_no_database_behind() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "failing");
    let vault = &fixture.vault;
    server.psql("failing", "CREATE ROLE owner_of_failing; ALTER TABLE orders OWNER TO owner_of_failing");
    let made = backup(vault, &database);
    server.psql("failing", "ALTER TABLE orders OWNER TO postgres; DROP ROLE owner_of_failing");
    let target = new_database(vault, &database, &made.backup.id, Some("failed")).unwrap();
    let mut plan = plan_restore(vault, &PlanOptions { backup: made.backup.id.clone(), target, safety_backup: true }).unwrap();
    assert!(plan.warnings.iter().any(|warning| warning.contains("owner_of_failing")), "{:?}", plan.warnings);
    plan.ownership = Ownership::Keep;
    let options = RestoreOptions { plan: plan.clone(), verify: true, actor: "alice".into() };
    let error = restore(vault, &options, &Silent).unwrap_err();
    assert_eq!(error.code(), "role_missing", "{error}");
    assert!(error.to_string().contains("owner_of_failing"), "{error}");
    assert_eq!(server.psql("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'failed'"), "0");
    assert_eq!(leftovers(server, vault), 0);
    plan.ownership = Ownership::Auto;
    restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &Silent).unwrap();
    assert_eq!(server.psql("failed", "SELECT tableowner FROM pg_tables WHERE tablename = 'orders'"), "postgres");
}

#[test]
fn the_live_database_is_replaced_with_its_settings_and_put_back() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "live");
    let vault = &fixture.vault;
    server.psql(
        "postgres",
        "CREATE ROLE app LOGIN PASSWORD 'x'; ALTER DATABASE live OWNER TO app; ALTER DATABASE live SET work_mem TO '7MB'; \
         ALTER DATABASE live SET search_path TO audit, public; ALTER ROLE app IN DATABASE live SET statement_timeout TO '9s'; \
         REVOKE CONNECT ON DATABASE live FROM PUBLIC; ALTER DATABASE live CONNECTION LIMIT 33; COMMENT ON DATABASE live IS 'it''s ours'",
    );
    let before = server.psql("live", SUM);
    let made = backup(vault, &database);
    server.psql("live", "DELETE FROM orders WHERE id > 10; CREATE TABLE added (id int)");
    let after = server.psql("live", SUM);
    // An application that stays connected, and comes again at once when it is thrown out.
    let mut pool = Command::new("sh")
        .args(["-c", "for i in $(seq 400); do \"$0\"/psql -X -q -c 'SELECT pg_sleep(30)' >/dev/null 2>&1; done"])
        .arg(&server.bin)
        .envs([
            ("PGHOST", "127.0.0.1"),
            ("PGUSER", "postgres"),
            ("PGDATABASE", "live"),
            ("PGPASSWORD", server::PASSWORD),
            ("PGAPPNAME", "the shop"),
        ])
        .env("PGPORT", server.port.to_string())
        .spawn()
        .unwrap();
    let connected = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'live' AND application_name = 'the shop'";
    while server.psql("postgres", connected) == "0" {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let plan = plan_restore(vault, &PlanOptions { backup: made.backup.id.clone(), target: Target::Replace, safety_backup: true }).unwrap();
    assert_eq!(plan.sessions, Some(1));
    let warnings = plan.warnings.join(" ");
    assert!(warnings.contains("1 of the shop (postgres)") && warnings.contains("24 hours"), "{warnings}");
    let orders = plan.tables.iter().find(|table| table.table == "orders").unwrap();
    assert_eq!((orders.live_rows, orders.backup_rows), (Some(10), Some(1000)));
    let report = restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &Silent).unwrap();
    let kept = report.kept.clone().unwrap();
    assert!(report.replaced && report.after.as_ref().unwrap().rows == 1003);
    assert_eq!(server.psql("live", "SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM public.orders o"), before);
    assert_eq!(server.psql(&kept.name, "SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM public.orders o"), after);
    let settings = "SELECT pg_get_userbyid(datdba), datconnlimit, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a)::text, shobj_description(oid, 'pg_database'), \
        (SELECT string_agg(setconfig::text, ';' ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database d WHERE datname = 'live'";
    let now = server.psql("postgres", settings);
    assert!(
        now.contains("app|33|") && now.contains("it's ours") && now.contains("work_mem=7MB") && now.contains("search_path=audit, public"),
        "{now}"
    );
    assert!(now.contains("statement_timeout=9s") && !now.contains("=Tc/"), "{now}");

    // A backup of what is there now is an ordinary one, and undo puts the other back.
    assert!(backup(vault, &database).backup.is_good());
    let job = report.job.unwrap();
    let plan = plan_undo(vault, &job).unwrap();
    assert_eq!(plan.target, Target::PutBack { name: kept.name.clone() });
    let undone = undo(vault, &UndoOptions { restore: job.clone(), plan, actor: "alice".into() }, &Silent).unwrap();
    pool.kill().unwrap();
    pool.wait().unwrap();
    assert_eq!(server.psql("live", "SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM public.orders o"), after);
    assert_eq!(server.psql("postgres", settings), now);
    assert_eq!(plan_undo(vault, &job).unwrap_err().code(), "undo_refused");
    // The undo can be undone, too.
    let again = undone.job.unwrap();
    let plan = plan_undo(vault, &again).unwrap();
    let last = undo(vault, &UndoOptions { restore: again, plan, actor: "alice".into() }, &Silent).unwrap().job.unwrap();
    assert_eq!(server.psql("live", "SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM public.orders o"), before);

    // What was kept goes when its time has come, not before, and nothing else goes.
    let count = || server.psql("postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'live%'");
    let driver = crate::driver::of(database.engine);
    let now = jiff::Timestamp::now();
    assert_eq!((driver.remove_kept(vault, &database, now).unwrap(), count()), (0, "2".to_owned()));
    let can_undo = || crate::jobs::job(vault, &last).unwrap().can_undo;
    assert!(can_undo());
    let tomorrow = now.checked_add(jiff::SignedDuration::from_hours(25)).unwrap();
    assert_eq!((driver.remove_kept(vault, &database, tomorrow).unwrap(), count()), (1, "1".to_owned()));
    assert!(!can_undo() && plan_undo(vault, &last).unwrap_err().to_string().contains("does not keep live_undone_"));
}

#[test]
fn a_plan_that_no_longer_fits_and_a_database_that_cannot_be_renamed_are_refused() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "stale");
    let vault = &fixture.vault;
    let made = backup(vault, &database);
    let options = PlanOptions { backup: made.backup.id.clone(), target: Target::Replace, safety_backup: true };
    let plan = plan_restore(vault, &options).unwrap();
    server.psql("stale", "ALTER TABLE orders ADD COLUMN more int");
    let restore = |plan| restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &Silent);
    assert_eq!(restore(plan).unwrap_err().code(), "stale_plan");
    databases::edit_database(
        vault,
        &database.id,
        &EditDatabaseOptions { never_replace: Some(true), actor: "alice".into(), ..Default::default() },
    )
    .unwrap();
    assert_eq!(plan_restore(vault, &options).unwrap_err().code(), "never_replace");
    databases::edit_database(
        vault,
        &database.id,
        &EditDatabaseOptions { never_replace: Some(false), actor: "alice".into(), ..Default::default() },
    )
    .unwrap();
    // A database that is gone altogether comes back.
    server.psql("postgres", "DROP DATABASE stale");
    let plan = plan_restore(vault, &options).unwrap();
    let report = restore(plan).unwrap();
    assert!(report.replaced && report.kept.is_none());
    assert_eq!(server.psql("stale", "SELECT count(*) FROM orders"), "1000");
}

#[test]
fn a_script_with_a_command_for_psql_is_not_loaded() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "script");
    let vault = &fixture.vault;
    server.psql(
        "script",
        "CREATE FUNCTION shout() RETURNS text AS $f$ SELECT E'\\\\! \\';' || $$x$$ $f$ LANGUAGE sql; COMMENT ON TABLE orders IS 'a\\! b'",
    );
    let options = CreateOptions {
        image: ImageOptions { plain_sql: true, ..ImageOptions::default() },
        ..CreateOptions::new(database.id.clone(), "alice")
    };
    let made = create(vault, &options, &Silent).unwrap();
    assert!(made.backup.is_good());
    restore_to(vault, &made, new_database(vault, &database, &made.backup.id, Some("script_2")).unwrap()).unwrap();
    assert_eq!(
        server.psql("script_2", "SELECT shout() || obj_description('orders'::regclass)"),
        server.psql("script", "SELECT shout() || obj_description('orders'::regclass)")
    );
}

#[test]
fn an_unfinished_database_of_a_job_that_died_is_removed_by_the_next_restore() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "leftover");
    let vault = &fixture.vault;
    let made = backup(vault, &database);
    server.psql("postgres", "CREATE DATABASE keepstone_tmp_00000001");
    server.psql("postgres", &format!("COMMENT ON DATABASE keepstone_tmp_00000001 IS 'keepstone: unfinished, job {}'", made.job));
    // One that says nothing of itself stays, whatever it is called.
    server.psql("postgres", "CREATE DATABASE keepstone_tmp_00000002");
    restore_to(vault, &made, new_database(vault, &database, &made.backup.id, None).unwrap()).unwrap();
    assert_eq!(
        server.psql("postgres", "SELECT string_agg(datname, ',') FROM pg_database WHERE datname LIKE 'keepstone_tmp_0000000_'"),
        "keepstone_tmp_00000002"
    );
    server.psql("postgres", "DROP DATABASE keepstone_tmp_00000002");
}
