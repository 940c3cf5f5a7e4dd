//! What an undo needs and what goes with it.

use super::*;
use crate::{delete, jobs};

/// A restore over the live database, with a safety backup.
fn replaced(place: &Place) -> RestoreReport {
    place.restore(place.plan(), &Silent).unwrap()
}

#[test]
fn a_safety_backup_that_was_deleted_is_looked_for_before_an_undo_is_offered() {
    let place = lost();
    Connection::open(&place.live).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let report = replaced(&place);
    let (job, safety) = (report.job.unwrap(), report.safety_backup.unwrap());
    assert!(jobs::job(&place.vault, &job).unwrap().can_undo);
    delete::delete(&place.vault, &safety, "alice").unwrap();
    assert!(!jobs::job(&place.vault, &job).unwrap().can_undo);
    let refused = plan_undo(&place.vault, &job).unwrap_err();
    assert_eq!(refused.code(), "undo_refused");
    assert!(refused.to_string().contains(&format!("`keepstone trash put-back {safety}`")), "{refused}");
    delete::put_back(&place.vault, &safety, "alice").unwrap();
    plan_undo(&place.vault, &job).unwrap();
    delete::delete(&place.vault, &safety, "alice").unwrap();
    delete::empty_trash(&place.vault, None, "alice").unwrap();
    let refused = plan_undo(&place.vault, &job).unwrap_err();
    assert!(refused.to_string().ends_with("was deleted for good"), "{refused}");
}

#[test]
fn an_undo_tells_the_newer_restores_that_go_with_it() {
    let place = lost();
    Connection::open(&place.live).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let older = replaced(&place).job.unwrap();
    Connection::open(&place.live).unwrap().execute_batch("DELETE FROM t").unwrap();
    let newer = replaced(&place).job.unwrap();
    let told = |restore: &JobId| {
        let warnings = plan_undo(&place.vault, restore).unwrap().warnings;
        warnings.into_iter().filter(|warning| warning.starts_with("A newer restore is undone")).collect::<Vec<_>>()
    };
    assert_eq!(told(&newer), Vec::<String>::new());
    assert!(matches!(&told(&older)[..], [one] if one.contains(newer.as_str())), "{:?}", told(&older));
    let undone = |restore: &JobId| {
        let plan = plan_undo(&place.vault, restore).unwrap();
        undo(&place.vault, &UndoOptions { restore: restore.clone(), plan, actor: "alice".to_owned() }, &Silent).unwrap().job.unwrap()
    };
    let undo_of_newer = undone(&newer);
    assert_eq!(told(&older), Vec::<String>::new(), "it was undone by itself");
    undone(&undo_of_newer);
    assert_eq!(told(&older).len(), 1, "and is there again");
}

#[test]
fn what_sqlite_cannot_check_for_its_limits_is_restored_and_undone_by_its_bytes() {
    let place = lost();
    // Each value of the index is made of one eight times as long as the blob: more than such a file has any need of.
    let large = "CREATE TABLE t (d); CREATE INDEX i ON t(substr(hex(hex(hex(d))), 1, 8)); INSERT INTO t VALUES (zeroblob(3000000))";
    Connection::open(&place.live).unwrap().execute_batch(large).unwrap();
    let backup = create(&place.vault, &CreateOptions::new(place.backup.database(), "alice"), &Silent).unwrap().backup;
    assert_eq!((backup.verdict(), backup.suspect.clone()), (keepstone_model::backup::Verdict::Unproven, None));
    Connection::open(&place.live).unwrap().execute_batch("INSERT INTO t VALUES ('later')").unwrap();
    let restored = |target| {
        let options = PlanOptions { backup: backup.id.clone(), target, safety_backup: true };
        place.restore(plan_restore(&place.vault, &options).unwrap(), &Silent).unwrap()
    };
    let new = place.live.with_file_name("new.db");
    let report = restored(Target::NewFile { path: new.to_str().unwrap().to_owned() });
    assert!(report.not_checked.unwrap().contains("only its bytes were compared") && new.exists());
    let report = restored(Target::Replace);
    assert!(report.not_checked.is_some());
    assert_eq!(place.rows(), 1);
    let restore = report.job.unwrap();
    let plan = plan_undo(&place.vault, &restore).unwrap();
    let report = undo(&place.vault, &UndoOptions { restore, plan, actor: "alice".to_owned() }, &Silent).unwrap();
    assert!(report.not_checked.is_some());
    assert_eq!(place.rows(), 2);
}
