//! A scratch disk that does not give back what was written to it: that is found, and held against no backup and no source.

use std::{
    io::{Read, Seek, SeekFrom, Write},
    path::PathBuf,
    sync::Mutex,
};

use keepstone_model::{
    backup::{Backup, Level, Verdict},
    id::{BackupId, DatabaseId},
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    Silent, Vault, backups,
    create::{CreateOptions, create},
    databases::{self, AddDatabaseOptions},
    doctor::{self, CheckOptions, Confirm, Outcome},
    sqlite::health::{SecondLook, second_look},
    testing,
    throttle::Paced,
    verify::{VerifyOptions, verify},
};

struct Place {
    vault: Vault,
    live: PathBuf,
    database: DatabaseId,
    dir: TempDir,
}

/// A database that is larger than what is on its way between the threads of an unpacking.
fn protected() -> Place {
    let dir = TempDir::new().unwrap();
    let vault = testing::open(&dir);
    let live = dir.path().join("shop.db");
    let rows = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) INSERT INTO t SELECT zeroblob(400) FROM n";
    Connection::open(&live).unwrap().execute_batch(&format!("CREATE TABLE t (a); {rows}")).unwrap();
    let options = AddDatabaseOptions { location: live.display().to_string(), name: None, schedules: None, actor: "alice".to_owned() };
    let database = databases::add_database(&vault, &options).unwrap().id;
    Place { vault, live, database, dir }
}

impl Place {
    fn create(&self, monitor: &dyn Monitor) -> Backup {
        create(&self.vault, &CreateOptions::new(self.database.clone(), "alice"), monitor).unwrap().backup
    }

    fn backup(&self, id: &BackupId) -> Backup {
        backups::backup(&self.vault, id).unwrap()
    }

    /// What is written to a file of this kind below the staging folder comes to be something else.
    fn failing(&self, name: &'static str) -> FailingDisk {
        FailingDisk { staging: self.dir.path().join("vault/backups/.staging"), name, done: Mutex::new(false) }
    }
}

struct FailingDisk {
    staging: PathBuf,
    name: &'static str,
    done: Mutex<bool>,
}

const AT: u64 = 64 << 10;

impl FailingDisk {
    fn file(&self) -> Option<PathBuf> {
        let jobs = fs::read_dir(&self.staging).ok()?.flatten().filter_map(|job| fs::read_dir(job.path()).ok());
        let mut files = jobs.flatten().flatten().map(|entry| entry.path());
        files.find(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(self.name)))
    }

    /// Whether the page was written, and is no more what it was.
    fn strike(&self) -> Option<bool> {
        let mut file = fs::OpenOptions::new().read(true).write(true).open(self.file()?).ok()?;
        let mut page = [0; 4096];
        file.seek(SeekFrom::Start(AT)).ok()?;
        file.read_exact(&mut page).ok()?;
        if page == [0; 4096] {
            return None;
        }
        file.seek(SeekFrom::Start(AT)).ok()?;
        file.write_all(&[0x55; 4096]).ok()?;
        Some(true)
    }

    fn struck(&self) -> bool {
        *self.done.lock().unwrap()
    }
}

impl Monitor for FailingDisk {
    fn cancelled(&self) -> bool {
        let mut done = self.done.lock().unwrap();
        if !*done {
            *done = self.strike().unwrap_or(false);
        }
        false
    }
}

fn not_run(proof: &Proof) -> Vec<CheckName> {
    proof.checks.iter().filter(|check| check.result == CheckResult::CouldNotRun).map(|check| check.name).collect()
}

#[test]
fn a_scratch_disk_that_fails_makes_no_backup_bad() {
    let place = protected();
    let id = place.create(&Silent).id;
    let disk = place.failing("keepstone-");
    let proof = verify(&place.vault, &VerifyOptions::new(id.clone(), "alice"), &disk).unwrap().proof;
    assert!(disk.struck());
    assert_eq!((proof.failed(), not_run(&proof)), (false, vec![CheckName::SqliteIntegrityCheck]), "{proof:?}");
    assert_eq!(place.backup(&id).verdict(), Verdict::Good, "what was seen before is not taken back");
    assert_eq!(verify_file_on(&place, &id).level(), Level::Opened);
}

