//! A database that SQLite cannot open, replaced as files: what is looked at again at the last moment, and who is told of.

mod after;
mod place;
mod suspect;
mod undo;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use keepstone_model::{
    id::BackupId,
    job::Step,
    restore::{RestorePlan, Target, WhileOpen},
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    Silent,
    create::{CreateOptions, create},
    databases::{self, AddDatabaseOptions},
    sqlite::unopenable::Seen,
    testing,
};

struct Place {
    vault: Vault,
    live: PathBuf,
    backup: BackupId,
    _dir: TempDir,
}

/// A backup, and nothing any more where the database was.
fn lost() -> Place {
    let dir = TempDir::new().unwrap();
    let vault = testing::open(&dir);
    let live = dir.path().join("app/shop.db");
    fs::create_dir(dir.path().join("app")).unwrap();
    Connection::open(&live).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)").unwrap();
    let options = AddDatabaseOptions { location: live.display().to_string(), name: None, schedules: None, actor: "alice".to_owned() };
    let database = databases::add_database(&vault, &options).unwrap();
    let backup = create(&vault, &CreateOptions::new(database.id, "alice"), &Silent).unwrap().backup.id;
    fs::remove_file(&live).unwrap();
    Place { vault, live, backup, _dir: dir }
}

impl Place {
    fn plan(&self) -> RestorePlan {
        let options = PlanOptions { backup: self.backup.clone(), target: Target::Replace, safety_backup: true };
        plan_restore(&self.vault, &options).unwrap()
    }

    fn restore(&self, plan: RestorePlan, monitor: &dyn Monitor) -> Result<RestoreReport> {
        restore(&self.vault, &RestoreOptions { plan, verify: true, actor: "alice".to_owned() }, monitor)
    }

    fn rows(&self) -> i64 {
        Connection::open(&self.live).unwrap().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
    }

    fn kept(&self) -> usize {
        let folder = self.vault.database_dir(&self.backup.database()).join("corrupted");
        fs::read_dir(folder).map_or(0, Iterator::count)
    }
}

/// Does something once, when everything is unpacked and the database is about to be replaced.
struct AtTheLastMoment<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send> Monitor for AtTheLastMoment<F> {
    fn step(&self, step: Step) {
        if step == Step::Write
            && let Some(act) = self.0.lock().unwrap().take()
        {
            act();
        }
    }
}

fn at_the_last_moment<F: FnOnce() + Send>(act: F) -> AtTheLastMoment<F> {
    AtTheLastMoment(Mutex::new(Some(act)))
}

/// Another process that has a file open, and no lock on it.
fn holder(path: &Path) -> Child {
    let file = fs::OpenOptions::new().read(true).append(true).create(true).open(path).unwrap();
    Command::new("sleep").arg("600").stdin(file).stdout(Stdio::null()).spawn().unwrap()
}

fn stop(mut holder: Child) {
    holder.kill().unwrap();
    holder.wait().unwrap();
}

#[test]
fn a_database_that_the_application_made_meanwhile_is_not_moved_aside() {
    let place = lost();
    let make = || Connection::open(&place.live).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (7)").unwrap();
    let error = place.restore(place.plan(), &at_the_last_moment(make)).unwrap_err();
    assert_eq!(error.code(), "stale_plan", "{error}");
    assert_eq!((place.rows(), place.kept()), (1, 0));
}

#[test]
fn who_comes_to_have_it_open_at_the_last_moment_keeps_it_from_being_replaced() {
    let place = lost();
    fs::write(&place.live, "").unwrap();
    let held = Mutex::new(None);
    let open = || *held.lock().unwrap() = Some(holder(&place.live));
    let error = place.restore(place.plan(), &at_the_last_moment(open)).unwrap_err();
    assert_eq!((error.code(), error.kind()), ("open_elsewhere", crate::error::Kind::Busy));
    assert!(error.to_string().contains("(sleep)"), "{error}");
    assert_eq!((fs::read(&place.live).unwrap().len(), place.kept()), (0, 0), "nothing was changed");
    stop(held.into_inner().unwrap().unwrap());
    place.restore(place.plan(), &Silent).unwrap();
    assert_eq!(place.rows(), 2);
}

#[test]
fn who_writes_to_a_file_that_was_removed_is_told_of_and_can_be_overruled() {
    let place = lost();
    let holder = holder(&place.live);
    fs::remove_file(&place.live).unwrap();
    let plan = place.plan();
    assert!(plan.holders[0].contains("(sleep), which writes to a removed file"), "{:?}", plan.holders);
    assert!(plan.warnings.iter().any(|warning| warning.contains("stop that application first")), "{:?}", plan.warnings);
    assert_eq!(plan.while_open, WhileOpen::Refused);
    assert_eq!(place.restore(plan, &Silent).unwrap_err().code(), "open_elsewhere");
    assert!(!place.live.exists());
    place.restore(although_open(place.plan()), &Silent).unwrap();
    assert_eq!(place.rows(), 2);
    stop(holder);
}

