//! Tests of cleanup: what goes and what is in the way, processes that die, the clockwork, a full disk, and rows that are long over.

use std::{fs, io::Write};

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    backup::{Backup, BackupState},
    id::{DatabaseId, JobId, Kind},
    job::{JobState, Verb},
    retention::{CountBy, Manual, RetentionPolicy},
};

use super::{CleanupOptions, Consent, PlanOptions, cleanup, plan_cleanup, set_policy, tick};
use crate::{
    Error, Silent, Vault,
    activity::{self, EventFilter},
    backups::{self, EditBackupOptions},
    databases, delete,
    durable::{self, LockMode},
    jobs::{self, JobFilter},
    notes::{self, Tombstone},
    testing::{Fixture, at, begun, database, good_backup, job, open, vault},
};

const ARCHIVE: &[u8] = include_bytes!("../../../testdata/archives/v1-none.zip");
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A good backup whose archive is one.
fn whole(vault: &Vault, database: &DatabaseId, kind: Kind, created_at: Timestamp) -> Backup {
    let mut backup = good_backup(vault, database, kind, created_at);
    fs::write(vault.archive_path(&backup.id), ARCHIVE).unwrap();
    backup.archive_size_bytes = ARCHIVE.len() as u64;
    vault.catalog().put_backup(&backup).unwrap();
    backup
}

/// A vault with so many good daily backups of one database, the newest an hour old.
fn daily(count: i64, keep: u32) -> (Fixture, DatabaseId, Vec<Backup>) {
    let f = vault();
    let db = database(&f.vault, "shop").id;
    let now = Timestamp::now();
    let made = (1..=count).map(|n| whole(&f.vault, &db, Kind::Daily, now - HOUR * i32::try_from(24 * (count - n) + 1).unwrap())).collect();
    let policy = RetentionPolicy { daily: Some(keep), ..RetentionPolicy::default() };
    set_policy(&f.vault, &db, &policy, Consent::Given, CountBy::Good, "alice").unwrap();
    (f, db, made)
}

fn confirmed(vault: &Vault, database: &DatabaseId) -> CleanupOptions {
    let plan = plan_cleanup(vault, &PlanOptions::new(database.clone()), Timestamp::now()).unwrap();
    CleanupOptions {
        database: database.clone(),
        policy: None,
        manual: Manual::Kept,
        count_by: CountBy::Good,
        confirmed: Some(plan.removals().map(|line| line.backup.id.clone()).collect()),
        actor: "alice".to_owned(),
    }
}

fn in_state(vault: &Vault, database: &DatabaseId, state: BackupState) -> Vec<Backup> {
    let mut all = vault.catalog().backups_of(database).unwrap();
    all.retain(|backup| backup.state == state);
    all.reverse();
    all
}

fn ids(backups: &[Backup]) -> Vec<&str> {
    backups.iter().map(|backup| backup.id.as_str()).collect()
}

fn actions(vault: &Vault) -> Vec<String> {
    assert_eq!(activity::verify_chain(vault).unwrap().broken_at, None);
    activity::events(vault, &EventFilter::default()).unwrap().into_iter().map(|event| event.action).collect()
}

