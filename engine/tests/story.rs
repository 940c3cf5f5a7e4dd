//! The main job from end to end, on a real vault and a live database with an application's connection open all the while.
#![expect(clippy::unwrap_used, reason = "a test may stop at once")]

use std::path::{Path, PathBuf};

use keepstone_engine::{
    Error, Silent, Vault,
    activity::{self, EventFilter},
    backups::{self, BackupFilter},
    create::{CreateOptions, create},
    databases::{self, AddDatabaseOptions, FirstSchedules},
    delete,
    jobs::{self, JobFilter, JobRequest},
    restore::{self, PlanOptions, RestoreOptions, UndoOptions},
    vault::{OpenMode, VaultOptions},
    verify::{VerifyOptions, verify},
};
use keepstone_model::{
    backup::{BackupState, Level, Verdict},
    database::{Database, DatabaseState},
    id::Kind,
    job::JobState,
    restore::{RestorePlan, Target},
    schedule::Preset,
};
use rusqlite::Connection;
use tempfile::TempDir;

/// A vault, a database in WAL mode and an application that keeps its connection.
struct Place {
    folder: TempDir,
    vault: Vault,
    database: Database,
    application: Connection,
}

impl Place {
    fn new() -> Self {
        Self::with_journal_mode("wal")
    }

    fn with_journal_mode(mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let application = Connection::open(folder.path().join("shop.db")).unwrap();
        application.busy_timeout(std::time::Duration::from_secs(20)).unwrap();
        application.pragma_update(None, "journal_mode", mode).unwrap();
        application
            .execute_batch(
                "CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
                 CREATE TABLE \"order\"(id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer(id), note TEXT);
                 CREATE INDEX order_customer ON \"order\"(customer);
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                   INSERT INTO customer SELECT i, 'customer ' || i FROM n;
                 INSERT INTO \"order\"(customer, note) SELECT id, hex(randomblob(40)) FROM customer;",
            )
            .unwrap();
        let vault = open(folder.path());
        let options = AddDatabaseOptions {
            location: folder.path().join("shop.db").display().to_string(),
            name: None,
            schedules: Some(FirstSchedules::of(Preset::Standard)),
            actor: "test".to_owned(),
        };
        let database = databases::add_database(&vault, &options).unwrap();
        Self { folder, vault, database, application }
    }

    fn create(&self) -> keepstone_model::backup::Backup {
        create(&self.vault, &CreateOptions::new(self.database.id.clone(), "test"), &Silent).unwrap().backup
    }

    fn orders(&self) -> i64 {
        self.application.query_row("SELECT count(*) FROM \"order\"", [], |row| row.get(0)).unwrap()
    }

    fn plan(&self, backup: &keepstone_model::id::BackupId, target: Target) -> RestorePlan {
        restore::plan_restore(&self.vault, &PlanOptions { backup: backup.clone(), target, safety_backup: true }).unwrap()
    }

    fn restore(&self, plan: RestorePlan) -> Result<restore::RestoreReport, Error> {
        restore::restore(&self.vault, &RestoreOptions { plan, verify: true, actor: "test".to_owned() }, &Silent)
    }

    fn archive(&self, id: &keepstone_model::id::BackupId) -> PathBuf {
        backups::detail(&self.vault, id).unwrap().archive_path.unwrap()
    }

    fn staging_is_empty(&self) -> bool {
        let staging = self.folder.path().join("data/backups/.staging");
        std::fs::read_dir(staging).unwrap().all(|entry| entry.unwrap().file_type().unwrap().is_file())
    }
}

fn open(folder: &Path) -> Vault {
    Vault::open(&VaultOptions { data: folder.join("data"), backups: None, mode: OpenMode::Create }).unwrap()
}

