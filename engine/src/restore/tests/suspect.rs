//! A backup of a damaged database may be all that there is: into a new file it is to be had, and what is wrong with it is said.

use super::*;
use crate::keys::Passwords;

#[test]
fn a_backup_of_a_damaged_database_is_written_into_a_new_file_and_told() {
    let place = lost();
    // An index that does not stand in the order that it says.
    let damaged = "CREATE TABLE t(a, b); CREATE INDEX i ON t(b); INSERT INTO t VALUES (1, 1), (2, 2), (3, 3);
        PRAGMA writable_schema=ON; UPDATE sqlite_schema SET sql='CREATE INDEX i ON t(b DESC)' WHERE name='i'";
    Connection::open(&place.live).unwrap().execute_batch(damaged).unwrap();
    let backup = create(&place.vault, &CreateOptions::new(place.backup.database(), "alice"), &Silent).unwrap().backup;
    assert!(backup.suspect.is_some());
    let target = |name: &str| place.live.with_file_name(name);
    let told = |report: &RestoreReport| {
        let doubt = report.doubt.as_deref().unwrap();
        assert!(doubt.contains("row") || doubt.contains("index"), "{doubt}");
        assert_eq!(Connection::open(&report.path).unwrap().query_row("SELECT sum(a) FROM t", [], |row| row.get(0)), Ok(6));
    };
    for acknowledged in [false, true] {
        if acknowledged {
            let options = crate::ack::AckOptions {
                backup: backup.id.clone(),
                reason: "looked at".to_owned(),
                with_older: false,
                actor: "alice".to_owned(),
            };
            crate::ack::acknowledge(&place.vault, &options).unwrap();
        }
        let path = target(if acknowledged { "second.db" } else { "first.db" });
        let target = Target::NewFile { path: path.to_str().unwrap().to_owned() };
        let plan = plan_restore(&place.vault, &PlanOptions { backup: backup.id.clone(), target, safety_backup: true }).unwrap();
        told(&place.restore(plan, &Silent).unwrap());
    }
    // The archive alone does not know it: what was found is in the notes beside it.
    let archive = place.vault.archive_path(&backup.id);
    let alone = |name: &str, look| restore_file_by(look, &archive, &Passwords::none(), &target(name), &Silent);
    let refused = alone("third.db", Look::Inside).unwrap_err();
    assert!(refused.code() == "verification_failed" && refused.hint().unwrap().contains("--no-verify"), "{refused}");
    assert!(!target("third.db").exists());
    alone("third.db", Look::AtBytes).unwrap();
    assert!(target("third.db").exists());
    let beside = fs::read_dir(place.live.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(beside.filter(|name| name.to_string_lossy().starts_with('.')).count(), 0, "nothing hidden is left");
}

#[test]
fn what_an_archive_itself_says_against_it_is_told() {
    let place = lost();
    Connection::open(&place.live).unwrap().execute_batch("CREATE TABLE t (a)").unwrap();
    let backup = create(&place.vault, &CreateOptions::new(place.backup.database(), "alice"), &Silent).unwrap().backup;
    let archive = place.vault.archive_path(&backup.id);
    let report = restore_file(&archive, &Passwords::none(), &place.live.with_file_name("new.db"), &Silent).unwrap();
    assert_eq!(report.doubt, backup.suspect);
    assert!(report.doubt.is_some());
}
