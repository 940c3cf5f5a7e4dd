//! Restores into the live database itself: all or nothing, with a way back, and with what stays told before.

use std::panic::{AssertUnwindSafe, catch_unwind};

use keepstone_model::{backup::Verdict, job::Verb};

use super::*;
use crate::{
    jobs::{self, JobFilter},
    restore::Mark,
};

const SUM: &str = "SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM public.orders o";

fn plan_of(vault: &Vault, report: &CreateReport) -> keepstone_model::restore::RestorePlan {
    plan_restore(vault, &PlanOptions { backup: report.backup.id.clone(), target: Target::InPlace, safety_backup: true }).unwrap()
}

fn act(vault: &Vault, plan: keepstone_model::restore::RestorePlan) -> Result<RestoreReport> {
    restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".to_owned() }, &Silent)
}

#[test]
fn what_the_backup_holds_comes_back_what_it_does_not_stays_and_undo_has_the_state_before() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "placed");
    let vault = &fixture.vault;
    server.psql(
        "placed",
        "CREATE AGGREGATE counted(*) (SFUNC = int8inc, STYPE = bigint, INITCOND = '0'); CREATE TYPE mood AS ENUM ('good'); ALTER TABLE orders ADD feeling mood, ADD parent int REFERENCES orders; CREATE VIEW seen AS SELECT id FROM orders; \
         CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql AS 'SELECT upper($1)'; SELECT lo_from_bytea(4711, 'before')",
    );
    let then = server.psql("placed", SUM);
    let made = backup(vault, &database);
    server.psql(
        "placed",
        "DELETE FROM orders WHERE id > 10; DROP VIEW seen; CREATE SCHEMA added; CREATE TABLE added.more (a int); INSERT INTO added.more VALUES (7); \
         CREATE FUNCTION shout(int) RETURNS int LANGUAGE sql AS 'SELECT $1'; CREATE TABLE audit.kept (b int); SELECT lo_put(4711, 0, 'after!')",
    );
    let now = server.psql("placed", SUM);
    let plan = plan_of(vault, &made);
    let told = plan.warnings.join(" ");
    for stays in ["table added.more", "table audit.kept", "function public.shout(integer)"] {
        assert!(told.contains(stays), "{told}");
    }
    assert!(
        !told.contains("shout(text)") && !told.contains("mood") && !told.contains("counted") && !told.contains("table orders"),
        "{told}"
    );
    assert!(plan.safety_backup && plan.sessions.is_none() && plan.writers_wait_ms.is_some());
    assert!(plan.tables.iter().all(|table| table.backup_rows.is_some()), "what stays is not lost");
    let report = act(vault, plan).unwrap();
    assert!(report.replaced && report.kept.is_none(), "{report:?}");
    assert_eq!(server.psql("placed", SUM), then);
    assert_eq!(
        server.psql(
            "placed",
            "SELECT (SELECT count(*) FROM seen), (SELECT a FROM added.more), shout('x'), shout(3), convert_from(lo_get(4711), 'UTF8')"
        ),
        "1000|7|X|3|before"
    );
    let safety = report.safety_backup.clone().unwrap();
    assert_eq!(crate::backups::backup(vault, &safety).unwrap().kind, keepstone_model::id::Kind::Safety);

    let job = report.job.unwrap();
    let plan = plan_undo(vault, &job).unwrap();
    assert_eq!((&plan.backup, &plan.target), (&safety, &Target::Replace));
    undo(vault, &UndoOptions { restore: job, plan, actor: "alice".into() }, &Silent).unwrap();
    assert_eq!(server.psql("placed", SUM), now);
    assert_eq!(server.psql("placed", "SELECT to_regclass('seen') IS NULL, (SELECT a FROM added.more)"), "t|7");
}

/// What an application does when the safety backup is over and the write begins; the server says that it is done.
struct Meanwhile<'a>(&'a server::Server, &'a str, &'a str);

impl Monitor for Meanwhile<'_> {
    fn step(&self, step: Step) {
        if step == Step::Write {
            self.0.psql(self.1, self.2);
        }
    }
}