#[test]
fn a_backup_is_published_proven_and_listed() {
    let place = Place::new();
    let backup = place.create();
    assert_eq!((backup.state, backup.verdict(), backup.level()), (BackupState::Complete, Verdict::Good, Level::Opened));
    assert_eq!(backup.total_records, 10_000);
    let page = backups::list(&place.vault, &BackupFilter::default()).unwrap();
    assert_eq!((page.total, &page.backups[0]), (1, &backup));
    let metadata = backups::detail(&place.vault, &backup.id).unwrap().metadata.unwrap();
    assert_eq!(metadata.table_counts, [("customer".to_owned(), 5000), ("order".to_owned(), 5000)].into());
    assert_eq!(databases::statuses(&place.vault, jiff::Timestamp::now()).unwrap()[0].state, DatabaseState::Protected);
    let latest = std::fs::canonicalize(place.folder.path().join("data/backups/shop/latest.zip")).unwrap();
    assert_eq!(latest, std::fs::canonicalize(place.archive(&backup.id)).unwrap());
    assert!(place.staging_is_empty());
}

#[test]
fn a_restore_into_a_new_file_leaves_the_live_database_alone() {
    let place = Place::new();
    let backup = place.create();
    place.application.execute("DELETE FROM \"order\"", []).unwrap();
    let target = place.folder.path().join("out/again.sqlite");
    let report = place.restore(place.plan(&backup.id, Target::NewFile { path: target.display().to_string() })).unwrap();
    assert!(report.hash_equal && !report.replaced);
    let again: i64 = Connection::open(&target).unwrap().query_row("SELECT count(*) FROM \"order\"", [], |row| row.get(0)).unwrap();
    assert_eq!((again, place.orders()), (5000, 0));
    let options = PlanOptions { backup: backup.id, target: Target::NewFile { path: target.display().to_string() }, safety_backup: false };
    assert_eq!(restore::plan_restore(&place.vault, &options).unwrap_err().code(), "target_exists");
}

#[test]
fn a_restore_over_the_live_database_and_its_undo() {
    for mode in ["wal", "delete"] {
        let place = Place::with_journal_mode(mode);
        let backup = place.create();
        place.application.execute_batch("DELETE FROM \"order\" WHERE id > 100; INSERT INTO customer VALUES (9999, 'late');").unwrap();
        let plan = place.plan(&backup.id, Target::Replace);
        let of = |name: &str| plan.tables.iter().find(|t| t.table == name).map(|t| (t.live_rows, t.backup_rows)).unwrap();
        assert_eq!((of("order"), of("customer")), ((Some(100), Some(5000)), (Some(5001), Some(5000))));

        let report = place.restore(plan).unwrap();
        assert_eq!(place.orders(), 5000, "the application's own connection sees the backup, in {mode} mode");
        let safety = backups::backup(&place.vault, report.safety_backup.as_ref().unwrap()).unwrap();
        assert_eq!((safety.kind, safety.verdict()), (Kind::Safety, Verdict::Good));

        place.application.execute("INSERT INTO customer VALUES (10000, 'after the restore')", []).unwrap();
        let options = |job: keepstone_model::id::JobId| {
            let plan = restore::plan_undo(&place.vault, &job).unwrap();
            UndoOptions { restore: job, plan, actor: "test".to_owned() }
        };
        let undone = options(report.job.unwrap());
        let undo = restore::undo(&place.vault, &undone, &Silent).unwrap();
        assert_eq!(place.orders(), 100);
        let refused = restore::plan_undo(&place.vault, &undone.restore).unwrap_err();
        assert_eq!(refused.code(), "undo_refused", "{refused}");
        // An undo is a restore like any other, so it can be undone.
        restore::undo(&place.vault, &options(undo.job.unwrap()), &Silent).unwrap();
        assert_eq!(place.orders(), 5000);
        place.application.execute_batch("PRAGMA integrity_check; INSERT INTO customer VALUES (10001, 'still writable')").unwrap();
    }
}

#[test]
fn a_plan_that_does_not_fit_any_more_is_refused() {
    let place = Place::new();
    let backup = place.create();
    let plan = place.plan(&backup.id, Target::Replace);
    place.application.execute("DELETE FROM \"order\" WHERE id = 1", []).unwrap();
    place.application.execute("ALTER TABLE customer ADD COLUMN email TEXT", []).unwrap();
    assert_eq!(place.restore(plan).unwrap_err().code(), "stale_plan");
    assert_eq!(place.orders(), 4999, "nothing was changed");
    let fresh = place.plan(&backup.id, Target::Replace);
    let again = fresh.clone();
    place.restore(fresh).unwrap();
    assert_eq!(place.restore(again).unwrap_err().code(), "stale_plan", "a plan acts once");
    assert!(place.staging_is_empty());
}

