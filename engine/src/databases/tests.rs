//! Tests of databases: adding, what a row on a page says, and what a removed one leaves.

use std::{fs, path::PathBuf};

use jiff::SignedDuration;
use keepstone_model::{
    backup::{Backup, BackupState, CheckName, CheckResult},
    database::DatabaseState,
    id::{DatabaseId, Kind},
    job::{JobError, JobState, Verb},
    schedule::Preset,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    AddDatabaseOptions, EditDatabaseOptions, FirstSchedules, add_database, databases, edit_database, find_database, remove_database,
    status, statuses,
};
use crate::{
    Error, Silent, Vault,
    activity::{self, EventFilter},
    backups::{self, BackupFilter, EditBackupOptions},
    catalog::{ScheduleRow, rounded},
    create::{self, CreateOptions},
    delete,
    durable::{self, LockMode},
    schedules,
    testing::{self, at, begun, good_backup, open, vault},
};

/// A live database with one table.
fn live(dir: &TempDir, name: &str) -> PathBuf {
    let path = dir.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)").unwrap();
    path
}

fn options(location: &str) -> AddDatabaseOptions {
    AddDatabaseOptions {
        location: location.to_owned(),
        name: None,
        schedules: Some(FirstSchedules::of(Preset::Standard)),
        actor: "alice".to_owned(),
    }
}

fn actions(vault: &Vault) -> Vec<String> {
    activity::events(vault, &EventFilter::default()).unwrap().into_iter().rev().map(|event| event.action).collect()
}

#[test]
fn a_location_is_added_once() {
    let f = vault();
    let path = live(&f.dir, "My Shop.db");
    let location = path.to_str().unwrap();
    let first = add_database(&f.vault, &options(location)).unwrap();
    assert_eq!((first.id.as_str(), first.location.as_str()), ("my-shop", location));
    let other = open(&f.dir);
    assert_eq!(add_database(&other, &options(&format!("sqlite:///{location}"))).unwrap(), first, "the same file by another name");
    assert_eq!(databases(&other).unwrap().len(), 1);
    assert_eq!(find_database(&other, location).unwrap(), first);
    assert_eq!(find_database(&other, "my-shop").unwrap(), first);
    for unknown in ["shop", "/nowhere.db", "daily"] {
        assert!(matches!(find_database(&other, unknown), Err(Error::UnknownDatabase { .. })), "{unknown}");
    }
    let words: Vec<String> = schedules::list(&other, Some(&first.id), first.added_at).unwrap().into_iter().map(|row| row.words).collect();
    assert_eq!(words, ["Every day at 02:00", "Every Monday at 03:00", "On the 1st of each month at 03:00"]);
    assert!(schedules::list(&other, None, first.added_at).unwrap().iter().all(|row| row.next_run_at > Some(first.added_at)));
    assert_eq!(actions(&other), ["database.added"]);

    let second = add_database(&f.vault, &options(live(&f.dir, "b/my_shop.sqlite").to_str().unwrap())).unwrap();
    assert_eq!(second.id.as_str(), "my-shop-2");
    let json: serde_json::Value = serde_json::from_slice(&fs::read(f.vault.database_json_path(&second.id)).unwrap()).unwrap();
    assert_eq!((json["uid"].as_str(), json["file_version"].as_u64()), (Some(second.uid.as_str()), Some(1)));
}

