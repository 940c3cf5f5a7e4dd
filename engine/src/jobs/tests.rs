//! What a killed process leaves, made by dropping a running job without its end: its lock is free then, as a dead process's is.

use keepstone_model::{
    backup::{Backup, BackupState, Verdict},
    event::EventResult,
    id::{BackupId, Kind},
    job::JobState,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    Silent, backups,
    databases::{AddDatabaseOptions, add_database},
    vault::{OpenMode, VaultOptions},
};

fn vault() -> (TempDir, Vault, DatabaseId) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t(a); INSERT INTO t VALUES (1), (2)").unwrap();
    let vault = open(&folder);
    let options = AddDatabaseOptions { location: path.display().to_string(), name: None, schedules: None, actor: "test".to_owned() };
    let database = add_database(&vault, &options).unwrap();
    (folder, vault, database.id)
}

fn open(folder: &TempDir) -> Vault {
    Vault::open(&VaultOptions { data: folder.path().join("data"), backups: None, mode: OpenMode::Create }).unwrap()
}

fn dead_create(vault: &Vault, database: &DatabaseId) -> (JobId, BackupId) {
    let options = CreateOptions::new(database.clone(), "test");
    let running = Running::begin(vault, &JobRequest::Create(options)).unwrap();
    let now = Timestamp::now();
    let id = BackupId::compose(database, Kind::Manual, now, random());
    vault.catalog().begin_backup(&id, database, Kind::Manual, now, "test", "", &[], &running.id()).unwrap();
    std::fs::write(running.staging.join(format!("{id}.zip")), b"half an archive").unwrap();
    (running.id(), id)
}

#[test]
fn a_dead_create_is_interrupted_and_its_staging_goes() {
    let (folder, vault, database) = vault();
    let (job_id, backup) = dead_create(&vault, &database);
    drop(vault);
    let vault = open(&folder);
    let backup = backups::backup(&vault, &backup).unwrap();
    assert_eq!(backup.state, BackupState::Interrupted);
    let job = job(&vault, &job_id).unwrap().job;
    assert_eq!((job.state, job.error.unwrap().code.as_str()), (JobState::Abandoned, "interrupted"));
    assert!(!vault.staging_dir(&job_id).exists());
    // The database is free again.
    create::create(&vault, &CreateOptions::new(database, "test"), &Silent).unwrap();
}

#[test]
fn a_run_of_a_schedule_that_died_with_its_process_is_taken_once_more() {
    let (_folder, vault, database) = vault();
    let options = CreateOptions { kind: Kind::Daily, ..CreateOptions::new(database, "schedule") };
    let open_jobs = || jobs(&vault, &JobFilter { open: true, ..JobFilter::default() }).unwrap();
    let die = || {
        let claimed = claim(&vault).unwrap().expect("it is queued");
        drop(claimed);
        recover(&vault).unwrap();
        recover(&vault).unwrap();
    };
    submit(&vault, &JobRequest::Create(options.clone()), Some("schedule-7-1000")).unwrap();
    die();
    assert_eq!(open_jobs().len(), 1);
    die();
    assert!(open_jobs().is_empty(), "what kills its process each time does not go on for ever");
    // What a person began is for the person to begin again.
    submit(&vault, &JobRequest::Create(options), Some("form:alice:1")).unwrap();
    die();
    assert!(open_jobs().is_empty());
}

#[test]
fn a_job_of_a_live_process_is_left_alone() {
    let (folder, first, database) = vault();
    let running = Running::begin(&first, &JobRequest::Create(CreateOptions::new(database.clone(), "test"))).unwrap();
    let second = open(&folder);
    assert_eq!(job(&second, &running.id()).unwrap().job.state, JobState::Running);
    assert!(running.staging.exists());
    let busy = create::create(&second, &CreateOptions::new(database, "test"), &Silent).unwrap_err();
    assert_eq!(busy.code(), "database_busy");
}

#[test]
fn an_archive_published_just_before_the_end_is_adopted_and_checked() {
    let (folder, vault, database) = vault();
    let made = create::create(&vault, &CreateOptions::new(database.clone(), "test"), &Silent).unwrap();
    // As if the process had died between the rename and the notes.
    let mut row = made.backup.clone();
    row.state = BackupState::Running;
    row.proof = None;
    row.archive_size_bytes = 0;
    let (job_id, _) = dead_create(&vault, &database);
    row.job = Some(job_id);
    vault.catalog().put_backup(&row).unwrap();
    std::fs::remove_file(vault.notes_path(&row.id)).unwrap();
    drop(vault);
    let vault = open(&folder);
    let adopted = backups::backup(&vault, &row.id).unwrap();
    assert_eq!((adopted.state, adopted.verdict()), (BackupState::Complete, Verdict::Unproven));
    assert_eq!(adopted.archive_size_bytes, made.backup.archive_size_bytes);
    run_next(&vault, &Silent).unwrap().expect("its verification is queued");
    assert_eq!(backups::backup(&vault, &row.id).unwrap().verdict(), Verdict::Good);
}

