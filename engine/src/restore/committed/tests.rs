//! A restore whose process dies before its commit or just after it: what it counts for afterwards.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use keepstone_model::{
    backup::{Backup, Verdict},
    id::{BackupId, DatabaseId, JobId, Kind},
    job::{JobState, Step, Verb},
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    Monitor, Silent,
    backups::{self, BackupFilter},
    create::{CreateOptions, create},
    databases::AddDatabaseOptions,
    jobs::{self, JobFilter, Running},
    restore::{PlanOptions, RestoreOptions, last_restore, plan_restore, plan_undo, restore},
    testing,
};

struct Place {
    vault: Vault,
    live: PathBuf,
    shop: DatabaseId,
    /// Of ten rows.
    small: BackupId,
    dir: TempDir,
}

/// A backup of ten rows, then one of 5,010.
fn grown() -> Place {
    let dir = TempDir::new().unwrap();
    let vault = testing::open(&dir);
    let live = dir.path().join("shop.db");
    let connection = Connection::open(&live).unwrap();
    let rows = |from, to| {
        format!("WITH RECURSIVE s(n) AS (SELECT {from} UNION ALL SELECT n + 1 FROM s WHERE n < {to}) INSERT INTO t SELECT n, 'a' FROM s")
    };
    connection.execute_batch(&format!("CREATE TABLE t (id, text); {}", rows(1, 10))).unwrap();
    let options = AddDatabaseOptions { location: live.display().to_string(), name: None, schedules: None, actor: "alice".to_owned() };
    let shop = databases::add_database(&vault, &options).unwrap().id;
    let small = create(&vault, &CreateOptions::new(shop.clone(), "alice"), &Silent).unwrap().backup.id;
    connection.execute_batch(&rows(11, 5010)).unwrap();
    create(&vault, &CreateOptions::new(shop.clone(), "alice"), &Silent).unwrap();
    Place { vault, live, shop, small, dir }
}

struct DiesAt(Step);

impl Monitor for DiesAt {
    fn step(&self, step: Step) {
        assert!(step != self.0, "the process dies here");
    }
}

impl Place {
    /// Begins to restore the small one, dies, and is opened by another process.
    fn dies_at(mut self, step: Step, safety_backup: bool, meanwhile: &str) -> (Self, JobId) {
        let plan = plan_restore(&self.vault, &PlanOptions { backup: self.small.clone(), target: Target::Replace, safety_backup }).unwrap();
        let options = RestoreOptions { plan, verify: true, actor: "alice".to_owned() };
        catch_unwind(AssertUnwindSafe(|| restore(&self.vault, &options, &DiesAt(step)))).unwrap_err();
        self.sql(meanwhile);
        self.vault = testing::open(&self.dir);
        let job = self.job(Verb::Restore);
        (self, job)
    }

    fn job(&self, verb: Verb) -> JobId {
        let jobs = jobs::jobs(&self.vault, &JobFilter { database: Some(self.shop.clone()), ..JobFilter::default() }).unwrap();
        jobs.into_iter().find(|(job, _)| job.verb == verb).unwrap().0.id
    }

    fn sql(&self, sql: &str) {
        Connection::open(&self.live).unwrap().execute_batch(sql).unwrap();
    }

    fn create(&self) -> Verdict {
        create(&self.vault, &CreateOptions::new(self.shop.clone(), "alice"), &Silent).unwrap().backup.verdict()
    }

    fn safety(&self) -> Backup {
        let all = backups::list(&self.vault, &BackupFilter::default()).unwrap().backups;
        all.into_iter().find(|backup| backup.kind == Kind::Safety).unwrap()
    }
}

#[test]
fn a_restore_that_was_taken_back_keeps_no_loss_from_being_alarmed() {
    let (place, restore) = grown().dies_at(Step::Write, true, "");
    let row = jobs::job(&place.vault, &restore).unwrap();
    assert_eq!(row.job.state, JobState::Abandoned);
    let said = row.job.error.unwrap().message;
    assert!(said.contains("before the restore was committed"), "{said}");
    assert_eq!(plan_undo(&place.vault, &restore).unwrap_err().code(), "undo_refused");
    place.sql("DELETE FROM t WHERE id > 30");
    assert_eq!(place.create(), Verdict::Suspect);
}

#[test]
fn nor_does_one_without_a_safety_backup_or_of_a_database_that_went_on() {
    for (safety, meanwhile) in [(false, ""), (true, "CREATE TABLE other (a); INSERT INTO t VALUES (6000, 'c')")] {
        let (place, _) = grown().dies_at(Step::Write, safety, meanwhile);
        place.sql("DELETE FROM t WHERE id > 30");
        assert_eq!(place.create(), Verdict::Suspect, "with a safety backup: {safety}");
    }
}