#[test]
fn what_cannot_be_added() {
    let f = vault();
    let shop = live(&f.dir, "shop.db");
    fs::write(f.dir.path().join("empty.db"), "").unwrap();
    fs::write(f.dir.path().join("text.db"), "no database at all").unwrap();
    let code = |location: &str, name: Option<&str>| {
        let path = f.dir.path().join(location);
        let options = AddDatabaseOptions { name: name.map(str::to_owned), ..options(path.to_str().unwrap()) };
        add_database(&f.vault, &options).unwrap_err().code()
    };
    let found = [
        code("missing.db", None),
        code("empty.db", None),
        code("text.db", None),
        code("shop.db", Some("daily")),
        code("shop.db", Some("Shop")),
    ];
    assert_eq!(found, ["source_missing", "source_empty", "not_a_database", "invalid", "invalid"]);
    assert!(databases(&f.vault).unwrap().is_empty() && !f.vault.database_dir(&"shop".parse().unwrap()).exists());
    add_database(&f.vault, &options(shop.to_str().unwrap())).unwrap();
    live(&f.dir, "b.db");
    assert_eq!(code("b.db", Some("shop")), "already_exists");
    // A predecessor's tree in the backups folder is left alone.
    fs::create_dir(f.vault.backups_dir().join("blog")).unwrap();
    fs::write(f.vault.backups_dir().join("blog/backup_2024.sql.gz"), "").unwrap();
    assert_eq!(code("b.db", Some("blog")), "already_exists");
    let blog = add_database(&f.vault, &options(live(&f.dir, "blog.db").to_str().unwrap())).unwrap();
    assert_eq!(blog.id.as_str(), "blog-2");
}

#[test]
fn what_a_removed_database_leaves_is_taken_up_again() {
    let f = vault();
    let path = live(&f.dir, "shop.db");
    let first = add_database(&f.vault, &options(path.to_str().unwrap())).unwrap();
    let make = || create::create(&f.vault, &CreateOptions::new(first.id.clone(), "alice"), &Silent).unwrap().backup;
    let (one, two, three) = (make(), make(), make());
    let edit = EditBackupOptions {
        pinned: Some(true),
        description: Some("keep".to_owned()),
        tags: Some(vec!["a".to_owned()]),
        actor: "alice".to_owned(),
    };
    let one = backups::edit(&f.vault, &one.id, &edit).unwrap();
    let trashed = delete::delete(&f.vault, &two.id, "alice").unwrap().backup;
    // Not of this database, though it is in its folder.
    let foreign = "shop_manual_20200101T000000Z_0000";
    fs::write(f.vault.database_dir(&first.id).join(format!("manual/{foreign}.zip")), "not an archive").unwrap();

    let lock = durable::try_lock(&f.vault.database_lock_path(&first.id), LockMode::Exclusive).unwrap().unwrap();
    assert!(matches!(remove_database(&f.vault, &first.id, "alice"), Err(Error::DatabaseBusy { .. })), "a job runs");
    drop(lock);
    remove_database(&f.vault, &first.id, "alice").unwrap();
    assert!(databases(&f.vault).unwrap().is_empty());
    assert_eq!(backups::list(&f.vault, &BackupFilter::default()).unwrap().total, 0);
    assert!(f.vault.archive_path(&one.id).exists());
    // The same name for another file is another database.
    let other = add_database(&f.vault, &options(live(&f.dir, "b/shop.db").to_str().unwrap())).unwrap();
    assert_eq!(other.id.as_str(), "shop-2");

    let again = add_database(&f.vault, &options(path.to_str().unwrap())).unwrap();
    assert_eq!((&again.id, &again.uid), (&first.id, &first.uid));
    let taken_up = f.vault.catalog().backups_of(&again.id).unwrap();
    let expected = [Backup { job: None, ..three }, Backup { job: None, ..trashed }, Backup { job: None, ..one }]
        .map(|backup| Backup { created_at: rounded(backup.created_at), ..backup });
    assert_eq!(taken_up, expected);
    assert_eq!(delete::put_back(&f.vault, &two.id, "alice").unwrap().state, BackupState::Complete);
    assert_eq!(make().sequence, 4, "numbers go on");
}

#[test]
fn a_removed_database_comes_back_with_its_schedules_unless_others_are_said() {
    let f = vault();
    let path = live(&f.dir, "shop.db");
    let usual = |first| AddDatabaseOptions { schedules: Some(first), ..options(path.to_str().unwrap()) };
    let triggers = || f.vault.catalog().schedules(None).unwrap().into_iter().map(|row| row.schedule.trigger).collect::<Vec<_>>();
    let shop = add_database(&f.vault, &usual(FirstSchedules::of(Preset::HalfDaily))).unwrap().id;
    let own = triggers();
    let again = |first| {
        remove_database(&f.vault, &shop, "alice").unwrap();
        add_database(&f.vault, &usual(first)).unwrap();
        triggers()
    };
    assert_eq!(again(FirstSchedules::usual()), own);
    assert_ne!(again(FirstSchedules::of(Preset::Standard)), own);
    for row in f.vault.catalog().schedules(None).unwrap() {
        crate::schedules::remove(&f.vault, row.number, "alice", jiff::Timestamp::now()).unwrap();
    }
    assert_eq!(again(FirstSchedules::usual()), [], "it had none");
}