#[test]
fn what_was_published_is_said_to_be_kept_and_what_was_checked_half_is_checked() {
    let (folder, vault, database) = vault();
    let made = create::create(&vault, &CreateOptions::new(database.clone(), "test"), &Silent).unwrap().backup;
    let died_with = |vault: Vault, change: &dyn Fn(&mut Backup)| {
        let (job_id, _) = dead_create(&vault, &database);
        let mut row = Backup { job: Some(job_id.clone()), ..made.clone() };
        change(&mut row);
        vault.catalog().put_backup(&row).unwrap();
        drop(vault);
        let vault = open(&folder);
        let told = job(&vault, &job_id).unwrap().job.error.unwrap().message;
        assert!(told.contains("the backup was kept"), "{told}");
        (backups::backup(&vault, &row.id).unwrap(), vault)
    };
    // Between the rename and the row, its proof in the notes; and between the row and the end of the job.
    let (adopted, vault) = died_with(vault, &|row| (row.state, row.proof) = (BackupState::Running, None));
    assert_eq!(adopted.verdict(), Verdict::Good);
    let (_, vault) = died_with(vault, &|_| ());
    assert!(run_next(&vault, &Silent).unwrap().is_none(), "it was checked");
    // As a safety backup while writers wait: its stored bytes alone.
    let (half, vault) = died_with(vault, &|row| row.proof.as_mut().unwrap().checks.truncate(4));
    assert_eq!(half.verdict(), Verdict::Unproven);
    run_next(&vault, &Silent).unwrap().expect("its verification is queued");
    assert_eq!(backups::backup(&vault, &half.id).unwrap().verdict(), Verdict::Good);
}

#[test]
fn an_archive_that_vanished_is_missing_until_it_is_back() {
    let (folder, vault, database) = vault();
    let id = create::create(&vault, &CreateOptions::new(database, "test"), &Silent).unwrap().backup.id;
    let (path, away) = (vault.archive_path(&id), folder.path().join("away.zip"));
    std::fs::rename(&path, &away).unwrap();
    assert_eq!(backups::backup(&open(&folder), &id).unwrap().state, BackupState::Missing);
    std::fs::rename(&away, &path).unwrap();
    assert_eq!(backups::backup(&open(&folder), &id).unwrap().state, BackupState::Complete);
}

#[test]
fn a_cancelled_create_publishes_nothing() {
    struct Never;
    impl Monitor for Never {
        fn cancelled(&self) -> bool {
            true
        }
    }
    let (_folder, vault, database) = vault();
    let error = create::create(&vault, &CreateOptions::new(database, "test"), &Never).unwrap_err();
    assert_eq!(error.code(), "cancelled");
    let (job, _) = jobs(&vault, &JobFilter::default()).unwrap().remove(0);
    assert_eq!(job.state, JobState::Cancelled);
    assert_eq!(
        backups::list(&vault, &backups::BackupFilter { state: Some(BackupState::Complete), ..Default::default() }).unwrap().total,
        0
    );
}

#[test]
fn a_row_that_outlived_its_failed_job_is_adopted() {
    let (_folder, vault, database) = vault();
    let made = create::create(&vault, &CreateOptions::new(database, "test"), &Silent).unwrap();
    // As if the catalog had refused the row after the archive was published, and the job had ended as failed.
    vault.catalog().change_backup(&made.backup.id, |backup| backup.state = BackupState::Running).unwrap();
    recover(&vault).unwrap();
    assert_eq!(backups::backup(&vault, &made.backup.id).unwrap().state, BackupState::Complete);
}