/// What a process left that died between the steps: the old file alone, its log kept aside, and an image that was not used.
fn died_on_the_way(place: &Place) -> PathBuf {
    fs::write(&place.live, "no database").unwrap();
    let folder = place.vault.database_dir(&place.backup.database()).join("corrupted/20261120T030000Z");
    fs::create_dir_all(&folder).unwrap();
    fs::hard_link(&place.live, folder.join("shop.db")).unwrap();
    fs::write(folder.join("shop.db-wal"), "old log").unwrap();
    let incoming = place.live.with_file_name("shop.db.keepstone-incoming-0123abcd");
    fs::write(&incoming, "half of an image").unwrap();
    // Of a job that no row tells of any more, as after a rebuild of the catalog.
    let job = "j-0123456789abc";
    let note = serde_json::json!({
        "by": "person", "began_at": "2026-11-20T03:00:00Z", "ended_at": null, "backup": place.backup, "taken_at": "2026-11-20T03:00:00Z",
        "job": job, "actor": "alice", "finding": "a person replaces it", "incoming": incoming,
        "old": Seen::at(&place.live).unwrap(), "place": Seen::at(place.live.parent().unwrap()).unwrap(),
    });
    fs::write(folder.join("recovery.json"), note.to_string()).unwrap();
    folder
}

#[test]
fn what_died_on_the_way_is_given_back_once_its_disk_is_there_again() {
    let place = lost();
    let (folder, app) = (died_on_the_way(&place), place.live.parent().unwrap());
    // A note that cannot be read keeps no other from being read.
    let unreadable = folder.with_file_name("20261121T030000Z");
    fs::create_dir(&unreadable).unwrap();
    fs::write(unreadable.join("recovery.json"), "{").unwrap();
    let elsewhere = app.with_file_name("not mounted");
    let nothing_is_decided = |what: &str| {
        crate::jobs::recover(&place.vault).unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 3, "{what}");
    };
    fs::rename(app, &elsewhere).unwrap();
    nothing_is_decided("no folder");
    fs::create_dir(app).unwrap();
    nothing_is_decided("the folder that the disk is mounted on");
    fs::write(&place.live, "").unwrap();
    nothing_is_decided("what an application made in it");
    fs::remove_dir_all(app).unwrap();
    fs::rename(&elsewhere, app).unwrap();
    crate::jobs::recover(&place.vault).unwrap();
    assert_eq!(fs::read_to_string(app.join("shop.db-wal")).unwrap(), "old log");
    assert_eq!(fs::read_dir(app).unwrap().count(), 2, "the image that was not used is gone");
    assert!(!folder.exists() && unreadable.exists());
}

#[test]
fn a_plan_of_some_tables_is_never_carried_out_as_one_of_all() {
    let place = lost();
    let plan = place.plan();
    let text = serde_json::to_string(&plan).unwrap();
    assert!(!text.contains("only_tables"), "nothing is said of it where all of it is meant");
    assert_eq!(serde_json::from_str::<RestorePlan>(&text).unwrap(), plan);
    let some = RestorePlan { only_tables: Some(vec!["t".to_owned()]), ..plan };
    assert_eq!(serde_json::from_str::<RestorePlan>(&serde_json::to_string(&some).unwrap()).unwrap(), some);
    assert_eq!(place.restore(some, &Silent).unwrap_err().code(), "unsupported");
    assert!(!place.live.exists());
}

#[test]
fn a_new_file_is_not_made_in_the_place_of_a_database() {
    let place = lost();
    let elsewhere = place.live.with_file_name("link");
    std::os::unix::fs::symlink(place.live.parent().unwrap(), &elsewhere).unwrap();
    for path in [place.live.clone(), elsewhere.join("shop.db")] {
        let target = Target::NewFile { path: path.display().to_string() };
        let options = PlanOptions { backup: place.backup.clone(), target, safety_backup: true };
        let error = plan_restore(&place.vault, &options).unwrap_err();
        assert_eq!(error.code(), "target_unusable", "{error}");
        assert!(error.to_string().contains("--replace"), "{error}");
    }
}

#[test]
fn another_text_encoding_is_told_of() {
    let place = lost();
    Connection::open(&place.live).unwrap().execute_batch("PRAGMA encoding='UTF-16le'; CREATE TABLE t (a)").unwrap();
    let plan = place.plan();
    assert!(plan.warnings.iter().any(|warning| warning.contains("UTF-16le, in the backup UTF-8")), "{:?}", plan.warnings);
    fs::remove_file(&place.live).unwrap();
    Connection::open(&place.live).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    assert!(!place.plan().warnings.iter().any(|warning| warning.contains("encoding")));
}

#[test]
fn a_plan_tells_of_a_job_that_is_at_the_database_already() {
    let place = lost();
    Connection::open(&place.live).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let plan = place.plan();
    assert_eq!(plan.warnings, Vec::<String>::new());
    let request = JobRequest::Restore(RestoreOptions { plan, verify: true, actor: "alice".to_owned() });
    let running = Running::begin(&place.vault, &request).unwrap();
    let told = place.plan().warnings;
    assert!(told.len() == 1 && told[0].starts_with(&format!("Another restore of it has begun ({})", running.id())), "{told:?}");
    running.finish(Err(&Error::CancelledHere), String::new(), None, false).unwrap();
    assert_eq!(place.plan().warnings, Vec::<String>::new());
}