#[test]
fn what_a_row_says() {
    let f = vault();
    let shop = testing::database(&f.vault, "shop").id;
    let now = at("2026-11-20T12:00:00Z");
    let of = |id: &DatabaseId| status(&f.vault, id, now).unwrap();
    assert_eq!((of(&shop).state, of(&shop).objective_secs, of(&shop).next_run_at), (DatabaseState::AtRisk, 26 * 3600, None));
    let added_at = of(&shop).database.added_at;
    assert_eq!(status(&f.vault, &shop, added_at + SignedDuration::from_hours(26)).unwrap().state, DatabaseState::Unproven);

    // A failed run and nothing good yet.
    let run = |state, error: Option<&str>| {
        let failed = Backup { state, error: error.map(str::to_owned), ..begun(&f.vault, &shop, Kind::Daily, now) };
        f.vault.catalog().put_backup(&failed).unwrap();
    };
    run(BackupState::Failed, Some("no permission"));
    assert_eq!((of(&shop).state, of(&shop).last_error.as_deref()), (DatabaseState::Failed, Some("no permission")));
    let good = good_backup(&f.vault, &shop, Kind::Daily, now - SignedDuration::from_hours(3));
    let status_now = of(&shop);
    assert_eq!(
        (status_now.state, status_now.last_error, status_now.newest_good_at),
        (DatabaseState::Protected, None, Some(good.created_at))
    );
    assert_eq!((status_now.backup_count, status_now.archive_size_bytes), (1, 7));

    // Running and cancelled ones say nothing of the last run; interrupted ones do.
    begun(&f.vault, &shop, Kind::Daily, now);
    assert_eq!(of(&shop).state, DatabaseState::Protected);
    let mut job = testing::job(Verb::Create, Some(&shop));
    f.vault.catalog().add_job(&job, "{}", None).unwrap();
    let cancelled = Backup { state: BackupState::Failed, job: Some(job.id.clone()), ..begun(&f.vault, &shop, Kind::Daily, now) };
    f.vault.catalog().put_backup(&cancelled).unwrap();
    job.state = JobState::Running;
    f.vault.catalog().put_job(&job, None).unwrap();
    assert_eq!(of(&shop).state, DatabaseState::Running);
    job.state = JobState::Cancelled;
    f.vault.catalog().put_job(&job, None).unwrap();
    assert_eq!(of(&shop).state, DatabaseState::Protected);
    run(BackupState::Interrupted, Some("the process ended"));
    assert_eq!(of(&shop).state, DatabaseState::AtRisk);

    // A newer good one by sequence, though the clock went back.
    good_backup(&f.vault, &shop, Kind::Daily, now - SignedDuration::from_hours(30));
    assert_eq!(of(&shop).state, DatabaseState::AtRisk, "it is older than the objective");
    let edit = |options: EditDatabaseOptions| edit_database(&f.vault, &shop, &options).unwrap();
    edit(EditDatabaseOptions { objective_secs: Some(Some(31 * 3600)), ..EditDatabaseOptions::default() });
    assert_eq!(of(&shop).state, DatabaseState::Protected);
    edit(EditDatabaseOptions { paused: Some(true), ..EditDatabaseOptions::default() });
    assert_eq!((of(&shop).state, of(&shop).objective_secs), (DatabaseState::Paused, 31 * 3600));
    let zero = EditDatabaseOptions { objective_secs: Some(Some(0)), ..EditDatabaseOptions::default() };
    assert!(matches!(edit_database(&f.vault, &shop, &zero), Err(Error::Invalid { .. })));
    assert_eq!(actions(&f.vault), ["database.added", "database.edited", "database.paused"]);
    // A safety backup is of a state that somebody did not want: it protects nothing.
    let blog = testing::database(&f.vault, "blog").id;
    good_backup(&f.vault, &blog, Kind::Safety, now);
    assert_eq!((of(&blog).state, of(&blog).newest_good_at), (DatabaseState::AtRisk, None));
    let order: Vec<String> = statuses(&f.vault, now).unwrap().into_iter().map(|s| s.database.id.to_string()).collect();
    assert_eq!(order, ["blog", "shop"], "the worst first");
}

