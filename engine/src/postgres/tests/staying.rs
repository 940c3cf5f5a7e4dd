//! What a restore in place would take away with what it drops, though the backup does not hold it: with that nothing is begun.

use super::*;

fn plan(vault: &Vault, report: &CreateReport) -> Result<keepstone_model::restore::RestorePlan> {
    plan_restore(vault, &PlanOptions { backup: report.backup.id.clone(), target: Target::InPlace, safety_backup: true })
}

#[test]
fn a_newer_partition_does_not_go_with_the_table_that_it_is_part_of() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "parted");
    let vault = &fixture.vault;
    server.psql(
        "parted",
        "CREATE TABLE sales (month int, eur int) PARTITION BY LIST (month); CREATE TABLE sales_1 PARTITION OF sales FOR VALUES IN (1); \
         INSERT INTO sales VALUES (1, 10); CREATE TABLE events (at int)",
    );
    let made = backup(vault, &database);
    server.psql("parted", "CREATE TABLE sales_9 (month int, eur int); INSERT INTO sales_9 VALUES (9, 9)");
    let before = plan(vault, &made).unwrap();
    // Which no plan is bound to: it is asked again with the locks held, before the safety backup.
    server.psql("parted", "ALTER TABLE sales ATTACH PARTITION sales_9 FOR VALUES IN (9)");
    let error = restore(vault, &RestoreOptions { plan: before, verify: true, actor: "alice".into() }, &Silent).unwrap_err();
    assert!(error.code() == "not_replaceable" && error.to_string().contains("sales_9 is a partition of sales"), "{error}");
    assert_eq!(vault.catalog().backups_of(&database.id).unwrap().len(), 1, "no safety backup was made");
    server.psql("parted", "DROP TABLE sales_9");
    server.psql(
        "parted",
        "CREATE TABLE sales_2 PARTITION OF sales FOR VALUES IN (2, 3) PARTITION BY LIST (month); \
         CREATE TABLE audit.sales_23 PARTITION OF sales_2 FOR VALUES IN (2, 3); INSERT INTO sales SELECT 2, n FROM generate_series(1, 500) n",
    );
    let counts = || {
        server.psql(
            "parted",
            "SELECT string_agg(month || ':' || n, ' ' ORDER BY month) FROM (SELECT month, count(*) n FROM sales GROUP BY 1) s",
        )
    };
    let error = plan(vault, &made).unwrap_err();
    assert!(error.to_string().contains("audit.sales_23 (and 1 more like it)") && error.to_string().contains("--replace"), "{error}");
    assert_eq!(counts(), "1:1 2:500");

    // What inherits in the old way would keep the other from being dropped.
    server.psql("parted", "DROP TABLE sales_2; CREATE TABLE events_new (more int) INHERITS (events)");
    let told = plan(vault, &made).unwrap_err().to_string();
    assert!(told.contains("events_new inherits from events"), "{told}");

    // By itself it stays.
    server.psql(
        "parted",
        "ALTER TABLE events_new NO INHERIT events; CREATE TABLE sales_4 (month int, eur int); INSERT INTO sales_4 VALUES (4, 4)",
    );
    let plan = plan(vault, &made).unwrap();
    assert!(plan.warnings.iter().any(|warning| warning.contains("table sales_4")), "{:?}", plan.warnings);
    restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &Silent).unwrap();
    assert_eq!((counts().as_str(), server.psql("parted", "SELECT month FROM sales_4").as_str()), ("1:1", "4"));
}

/// Takes something away with what the restore drops, in a way that nobody thought of: a trigger of the application's.
#[test]
fn what_was_named_as_staying_and_is_gone_takes_the_restore_back() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "triggered");
    let vault = &fixture.vault;
    let made = backup(vault, &database);
    server.psql(
        "triggered",
        "DELETE FROM orders WHERE id > 3; CREATE TABLE newer (a int); \
         CREATE FUNCTION tidy() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN DROP TABLE IF EXISTS public.newer; END $$; \
         CREATE EVENT TRIGGER tidy ON sql_drop WHEN TAG IN ('DROP SCHEMA', 'ALTER TABLE', 'DROP TABLE') EXECUTE FUNCTION tidy()",
    );
    let plan = plan(vault, &made).unwrap();
    let error = restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &Silent).unwrap_err();
    assert!(error.code() == "not_replaceable" && error.to_string().contains("table newer is not in the backup"), "{error}");
    assert_eq!(server.psql("triggered", "SELECT (SELECT count(*) FROM orders), to_regclass('newer')"), "3|newer");
}