#[test]
fn a_stopped_server_begins_a_scheduled_backup_again() {
    struct Stopping;
    impl Monitor for Stopping {
        fn cancelled(&self) -> bool {
            true
        }
        fn stopping(&self) -> bool {
            true
        }
    }
    let (_folder, vault, database) = vault();
    let options = CreateOptions { kind: Kind::Daily, ..CreateOptions::new(database, "schedule") };
    let first = submit(&vault, &JobRequest::Create(options), None).unwrap();
    run_next(&vault, &Stopping).unwrap();
    assert_eq!(job(&vault, &first).unwrap().job.state, JobState::Abandoned);
    let second = run_next(&vault, &Silent).unwrap().expect("the same run, queued again");
    let made = job(&vault, &second).unwrap().job.backup.unwrap();
    assert_eq!((made.kind(), backups::backup(&vault, &made).unwrap().verdict()), (Kind::Daily, Verdict::Good));
}

#[test]
fn checks_that_could_not_run_take_no_proof_back() {
    let (_folder, vault, database) = vault();
    let made = create::create(&vault, &CreateOptions::new(database, "test"), &Silent).unwrap().backup;
    let mut weaker = made.proof.clone().unwrap();
    weaker.checks.retain(|check| check.name == keepstone_model::backup::CheckName::FileExistence);
    assert!(!weaker.supersedes(made.proof.as_ref()));
    weaker.checks[0].result = keepstone_model::backup::CheckResult::Failed;
    assert!(weaker.supersedes(made.proof.as_ref()));
}

#[test]
fn only_its_own_archive_brings_a_missing_backup_back() {
    let (folder, vault, database) = vault();
    let made = |n: u8| {
        Connection::open(folder.path().join("app.db")).unwrap().execute("INSERT INTO t VALUES (?1)", [n]).unwrap();
        create::create(&vault, &CreateOptions::new(database.clone(), "test"), &Silent).unwrap().backup
    };
    let (one, other) = (made(3), made(4));
    let path = vault.archive_path(&one.id);
    let (whole, foreign) = (std::fs::read(&path).unwrap(), std::fs::read(vault.archive_path(&other.id)).unwrap());
    let comes = |bytes: Option<&[u8]>| {
        std::fs::remove_file(&path).unwrap();
        recover(&vault).unwrap();
        assert_eq!(backups::backup(&vault, &one.id).unwrap().state, BackupState::Missing);
        std::fs::write(&path, bytes.unwrap_or(&whole)).unwrap();
        recover(&vault).unwrap();
        recover(&vault).unwrap();
        let backup = backups::backup(&vault, &one.id).unwrap();
        let events = crate::activity::events(&vault, &crate::activity::EventFilter { backup: Some(one.id.clone()), ..Default::default() });
        let found = events.unwrap().into_iter().find(|event| event.action == "backup.found").unwrap();
        let queued = jobs(&vault, &JobFilter { open: true, ..JobFilter::default() }).unwrap();
        for (job, _) in &queued {
            cancel(&vault, &job.id, "test").unwrap();
        }
        (backup.state, backup.verdict(), found.result, found.message, queued.len())
    };
    for (bytes, why) in [(&b""[..], "is damaged"), (&whole[..whole.len() / 2], "is damaged"), (&foreign[..], "it is the archive of")] {
        let (state, verdict, result, message, queued) = comes(Some(bytes));
        assert_eq!((state, verdict, result, queued), (BackupState::Complete, Verdict::Bad, EventResult::Failed, 0), "{message}");
        assert!(message.contains(why), "{message}");
        // A check does not take the other one for it either.
        let report = verify::verify(&vault, &verify::VerifyOptions::new(one.id.clone(), "test"), &Silent).unwrap();
        assert_eq!(report.backup.verdict(), Verdict::Bad, "{:?}", report.proof);
    }
    std::fs::write(&path, &whole).unwrap();
    let report = verify::verify(&vault, &verify::VerifyOptions::new(one.id.clone(), "test"), &Silent).unwrap();
    assert_eq!(report.backup.verdict(), Verdict::Good);
    let (state, verdict, result, message, queued) = comes(None);
    assert_eq!((state, verdict, result, queued), (BackupState::Complete, Verdict::Good, EventResult::Ok, 1), "{message}");
}

#[test]
fn the_backup_of_an_abandoned_job_is_not_being_made_any_more() {
    let (_folder, vault, database) = vault();
    let (job_id, backup) = dead_create(&vault, &database);
    give_up(&vault, &job_id, JobState::Abandoned, 60).unwrap();
    settle_rows(&vault, &job_id).unwrap();
    let backup = backups::backup(&vault, &backup).unwrap();
    assert_eq!(backup.state, BackupState::Interrupted);
    assert!(backup.error.unwrap().contains("was given up"), "its process lives");
}