#[test]
fn a_damaged_archive_fails_its_checks_and_is_not_restored() {
    let place = Place::new();
    let backup = place.create();
    let path = place.archive(&backup.id);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let plan =
        restore::plan_restore(&place.vault, &PlanOptions { backup: backup.id.clone(), target: Target::Replace, safety_backup: true });
    let refused = plan.and_then(|plan| place.restore(plan)).unwrap_err();
    assert_eq!(refused.kind().exit_code(), 4, "{refused}");
    let report = verify(&place.vault, &VerifyOptions::new(backup.id.clone(), "test"), &Silent).unwrap();
    assert!(report.proof.failed());
    assert_eq!(backups::backup(&place.vault, &backup.id).unwrap().verdict(), Verdict::Bad);
    assert_eq!(place.orders(), 5000);
    assert!(backups::find(&place.vault, "latest", None).is_err(), "a bad backup is never the latest good one");
}

#[test]
fn a_deleted_backup_comes_back() {
    let place = Place::new();
    let (first, second) = (place.create(), place.create());
    delete::delete(&place.vault, &first.id, "test").unwrap();
    assert!(!place.vault.backups_dir().join(format!("shop/manual/{}.zip", first.id)).exists());
    assert_eq!(delete::delete(&place.vault, &second.id, "test").unwrap_err().code(), "delete_refused", "the only good one stays");
    assert_eq!(delete::trash(&place.vault).unwrap().len(), 1);
    let back = delete::put_back(&place.vault, &first.id, "test").unwrap();
    assert_eq!((back.state, back.verdict()), (BackupState::Complete, Verdict::Good));
    assert_eq!(backups::list(&place.vault, &BackupFilter::default()).unwrap().total, 2);
}

#[test]
fn queued_jobs_run_one_after_another_and_a_key_acts_once() {
    let place = Place::new();
    let request = JobRequest::Create(CreateOptions::new(place.database.id.clone(), "test"));
    let first = jobs::submit(&place.vault, &request, Some("form-1")).unwrap();
    assert_eq!(jobs::submit(&place.vault, &request, Some("form-1")).unwrap(), first);
    let cancelled = jobs::submit(&place.vault, &request, None).unwrap();
    jobs::cancel(&place.vault, &cancelled, "test").unwrap();
    assert_eq!(jobs::run_next(&place.vault, &Silent).unwrap(), Some(first.clone()));
    assert_eq!(jobs::run_next(&place.vault, &Silent).unwrap(), None);
    let states: Vec<_> = jobs::jobs(&place.vault, &JobFilter::default()).unwrap().into_iter().map(|(job, _)| (job.id, job.state)).collect();
    assert_eq!(states, [(cancelled, JobState::Cancelled), (first.clone(), JobState::Done)]);
    let detail = jobs::job(&place.vault, &first).unwrap();
    assert!(detail.job.backup.is_some() && !detail.log.is_empty() && !detail.can_undo);
}

#[test]
fn every_fault_of_a_source_has_its_code_and_changes_nothing() {
    let place = Place::new();
    let source = place.folder.path().join("shop.db");
    drop(place.application);
    for suffix in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(place.folder.path().join(format!("shop.db{suffix}")));
    }
    let attempt = || create(&place.vault, &CreateOptions::new(place.database.id.clone(), "test"), &Silent).unwrap_err();
    std::fs::write(&source, b"").unwrap();
    assert_eq!(attempt().code(), "source_empty");
    std::fs::write(&source, b"certainly no database, but long enough for a header of one hundred bytes, which SQLite reads first of all")
        .unwrap();
    assert_eq!(attempt().code(), "not_a_database");
    std::fs::remove_file(&source).unwrap();
    assert_eq!(attempt().code(), "source_missing");
    assert!(!source.exists(), "a missing database is never made");
    let failed = backups::list(&place.vault, &BackupFilter { state: Some(BackupState::Failed), ..BackupFilter::default() }).unwrap();
    assert_eq!(failed.total, 3);
    assert!(failed.backups.iter().all(|b| b.error.is_some()));
    assert!(place.vault.backups_dir().join("shop").join("manual").read_dir().map_or(true, |mut dir| dir.next().is_none()));
    let state = databases::statuses(&place.vault, jiff::Timestamp::now()).unwrap()[0].state;
    assert_eq!(state, DatabaseState::Failed);
    assert_eq!(activity::verify_chain(&place.vault).unwrap().broken_at, None);
    let failures = activity::events(&place.vault, &EventFilter::default()).unwrap().into_iter().filter(|e| e.action == "backup.failed");
    assert_eq!(failures.count(), 3);
}