/// On a disk that does not fail.
fn verify_file_on(place: &Place, id: &BackupId) -> Proof {
    crate::verify::verify_file(&place.vault.archive_path(id), &Passwords::none(), place.dir.path(), &Silent).unwrap().1
}

#[test]
fn a_scratch_disk_that_fails_makes_no_test_restore_fail() {
    let place = protected();
    let id = place.create(&Silent).id;
    let disk = place.failing("test.sqlite");
    let options = VerifyOptions { test_restore: true, ..VerifyOptions::new(id.clone(), "alice") };
    let proof = verify(&place.vault, &options, &disk).unwrap().proof;
    assert!(disk.struck());
    assert_eq!((proof.failed(), not_run(&proof)), (false, vec![CheckName::TestRestore]), "{proof:?}");
    assert_eq!(place.backup(&id).verdict(), Verdict::Good);
}

#[test]
fn a_scratch_disk_that_fails_makes_no_source_suspect() {
    let place = protected();
    let older = place.create(&Silent).id;
    Connection::open(&place.live).unwrap().execute_batch("INSERT INTO t VALUES (1)").unwrap();
    let disk = place.failing("keepstone-");
    let backup = place.create(&disk);
    assert!(disk.struck());
    assert_eq!((backup.suspect.clone(), backup.verdict()), (None, Verdict::Unproven));
    let check = backup.not_checked().unwrap();
    assert!(check.detail.contains("does not give back what was written to it"), "{check:?}");
    assert!(!place.backup(&backup.id).holds() && place.backup(&older).is_good());
}

struct SecondLookHere;

impl Confirm for SecondLookHere {
    fn look(&self, path: &Path) -> Result<SecondLook> {
        second_look(path, &Silent)
    }
}

#[test]
fn a_scratch_disk_that_fails_has_no_older_backup_recovered() {
    let place = protected();
    place.create(&Silent);
    Connection::open(&place.live).unwrap().execute_batch("INSERT INTO t VALUES (1)").unwrap();
    let newest = place.create(&Silent).id;
    fs::OpenOptions::new().write(true).open(&place.live).unwrap().write_all(b"overwritten here").unwrap();
    let damaged = fs::read(&place.live).unwrap();
    let options = CheckOptions { database: place.database.clone(), recover: true, actor: "alice".to_owned() };

    let disk = place.failing("image.sqlite");
    let outcome = doctor::check(&place.vault, &options, &SecondLookHere, &disk).unwrap();
    assert!(disk.struck());
    let Outcome::Corrupt { not_recovered, .. } = outcome else { panic!("{outcome:?}") };
    assert!(not_recovered.contains("does not give back what was written to it"), "{not_recovered}");
    assert!(fs::read(&place.live).unwrap() == damaged && place.backup(&newest).is_good());

    let outcome = doctor::check(&place.vault, &options, &SecondLookHere, &Silent).unwrap();
    assert!(matches!(&outcome, Outcome::Recovered { backup, .. } if *backup == newest), "{outcome:?}");
}

#[test]
fn each_check_has_the_time_of_its_own_work_and_none_that_it_waited_for_the_pace() {
    let place = protected();
    let id = place.create(&Silent).id;
    let slowly = Paced::at(10_000);
    let options = VerifyOptions { test_restore: true, ..VerifyOptions::new(id.clone(), "alice") };
    let proof = verify(&place.vault, &options, &slowly).unwrap().proof;
    assert_eq!(proof.level(), Level::Restored, "{proof:?}");
    assert!(slowly.clock.napped().as_secs() > 4_000, "the archive twice, and each copy page by page and row by row");
    for check in &proof.checks {
        match check.name {
            CheckName::DecryptionTest => assert_eq!((check.result, check.elapsed_ms), (CheckResult::NotApplicable, 0)),
            // Another thread does that, for which such a clock passes while this one waits.
            CheckName::ChecksumValidation => assert!(check.elapsed_ms > 0, "{check:?}"),
            _ => assert!((1..60_000).contains(&check.elapsed_ms), "{check:?}"),
        }
    }
}

#[test]
fn a_check_that_was_made_took_some_time() {
    assert_eq!([0, 1, 999_999, 1_000_000, 1_000_001].map(|nanos| told_ms(Duration::from_nanos(nanos))), [0, 1, 1, 1, 2]);
}