#[test]
fn a_write_to_a_large_object_meanwhile_takes_everything_back() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "written");
    let vault = &fixture.vault;
    let long = "SELECT lo_from_bytea(4712, convert_to(repeat('0123456789abcdef', 150000), 'UTF8'))";
    server.psql("written", &format!("SELECT lo_from_bytea(4711, 'before'); SELECT lo_create(4713); {long}"));
    let made = backup(vault, &database);
    // One that the backup holds is not there, and others are as in it, changed, and new.
    server.psql(
        "written",
        "DELETE FROM orders WHERE id > 10; SELECT lo_unlink(4713); SELECT lo_put(4711, 0, 'after!'); SELECT lo_create(4714)",
    );
    let before = server.psql("written", SUM);
    let act = |meanwhile| {
        let plan = plan_of(vault, &made);
        assert!(plan.warnings.iter().any(|warning| warning.starts_with("Large objects (")), "{:?}", plan.warnings);
        restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &Meanwhile(server, "written", meanwhile))
    };
    for (write, look, held) in [
        ("SELECT lo_put(4711, 0, 'lost!!')", "SELECT convert_from(lo_get(4711), 'UTF8')", "lost!!"),
        ("SELECT lo_put(4712, 2399990, 'abcdefghijkl')", "SELECT length(lo_get(4712))", "2400002"),
        ("SELECT lo_from_bytea(4713, 'new')", "SELECT convert_from(lo_get(4713), 'UTF8')", "new"),
        ("SELECT lo_unlink(4713)", "SELECT count(*) FROM pg_largeobject_metadata", "3"),
    ] {
        let error = act(write).expect_err(write);
        assert_eq!((error.code(), error.kind().exit_code()), ("database_in_use", 5), "{error}");
        assert!(error.to_string().contains("large objects (1)"), "{error}");
        assert_eq!((server.psql("written", look).as_str(), server.psql("written", SUM)), (held, before.clone()), "{write}");
    }
    // What it does not touch may be written to.
    act("SELECT lo_put(4714, 0, 'stays'); SELECT lo_create(4715)").unwrap();
    assert_eq!(
        server.psql(
            "written",
            "SELECT convert_from(lo_get(4711), 'UTF8'), length(lo_get(4712)), length(lo_get(4713)), convert_from(lo_get(4714), 'UTF8'), length(lo_get(4715))"
        ),
        "before|2400000|0|stays|0"
    );
}

#[test]
fn rows_of_an_extension_that_the_backup_holds_come_back_once_and_are_locked() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "extended");
    let vault = &fixture.vault;
    server.psql(
        "extended",
        "CREATE EXTENSION citext; CREATE TABLE preset (id int PRIMARY KEY, own bool); INSERT INTO preset VALUES (1, false), (2, true); \
         ALTER EXTENSION citext ADD TABLE preset; \
         UPDATE pg_extension SET extconfig = ARRAY['preset'::regclass::oid], extcondition = ARRAY['WHERE own'] WHERE extname = 'citext'",
    );
    let made = backup(vault, &database);
    server.psql("extended", "UPDATE preset SET id = 3 WHERE own; INSERT INTO preset VALUES (4, true)");
    let plan = plan_of(vault, &made);
    let locked = Meanwhile(
        server,
        "extended",
        "DO $$ BEGIN SET lock_timeout = '50ms'; UPDATE preset SET id = 9 WHERE id = 3; RAISE 'it is not locked'; \
         EXCEPTION WHEN lock_not_available THEN NULL; END $$",
    );
    restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".into() }, &locked).unwrap();
    assert_eq!(server.psql("extended", "SELECT string_agg(id::text, ',' ORDER BY id) FROM preset"), "1,2");
}

/// Its process dies at a step.
struct DiesAt(Step);

impl Monitor for DiesAt {
    fn step(&self, step: Step) {
        assert!(step != self.0, "the process dies here");
    }
}