#[test]
fn what_the_policy_does_not_keep_goes_to_the_trash_and_comes_back() {
    let (f, db, made) = daily(8, 3);
    let report = cleanup(&f.vault, &confirmed(&f.vault, &db), &Silent).unwrap();
    assert_eq!(report.removed.iter().map(|gone| gone.backup.id.as_str()).collect::<Vec<_>>(), ids(&made[..5]), "the oldest first");
    assert!(report.removed.iter().all(|gone| gone.reason == "daily, beyond the newest 3"));
    assert_eq!(report.freed_bytes, 5 * ARCHIVE.len() as u64);
    assert_eq!(ids(&in_state(&f.vault, &db, BackupState::Complete)), ids(&made[5..]));
    let tombstone = notes::read(&f.vault, &made[0].id).unwrap().tombstone.unwrap();
    assert_eq!((tombstone.by.as_str(), tombstone.cleanup), ("alice", true));
    let job = jobs::job(&f.vault, &report.job).unwrap();
    assert_eq!((job.job.state, job.job.verb), (JobState::Done, Verb::Cleanup));
    assert!(job.log.iter().any(|line| line.contains(made[0].id.as_str()) && line.contains("beyond the newest 3")), "{:?}", job.log);
    assert!(job.log.iter().any(|line| line.ends_with("kept 2: daily, the newest 3")), "{:?}", job.log);
    assert_eq!(actions(&f.vault)[..2], ["cleanup.done", "backup.deleted"]);
    let status = databases::status(&f.vault, &db, Timestamp::now()).unwrap().cleanup;
    assert!(status.last_at.is_some() && status.alarm().is_none());
    for backup in &made[..5] {
        assert_eq!(delete::put_back(&f.vault, &backup.id, "bob").unwrap().id, backup.id);
    }
    assert_eq!(ids(&in_state(&f.vault, &db, BackupState::Complete)), ids(&made));
}

#[test]
fn only_what_was_seen_and_nothing_that_changed_since() {
    let (f, db, made) = daily(9, 3);
    let mut options = confirmed(&f.vault, &db);
    // Since the plan one was pinned, one is being read, and one was not in the plan.
    let pin = EditBackupOptions { pinned: Some(true), actor: "bob".to_owned(), ..EditBackupOptions::default() };
    backups::edit(&f.vault, &made[0].id, &pin).unwrap();
    let lease = durable::try_lock(&f.vault.archive_path(&made[1].id), LockMode::Shared).unwrap().unwrap();
    options.confirmed.as_mut().unwrap().retain(|id| *id != made[2].id);
    let report = cleanup(&f.vault, &options, &Silent).unwrap();
    assert_eq!(report.removed.iter().map(|gone| gone.backup.id.as_str()).collect::<Vec<_>>(), ids(&made[3..6]));
    drop(lease);
    let next = plan_cleanup(&f.vault, &PlanOptions::new(db), Timestamp::now()).unwrap();
    assert_eq!(next.removals().map(|line| line.backup.id.as_str()).collect::<Vec<_>>(), ids(&made[1..3]));
}

#[test]
fn notes_that_cannot_be_read_keep_one_and_not_all_the_others() {
    let (f, db, made) = daily(9, 3);
    fs::write(f.vault.notes_path(&made[0].id), "").unwrap();
    let unattended = CleanupOptions { confirmed: None, ..confirmed(&f.vault, &db) };
    let plan = plan_cleanup(&f.vault, &PlanOptions::new(db.clone()), Timestamp::now()).unwrap();
    assert_eq!(plan.lines[8].fate.to_string(), "its notes cannot be read: it may be pinned");
    for _ in 0..3 {
        cleanup(&f.vault, &unattended, &Silent).unwrap();
    }
    let left = in_state(&f.vault, &db, BackupState::Complete);
    assert_eq!(ids(&left), [&ids(&made[..1])[..], &ids(&made[6..])].concat());
    let waits = |vault| databases::status(vault, &db, Timestamp::now()).unwrap().cleanup.waits_for;
    assert!(waits(&f.vault).is_some_and(|what| what.contains(made[0].id.as_str())));
    assert_eq!(actions(&f.vault).iter().filter(|action| *action == "cleanup.waits").count(), 1, "it is told once");

    let unpin = EditBackupOptions { pinned: Some(false), actor: "bob".to_owned(), ..EditBackupOptions::default() };
    backups::edit(&f.vault, &made[0].id, &unpin).unwrap();
    cleanup(&f.vault, &unattended, &Silent).unwrap();
    assert_eq!(ids(&in_state(&f.vault, &db, BackupState::Complete)), ids(&made[6..]));
    assert_eq!(waits(&f.vault), None);
}

