//! What is restored or checked from where it lies, without a vault.

use std::fs;

use keepstone_model::backup::{CheckName, CheckResult, Level};
use rusqlite::Connection;

use super::{PASSWORD, bare, cosmic_teams, image, loopin, sha256, the_program};
use crate::{
    Silent,
    import::{Password, cbc, is_foreign, restore_foreign, verify_foreign},
};

#[test]
fn each_is_restored_directly() {
    cbc::FEWER.set(Some(2));
    let dir = tempfile::tempdir().unwrap();
    the_program::make(dir.path());
    bare::make(dir.path());
    cosmic_teams::make(dir.path());
    let restore = |file: &str, passwords: &[Password]| {
        let target = dir.path().join(format!("{}.restored", file.replace('/', "_")));
        restore_foreign(&dir.path().join(file), &target, passwords, &Silent).map(|report| (report, target))
    };
    let known = [Password::new(PASSWORD)];
    for (file, number) in
        [("backup_20231110_143022.db", 11), ("backup_20231113_143022.db.gz.enc", 14), ("daily/backup_daily_20231011_120000.zip", 1)]
    {
        let (report, target) = restore(file, &known).unwrap();
        assert_eq!(fs::read(&target).unwrap(), image(number), "{file}");
        assert_eq!(report.backup_hash, sha256(&image(number)));
    }
    assert!(is_foreign(&dir.path().join("shop-20240104_000000.sql")) && !is_foreign(&dir.path().join("none.db")));
    let (_, target) = restore("shop-20240104_000000.sql", &[]).unwrap();
    let value: String = Connection::open(target).unwrap().query_row("SELECT a FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(value, "x;'y");
    let code = |file: &str, passwords: &[Password]| restore(file, passwords).unwrap_err().code();
    assert_eq!(code("backup_20231112_143022.db.enc", &[]), "password_needed");
    assert_eq!(code("backup_20231112_143022.db.enc", &[Password::new("no")]), "wrong_password");
    assert_eq!(code("notes.txt", &[]), "not_a_backup");
    assert_eq!(code("backup_20231110_143022.db", &known), "target_exists");
    loopin::make(dir.path());
    let (_, target) = restore("loopin_backup_daily_20250824_020000.sql", &[]).unwrap();
    assert_eq!(fs::read_to_string(target).unwrap(), loopin::dump(3, ""));
    assert!(fs::read_dir(dir.path()).unwrap().flatten().all(|entry| !entry.file_name().to_string_lossy().ends_with(".tmp")));
}

#[test]
fn each_is_checked_where_it_lies_and_leaves_nothing_behind() {
    cbc::FEWER.set(Some(2));
    let (dir, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    the_program::make(dir.path());
    cosmic_teams::make(dir.path());
    bare::make(dir.path());
    let check = |file: &str, passwords: &[Password]| verify_foreign(&dir.path().join(file), passwords, scratch.path(), &Silent);
    let known = [Password::new(PASSWORD)];
    for (file, hashed, decrypted, number) in [
        ("backup_20231110_143022.db", CheckResult::Passed, CheckResult::NotApplicable, 11),
        ("backup_20231113_143022.db.gz.enc", CheckResult::Passed, CheckResult::Passed, 14),
        ("daily/backup_daily_20231011_120000.zip", CheckResult::Passed, CheckResult::NotApplicable, 1),
        ("shop-20240103_000000.db.zst", CheckResult::NotApplicable, CheckResult::NotApplicable, 22),
    ] {
        let found = check(file, &known).unwrap();
        let result = |name| found.proof.checks.iter().find(|check| check.name == name).unwrap().result;
        assert_eq!((result(CheckName::ChecksumValidation), result(CheckName::DecryptionTest)), (hashed, decrypted), "{file}");
        assert_eq!(found.backup_hash, sha256(&image(number)), "{file}");
        // Where nothing says what its bytes should be, nothing is proven of it.
        assert_eq!(found.proof.level(), if hashed == CheckResult::Passed { Level::Opened } else { Level::None }, "{file}");
    }
    assert_eq!(check("backup_20231112_143022.db.enc", &[]).unwrap_err().code(), "password_needed");
    let flipped = dir.path().join("backup_20231110_143022.db");
    let mut bytes = fs::read(&flipped).unwrap();
    bytes[5000] ^= 1;
    fs::write(&flipped, bytes).unwrap();
    assert_eq!(check("backup_20231110_143022.db", &[]).unwrap_err().kind().exit_code(), 4);
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}
