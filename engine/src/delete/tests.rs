//! Tests of the trash: refusals, round trips, and a process that dies after each step.

use std::fs;

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    backup::{Backup, BackupState},
    id::Kind,
};

use super::{TRASH_LIFETIME_SECS, delete, empty_trash, empty_trash_until, outlook, put_back, trash, trash_page, what_stays};
use crate::{
    Error, Silent, Vault,
    activity::{self, EventFilter},
    backups::{self, EditBackupOptions},
    catalog::rounded,
    create::{CreateOptions, create},
    durable::{self, LockMode},
    notes::{self, Tombstone},
    testing::{Fixture, Live, at, begun, database, good_backup, live, open, vault},
};

/// A vault with three good backups of one database, the newest last.
fn three() -> (Fixture, [Backup; 3]) {
    let f = vault();
    let db = database(&f.vault, "shop").id;
    let backups = [1, 2, 3].map(|day| good_backup(&f.vault, &db, Kind::Daily, at(&format!("2026-11-0{day}T02:00:00Z"))));
    (f, backups)
}

/// The same of a real database, with archives that can be opened.
fn three_made() -> (Live, [Backup; 3]) {
    let live = live(3);
    let options = CreateOptions { kind: Kind::Daily, ..CreateOptions::new(live.database.clone(), "alice") };
    let backups = [(); 3].map(|()| create(&live.vault, &options, &Silent).unwrap().backup);
    (live, backups)
}

/// Without its checks: the archives here are none, which a put-back sees.
fn unchecked(backup: &Backup) -> Backup {
    Backup { proof: None, ..backup.clone() }
}

fn state(vault: &Vault, backup: &Backup) -> BackupState {
    backups::backup(vault, &backup.id).unwrap().state
}

fn latest(vault: &Vault, backup: &Backup) -> Option<String> {
    fs::read_link(vault.latest_link(&backup.database)).ok().map(|path| path.to_string_lossy().into_owned())
}

fn actions(vault: &Vault) -> Vec<String> {
    let mut events = activity::events(vault, &EventFilter::default()).unwrap();
    events.reverse();
    assert_eq!(activity::verify_chain(vault).unwrap().broken_at, None);
    events.into_iter().skip(1).map(|event| event.action).collect()
}

#[test]
fn to_the_trash_and_back() {
    let (f, [_, two, three]) = three_made();
    assert_eq!(latest(&f.vault, &three), Some(format!("daily/{}.zip", three.id)));
    let bytes = fs::read(f.vault.archive_path(&three.id)).unwrap();
    let before = rounded(Timestamp::now());
    let report = delete(&f.vault, &three.id, "alice").unwrap();
    assert!(report.until >= before + SignedDuration::from_secs(TRASH_LIFETIME_SECS));
    assert!(!f.vault.archive_path(&three.id).exists());
    assert_eq!(fs::read(f.vault.trash_path(&three.id)).unwrap(), bytes);
    assert_eq!(latest(&f.vault, &three), Some(format!("daily/{}.zip", two.id)));
    let tombstone = notes::read(&f.vault, &three.id).unwrap().tombstone.unwrap();
    assert_eq!((tombstone.by.as_str(), tombstone.until), ("alice", report.until));
    assert_eq!(trash(&f.vault).unwrap().iter().map(|b| &b.id).collect::<Vec<_>>(), [&three.id]);
    assert!(matches!(delete(&f.vault, &three.id, "alice"), Err(Error::DeleteRefused { .. })), "it is there already");

    let back = put_back(&f.vault, &three.id, "bob").unwrap();
    assert_eq!(back, three);
    assert_eq!(backups::backup(&f.vault, &three.id).unwrap(), back);
    assert_eq!(fs::read(f.vault.archive_path(&three.id)).unwrap(), bytes);
    assert_eq!(latest(&f.vault, &three), Some(format!("daily/{}.zip", three.id)));
    assert_eq!(notes::read(&f.vault, &three.id).unwrap().tombstone, None);
    assert!(matches!(put_back(&f.vault, &three.id, "bob"), Err(Error::Invalid { .. })), "it is not in the trash");
    assert_eq!(actions(&f.vault)[actions(&f.vault).len() - 2..], ["backup.deleted", "backup.put_back"]);
}