#[test]
fn what_is_missing_what_failed_early_and_what_only_runs_are_told() {
    let f = vault();
    let shop = testing::database(&f.vault, "shop").id;
    let now = at("2026-11-20T12:00:00Z");
    let of = || status(&f.vault, &shop, now).unwrap();
    let [old, new] = [2, 1].map(|hours| good_backup(&f.vault, &shop, Kind::Daily, now - SignedDuration::from_hours(hours)));
    assert_eq!((of().state, of().concerns.len()), (DatabaseState::Protected, 0));
    let state = |backup: &Backup, state: BackupState| f.vault.catalog().change_backup(&backup.id, |backup| backup.state = state).unwrap();
    state(&old, BackupState::Missing);
    assert_eq!(of().state, DatabaseState::Protected, "a newer one is good");
    state(&new, BackupState::Missing);
    let told = of();
    assert_eq!((told.state, told.is_at_risk()), (DatabaseState::AtRisk, true));
    assert!(told.concerns[0].reason.starts_with(&format!("2 archives are missing, e.g. {}", new.id)), "{:?}", told.concerns);
    // A run that goes on makes nothing safer.
    begun(&f.vault, &shop, Kind::Daily, now);
    let mut job = testing::job(Verb::Create, Some(&shop));
    f.vault.catalog().add_job(&job, "{}", None).unwrap();
    job.state = JobState::Running;
    f.vault.catalog().put_job(&job, None).unwrap();
    assert_eq!((of().state, of().is_at_risk()), (DatabaseState::Running, true));
    state(&new, BackupState::Complete);
    assert_eq!((of().state, of().is_at_risk()), (DatabaseState::Running, false));
    // One that ends before it has begun a backup has failed all the same, until the next one is done.
    let mut ended = |state: JobState, error: Option<&str>, minutes: i64| {
        job.state = state;
        job.finished_at = Some(now + SignedDuration::from_mins(minutes));
        job.error = error.map(|message| JobError { code: "io_error".to_owned(), message: message.to_owned(), hint: None });
        f.vault.catalog().put_job(&job, None).unwrap();
    };
    ended(JobState::Failed, Some("the folder is not writable"), 1);
    assert_eq!((of().state, of().last_error.as_deref()), (DatabaseState::AtRisk, Some("the folder is not writable")));
    ended(JobState::Cancelled, None, 2);
    assert_eq!(of().state, DatabaseState::Protected);
}

#[test]
fn a_backup_that_could_not_be_checked_alarms_until_it_or_a_later_one_is() {
    let f = vault();
    let shop = testing::database(&f.vault, "shop").id;
    let now = at("2026-11-20T12:00:00Z");
    let of = |id: &DatabaseId| status(&f.vault, id, now).unwrap();
    let make = || good_backup(&f.vault, &shop, Kind::Daily, now);
    let no_space = |backup: &Backup| {
        let spoil = |backup: &mut Backup| {
            let check =
                backup.proof.as_mut().unwrap().checks.iter_mut().find(|check| check.name == CheckName::SqliteIntegrityCheck).unwrap();
            (check.result, check.detail) = (CheckResult::CouldNotRun, "no space for a scratch copy".to_owned());
        };
        f.vault.catalog().change_backup(&backup.id, spoil).unwrap();
    };
    let concerns = || of(&shop).concerns.into_iter().map(|concern| concern.reason).collect::<Vec<_>>();
    let alarm = "the newest backup could not be checked: sqlite_integrity_check: no space for a scratch copy";

    let (good, unchecked) = (make(), make());
    no_space(&unchecked);
    assert_eq!((of(&shop).state, of(&shop).newest_good_at), (DatabaseState::Unproven, Some(good.created_at)));
    assert_eq!((of(&shop).unchecked.as_ref(), concerns()), (Some(&unchecked.id), vec![alarm.to_owned()]));
    // One that was left unchecked on purpose says nothing of it; a later one that is proven ends it.
    f.vault.catalog().change_backup(&make().id, |backup| backup.proof = None).unwrap();
    assert_eq!(concerns(), [alarm]);
    make();
    assert_eq!((of(&shop).state, concerns()), (DatabaseState::Protected, vec![]));
    // So does the check, once it can be made.
    let again = make();
    no_space(&again);
    assert_eq!(of(&shop).state, DatabaseState::Unproven);
    f.vault.catalog().change_backup(&again.id, |backup| backup.proof = Some(testing::good_proof())).unwrap();
    assert_eq!((of(&shop).state, concerns()), (DatabaseState::Protected, vec![]));
}

