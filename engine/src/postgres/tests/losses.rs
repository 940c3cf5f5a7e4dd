//! A server that goes away in the middle, as one that loses power: of a backup, of its proof, of every way to restore. What failed says so, nothing is
//! half done, the live database is as it was, and once the server is back the same works.

use keepstone_model::restore::Loading;

use super::*;

const SUM: &str = "SELECT count(*) || ' ' || md5(string_agg(o::text, '|' ORDER BY id)) FROM public.orders o";

/// Ends the server as soon as a step is under way, and starts it again a moment later.
struct Loss<'a> {
    server: &'a Server,
    at: Step,
    happened: AtomicBool,
}

impl Loss<'_> {
    fn strike(&self) {
        if !self.happened.swap(true, Ordering::Relaxed) {
            self.server.crash();
        }
    }
}

impl Monitor for Loss<'_> {
    fn step(&self, step: Step) {
        if step == self.at && matches!(step, Step::SafetyBackup | Step::Check) {
            self.strike();
        }
    }

    fn progress(&self, progress: &Progress) {
        if progress.step == self.at && progress.done_bytes > 0 {
            self.strike();
        }
    }

    /// It is only waited for after it went away.
    fn log(&self, line: &str) {
        if line.starts_with("waiting for the server") {
            self.server.up();
        }
    }
}

#[test]
fn a_server_that_goes_away_leaves_nothing_half_done() {
    let Some(server) = server::mortal() else { return };
    let server = &server;
    let (fixture, database) = shop(server, "lost");
    let vault = &fixture.vault;
    server.psql("lost", "CREATE TABLE large AS SELECT n, repeat(md5(n::text), 100) AS filler FROM generate_series(1, 3000) n");
    let made = backup(vault, &database);
    server.psql("lost", "DELETE FROM orders WHERE id % 7 = 0");
    let before = server.psql("lost", SUM);
    let unharmed = |what: &str| {
        assert_eq!(server.psql("lost", SUM), before, "{what}");
        assert_eq!(leftovers(server, vault), 0, "{what}");
        let names =
            server.psql("postgres", "SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database WHERE datname !~ '^template'");
        assert_eq!(names, "lost,postgres", "{what}");
        let staged = Command::new("find")
            .arg(vault.backups_dir().join(".staging"))
            .args(["-type", "f", "!", "-name", "claim.lock"])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&staged.stdout), "", "{what}");
    };
    let loss = |at: Step| Loss { server, at, happened: AtomicBool::new(false) };

    let dumping = loss(Step::Snapshot);
    let error = create(vault, &CreateOptions::new(database.id.clone(), "alice"), &dumping).unwrap_err();
    assert_eq!(error.code(), "server_lost", "{error}");
    server.up();
    unharmed("create");
    let archives = fs::read_dir(vault.backups_dir().join("shop/manual")).unwrap();
    assert_eq!(archives.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "zip")).count(), 1);

    let options = || VerifyOptions { test_restore: true, ..VerifyOptions::new(made.backup.id.clone(), "alice") };
    let proving = loss(Step::Write);
    let report = verify(vault, &options(), &proving).unwrap();
    assert!(proving.happened.load(Ordering::Relaxed));
    let check = report.proof.checks.iter().find(|check| check.name == CheckName::TestRestore).unwrap();
    assert_eq!(check.result, CheckResult::CouldNotRun, "what the server did is no verdict on the backup: {}", check.detail);
    assert!(crate::backups::backup(vault, &made.backup.id).unwrap().is_good());
    unharmed("test restore");

    let other = || new_database(vault, &database, &made.backup.id, Some("lost_again")).unwrap();
    for (target, at, loading) in [
        (other(), Step::Write, Loading::Streamed),
        (other(), Step::Check, Loading::Parallel { jobs: 2 }),
        (Target::Replace, Step::Write, Loading::Streamed),
        (Target::Replace, Step::Check, Loading::SingleTransaction),
        (Target::InPlace, Step::SafetyBackup, Loading::Streamed),
        (Target::InPlace, Step::Write, Loading::Streamed),
        (Target::InPlace, Step::Check, Loading::Streamed),
    ] {
        let what = format!("{target:?} at {at:?}");
        let in_place = target == Target::InPlace;
        let mut plan = plan_restore(vault, &PlanOptions { backup: made.backup.id.clone(), target, safety_backup: true }).unwrap();
        plan.loading = loading;
        let monitor = loss(at);
        let error = restore(vault, &RestoreOptions { plan, verify: true, actor: "alice".to_owned() }, &monitor).unwrap_err();
        assert!(monitor.happened.load(Ordering::Relaxed), "{what}: {error}");
        // Who connects just then does not reach it; who is connected loses it.
        match error.code() {
            "server_unreachable" => assert_ne!(at, Step::Write, "{what}: {error}"),
            "server_lost" => assert!(error.hint().unwrap().contains("no live database was changed")),
            _ => panic!("{what}: {error}"),
        }
        if in_place {
            server.up();
        }
        unharmed(&what);
    }

    // Whole again, and all of it works.
    restore_to(vault, &made, Target::InPlace).unwrap();
    assert!(server.psql("lost", SUM).starts_with("1000 "));
    let verified = verify(vault, &options(), &Silent).unwrap();
    assert_eq!(verified.proof.level(), Level::Restored, "{:?}", verified.proof);
}