#[test]
fn one_that_dies_before_its_commit_counts_for_nothing() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "unended");
    let made = backup(&fixture.vault, &database);
    server.psql("unended", "INSERT INTO orders (id, item) SELECT n, 'more' FROM generate_series(2001, 5000) n");
    backup(&fixture.vault, &database);
    let plan = plan_of(&fixture.vault, &made);
    let options = RestoreOptions { plan, verify: true, actor: "alice".to_owned() };
    catch_unwind(AssertUnwindSafe(|| restore(&fixture.vault, &options, &DiesAt(Step::Check)))).unwrap_err();
    let vault = testing::open(&fixture.dir);
    let found = jobs::jobs(&vault, &JobFilter::default()).unwrap();
    let (job, _) = found.into_iter().find(|(job, _)| job.verb == Verb::Restore).unwrap();
    assert!(job.error.unwrap().message.contains("before the restore was committed"));
    assert_eq!(plan_undo(&vault, &job.id).unwrap_err().code(), "undo_refused");
    server.psql("unended", "DELETE FROM orders WHERE id > 30");
    assert_eq!(backup(&vault, &database).backup.verdict(), Verdict::Suspect, "it lost most of its rows");
}

#[test]
fn a_server_is_asked_what_became_of_a_restore() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "asked");
    let number = |sql: &str| server.psql("asked", sql).lines().next().unwrap().parse::<i64>().unwrap();
    let was_committed = |mark| crate::driver::of(database.engine).was_committed(&fixture.vault, &database, mark);
    let committed = number("BEGIN; SELECT txid_current(); COMMIT");
    let aborted = number("BEGIN; SELECT txid_current(); ROLLBACK");
    assert!(was_committed(Mark::Transaction(committed)).unwrap() && !was_committed(Mark::Transaction(aborted)).unwrap());
    let live = u32::try_from(number("SELECT oid FROM pg_database WHERE datname = 'asked'")).unwrap();
    assert!(was_committed(Mark::Named(live)).unwrap() && !was_committed(Mark::Named(live + 1)).unwrap());
}

#[test]
fn what_cannot_be_done_changes_nothing() {
    let Some(server) = server() else { return };
    let (fixture, database) = shop(server, "unplaced");
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
    let refused = plan_restore(vault, &PlanOptions { backup: script.backup.id.clone(), target: Target::InPlace, safety_backup: true });
    assert_eq!(refused.unwrap_err().code(), "not_replaceable");
    // Something that stays needs what is dropped.
    server.psql("unplaced", "CREATE VIEW newer AS SELECT id FROM orders; DELETE FROM orders WHERE id > 5");
    let before = server.psql("unplaced", SUM);
    let error = act(vault, plan_of(vault, &made)).unwrap_err();
    assert!(error.code() == "restore_failed" && error.to_string().contains("orders"), "{} {error}", error.code());
    assert_eq!(server.psql("unplaced", SUM), before);
    server.psql("unplaced", "DROP VIEW newer");
    // An application holds a table, and goes on holding it.
    let mut holder = Command::new(server.bin.join("psql"))
        .args(["-X", "-q", "-h", "127.0.0.1", "-U", "postgres", "-d", "unplaced", "-p", &server.port.to_string()])
        .args(["-c", "BEGIN; UPDATE orders SET item = 'held' WHERE id = 1; SELECT pg_sleep(60)"])
        .env("PGPASSWORD", server::PASSWORD)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while server.psql(
        "postgres",
        "SELECT count(*) FROM pg_stat_activity WHERE datname = 'unplaced' AND query LIKE '%pg_sleep(60)%' AND state = 'active'",
    ) == "0"
    {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let safeties = || vault.catalog().backups_of(&database.id).unwrap().len();
    let (count, error) = (safeties(), act(vault, plan_of(vault, &made)).unwrap_err());
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!((error.code(), error.kind().exit_code()), ("database_in_use", 5), "{error}");
    assert_eq!(safeties(), count, "nothing was begun");
    assert_eq!(server.psql("unplaced", SUM), before);
    databases::edit_database(
        vault,
        &database.id,
        &EditDatabaseOptions { never_replace: Some(true), actor: "alice".into(), ..Default::default() },
    )
    .unwrap();
    let refused = plan_restore(vault, &PlanOptions { backup: made.backup.id.clone(), target: Target::InPlace, safety_backup: true });
    assert_eq!(refused.unwrap_err().code(), "never_replace");
}