#[test]
fn what_was_confirmed_and_stays_says_why() {
    let (f, db, made) = daily(6, 3);
    let options = confirmed(&f.vault, &db);
    // The clock was set back between the plan and the act.
    f.vault.catalog().guard_by_last_sequence(&db).unwrap();
    let report = cleanup(&f.vault, &options, &Silent).unwrap();
    let told: Vec<_> = report.skipped.iter().map(|(id, why)| (id.as_str(), why.contains("clock"))).collect();
    assert_eq!((told, report.removed.len()), (ids(&made[..3]).into_iter().rev().map(|id| (id, true)).collect(), 0));
    let outcome = jobs::job(&f.vault, &report.job).unwrap().job.outcome.unwrap();
    assert_eq!(outcome, "nothing of shop went; 3 could not go");
    // A plan that is made after the clock was looked at does not promise them.
    super::look_at_clock(&f.vault, Timestamp::now() - HOUR * 48).unwrap();
    assert!(plan_cleanup(&f.vault, &PlanOptions::new(db), Timestamp::now()).unwrap().removed.is_empty());
}

#[test]
fn what_cannot_be_moved_stays_and_the_rest_goes() {
    let (f, db, made) = daily(6, 3);
    // Something else bears its name in the trash.
    fs::create_dir_all(f.vault.trash_dir()).unwrap();
    fs::write(f.vault.trash_path(&made[0].id), "another").unwrap();
    let report = cleanup(&f.vault, &confirmed(&f.vault, &db), &Silent).unwrap();
    assert_eq!((report.removed.len(), report.skipped.len(), &report.skipped[0].0), (2, 1, &made[0].id));
}

#[test]
fn archives_that_are_not_as_they_were_written_are_not_relied_on() {
    let (f, db, made) = daily(6, 2);
    // The newest four are lost, cut short, damaged, or of another length: what the catalog says of them counts for nothing.
    fs::remove_file(f.vault.archive_path(&made[5].id)).unwrap();
    fs::write(f.vault.archive_path(&made[4].id), "").unwrap();
    fs::write(f.vault.archive_path(&made[3].id), vec![0; ARCHIVE.len()]).unwrap();
    fs::write(f.vault.archive_path(&made[2].id), include_bytes!("../../../testdata/archives/v1-gzip.zip")).unwrap();
    let plan = plan_cleanup(&f.vault, &PlanOptions::new(db.clone()), Timestamp::now()).unwrap();
    assert!(plan.removed.is_empty(), "{:?}", plan.lines);
    // And while the act runs the newest one vanishes.
    let (f, db, made) = daily(6, 5);
    fs::remove_file(f.vault.archive_path(&made[5].id)).unwrap();
    for backup in &made[1..5] {
        fs::write(f.vault.archive_path(&backup.id), "").unwrap();
    }
    let gone = delete::clean_away(&f.vault, &made[0].id, "cleanup", "because");
    assert!(matches!(gone, Err(Error::DeleteRefused { .. })), "{gone:?}");
    drop(db);
}