#[test]
fn a_newest_backup_that_is_found_bad_puts_its_database_at_risk_until_there_is_a_newer_good_one() {
    let f = vault();
    let shop = testing::database(&f.vault, "shop").id;
    let now = at("2026-11-20T12:00:00Z");
    let make = |kind| good_backup(&f.vault, &shop, kind, now);
    let found_bad = |backup: &Backup| {
        let spoil = |backup: &mut Backup| {
            let check = backup.proof.as_mut().unwrap().checks.iter_mut().find(|check| check.name == CheckName::ChecksumValidation).unwrap();
            (check.result, check.detail) = (CheckResult::Failed, "other bytes".to_owned());
        };
        f.vault.catalog().change_backup(&backup.id, spoil).unwrap();
    };
    let found = || {
        let status = status(&f.vault, &shop, now).unwrap();
        (status.state, status.concerns.into_iter().map(|concern| concern.reason).collect::<Vec<_>>())
    };
    let well = (DatabaseState::Protected, vec![]);
    let [older, good, newest] = [Kind::Daily, Kind::Daily, Kind::Daily].map(make);
    found_bad(&older);
    assert_eq!(found(), well, "there are newer ones");
    found_bad(&newest);
    let at_risk = (DatabaseState::AtRisk, vec!["the newest backup was found bad: checksum_validation: other bytes".to_owned()]);
    assert_eq!(found(), at_risk);
    found_bad(&make(Kind::Safety));
    assert_eq!(found(), at_risk, "a safety backup is of a restore");
    found_bad(&good);
    assert_eq!(found(), at_risk, "without any good one it is no better");
    make(Kind::Manual);
    assert_eq!(found(), well);
}

#[test]
fn the_objective_follows_the_schedule_that_runs_most_often() {
    let f = vault();
    let now = at("2026-11-20T12:00:00Z");
    let cases = [
        (Preset::Standard.schedules("Europe/Berlin", None), 26),
        (Preset::Standard.schedules("Europe/Berlin", None).split_off(1), 7 * 24 + 2),
    ];
    for (n, (of_preset, hours)) in cases.into_iter().enumerate() {
        let mut database = testing::database(&f.vault, &format!("db{n}"));
        remove_database(&f.vault, &database.id, "alice").unwrap();
        database.added_at = now;
        let rows: Vec<ScheduleRow> = of_preset.iter().map(|schedule| schedules::new_row(&database.id, schedule, now).unwrap()).collect();
        f.vault.catalog().add_database(&database, &rows, &[], &testing::plain_event("database.added")).unwrap();
        let status = status(&f.vault, &database.id, now).unwrap();
        assert_eq!(status.objective_secs, hours * 3600);
        assert_eq!(status.next_run_at, rows.iter().filter_map(|row| row.standing.next_run_at).min());
    }
}

