//! What a database has beside what is in it, when another takes its place: as far as the restoring role may give it.

use keepstone_model::restore::RestorePlan;

use super::*;

fn plan_of(vault: &Vault, report: &CreateReport) -> Result<RestorePlan> {
    plan_restore(vault, &PlanOptions { backup: report.backup.id.clone(), target: Target::Replace, safety_backup: true })
}

#[test]
fn what_the_restoring_role_may_not_set_is_told_before_and_named_in_the_log() {
    let Some(server) = server() else { return };
    server.psql("postgres", "CREATE ROLE modest LOGIN CREATEDB PASSWORD 'x'; CREATE ROLE reporting");
    server.psql("postgres", "CREATE DATABASE modest OWNER modest");
    server.psql("modest", "SET SESSION AUTHORIZATION modest; CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)");
    let fixture = testing::vault();
    let vault = &fixture.vault;
    let database = add(vault, &server.url_of("modest", "x", "modest"), "modest").unwrap();
    let made = backup(vault, &database);
    server.psql(
        "modest",
        "DELETE FROM orders; ALTER ROLE reporting IN DATABASE modest SET work_mem = '64MB'; ALTER DATABASE modest SET log_min_duration_statement = 100; \
         ALTER DATABASE modest SET search_path = audit, public; ALTER DATABASE modest CONNECTION LIMIT 9",
    );
    let settings = "SELECT string_agg(setrole::regrole || array_to_string(setconfig, ';'), ';') FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase \
        WHERE datname = 'modest'";
    let before = server.psql("postgres", settings);
    let plan = plan_of(vault, &made).unwrap();
    assert_eq!(server.psql("postgres", settings), before, "a plan changes nothing");
    let told = plan.warnings.iter().find(|warning| warning.contains("another role")).unwrap();
    let lost = [
        "ALTER ROLE \"reporting\" IN DATABASE \"modest\" SET \"work_mem\" TO '64MB';",
        "ALTER DATABASE \"modest\" SET \"log_min_duration_statement\" TO '100';",
    ];
    assert!(lost.iter().all(|sql| told.contains(sql)) && !told.contains("search_path"), "{told}");
    let report = restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &Silent).unwrap();
    assert_eq!(server.psql("modest", "SELECT id FROM orders"), "1");
    let log = crate::jobs::job(vault, &report.job.unwrap()).unwrap().log.join("\n");
    assert!(lost.iter().all(|sql| log.contains(sql)), "{log}");
    // What it may set is there, and the superuser's SQL brings the rest.
    let now = "SELECT current_setting('search_path'), datconnlimit FROM pg_database WHERE datname = 'modest'";
    assert_eq!(server.psql("modest", now), "audit, public|9");
    for sql in lost {
        server.psql("modest", sql);
    }
    assert_eq!(server.psql("postgres", settings).len(), before.len());
}

#[test]
fn it_stays_in_its_tablespace() {
    let Some(server) = server() else { return };
    let folder = server.dir.join("elsewhere").display().to_string();
    assert!(server::command("mkdir").arg(&folder).status().unwrap().success());
    server.psql("postgres", "CREATE ROLE spacious LOGIN CREATEDB PASSWORD 'x'");
    server.psql("postgres", &format!("CREATE TABLESPACE elsewhere LOCATION '{folder}'"));
    server.psql("postgres", "CREATE DATABASE spaced OWNER spacious TABLESPACE elsewhere");
    server.psql("spaced", "SET SESSION AUTHORIZATION spacious; CREATE TABLE orders (id int)");
    let fixture = testing::vault();
    let vault = &fixture.vault;
    let database = add(vault, &server.url_of("spacious", "x", "spaced"), "spaced").unwrap();
    let made = backup(vault, &database);
    let error = plan_of(vault, &made).unwrap_err();
    let hint = error.hint().unwrap();
    assert!(error.code() == "rights_missing" && error.to_string().contains("tablespace elsewhere"), "{error}");
    server.psql("postgres", hint.split_once("with: ").unwrap().1);
    let plan = plan_of(vault, &made).unwrap();
    restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &Silent).unwrap();
    let spaces = "SELECT count(*), min(spcname), max(spcname) FROM pg_database d JOIN pg_tablespace t ON t.oid = dattablespace WHERE datname LIKE 'spaced%'";
    assert_eq!(server.psql("postgres", spaces), "2|elsewhere|elsewhere");
}