#[test]
fn of_a_newer_format_nothing_is_judged() {
    let (f, db, made) = daily(5, 3);
    let mut zip = zip::ZipWriter::new(fs::File::create(f.vault.archive_path(&made[0].id)).unwrap());
    for (name, content) in [("pages", "?"), ("metadata.json", r#"{"format_version": 9}"#)] {
        let stored = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(name, stored).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    let plan = plan_cleanup(&f.vault, &PlanOptions::new(db), Timestamp::now()).unwrap();
    assert_eq!(plan.removals().map(|line| line.backup.id.as_str()).collect::<Vec<_>>(), ids(&made[1..2]));
    assert_eq!(plan.lines[4].fate.to_string(), "newer format");
}

#[test]
fn a_process_that_dies_at_any_step_loses_nothing() {
    for step in 0..4 {
        let (f, db, made) = daily(6, 3);
        let (id, now) = (&made[0].id, Timestamp::now());
        // As far as it came with the first of three.
        if step >= 1 {
            let tombstone = Tombstone { trashed_at: now, until: now + HOUR * 24, by: "cleanup".to_owned(), cleanup: true };
            notes::update(&f.vault, id, |notes| notes.tombstone = Some(tombstone)).unwrap();
        }
        if step >= 2 {
            durable::make_dir(&f.vault.trash_dir()).unwrap();
            durable::publish(&f.vault.archive_path(id), &f.vault.trash_path(id)).unwrap();
        }
        if step >= 3 {
            vault_row_trashed(&f.vault, &made[0], now);
        }
        let dir = f.dir;
        drop(f.vault);
        let next = open(&dir);
        let trashed = in_state(&next, &db, BackupState::Trashed);
        assert_eq!(trashed.len(), usize::from(step >= 2), "step {step}");
        cleanup(&next, &confirmed(&next, &db), &Silent).unwrap();
        assert_eq!(ids(&in_state(&next, &db, BackupState::Complete)), ids(&made[3..]), "step {step}");
        assert_eq!(ids(&in_state(&next, &db, BackupState::Trashed)), ids(&made[..3]), "step {step}");
        for backup in &made[..3] {
            delete::put_back(&next, &backup.id, "alice").unwrap();
            assert_eq!(fs::read(next.archive_path(&backup.id)).unwrap(), ARCHIVE, "step {step}");
        }
    }
}

fn vault_row_trashed(vault: &Vault, backup: &Backup, now: Timestamp) {
    let row = Backup { state: BackupState::Trashed, trashed_at: Some(now), trash_until: Some(now + HOUR * 24), ..backup.clone() };
    vault.catalog().put_backup(&row).unwrap();
}

/// Ticks, and carries out what that queues.
fn tick_and_run(vault: &Vault, now: Timestamp) -> usize {
    let queued = tick(vault, now, CountBy::Good).unwrap();
    while jobs::run_next(vault, &Silent).unwrap().is_some() {}
    queued.len()
}

/// As if the last pass had been that long ago.
fn let_pass(vault: &Vault, database: &DatabaseId, hours: i32) {
    vault
        .catalog()
        .change_cleanup_standing(database, |standing| {
            standing.looked_at = standing.looked_at.map(|at| at - HOUR * hours);
            standing.tried_at = standing.tried_at.map(|at| at - HOUR * hours);
        })
        .unwrap();
}

#[test]
fn once_a_day_and_after_each_scheduled_backup() {
    let (f, db, made) = daily(20, 3);
    // The clock itself each time: a slow machine takes its time between the looks.
    let now = Timestamp::now;
    assert_eq!(tick_and_run(&f.vault, now()), 1);
    assert_eq!(ids(&in_state(&f.vault, &db, BackupState::Trashed)), ids(&made[..4]), "a fifth of them in one pass");
    assert_eq!(tick_and_run(&f.vault, now()), 0, "not before its day");
    whole(&f.vault, &db, Kind::Daily, now());
    assert_eq!(tick_and_run(&f.vault, now()), 1, "a scheduled backup was made");
    whole(&f.vault, &db, Kind::Manual, now());
    assert_eq!(tick_and_run(&f.vault, now()), 0, "one by hand is no occasion");
    let pass = |_: &u32| {
        let_pass(&f.vault, &db, 25);
        tick_and_run(&f.vault, now()) == 1
    };
    let passes = (0..20).take_while(pass).count();
    assert!(passes >= 3, "{passes}");
    assert_eq!(in_state(&f.vault, &db, BackupState::Complete).len(), 4, "three daily ones and the manual one");
    assert_eq!(
        actions(&f.vault).iter().filter(|action| *action == "cleanup.done").count(),
        2 + passes,
        "a day with nothing to do is no event"
    );
}

#[test]
fn two_processes_begin_one_pass() {
    let (f, _, _) = daily(8, 3);
    let other = open(&f.dir);
    let now = Timestamp::now();
    let queued: usize = std::thread::scope(|scope| {
        let both = [&f.vault, &other].map(|vault| scope.spawn(move || tick(vault, now, CountBy::Good).unwrap().len()));
        both.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(queued, 1);
}

#[test]
fn a_pass_that_failed_comes_again_after_an_hour() {
    let (f, db, _) = daily(8, 3);
    let now = Timestamp::now();
    let lock = durable::try_lock(&f.vault.database_lock_path(&db), LockMode::Exclusive).unwrap().unwrap();
    assert_eq!(tick_and_run(&f.vault, now), 1);
    let alarm = |now| databases::status(&f.vault, &db, now).unwrap().cleanup.alarm();
    assert!(alarm(now).unwrap().contains("failed"), "{:?}", alarm(now));
    assert_eq!(actions(&f.vault)[0], "cleanup.failed");
    drop(lock);
    assert_eq!(tick_and_run(&f.vault, now + SignedDuration::from_mins(30)), 0);
    assert_eq!(tick_and_run(&f.vault, now + SignedDuration::from_mins(61)), 1);
    assert_eq!(alarm(now), None);
}

#[test]
fn cleanup_that_does_not_run_says_so() {
    let (f, db, _) = daily(4, 4);
    let status = |now| databases::status(&f.vault, &db, now).unwrap().cleanup;
    let now = Timestamp::now();
    assert!(status(now).late, "it was added long ago");
    assert_eq!(tick_and_run(&f.vault, now), 0, "there is nothing to do");
    assert_eq!((status(now).late, status(now).alarm()), (false, None));
    assert!(status(now + HOUR * 51).alarm().unwrap().contains("has not run"));
    let pause = databases::EditDatabaseOptions { paused: Some(true), actor: "alice".to_owned(), ..Default::default() };
    databases::edit_database(&f.vault, &db, &pause).unwrap();
    assert_eq!(status(now + HOUR * 51).alarm(), None);
}

#[test]
fn it_looks_by_its_own_schedule_and_says_when_it_does_not() {
    use keepstone_model::{retention::CleanupRhythm, schedule::Trigger};
    let (f, db, _) = daily(20, 3);
    let set = |rhythm: &CleanupRhythm| super::set_rhythm(&f.vault, &db, rhythm, "alice", Timestamp::now());
    let status = |now| databases::status(&f.vault, &db, now).unwrap().cleanup;
    let weekly = CleanupRhythm { trigger: Trigger::Interval { every_secs: 7 * 86_400 }, after_backups: false, paused: false };
    set(&weekly).unwrap();
    assert_eq!(status(Timestamp::now()).rhythm, "every 7 d");
    assert_eq!(tick_and_run(&f.vault, Timestamp::now()), 1, "it never looked");
    // A scheduled backup is no occasion any more, and neither is the next day; a week is.
    whole(&f.vault, &db, Kind::Daily, Timestamp::now());
    assert_eq!(tick_and_run(&f.vault, Timestamp::now()), 0);
    let_pass(&f.vault, &db, 25);
    assert_eq!(tick_and_run(&f.vault, Timestamp::now()), 0);
    assert_eq!(status(Timestamp::now()).alarm(), None);
    let late = Timestamp::now() + HOUR * (14 * 24 + 3);
    assert!(status(late).alarm().unwrap().contains("has not run since"), "two weeks and two hours");
    let_pass(&f.vault, &db, 6 * 24);
    assert_eq!(tick_and_run(&f.vault, Timestamp::now()), 1);

    // By a cron, from the last look on.
    let now = Timestamp::now();
    let cron = |cron: &str| CleanupRhythm {
        trigger: Trigger::Cron { cron: cron.to_owned(), time_zone: "UTC".to_owned() },
        after_backups: true,
        paused: false,
    };
    set(&cron("30 4 * * *")).unwrap();
    assert_eq!(status(now).rhythm, "every day at 04:30 (UTC), and after each scheduled backup");
    let next = status(now).next_at.unwrap();
    assert!(next > now && next.strftime("%H:%M").to_string() == "04:30" && next.duration_since(now) <= HOUR * 24, "{next}");
    assert_eq!(tick(&f.vault, next - SignedDuration::from_secs(1), CountBy::Good).unwrap().len(), 0);
    assert_eq!(tick(&f.vault, next, CountBy::Good).unwrap().len(), 1);
    while jobs::run_next(&f.vault, &Silent).unwrap().is_some() {}
    for (rhythm, field) in [(cron("0 4 30 2 *"), "cron"), (cron("0 99 * * *"), "cron")] {
        assert!(matches!(set(&rhythm), Err(Error::Invalid { field: found, .. }) if found == field), "{rhythm:?}");
    }

    // Paused it removes nothing, and says that.
    set(&CleanupRhythm { paused: true, ..cron("30 4 * * *") }).unwrap();
    let_pass(&f.vault, &db, 30 * 24);
    whole(&f.vault, &db, Kind::Daily, Timestamp::now());
    assert_eq!(tick_and_run(&f.vault, Timestamp::now()), 0);
    let paused = status(Timestamp::now());
    assert!(paused.alarm().unwrap().contains("paused") && !paused.late && paused.next_at.is_none(), "{paused:?}");
    set(&cron("30 4 * * *")).unwrap();
    assert_eq!(tick_and_run(&f.vault, Timestamp::now()), 1);
    let told = actions(&f.vault);
    for action in ["cleanup.rhythm_set", "cleanup.paused", "cleanup.resumed"] {
        assert!(told.iter().any(|known| known == action), "{action}: {told:?}");
    }
}

#[test]
fn what_the_environment_sets_nobody_else_changes() {
    use super::set_managed_policy;
    use crate::schedules::{PresetOptions, apply_preset};
    let (f, db, _) = daily(9, 9);
    let own = || {
        let database = databases::database(&f.vault, &db).unwrap();
        (database.retention, database.retention_managed_by)
    };
    let theirs = RetentionPolicy { max_count: Some(3), ..RetentionPolicy::default() };
    set_managed_policy(&f.vault, &db, "environment", Some(&theirs)).unwrap();
    assert_eq!(own(), (theirs.clone(), Some("environment".to_owned())));
    let mine = RetentionPolicy { daily: Some(30), ..RetentionPolicy::default() };
    let refused = set_policy(&f.vault, &db, &mine, Consent::Given, CountBy::Good, "alice").unwrap_err();
    assert_eq!((refused.code(), refused.kind().exit_code()), ("managed", 7));
    assert!(refused.to_string().contains("set by the environment"), "{refused}");
    let preset = keepstone_model::schedule::Preset::HalfDaily;
    let options = PresetOptions { database: db.clone(), preset, time_zone: None, cron: None, actor: "alice".to_owned() };
    let given = apply_preset(&f.vault, &options, Timestamp::now()).unwrap();
    assert_eq!((given.schedules.len(), given.database.retention), (3, theirs.clone()), "a preset leaves it alone");
    // Nobody was asked whether it may remove six at once.
    let status = || databases::status(&f.vault, &db, Timestamp::now()).unwrap().cleanup;
    let_pass(&f.vault, &db, 25);
    assert_eq!(tick_and_run(&f.vault, Timestamp::now()), 0);
    assert!(status().waits_for.is_some());
    // Said again it is no change; no longer said, it is everybody's.
    let events = actions(&f.vault).len();
    set_managed_policy(&f.vault, &db, "environment", Some(&theirs)).unwrap();
    assert_eq!(actions(&f.vault).len(), events);
    set_managed_policy(&f.vault, &db, "environment", None).unwrap();
    assert_eq!(own(), (theirs, None));
    set_policy(&f.vault, &db, &mine, Consent::Given, CountBy::Good, "alice").unwrap();
    set_managed_policy(&f.vault, &db, "environment", None).unwrap();
    assert_eq!(own().0, mine);
}

#[test]
fn a_list_says_why_each_stays_and_until_when() {
    use keepstone_model::schedule::{Preset, Schedule};
    let (f, db, made) = daily(5, 3);
    let now = Timestamp::now();
    let add = |schedule| crate::schedules::AddScheduleOptions { database: db.clone(), schedule, actor: "alice".to_owned() };
    let of = |index: usize| super::reasons(&f.vault, std::slice::from_ref(&made[index]), now).unwrap()[&made[index].id];
    assert_eq!((of(3).fate.to_string().as_str(), of(3).until), ("daily 2 of 3", None), "no schedule makes any more");
    let schedule = crate::schedules::add(&f.vault, &add(Schedule::cron(Kind::Daily, "0 2 * * *", "UTC")), now).unwrap();
    // The second of three goes when two more are made, the third with the next one.
    let next = schedule.next_run_at.unwrap();
    assert_eq!(of(3).until, Some(next + HOUR * 24));
    assert_eq!(of(2).until, Some(next));
    assert_eq!((of(4).fate.to_string().as_str(), of(4).until), ("newest good", None));
    assert_eq!((of(0).fate.to_string().as_str(), of(0).until), ("daily, beyond the newest 3", None));
    let weekly = Preset::Standard.schedules("UTC", None).remove(1);
    crate::schedules::add(&f.vault, &add(weekly), now).unwrap();
    assert_eq!(of(2).until, Some(next), "a weekly one pushes no daily one out");
    let pause = databases::EditDatabaseOptions { paused: Some(true), actor: "alice".to_owned(), ..Default::default() };
    databases::edit_database(&f.vault, &db, &pause).unwrap();
    assert_eq!(of(2).until, None);
}

#[test]
fn a_policy_that_removes_many_asks_first() {
    let (f, db, _) = daily(20, 20);
    let strict = RetentionPolicy { daily: Some(3), ..RetentionPolicy::default() };
    let set = |policy: &RetentionPolicy, consent| set_policy(&f.vault, &db, policy, consent, CountBy::Good, "alice");
    let refused = set(&strict, Consent::Ask).unwrap_err();
    assert_eq!((refused.code(), refused.kind().exit_code()), ("policy_removes_many", 7));
    assert!(refused.to_string().contains("17 backups"), "{refused}");
    assert_eq!(databases::database(&f.vault, &db).unwrap().retention.daily, Some(20));
    assert_eq!(set(&RetentionPolicy { daily: Some(18), ..strict.clone() }, Consent::Ask).unwrap().would_remove, 2, "few do not ask");
    // Set by nobody who could be asked: it waits for a person.
    set(&strict, Consent::Later).unwrap();
    assert_eq!(tick_and_run(&f.vault, Timestamp::now()), 0);
    let status = databases::status(&f.vault, &db, Timestamp::now()).unwrap().cleanup;
    assert!(status.waits_for.as_ref().is_some_and(|what| what.contains("17 backups")), "{status:?}");
    assert_eq!(actions(&f.vault)[0], "cleanup.waits");
    let_pass(&f.vault, &db, 25);
    assert_eq!(tick_and_run(&f.vault, Timestamp::now()), 0);
    assert_eq!(actions(&f.vault).iter().filter(|action| *action == "cleanup.waits").count(), 1, "said once");
    // Whoever confirms it lets it go on.
    set(&strict, Consent::Given).unwrap();
    let_pass(&f.vault, &db, 25);
    assert_eq!(tick_and_run(&f.vault, Timestamp::now()), 1);
    assert_eq!(in_state(&f.vault, &db, BackupState::Trashed).len(), 4);
}

#[test]
fn after_the_clock_was_changed_nothing_goes_before_the_next_good_backup() {
    let (f, db, _) = daily(8, 8);
    let policy = RetentionPolicy { max_age_secs: Some(30 * 86_400), ..RetentionPolicy::default() };
    set_policy(&f.vault, &db, &policy, Consent::Given, CountBy::Good, "alice").unwrap();
    let now = Timestamp::now();
    assert_eq!(tick_and_run(&f.vault, now), 0);
    let jumped = now + HOUR * (24 * 90);
    assert_eq!(tick_and_run(&f.vault, jumped), 0);
    assert_eq!(actions(&f.vault)[0], "cleanup.waits");
    assert_eq!(actions(&f.vault)[1], "cleanup.clock");
    assert_eq!(tick_and_run(&f.vault, jumped + HOUR * 25), 0, "still none");
    whole(&f.vault, &db, Kind::Daily, jumped + HOUR * 26);
    assert_eq!(tick_and_run(&f.vault, jumped + HOUR * 26), 1);
    // The act looks at its own clock, which says that the newest one is of the future: nothing went.
    assert_eq!(in_state(&f.vault, &db, BackupState::Trashed).len(), 0);
}

#[test]
fn short_of_space_what_cleanup_removed_goes_first() {
    let (f, db, made) = daily(9, 6);
    delete::delete(&f.vault, &made[8].id, "alice").unwrap();
    cleanup(&f.vault, &confirmed(&f.vault, &db), &Silent).unwrap();
    assert_eq!(in_state(&f.vault, &db, BackupState::Trashed).len(), 3);
    let left = |vault: &Vault| ids(&in_state(vault, &db, BackupState::Trashed)).into_iter().map(str::to_owned).collect::<Vec<_>>();
    // Short until one archive is gone: the oldest of cleanup's.
    let first = f.vault.trash_path(&made[0].id);
    let went = delete::empty_for_space(&f.vault, &|| Ok(first.exists()), &|| Ok(false)).unwrap();
    assert_eq!((went, left(&f.vault)), (1, ids(&[made[1].clone(), made[8].clone()]).into_iter().map(str::to_owned).collect()));
    // Short without end, but not full: what a person deleted stays.
    assert_eq!(delete::empty_for_space(&f.vault, &|| Ok(true), &|| Ok(false)).unwrap(), 1);
    assert_eq!(left(&f.vault), [made[8].id.to_string()]);
    assert_eq!(delete::empty_for_space(&f.vault, &|| Ok(true), &|| Ok(true)).unwrap(), 1);
    assert!(left(&f.vault).is_empty());
    assert_eq!(actions(&f.vault)[0], "trash.emptied");
}

#[test]
fn the_last_hope_stays_even_on_a_full_disk() {
    let f = vault();
    let db = database(&f.vault, "shop").id;
    let made = [1, 2].map(|day| whole(&f.vault, &db, Kind::Daily, at(&format!("2026-11-0{day}T02:00:00Z"))));
    delete::delete(&f.vault, &made[0].id, "alice").unwrap();
    fs::remove_file(f.vault.archive_path(&made[1].id)).unwrap();
    assert_eq!(delete::empty_for_space(&f.vault, &|| Ok(true), &|| Ok(true)).unwrap(), 0);
}

#[test]
fn what_is_long_over_is_pruned() {
    let (f, db, made) = daily(3, 3);
    let catalog = f.vault.catalog();
    let over = |days: i32, state| {
        let ended = Timestamp::now() - HOUR * (24 * days);
        let one = keepstone_model::job::Job {
            state,
            finished_at: Some(ended),
            id: JobId::compose(ended, crate::jobs::random()),
            ..job(Verb::Verify, Some(&db))
        };
        catalog.add_job(&one, "{}", None).unwrap();
        catalog.append_log(&one.id, ended, "a line").unwrap();
        one.id
    };
    let (old, young, waiting) = (over(91, JobState::Failed), over(89, JobState::Done), over(400, JobState::Queued));
    let kept = over(200, JobState::Done);
    catalog.put_backup(&Backup { job: Some(kept.clone()), ..made[0].clone() }).unwrap();
    let failed = |days: i32, state| {
        let backup = begun(&f.vault, &db, Kind::Daily, Timestamp::now() - HOUR * (24 * days));
        catalog.put_backup(&Backup { state, error: Some("no".to_owned()), ..backup.clone() }).unwrap();
        backup.id
    };
    let (gone, recent, last) = (failed(100, BackupState::Failed), failed(10, BackupState::Interrupted), failed(95, BackupState::Failed));
    tick(&f.vault, Timestamp::now(), CountBy::Good).unwrap();
    let there = |id: &JobId| catalog.get_job(id).unwrap().is_some();
    assert_eq!([&old, &young, &waiting, &kept].map(there), [false, true, true, true]);
    assert!(catalog.job_log(&old).unwrap().is_empty());
    let row = |id| catalog.get_backup(id).unwrap().is_some();
    assert_eq!([&gone, &recent, &last].map(row), [false, true, true], "the newest row says how the last run went");
    assert_eq!(jobs::jobs(&f.vault, &JobFilter::default()).unwrap().len(), 3);
}
