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