#[test]
fn one_that_was_committed_counts_and_can_be_undone() {
    // SQLite signs what an application writes with its own version, and rows may come and go.
    let meanwhile = ["", "INSERT INTO t VALUES (6000, 'c')", "UPDATE t SET text = 'other'", "CREATE TABLE u (a); DROP TABLE u; VACUUM"];
    for meanwhile in meanwhile {
        let (place, restore) = grown().dies_at(Step::Check, true, meanwhile);
        let said = jobs::job(&place.vault, &restore).unwrap().job.error.unwrap().message;
        assert!(said.contains("just after the restore was committed"), "{said}");
        assert_eq!(plan_undo(&place.vault, &restore).unwrap().backup, place.safety().id);
        assert_eq!(place.create(), Verdict::Good, "it holds what was restored");
    }
}

#[test]
fn one_without_a_safety_backup_counts_as_well() {
    let (place, restore) = grown().dies_at(Step::Check, false, "UPDATE t SET text = 'other'");
    let refused = plan_undo(&place.vault, &restore).unwrap_err().to_string();
    assert!(refused.contains("made no safety backup"), "{refused}");
    assert_eq!(place.create(), Verdict::Good, "it holds what was restored");
}

/// Its disk is not mounted when the next process begins, and is later.
#[test]
fn one_that_cannot_be_found_out_about_is_looked_at_again() {
    for (dies_at, undoable) in [(Step::Check, true), (Step::Write, false)] {
        let place = grown();
        let (live, away) = (place.live.clone(), place.dir.path().join("away"));
        let plan = plan_restore(&place.vault, &PlanOptions { backup: place.small.clone(), target: Target::Replace, safety_backup: true });
        let options = RestoreOptions { plan: plan.unwrap(), verify: true, actor: "alice".to_owned() };
        catch_unwind(AssertUnwindSafe(|| restore(&place.vault, &options, &DiesAt(dies_at)))).unwrap_err();
        std::fs::rename(&live, &away).unwrap();
        let place = Place { vault: testing::open(&place.dir), ..place };
        let id = place.job(Verb::Restore);
        let row = jobs::job(&place.vault, &id).unwrap();
        assert!(row.job.state == JobState::Abandoned && !row.can_undo, "{:?}", row.job);
        let said = row.job.error.unwrap().message;
        assert!(said.contains("could not be found out") && said.contains("looked at again"), "{said}");
        let refused = plan_undo(&place.vault, &id).unwrap_err().to_string();
        assert!(refused.contains("cannot be found out now"), "{refused}");
        std::fs::rename(&away, &live).unwrap();
        assert_eq!(place.create(), Verdict::Good, "the same as after the restore, or before it");
        let row = jobs::job(&place.vault, &id).unwrap();
        assert_eq!(row.can_undo, undoable);
        let said = row.job.error.unwrap().message;
        assert!(said.contains(if undoable { "just after" } else { "before the restore was committed" }), "{said}");
    }
}

/// Its process lives on, and its disk failed at the very commit.
#[test]
fn one_that_failed_and_may_be_done_is_found_out_about() {
    for committed in [true, false] {
        let place = grown();
        let plan = plan_restore(&place.vault, &PlanOptions { backup: place.small.clone(), target: Target::Replace, safety_backup: true });
        let options = RestoreOptions { plan: plan.unwrap(), verify: true, actor: "alice".to_owned() };
        let running = Running::begin(&place.vault, &JobRequest::Restore(options)).unwrap();
        let now: i64 = Connection::open(&place.live).unwrap().query_row("PRAGMA schema_version", [], |row| row.get(0)).unwrap();
        let mark = serde_json::from_value(serde_json::json!({ "after": if committed { now } else { now + 1 }, "span": 1 << 15 })).unwrap();
        let safety_backup = Some(place.small.clone());
        let of = RestoreReport::of(place.small.clone(), place.live.clone());
        let report = RestoreReport { mark: Some(Mark::Cookie(mark)), replaced: true, safety_backup, ..of };
        running.note(&to_json(&report).unwrap()).unwrap();
        let cause = Box::new(crate::Error::io(&place.live, std::io::Error::other("the disk fails")));
        let error = crate::Error::Unsure { what: "it is not known whether the restore was committed".to_owned(), cause };
        running.finish(Err(&error), String::new(), None, false).unwrap();
        let restores = place.vault.catalog().restores_of(&place.shop).unwrap();
        assert!(restores.len() == 1 && crate::restore::replacing_report(&restores[0].1).is_none(), "it is not known yet");
        let found = jobs::job(&place.vault, &running.id()).unwrap();
        let told = found.job.error.unwrap();
        assert_eq!((found.job.state, found.can_undo, told.code.as_str()), (JobState::Failed, committed, "unsure"));
        assert_eq!(told.message.contains("was not committed"), !committed, "{}", told.message);
        assert_eq!(last_restore(&place.vault, &place.shop).unwrap().is_some(), committed);
    }
}

#[test]
fn its_safety_backup_is_proven_afterwards() {
    let (place, _) = grown().dies_at(Step::Write, true, "");
    assert_eq!(place.safety().verdict(), Verdict::Unproven);
    jobs::run_next(&place.vault, &Silent).unwrap().expect("its verification is queued");
    assert_eq!(place.safety().verdict(), Verdict::Good);
    assert!(jobs::run_next(&place.vault, &Silent).unwrap().is_none(), "once");
}