#[test]
fn what_cannot_go() {
    let (f, [one, two, three]) = three();
    let refused = |backup: &Backup| match delete(&f.vault, &backup.id, "alice") {
        Err(Error::DeleteRefused { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    let pin = |pinned| EditBackupOptions { pinned: Some(pinned), actor: "alice".to_owned(), ..EditBackupOptions::default() };
    backups::edit(&f.vault, &one.id, &pin(true)).unwrap();
    assert!(refused(&one).contains("pinned"));
    backups::edit(&f.vault, &one.id, &pin(false)).unwrap();
    assert!(refused(&begun(&f.vault, &one.database, Kind::Manual, at("2026-11-04T02:00:00Z"))).contains("still being made"));

    // Someone downloads it.
    let lease = durable::try_lock(&f.vault.archive_path(&one.id), LockMode::Shared).unwrap().unwrap();
    assert!(matches!(delete(&f.vault, &one.id, "alice"), Err(Error::DatabaseBusy { .. })));
    assert_eq!((state(&f.vault, &one), notes::read(&f.vault, &one.id).unwrap().tombstone), (BackupState::Complete, None));
    drop(lease);

    delete(&f.vault, &one.id, "alice").unwrap();
    delete(&f.vault, &two.id, "alice").unwrap();
    assert!(refused(&three).contains("newest good"));
    let unknown = "shop_daily_20261120T030000Z_k3f9".parse().unwrap();
    assert!(matches!(delete(&f.vault, &unknown, "alice"), Err(Error::UnknownBackup { .. })));
}

#[test]
fn a_deletion_does_not_wait_for_its_own_lease() {
    let (f, [one, ..]) = three();
    let lease = durable::try_lock(&f.vault.archive_path(&one.id), LockMode::Exclusive).unwrap().unwrap();
    let began = std::time::Instant::now();
    let tombstone = notes::Tombstone { trashed_at: one.created_at, until: one.created_at, by: "alice".to_owned(), cleanup: false };
    notes::set_tombstone(&f.vault, &one.id, Some(tombstone)).unwrap();
    assert_eq!(notes::tombstone(&f.vault, &one.id).unwrap().unwrap().by, "alice");
    drop(lease);
    // A reader of the archive has 5 s of patience: long before, or not at all.
    assert!(began.elapsed() < std::time::Duration::from_secs(3));
}

#[test]
fn of_the_last_two_not_both_go_at_once() {
    for _ in 0..8 {
        let (f, [one, two, three]) = three();
        delete(&f.vault, &one.id, "alice").unwrap();
        let other = open(&f.dir);
        let gone = std::thread::scope(|scope| {
            let a = scope.spawn(|| delete(&f.vault, &two.id, "alice").is_ok());
            let b = scope.spawn(|| delete(&other, &three.id, "bob").is_ok());
            usize::from(a.join().unwrap()) + usize::from(b.join().unwrap())
        });
        assert_eq!(gone, 1);
    }
}

#[test]
fn a_delete_that_died_after_the_tombstone_did_not_happen() {
    let (f, [one, ..]) = three();
    let now = Timestamp::now();
    notes::update(&f.vault, &one.id, |n| {
        n.tombstone = Some(Tombstone { trashed_at: now, until: now, by: "alice".to_owned(), cleanup: false });
    })
    .unwrap();
    let next = open(&f.dir);
    assert_eq!(state(&next, &one), BackupState::Complete);
    delete(&next, &one.id, "alice").unwrap();
    assert_eq!(unchecked(&put_back(&next, &one.id, "alice").unwrap()), unchecked(&one));
}

#[test]
fn a_delete_that_died_after_the_rename_is_finished_by_the_next_start() {
    let (f, [_, two, three]) = three();
    // The first two steps of the real thing, by the real thing: then the row as it was before.
    let report = delete(&f.vault, &three.id, "alice").unwrap();
    f.vault.catalog().put_backup(&three).unwrap();
    let next = open(&f.dir);
    let mended = backups::backup(&next, &three.id).unwrap();
    assert_eq!((mended.state, mended.trash_until), (BackupState::Trashed, Some(report.until)));
    assert_eq!(latest(&next, &three), Some(format!("daily/{}.zip", two.id)));
    assert_eq!(unchecked(&put_back(&next, &three.id, "alice").unwrap()), unchecked(&three));
}

#[test]
fn a_put_back_that_died_after_the_rename_is_finished_by_the_next_start() {
    let (f, [.., three]) = three_made();
    delete(&f.vault, &three.id, "alice").unwrap();
    durable::publish(&f.vault.trash_path(&three.id), &f.vault.archive_path(&three.id)).unwrap();
    // Within the same process it can be repeated …
    assert_eq!(put_back(&f.vault, &three.id, "alice").unwrap(), three);
    // … and the next start does it by itself.
    delete(&f.vault, &three.id, "alice").unwrap();
    durable::publish(&f.vault.trash_path(&three.id), &f.vault.archive_path(&three.id)).unwrap();
    let next = open(&f.dir);
    assert_eq!(backups::backup(&next, &three.id).unwrap(), three);
    assert_eq!(latest(&next, &three), Some(format!("daily/{}.zip", three.id)));
    delete(&next, &three.id, "alice").unwrap();
}

#[test]
fn emptying_takes_what_is_past_its_time_and_leaves_a_tombstone() {
    let (f, [one, two, _]) = three();
    let until = delete(&f.vault, &one.id, "alice").unwrap().until;
    delete(&f.vault, &two.id, "alice").unwrap();
    f.vault.catalog().change_backup(&two.id, |b| b.trash_until = Some(until + SignedDuration::from_hours(1))).unwrap();
    for before in [SignedDuration::from_hours(12), SignedDuration::from_secs(1)] {
        assert_eq!(empty_trash(&f.vault, Some(until - before), "schedule").unwrap(), (0, 0));
    }
    assert_eq!(empty_trash(&f.vault, Some(until + SignedDuration::from_secs(1)), "schedule").unwrap(), (1, 7));
    assert!(!f.vault.trash_path(&one.id).exists() && !f.vault.notes_path(&one.id).exists());
    assert_eq!(state(&f.vault, &one), BackupState::Trashed, "the tombstone");
    assert_eq!(trash(&f.vault).unwrap().len(), 1);
    assert!(matches!(put_back(&f.vault, &one.id, "alice"), Err(Error::ArchiveMissing { .. })));

    let lease = durable::try_lock(&f.vault.trash_path(&two.id), LockMode::Shared).unwrap().unwrap();
    assert_eq!(empty_trash(&f.vault, None, "alice").unwrap(), (0, 0), "it is being read");
    drop(lease);
    assert_eq!(empty_trash(&f.vault, None, "alice").unwrap(), (1, 7));
    assert_eq!(actions(&f.vault), ["backup.deleted", "backup.deleted", "trash.emptied", "trash.emptied"]);
}

#[test]
fn of_several_the_newest_stays() {
    let (f, [one, two, three]) = three();
    let planned = outlook(&f.vault, vec![three.clone(), one.clone(), two.clone()]).unwrap();
    let goes: Vec<_> = planned.iter().map(|(backup, refusal)| (backup.id.clone(), refusal.is_none())).collect();
    assert_eq!(goes, [(one.id.clone(), true), (two.id.clone(), true), (three.id.clone(), false)]);
    for (backup, refusal) in planned {
        assert_eq!(delete(&f.vault, &backup.id, "alice").is_ok(), refusal.is_none(), "what was foretold happens");
    }
}

#[test]
fn only_what_was_seen_in_the_trash_is_removed() {
    let (f, [one, two, three]) = three();
    delete(&f.vault, &one.id, "alice").unwrap();
    let seen = trash_page(&f.vault, 10, 0).unwrap();
    assert_eq!((seen.total, seen.size_bytes, seen.backups.len()), (1, 7, 1));
    let seen = seen.newest_at.unwrap();
    // The clock of the catalog has whole milliseconds.
    while Timestamp::now().as_millisecond() <= seen.as_millisecond() {}
    delete(&f.vault, &two.id, "alice").unwrap();
    assert_eq!(empty_trash_until(&f.vault, seen, "alice").unwrap(), (1, 7));
    assert!(f.vault.archive_path(&three.id).exists() && f.vault.trash_path(&two.id).exists());
    assert_eq!(trash(&f.vault).unwrap().iter().map(|backup| &backup.id).collect::<Vec<_>>(), [&two.id]);
    assert!(trash_page(&f.vault, 10, 1).unwrap().backups.is_empty(), "another page");
}

#[test]
fn an_emptying_that_died_after_the_archive_is_finished() {
    let (f, [one, ..]) = three();
    delete(&f.vault, &one.id, "alice").unwrap();
    fs::remove_file(f.vault.trash_path(&one.id)).unwrap();
    let next = open(&f.dir);
    assert!(trash(&next).unwrap().is_empty());
    assert!(next.catalog().is_gone(&one.id).unwrap());
}

#[test]
fn what_has_no_archive_is_gone_at_once() {
    let (f, [one, ..]) = three();
    let failed = Backup { state: BackupState::Failed, ..begun(&f.vault, &one.database, Kind::Manual, at("2026-11-04T02:00:00Z")) };
    f.vault.catalog().put_backup(&failed).unwrap();
    delete(&f.vault, &failed.id, "alice").unwrap();
    assert!(trash(&f.vault).unwrap().is_empty());
    assert!(!f.vault.catalog().backups_of(&one.database).unwrap().iter().any(|b| b.id == failed.id));
    assert!(!f.vault.trash_path(&failed.id).exists() && !f.vault.archive_path(&failed.id).exists());
}

#[test]
fn nothing_in_the_trash_is_written_over_or_touched_that_is_not_ours() {
    let (f, [one, ..]) = three();
    durable::make_dir(&f.vault.trash_dir()).unwrap();
    let strange = f.vault.trash_dir().join("holiday.jpg");
    fs::write(&strange, "a beach").unwrap();
    fs::write(f.vault.trash_path(&one.id), "another").unwrap();
    assert!(matches!(delete(&f.vault, &one.id, "alice"), Err(Error::TargetExists { .. })));
    assert_eq!(fs::read_to_string(f.vault.archive_path(&one.id)).unwrap(), "archive");
    empty_trash(&f.vault, None, "alice").unwrap();
    assert!(strange.exists());
}

#[test]
fn an_archive_that_lies_under_both_names_keeps_the_one_that_was_wished_for() {
    let (f, [one, two, three]) = three();
    let both = |backup: &Backup, in_folder: &str| fs::write(f.vault.archive_path(&backup.id), in_folder).unwrap();
    let lie = |backup: &Backup| [f.vault.archive_path(&backup.id).exists(), f.vault.trash_path(&backup.id).exists()];
    // A deletion before its row, a put-back before its row, and one of which nobody knows which is right.
    delete(&f.vault, &one.id, "alice").unwrap();
    f.vault.catalog().put_backup(&one).unwrap();
    both(&one, "archive");
    delete(&f.vault, &two.id, "alice").unwrap();
    both(&two, "archive");
    fs::write(f.vault.trash_path(&three.id), "arch1ve").unwrap();
    let next = open(&f.dir);
    assert_eq!([&one, &two, &three].map(|b| state(&next, b)), [BackupState::Trashed, BackupState::Complete, BackupState::Complete]);
    assert_eq!([&one, &two, &three].map(lie), [[false, true], [true, false], [true, true]]);
    drop(next);
    // Who reads it keeps both until a later start.
    delete(&f.vault, &two.id, "alice").unwrap();
    both(&two, "archive");
    let lease = crate::guard::try_flock(&f.vault.trash_path(&two.id)).unwrap().unwrap();
    drop(open(&f.dir));
    assert_eq!(lie(&two), [true, true]);
    drop(lease);
    drop(open(&f.dir));
    assert_eq!(lie(&two), [true, false]);
}

#[test]
fn emptying_takes_nothing_that_is_being_taken_back() {
    let (f, [one, ..]) = three();
    delete(&f.vault, &one.id, "alice").unwrap();
    fs::hard_link(f.vault.trash_path(&one.id), f.vault.archive_path(&one.id)).unwrap();
    assert_eq!(empty_trash(&f.vault, None, "alice").unwrap(), (0, 0));
    assert_eq!(state(&f.vault, &one), BackupState::Complete);
    assert!(f.vault.archive_path(&one.id).exists() && f.vault.notes_path(&one.id).exists() && !f.vault.trash_path(&one.id).exists());
}

#[test]
fn what_cannot_be_mended_does_not_keep_the_vault_shut() {
    let (f, [one, _, three]) = three();
    // A delete that died after the rename, and then its notes were damaged; and a row whose archive cannot be looked for.
    delete(&f.vault, &three.id, "alice").unwrap();
    f.vault.catalog().put_backup(&three).unwrap();
    fs::write(f.vault.notes_path(&three.id), "\0").unwrap();
    delete(&f.vault, &one.id, "alice").unwrap();
    f.vault.catalog().put_backup(&one).unwrap();
    fs::write(f.vault.notes_path(&one.id), r#"{"notes_version": 99}"#).unwrap();
    let next = open(&f.dir);
    assert_eq!((state(&next, &three), state(&next, &one)), (BackupState::Trashed, BackupState::Trashed));
    assert!(backups::backup(&next, &three.id).unwrap().trash_until.unwrap() > Timestamp::now());
}

#[test]
fn the_clock_alone_takes_nothing_that_may_be_needed() {
    let (f, [one, two, three]) = three();
    let until = delete(&f.vault, &one.id, "alice").unwrap().until;
    let past = until + SignedDuration::from_secs(1);
    // The archives that stayed are not there: what is in the trash is all there is.
    for backup in [&two, &three] {
        fs::rename(f.vault.archive_path(&backup.id), f.vault.archive_path(&backup.id).with_extension("elsewhere")).unwrap();
    }
    for now in [past - SignedDuration::from_hours(12), past] {
        assert_eq!(empty_trash(&f.vault, Some(now), "schedule").unwrap(), (0, 0));
    }
    fs::rename(f.vault.archive_path(&two.id).with_extension("elsewhere"), f.vault.archive_path(&two.id)).unwrap();
    f.vault.catalog().change_backup(&one.id, |b| b.trashed_at = Some(past + SignedDuration::from_hours(1))).unwrap();
    assert_eq!(empty_trash(&f.vault, Some(past), "schedule").unwrap(), (0, 0), "it was deleted later than now");
    f.vault.catalog().change_backup(&one.id, |b| b.trashed_at = Some(until)).unwrap();
    assert_eq!(empty_trash(&f.vault, Some(past), "schedule").unwrap(), (1, 7));
}

/// What was missed is made up for at once, and is all of the new time.
#[test]
fn after_a_jump_of_the_clock_nothing_goes_whatever_happened_at_that_time() {
    let (f, [one, _, three]) = three();
    delete(&f.vault, &one.id, "alice").unwrap();
    let jumped = Timestamp::now() + SignedDuration::from_hours(24 * 30);
    crate::testing::good_backup(&f.vault, &three.database, Kind::Daily, jumped);
    for hours in [0, 1, 25, 70] {
        let now = jumped + SignedDuration::from_hours(hours);
        assert_eq!(empty_trash(&f.vault, Some(now), "schedule").unwrap(), (0, 0), "{hours} hours after the jump");
    }
    assert_eq!(actions(&f.vault).iter().filter(|action| *action == "trash.clock").count(), 1, "it is said once");
    assert_eq!(empty_trash(&f.vault, None, "alice").unwrap(), (1, 7), "a person may");
}

#[test]
fn a_link_that_cannot_be_made_is_no_fault() {
    let (f, [.., three]) = three();
    fs::remove_dir_all(f.vault.database_dir(&three.database)).unwrap();
    crate::databases::update_latest_link(&f.vault, &three.database).unwrap();
}

/// The disk filled up in between, say, and the reserve was given up for it.
#[test]
fn a_delete_that_failed_after_the_move_is_finished_by_the_next_one() {
    for again in [delete, |vault: &Vault, id: &_, actor: &str| super::clean_away(vault, id, actor, "it is old")] {
        let (f, [one, ..]) = three();
        durable::make_dir(&f.vault.trash_dir()).unwrap();
        durable::relocate(&f.vault.archive_path(&one.id), &f.vault.trash_path(&one.id)).unwrap();
        let report = again(&f.vault, &one.id, "alice").unwrap();
        assert!(report.until > Timestamp::now() + SignedDuration::from_hours(23), "it is there, and can be put back: {}", report.until);
        assert_eq!(state(&open(&f.dir), &one), BackupState::Trashed);
        put_back(&f.vault, &one.id, "alice").unwrap();
        assert!(f.vault.archive_path(&one.id).exists());
    }
}

/// From here on the catalog takes no event, as one on a failing disk does.
fn fail_events(f: &Fixture) {
    let catalog = rusqlite::Connection::open(f.vault.data_dir().join("catalog.sqlite")).unwrap();
    catalog.execute_batch("CREATE TRIGGER fail BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'the disk failed'); END").unwrap();
}

fn work_again(f: &Fixture) {
    rusqlite::Connection::open(f.vault.data_dir().join("catalog.sqlite")).unwrap().execute_batch("DROP TRIGGER fail").unwrap();
}

#[test]
fn what_was_done_and_could_not_be_noted_says_both_and_the_next_start_notes_it() {
    let (f, [one, two, _]) = three();
    delete(&f.vault, &one.id, "alice").unwrap();
    fail_events(&f);
    let fault = delete(&f.vault, &two.id, "alice").unwrap_err();
    let said = format!("{} was moved to the trash, and that could not be written down: catalog: the disk failed", two.id);
    assert_eq!((fault.code(), fault.to_string()), ("not_noted", said));
    assert!(fault.hint().unwrap().contains("the next start of Keepstone"));
    let fault = put_back(&f.vault, &one.id, "alice").unwrap_err();
    let said = format!("{} was taken back from the trash, and that could not be written down: catalog: the disk failed", one.id);
    assert_eq!((fault.code(), fault.kind(), fault.to_string()), ("not_noted", crate::error::Kind::Failed, said));
    assert!(f.vault.archive_path(&one.id).exists() && f.vault.trash_path(&two.id).exists());
    work_again(&f);
    let next = open(&f.dir);
    assert_eq!([&one, &two].map(|b| state(&next, b)), [BackupState::Complete, BackupState::Trashed]);
}

#[test]
fn what_was_taken_back_and_not_noted_is_not_emptied() {
    let (f, [one, two, _]) = three();
    for backup in [&one, &two] {
        delete(&f.vault, &backup.id, "alice").unwrap();
    }
    notes::update(&f.vault, &one.id, |notes| notes.description = Some("the last of its kind".to_owned())).unwrap();
    fail_events(&f);
    put_back(&f.vault, &one.id, "alice").unwrap_err();
    work_again(&f);
    // By the same process, which made no start in between.
    assert_eq!(empty_trash(&f.vault, None, "alice").unwrap().0, 1);
    assert_eq!((state(&f.vault, &one), f.vault.archive_path(&one.id).exists()), (BackupState::Complete, true));
    assert_eq!(notes::read(&f.vault, &one.id).unwrap().description.as_deref(), Some("the last of its kind"));
}

#[test]
fn a_pin_that_only_the_notes_have_is_to_be_said_again() {
    let (f, [one, ..]) = three();
    let pin = EditBackupOptions { pinned: Some(true), actor: "alice".to_owned(), ..EditBackupOptions::default() };
    fail_events(&f);
    let fault = backups::edit(&f.vault, &one.id, &pin).unwrap_err();
    assert_eq!(fault.to_string(), format!("the notes of {} have it, and that could not be written down: catalog: the disk failed", one.id));
    assert!(fault.hint().unwrap().contains("say it once more"), "{fault}");
    assert_eq!((notes::read(&f.vault, &one.id).unwrap().pinned, backups::backup(&f.vault, &one.id).unwrap().pinned), (true, false));
    work_again(&f);
    assert!(backups::edit(&f.vault, &one.id, &pin).unwrap().pinned);
}

#[test]
fn another_file_under_its_name_is_told_and_both_stay() {
    let f = vault();
    let db = database(&f.vault, "shop").id;
    let [old, _new] = ["2026-11-20T03:00:00Z", "2026-11-21T03:00:00Z"].map(|when| good_backup(&f.vault, &db, Kind::Daily, at(when)));
    delete(&f.vault, &old.id, "alice").unwrap();
    assert_eq!(what_stays(&f.vault, |_| true).unwrap().len(), 0);
    let place = f.vault.archive_path(&old.id);
    fs::write(&place, "another").unwrap();
    fs::write(f.vault.trash_path(&old.id), "archive").unwrap();
    assert_eq!(empty_trash(&f.vault, None, "alice").unwrap(), (0, 0));
    for told in [what_stays(&f.vault, |_| true).unwrap().remove(0).1, put_back(&f.vault, &old.id, "alice").unwrap_err()] {
        assert_eq!((told.code(), told.hint().unwrap().contains("move it away")), ("place_taken", true), "{told}");
    }
    assert_eq!((fs::read_to_string(&place).unwrap().as_str(), trash(&f.vault).unwrap().len()), ("another", 1));
    fs::remove_file(&place).unwrap();
    assert_eq!(put_back(&f.vault, &old.id, "alice").unwrap().id, old.id);
}

#[test]
fn what_was_deleted_of_a_database_that_was_removed_is_listed_and_can_be_emptied() {
    let live = crate::testing::live(5);
    let make = || {
        let options = crate::create::CreateOptions::new(live.database.clone(), "alice");
        crate::create::create(&live.vault, &options, &crate::Silent).unwrap().backup
    };
    let [old, _new] = [make(), make()];
    let vault = &live.vault;
    let deleted = delete(vault, &old.id, "alice").unwrap();
    crate::databases::remove_database(vault, &live.database, "alice").unwrap();
    let listed = trash(vault).unwrap();
    let told: Vec<_> = listed.iter().map(|backup| (&backup.id, backup.trash_until)).collect();
    assert_eq!(told, [(&old.id, Some(deleted.until))]);
    assert_eq!(put_back(vault, &old.id, "alice").unwrap_err().code(), "unknown_database");
    let late = deleted.until + SignedDuration::from_hours(1);
    assert_eq!(empty_trash(vault, Some(late), "schedule").unwrap().0, 0, "no other backup is known: nobody but a person removes it");
    assert_eq!(empty_trash(vault, None, "alice").unwrap(), (1, old.archive_size_bytes));
    assert!(trash(vault).unwrap().is_empty() && !vault.trash_path(&old.id).exists() && !vault.notes_path(&old.id).exists());
}