#[test]
fn a_database_that_cannot_be_opened_is_replaced_as_a_file_and_kept_aside() {
    let place = Place::new();
    let backup = place.create();
    let source = place.folder.path().join("shop.db");
    drop(place.application);
    std::fs::write(&source, b"overwritten by accident, with something that is no database at all, and longer than the header of one is")
        .unwrap();
    std::fs::write(place.folder.path().join("shop.db-wal"), b"an old log that must never meet the new database").unwrap();
    let plan =
        restore::plan_restore(&place.vault, &PlanOptions { backup: backup.id, target: Target::Replace, safety_backup: true }).unwrap();
    assert!(plan.binding.target_identity.is_none() && !plan.warnings.is_empty());
    restore::restore(&place.vault, &RestoreOptions { plan, verify: true, actor: "test".to_owned() }, &Silent).unwrap();
    let orders: i64 = Connection::open(&source).unwrap().query_row("SELECT count(*) FROM \"order\"", [], |row| row.get(0)).unwrap();
    assert_eq!(orders, 5000);
    let corrupted = place.vault.backups_dir().join("shop/corrupted");
    let aside = std::fs::read_dir(corrupted).unwrap().next().unwrap().unwrap().path();
    assert_eq!(std::fs::read(aside.join("shop.db")).unwrap()[..11], *b"overwritten");
}

#[test]
fn a_restore_whose_process_died_after_the_commit_can_be_undone() {
    let place = Place::new();
    let backup = place.create();
    place.application.execute("DELETE FROM \"order\" WHERE id > 100", []).unwrap();
    let report = place.restore(place.plan(&backup.id, Target::Replace)).unwrap();
    let job = report.job.unwrap();
    // What a kill between the commit and the row's end leaves: a row that recovery ended as abandoned, with the report of before the write.
    let catalog = Connection::open(place.vault.data_dir().join("catalog.sqlite")).unwrap();
    assert_eq!(catalog.execute("UPDATE jobs SET state = 'abandoned' WHERE id = ?1", [job.as_str()]).unwrap(), 1);
    assert!(jobs::job(&place.vault, &job).unwrap().can_undo);
    let plan = restore::plan_undo(&place.vault, &job).unwrap();
    restore::undo(&place.vault, &UndoOptions { restore: job, plan, actor: "test".to_owned() }, &Silent).unwrap();
    assert_eq!(place.orders(), 100);
}

#[test]
fn a_new_file_stays_out_of_the_vault_and_away_from_other_databases() {
    let place = Place::new();
    let backup = place.create();
    let data = place.vault.data_dir().display().to_string();
    let beside = place.folder.path().join("other.db-wal").display().to_string();
    let refused = [
        format!("{data}/backups/shop/x.sqlite"),
        format!("{data}/x.sqlite"),
        format!("{data}/restored/../x.sqlite"),
        format!("{data}/restored/{}.sqlite", "x".repeat(250)),
        format!("{data}/restored/{}/x.sqlite", "x".repeat(5000)),
        "relative.sqlite".to_owned(),
        beside,
    ];
    for path in refused {
        let options = PlanOptions { backup: backup.id.clone(), target: Target::NewFile { path: path.clone() }, safety_backup: false };
        let error = restore::plan_restore(&place.vault, &options).expect_err(&path);
        assert_eq!(error.code(), "target_unusable", "{path}: {error}");
    }
    let fine = restore::default_target(&place.vault, &backup.id).display().to_string();
    place.restore(place.plan(&backup.id, Target::NewFile { path: fine.clone() })).unwrap();
    assert!(Path::new(&fine).exists());
}
