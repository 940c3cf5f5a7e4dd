//! What a database is beside what is in it, where the database is gone and only its backup tells; and roles that are gone.

use super::*;

const SELF: &str = "SELECT pg_get_userbyid(datdba), (SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(datacl) a), datconnlimit, shobj_description(oid, 'pg_database'), \
    (SELECT string_agg(setrole::regrole || array_to_string(setconfig, ';'), ';' ORDER BY setrole::regrole::text) FROM pg_db_role_setting WHERE setdatabase = oid) \
    FROM pg_database WHERE datname = ";

fn of(server: &Server, name: &str) -> String {
    server.psql("postgres", &format!("{SELF}'{name}'"))
}

#[test]
fn a_database_that_is_gone_comes_back_with_owner_rights_settings_and_comment() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "Gone");
    let vault = &fixture.vault;
    server.psql(
        "postgres",
        "CREATE ROLE gone_app; CREATE ROLE gone_ro; CREATE ROLE gone_later; ALTER DATABASE \"Gone\" OWNER TO gone_app; \
         REVOKE CONNECT ON DATABASE \"Gone\" FROM PUBLIC; GRANT CONNECT ON DATABASE \"Gone\" TO gone_ro WITH GRANT OPTION; \
         ALTER DATABASE \"Gone\" SET search_path = audit, public; ALTER DATABASE \"Gone\" SET work_mem = '7MB'; \
         ALTER ROLE gone_ro IN DATABASE \"Gone\" SET statement_timeout = '5s'; ALTER ROLE gone_later IN DATABASE \"Gone\" SET work_mem = '9MB'; \
         ALTER DATABASE \"Gone\" CONNECTION LIMIT 33; COMMENT ON DATABASE \"Gone\" IS 'the \"Gone\"; it''s'",
    );
    let then = of(server, "Gone");
    assert!(then.starts_with("gone_app|=T/gone_app gone_app=CTc/gone_app gone_ro=c*/gone_app|33|"), "{then}");
    let made = backup(vault, &database);
    let target = new_database(vault, &database, &made.backup.id, Some("gone copy")).unwrap();
    let report = restore_to(vault, &made, target).unwrap();
    assert_eq!(report.after.unwrap().integrity, "restored without an error");
    assert_eq!(of(server, "gone copy"), then);

    server.psql("postgres", "DROP DATABASE \"Gone\"");
    restore_to(vault, &made, Target::Replace).unwrap();
    assert_eq!(of(server, "Gone"), then);
    assert_eq!(server.psql("Gone", "SHOW search_path"), "audit, public");

    // A role of a setting is gone, too: told before, and after.
    server.psql("postgres", "DROP DATABASE \"Gone\"");
    server.psql("postgres", "DROP DATABASE \"gone copy\"");
    server.psql("postgres", "DROP ROLE gone_later");
    let plan = plan_restore(vault, &PlanOptions { backup: made.backup.id.clone(), target: Target::Replace, safety_backup: true }).unwrap();
    let sql = "ALTER ROLE \"gone_later\" IN DATABASE \"Gone\" SET work_mem TO '9MB';";
    assert!(plan.warnings.iter().any(|warning| warning.contains(sql) && !warning.contains("gone_ro")), "{:?}", plan.warnings);
    let report = restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &Silent).unwrap();
    assert!(report.after.unwrap().integrity.contains("1 of the database's own settings"));
    let log = crate::jobs::job(vault, &report.job.unwrap()).unwrap().log.join("\n");
    assert!(log.contains(sql), "{log}");
    assert!(of(server, "Gone").starts_with("gone_app|=T/gone_app gone_app=CTc/gone_app gone_ro=c*/gone_app|33|the"));

    // Without owners and rights the rest is kept, and what is not is said.
    let target = new_database(vault, &database, &made.backup.id, Some("gone copy")).unwrap();
    let plan = plan_restore(vault, &PlanOptions { backup: made.backup.id.clone(), target, safety_backup: true }).unwrap();
    let plan = keepstone_model::restore::RestorePlan { ownership: Ownership::Discard, ..plan };
    let report = restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &Silent).unwrap();
    let copy = of(server, "gone copy");
    assert!(copy.starts_with("postgres||33|the \"Gone\"; it's|") && copy.contains("work_mem=7MB"), "{copy}");
    let log = crate::jobs::job(vault, &report.job.unwrap()).unwrap().log.join("\n");
    assert!(log.contains("OWNER TO \"gone_app\";") && log.contains("REVOKE CONNECT") && log.contains("no owners and rights"), "{log}");
}

#[test]
fn a_script_is_told_to_hold_none_of_it() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "unsaid");
    let options = CreateOptions {
        image: ImageOptions { plain_sql: true, ..ImageOptions::default() },
        ..CreateOptions::new(database.id.clone(), "alice")
    };
    let made = create(&fixture.vault, &options, &Silent).unwrap();
    let target = new_database(&fixture.vault, &database, &made.backup.id, Some("unsaid_2")).unwrap();
    let plan = plan_restore(&fixture.vault, &PlanOptions { backup: made.backup.id, target, safety_backup: true }).unwrap();
    assert!(plan.warnings.iter().any(|warning| warning.contains("everybody may connect")), "{:?}", plan.warnings);
}

#[test]
fn a_role_that_a_policy_is_for_is_asked_for_before_anything_is_begun() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "policed");
    let vault = &fixture.vault;
    server.psql(
        "policed",
        "CREATE ROLE \"gone, role\"; ALTER TABLE orders ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON orders TO \"gone, role\" USING (id > 5)",
    );
    let made = backup(vault, &database);
    server.psql("policed", "DROP OWNED BY \"gone, role\"");
    server.psql("policed", "DROP ROLE \"gone, role\"");
    let plan = |target| plan_restore(vault, &PlanOptions { backup: made.backup.id.clone(), target, safety_backup: true });
    let new = || new_database(vault, &database, &made.backup.id, Some("policed_2")).unwrap();
    for target in [new(), Target::Replace, Target::InPlace] {
        let error = plan(target).unwrap_err();
        assert!(error.code() == "role_missing" && error.to_string().contains("has no role gone, role"), "{error}");
        assert!(error.hint().unwrap().contains("CREATE ROLE \"gone, role\";"));
    }
    // That is no verdict on the backup.
    let options = VerifyOptions { test_restore: true, ..VerifyOptions::new(made.backup.id.clone(), "alice") };
    let checks = verify(vault, &options, &Silent).unwrap().proof.checks;
    let check = checks.iter().find(|check| check.name == CheckName::TestRestore).unwrap();
    assert!(check.result == CheckResult::CouldNotRun && check.detail.contains("gone, role"), "{check:?}");
    server.psql("policed", "CREATE ROLE \"gone, role\"");
    restore_to(vault, &made, new()).unwrap();
    assert_eq!(server.psql("policed_2", "SELECT polname FROM pg_policy"), "p");
}