#[test]
fn removing_cancels_what_waits_and_refuses_what_runs() {
    let f = vault();
    let shop = testing::database(&f.vault, "shop").id;
    let (mut running, queued) = (testing::job(Verb::Create, Some(&shop)), testing::job(Verb::Verify, Some(&shop)));
    f.vault.catalog().add_job(&queued, "{}", None).unwrap();
    running.state = JobState::Running;
    f.vault.catalog().add_job(&running, "{}", None).unwrap();
    assert!(matches!(remove_database(&f.vault, &shop, "alice"), Err(Error::DatabaseBusy { .. })));
    running.state = JobState::Done;
    f.vault.catalog().put_job(&running, None).unwrap();
    remove_database(&f.vault, &shop, "alice").unwrap();
    assert_eq!(f.vault.catalog().get_job(&queued.id).unwrap().unwrap().job.state, JobState::Cancelled);
    assert!(matches!(remove_database(&f.vault, &shop, "alice"), Err(Error::UnknownDatabase { .. })));
}

#[test]
fn edits_reach_notes_and_row_and_are_checked() {
    let f = vault();
    let shop = testing::database(&f.vault, "shop").id;
    let backup = good_backup(&f.vault, &shop, Kind::Daily, at("2026-11-20T03:00:00Z"));
    let edit =
        |options: EditBackupOptions| backups::edit(&f.vault, &backup.id, &EditBackupOptions { actor: "alice".to_owned(), ..options });
    let edited = edit(EditBackupOptions {
        description: Some("  before the move ".to_owned()),
        tags: Some(vec![" a".to_owned(), "b,c".to_owned(), "a".to_owned()]),
        ..EditBackupOptions::default()
    });
    assert_eq!(edited.unwrap().description, "before the move");
    let pinned = edit(EditBackupOptions { pinned: Some(true), ..EditBackupOptions::default() }).unwrap();
    assert_eq!((pinned.pinned, pinned.tags.join("|"), pinned.proof.is_some()), (true, "a|b|c".to_owned(), true));
    let notes = crate::notes::read(&f.vault, &backup.id).unwrap();
    assert_eq!((notes.pinned, notes.description.as_deref(), notes.tags), (true, Some("before the move"), Some(pinned.tags.clone())));
    assert_eq!(backups::backup(&f.vault, &backup.id).unwrap(), pinned);
    for (field, options) in [
        ("description", EditBackupOptions { description: Some("x".repeat(501)), ..EditBackupOptions::default() }),
        ("tags", EditBackupOptions { tags: Some(vec!["x".repeat(51)]), ..EditBackupOptions::default() }),
    ] {
        let refused = edit(options).unwrap_err();
        assert!(matches!(refused, Error::Invalid { field: f, .. } if f == field), "{refused}");
    }
    edit(EditBackupOptions { pinned: Some(false), ..EditBackupOptions::default() }).unwrap();
    assert_eq!(actions(&f.vault)[1..], ["backup.edited", "backup.pinned", "backup.unpinned"]);
    let running = begun(&f.vault, &shop, Kind::Daily, at("2026-11-20T03:00:00Z"));
    assert!(matches!(backups::edit(&f.vault, &running.id, &EditBackupOptions::default()), Err(Error::Invalid { .. })));
}

