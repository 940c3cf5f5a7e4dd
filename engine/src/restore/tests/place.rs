//! The place of a live database: links, folders, and what SQLite may read and not write.

use std::os::unix::fs::FileExt;

use super::*;

#[test]
fn a_database_behind_a_link_comes_back_where_the_link_leads() {
    let dir = TempDir::new().unwrap();
    let (real, link) = (dir.path().join("vol/real.db"), dir.path().join("shop.db"));
    fs::create_dir(dir.path().join("vol")).unwrap();
    Connection::open(&real).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let vault = testing::open(&dir);
    let options = AddDatabaseOptions { location: link.display().to_string(), name: None, schedules: None, actor: "alice".to_owned() };
    let database = databases::add_database(&vault, &options).unwrap();
    let backup = create(&vault, &CreateOptions::new(database.id, "alice"), &Silent).unwrap().backup.id;
    let place = Place { vault, live: link.clone(), backup, _dir: dir };
    fs::remove_file(&real).unwrap();
    place.restore(place.plan(), &Silent).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && fs::metadata(&real).unwrap().is_file());
    assert_eq!(place.rows(), 2);

    // The disk that it leads to is away: the plan says so.
    fs::remove_dir_all(real.parent().unwrap()).unwrap();
    let options = PlanOptions { backup: place.backup.clone(), target: Target::Replace, safety_backup: true };
    let error = plan_restore(&place.vault, &options).unwrap_err();
    assert!(error.code() == "target_unusable" && error.to_string().contains("its folder is not there"), "{error}");
}

#[test]
fn a_header_that_sqlite_may_read_and_not_write_is_replaced_as_a_file() {
    let place = lost();
    Connection::open(&place.live).unwrap().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
    fs::OpenOptions::new().write(true).open(&place.live).unwrap().write_all_at(&[9], 18).unwrap();
    let plan = place.plan();
    assert_eq!(plan.before, keepstone_model::restore::StateBefore::KeptAside);
    place.restore(plan, &Silent).unwrap();
    assert_eq!((place.rows(), place.kept()), (2, 1));
    Connection::open(&place.live).unwrap().execute_batch("INSERT INTO t VALUES (3)").unwrap();
}

#[test]
fn a_plan_over_a_damaged_database_says_that_not_all_of_it_is_counted() {
    let place = lost();
    let filled =
        "CREATE TABLE t (a); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<500) SELECT i FROM n";
    Connection::open(&place.live).unwrap().execute_batch(filled).unwrap();
    assert!(!place.plan().warnings.iter().any(|warning| warning.contains("damaged")));
    fs::OpenOptions::new().write(true).open(&place.live).unwrap().write_all_at(&[0x99; 4096], 4096).unwrap();
    let plan = place.plan();
    assert!(plan.warnings.iter().any(|warning| warning.starts_with("The live database is damaged (table t: ")), "{:?}", plan.warnings);
    place.restore(plan, &Silent).unwrap();
    assert_eq!(place.rows(), 2);
}