#[test]
fn two_who_change_notes_at_once_lose_nothing() {
    let f = vault();
    let shop = testing::database(&f.vault, "shop").id;
    let backup = good_backup(&f.vault, &shop, Kind::Daily, at("2026-11-20T03:00:00Z"));
    let other = open(&f.dir);
    std::thread::scope(|scope| {
        for vault in [&f.vault, &other] {
            scope.spawn(|| {
                for _ in 0..10 {
                    crate::notes::update(vault, &backup.id, |notes| {
                        notes.tags.get_or_insert_default().push("x".to_owned());
                        notes.proofs.push(testing::good_proof());
                    })
                    .unwrap();
                }
            });
        }
    });
    let notes = crate::notes::read(&f.vault, &backup.id).unwrap();
    assert_eq!((notes.tags.unwrap().len(), notes.proofs.len()), (20, 20), "and no more than twenty proofs");
    fs::write(f.vault.notes_path(&backup.id), r#"{"notes_version": 2}"#).unwrap();
    let newer = crate::notes::update(&f.vault, &backup.id, |notes| notes.pinned = true);
    assert!(matches!(newer, Err(Error::ArchiveTooNew { found: 2, .. })), "never overwritten");
}

/// Deployments do that: the new version's database is beside the old one, and a link is pointed to it.
#[test]
fn a_link_that_is_pointed_elsewhere_is_followed_and_that_is_said() {
    let f = vault();
    let (one, two) = (live(&f.dir, "real/one.db"), live(&f.dir, "real/two.db"));
    Connection::open(&two).unwrap().execute_batch("INSERT INTO t VALUES (3)").unwrap();
    let link = f.dir.path().join("app.db");
    let point_to = |target: &PathBuf| {
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(target, &link).unwrap();
    };
    point_to(&one);
    let app = add_database(&f.vault, &options(link.to_str().unwrap())).unwrap();
    assert_eq!(app.location, link.to_str().unwrap());
    assert_eq!(add_database(&f.vault, &options(one.to_str().unwrap())).unwrap().id, app.id, "it is the same file");
    let make = || {
        let backup = create::create(&f.vault, &CreateOptions::new(app.id.clone(), "alice"), &Silent).unwrap().backup;
        let archive = f.vault.open_archive(&f.vault.archive_path(&backup.id)).unwrap();
        (PathBuf::from(&archive.metadata().source.location), backup.total_records)
    };
    let of = || status(&f.vault, &app.id, jiff::Timestamp::now()).unwrap();
    assert_eq!((make(), of().state), ((one.clone(), 2), DatabaseState::Protected));

    point_to(&two);
    let told = of();
    assert_eq!((told.state, told.concerns.len()), (DatabaseState::AtRisk, 1));
    let reason = &told.concerns[0].reason;
    assert!(reason.contains("two.db now, before it led to") && reason.contains("no backup was made since"), "{reason}");
    assert!(told.is_moved, "which its page and the overview go by");
    assert_eq!(add_database(&f.vault, &options(link.to_str().unwrap())).unwrap().id, app.id, "no second one is added");
    assert_eq!(find_database(&f.vault, link.to_str().unwrap()).unwrap().id, app.id);
    assert_eq!((make(), of().state), ((two.clone(), 3), DatabaseState::Protected));
    make();
    assert_eq!(actions(&f.vault).iter().filter(|action| *action == "database.moved").count(), 1, "it is said once");

    fs::remove_file(&link).unwrap();
    assert!(of().concerns[0].reason.contains("leads to no file any more"));
    let error = create::create(&f.vault, &CreateOptions::new(app.id.clone(), "alice"), &Silent).unwrap_err();
    assert_eq!(error.code(), "source_missing");
    fs::copy(&one, &link).unwrap();
    assert!(of().concerns.iter().any(|concern| concern.reason.contains("is a file of its own now")));
    assert_eq!(make(), (link.clone(), 2));

    point_to(&f.vault.catalog_path());
    let error = create::create(&f.vault, &CreateOptions::new(app.id.clone(), "alice"), &Silent).unwrap_err();
    assert!(matches!(error, Error::Invalid { field: "location", .. }), "{error}");

    // What a removed one left is taken up by whatever path leads to its file.
    point_to(&two);
    remove_database(&f.vault, &app.id, "alice").unwrap();
    let again = add_database(&f.vault, &options(two.to_str().unwrap())).unwrap();
    assert_eq!((&again.uid, again.location.as_str()), (&app.uid, two.to_str().unwrap()));
}

#[test]
fn the_vaults_own_files_are_not_taken_for_databases() {
    let f = vault();
    let data = f.vault.data_dir();
    let link = f.dir.path().join("link.db");
    std::os::unix::fs::symlink(f.vault.catalog_path(), &link).unwrap();
    live(&f.dir, "vault/backups/shop/shop.db");
    for path in [f.vault.catalog_path(), f.vault.live_path(), link, data.join("backups/shop/shop.db")] {
        let error = add_database(&f.vault, &options(path.to_str().unwrap())).unwrap_err();
        assert!(matches!(error, Error::Invalid { field: "location", .. }), "{}: {error}", path.display());
    }
    let demo = live(&f.dir, "vault/demo/shop.db");
    add_database(&f.vault, &options(demo.to_str().unwrap())).unwrap();
}
