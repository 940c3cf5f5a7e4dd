//! The keys of a vault: what is encrypted with which, what survives a change, a loss, a kill and a rebuilt catalog.

mod anew;
mod away;
mod silent;
mod unread;

use std::fs;

use keepstone_model::{
    backup::{CheckName, CheckResult, Encryption, Verdict},
    database::Database,
    id::BackupId,
    restore::Target,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    Silent, backups,
    create::{CreateOptions, create},
    databases::{self, AddDatabaseOptions, EditDatabaseOptions},
    delete,
    restore::{PlanOptions, RestoreOptions, UndoOptions, plan_restore, plan_undo, restore, undo},
    testing,
    vault::{OpenMode, VaultOptions},
    verify::{VerifyOptions, verify},
};

const CHEAP: Kdf = Kdf::Pbkdf2 { iterations: 1000 };
const FIRST: &str = "correct horse battery staple";
const SECOND: &str = "zwölf Boxkämpfer jagen Viktor";

struct Shop {
    vault: Vault,
    database: Database,
    source: PathBuf,
    dir: TempDir,
}

fn shop() -> Shop {
    let dir = TempDir::new().unwrap();
    let vault = testing::open(&dir);
    let source = dir.path().join("shop.db");
    Connection::open(&source).unwrap().execute_batch("CREATE TABLE secret_customers (a); INSERT INTO secret_customers VALUES (1)").unwrap();
    let options =
        AddDatabaseOptions { location: source.to_str().unwrap().to_owned(), name: None, schedules: None, actor: "alice".to_owned() };
    let database = databases::add_database(&vault, &options).unwrap();
    Shop { vault, database, source, dir }
}

fn encrypting() -> Shop {
    let shop = shop();
    add(&shop.vault, &Password::new(FIRST), CHEAP, true, "alice").unwrap();
    let options = EditDatabaseOptions { encrypt: Some(true), actor: "alice".to_owned(), ..EditDatabaseOptions::default() };
    let database = databases::edit_database(&shop.vault, &shop.database.id, &options).unwrap();
    Shop { database, ..shop }
}

impl Shop {
    fn backup(&self) -> BackupId {
        let options = CreateOptions {
            description: "the secret of the shop".to_owned(),
            tags: vec!["confidential".to_owned()],
            ..CreateOptions::new(self.database.id.clone(), "alice")
        };
        create(&self.vault, &options, &Silent).unwrap().backup.id
    }

    fn row(&self, id: &BackupId) -> crate::model::backup::Backup {
        backups::backup(&self.vault, id).unwrap()
    }

    fn reopened(self) -> Self {
        let Self { vault, database, source, dir } = self;
        drop(vault);
        Self { vault: testing::open(&dir), database, source, dir }
    }

    fn opens_with(&self, id: &BackupId, password: &str) -> bool {
        match Archive::open_with(&self.vault.archive_path(id), &Passwords::of([Password::new(password)])) {
            Ok(_) => true,
            Err(Error::WrongPassword { .. }) => false,
            Err(error) => panic!("{error}"),
        }
    }

    fn change(&self, password: Option<&str>) -> ChangeReport {
        let options = ChangeOptions { password: password.map(Password::new), kdf: CHEAP, actor: "alice".to_owned() };
        change(&self.vault, &options, &Silent).unwrap()
    }

    fn actions(&self) -> Vec<String> {
        let all = activity::events(&self.vault, &activity::EventFilter::default()).unwrap();
        all.into_iter().map(|event| event.action).collect()
    }
}

/// Every file below a folder that holds these bytes.
fn holding(folder: &Path, bytes: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else if fs::read(&path).unwrap().windows(bytes.len()).any(|window| window == bytes.as_bytes()) {
            found.push(path);
        }
    }
    found
}

#[test]
fn an_encrypted_database_from_backup_to_undo() {
    let shop = encrypting();
    let id = shop.backup();
    assert_eq!((shop.row(&id).encryption, shop.row(&id).verdict()), (Encryption::Known, Verdict::Good));
    let proof = verify(&shop.vault, &VerifyOptions::new(id.clone(), "alice"), &Silent).unwrap().proof;
    let check = proof.checks.iter().find(|check| check.name == CheckName::DecryptionTest).unwrap();
    assert_eq!(check.result, CheckResult::Passed);
    let detail = backups::detail(&shop.vault, &id).unwrap();
    assert!(!detail.locked && detail.metadata.unwrap().description == "the secret of the shop");

    // Beside the archive, in the backups folder, nothing of the content is in clear; the catalog holds what lists show.
    for secret in ["the secret of the shop", "confidential", "secret_customers"] {
        assert_eq!(holding(shop.vault.backups_dir(), secret), Vec::<PathBuf>::new(), "{secret}");
    }
    assert_eq!(holding(shop.dir.path(), FIRST), Vec::<PathBuf>::new(), "the password is nowhere in clear");
    let edit =
        backups::EditBackupOptions { description: Some("another secret".to_owned()), actor: "alice".to_owned(), ..Default::default() };
    backups::edit(&shop.vault, &id, &edit).unwrap();
    assert_eq!(holding(shop.vault.backups_dir(), "another secret"), Vec::<PathBuf>::new());
    assert_eq!(crate::notes::read(&shop.vault, &id).unwrap().description.as_deref(), Some("another secret"));

    Connection::open(&shop.source).unwrap().execute_batch("INSERT INTO secret_customers VALUES (2)").unwrap();
    let plan = plan_restore(&shop.vault, &PlanOptions { backup: id, target: Target::Replace, safety_backup: true }).unwrap();
    let report = restore(&shop.vault, &RestoreOptions { plan, verify: true, actor: "alice".to_owned() }, &Silent).unwrap();
    let rows =
        || Connection::open(&shop.source).unwrap().query_row("SELECT count(*) FROM secret_customers", [], |row| row.get::<_, i64>(0));
    assert_eq!(rows().unwrap(), 1);
    let safety = report.safety_backup.unwrap();
    assert_eq!(shop.row(&safety).encryption, Encryption::Known);
    assert!(Archive::open(&shop.vault.archive_path(&safety)).unwrap().is_locked(), "the state before is encrypted, too");
    let job = report.job.unwrap();
    let plan = plan_undo(&shop.vault, &job).unwrap();
    undo(&shop.vault, &UndoOptions { restore: job, plan, actor: "alice".to_owned() }, &Silent).unwrap();
    assert_eq!(rows().unwrap(), 2);
}

/// The service encrypts all, and the command line knows nothing of that.
#[test]
fn a_safety_backup_is_not_plain_where_the_backups_are_encrypted() {
    let shop = encrypting();
    let before = shop.backup();
    let edit = EditDatabaseOptions { encrypt: Some(false), ..EditDatabaseOptions::default() };
    databases::edit_database(&shop.vault, &shop.database.id, &edit).unwrap();
    let replace = |safety_backup| {
        let options = PlanOptions { backup: before.clone(), target: Target::Replace, safety_backup };
        let plan = plan_restore(&shop.vault, &options)?;
        restore(&shop.vault, &RestoreOptions { plan, verify: true, actor: "alice".to_owned() }, &Silent)
    };
    let safety = replace(true).unwrap().safety_backup.unwrap();
    assert!(shop.opens_with(&safety, FIRST));
    // One that is plain is restored over what has encrypted backups, and the vault's keys are gone.
    let make = |encrypt| CreateOptions { encrypt: Some(encrypt), ..CreateOptions::new(shop.database.id.clone(), "alice") };
    let [plain, _] = [false, true].map(|encrypt| create(&shop.vault, &make(encrypt), &Silent).unwrap().backup.id);
    let options = |safety_backup| PlanOptions { backup: plain.clone(), target: Target::Replace, safety_backup };
    fs::remove_dir_all(shop.vault.data_dir().join("keys")).unwrap();
    let shop = shop.reopened();
    let refused = plan_restore(&shop.vault, &options(true)).unwrap_err();
    assert_eq!((refused.code(), refused.kind().exit_code()), ("no_encryption_password", 2), "{refused}");
    assert!(refused.hint().unwrap().contains("--no-safety-backup"));
    plan_restore(&shop.vault, &options(false)).unwrap();
    shop.vault.keys().try_also(Password::new(FIRST));
    let plan = plan_restore(&shop.vault, &options(true)).unwrap();
    let report = restore(&shop.vault, &RestoreOptions { plan, verify: true, actor: "alice".to_owned() }, &Silent).unwrap();
    assert!(shop.opens_with(&report.safety_backup.unwrap(), FIRST));
}

#[test]
fn a_wish_for_encryption_is_never_skipped() {
    let shop = shop();
    let wish = EditDatabaseOptions { encrypt: Some(true), ..EditDatabaseOptions::default() };
    assert!(matches!(databases::edit_database(&shop.vault, &shop.database.id, &wish), Err(Error::NoEncryptionPassword { .. })));
    let options = |encrypt| CreateOptions { encrypt, ..CreateOptions::new(shop.database.id.clone(), "alice") };
    let refused = |encrypt, code: &str| {
        let error = create(&shop.vault, &options(encrypt), &Silent).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
    };
    refused(Some(true), "no_encryption_password");
    shop.vault.keys().prefer(None, Asked::Every);
    assert!(matches!(refuse_without_password(&shop.vault), Err(Error::NoEncryptionPassword { .. })));
    refused(None, "no_encryption_password");
    shop.vault.keys().prefer(Some(Password::new("your-password-here")), Asked::Every);
    assert!(matches!(refuse_without_password(&shop.vault), Err(Error::WeakPassword { .. })));
    refused(None, "weak_password");
    assert!(!shop.vault.data_dir().join("keys/passwords.json").exists());
    let plain = create(&shop.vault, &options(Some(false)), &Silent).unwrap().backup;
    assert_eq!(plain.encryption, Encryption::None);
    let archives = fs::read_dir(shop.vault.database_dir(&shop.database.id).join("manual")).unwrap().count();
    assert_eq!(archives, 2, "one archive with its notes, and nothing of those that were refused");
    // One that was set while there was a password, which is gone: the start says so.
    drop(shop);
    let shop = encrypting();
    let key = list(&shop.vault).unwrap().pop().unwrap();
    remove(&shop.vault, &key.id, false, "alice").unwrap();
    assert!(matches!(refuse_without_password(&shop.vault), Err(Error::NoEncryptionPassword { .. })));
}

#[test]
fn the_environments_password_is_for_new_archives_and_stays() {
    let shop = encrypting();
    let before = shop.backup();
    add(&shop.vault, &Password::new(SECOND), CHEAP, false, "alice").unwrap();
    shop.vault.keys().prefer(Some(Password::new(SECOND)), Asked::Every);
    let after = shop.backup();
    assert!(shop.opens_with(&before, FIRST) && !shop.opens_with(&before, SECOND));
    assert!(shop.opens_with(&after, SECOND) && !shop.opens_with(&after, FIRST));
    let shop = shop.reopened();
    assert!(
        shop.vault.open_archive(&shop.vault.archive_path(&before)).is_ok()
            && shop.vault.open_archive(&shop.vault.archive_path(&after)).is_ok()
    );
    let keys = list(&shop.vault).unwrap();
    assert_eq!(keys.iter().map(|key| (key.current, key.archives)).collect::<Vec<_>>(), [(true, 1), (false, 1)]);
    assert!(shop.opens_with(&shop.backup(), FIRST), "without it the vault's own is used again");
}

#[test]
fn a_changed_password_opens_everything_and_the_old_one_nothing() {
    let shop = encrypting();
    let (one, two, trashed) = (shop.backup(), shop.backup(), shop.backup());
    delete::delete(&shop.vault, &trashed, "alice").unwrap();
    let payload = |id: &BackupId| shop.row(id).payload_hash;
    let before = payload(&one);
    let report = shop.change(Some(SECOND));
    assert_eq!((report.changed, report.already, report.left.len(), report.finished), (3, 0, 0, true));
    for id in [&one, &two] {
        assert!(shop.opens_with(id, SECOND) && !shop.opens_with(id, FIRST));
        assert_eq!(shop.row(id).archive_size_bytes, fs::metadata(shop.vault.archive_path(id)).unwrap().len());
        assert_eq!(shop.row(id).verdict(), Verdict::Good);
    }
    assert_eq!(payload(&one), before);
    delete::put_back(&shop.vault, &trashed, "alice").unwrap();
    assert!(shop.opens_with(&trashed, SECOND));
    assert_eq!(crate::notes::read(&shop.vault, &one).unwrap().proofs.len(), 1, "the notes open as before");
    assert!(shop.opens_with(&shop.backup(), SECOND));
    assert_eq!(shop.change(Some(SECOND)).already, 4, "a second time there is nothing to do");
    // The old one is not needed any more.
    let keys = list(&shop.vault).unwrap();
    assert_eq!(keys.iter().map(|key| (key.current, key.archives)).collect::<Vec<_>>(), [(false, 0), (true, 4)]);
    remove(&shop.vault, &keys[0].id, false, "alice").unwrap();
    let error = remove(&shop.vault, &keys[1].id, false, "alice").unwrap_err();
    assert_eq!((error.code(), error.kind().exit_code()), ("key_needed", 7));
    let staging = fs::read_dir(shop.vault.staging_root().join("rewrap")).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!(staging, ["lock"]);
}

#[test]
fn a_changed_password_opens_what_the_catalog_does_not_know_as_well() {
    let shop = encrypting();
    let [listed, newer, trashed] = [shop.backup(), shop.backup(), shop.backup()];
    delete::delete(&shop.vault, &trashed, "alice").unwrap();
    // As after a catalog was put back that is older than these.
    let catalog = rusqlite::Connection::open(shop.vault.data_dir().join(crate::layout::CATALOG)).unwrap();
    for id in [&newer, &trashed] {
        assert_eq!(catalog.execute("DELETE FROM backups WHERE id = ?1", [id.as_str()]).unwrap(), 1);
    }
    let first = list(&shop.vault).unwrap().remove(0);
    assert_eq!(first.archives, 3);
    let report = shop.change(Some(SECOND));
    assert_eq!((report.changed, report.left.len(), report.finished), (3, 0, true), "{report:?}");
    for path in [shop.vault.archive_path(&listed), shop.vault.archive_path(&newer), shop.vault.trash_path(&trashed)] {
        let slots = Archive::open(&path).unwrap().metadata().slots.clone();
        assert!(Passwords::of([Password::new(SECOND)]).open(&slots).unwrap().is_some(), "{}", path.display());
        assert!(Passwords::of([Password::new(FIRST)]).open(&slots).unwrap().is_none(), "{}", path.display());
    }
    // A key that only one of them needs is needed.
    let second = list(&shop.vault).unwrap().remove(1);
    catalog.execute("DELETE FROM backups", []).unwrap();
    assert_eq!(remove(&shop.vault, &second.id, false, "alice").unwrap_err().code(), "key_needed");
    remove(&shop.vault, &first.id, false, "alice").unwrap();
}

/// Put back by hand into another kind's folder, and once more beside it.
#[test]
fn a_changed_password_opens_what_lies_elsewhere_as_well() {
    let shop = encrypting();
    let (id, copied) = (shop.backup(), shop.backup());
    let folder = shop.vault.database_dir(&shop.database.id);
    let elsewhere = folder.join(format!("weekly/{id}.zip"));
    fs::create_dir(folder.join("weekly")).unwrap();
    fs::copy(shop.vault.archive_path(&id), &elsewhere).unwrap();
    fs::remove_file(shop.vault.archive_path(&id)).unwrap();
    let copy = folder.join(format!("{copied}.zip"));
    fs::copy(shop.vault.archive_path(&copied), &copy).unwrap();
    let first = list(&shop.vault).unwrap().remove(0);
    // Not in the catalog at all: it was made anew while that one was away.
    let catalog = rusqlite::Connection::open(shop.vault.data_dir().join(crate::layout::CATALOG)).unwrap();
    assert_eq!(catalog.execute("DELETE FROM backups WHERE id = ?1", [id.as_str()]).unwrap(), 1);
    let report = shop.change(Some(SECOND));
    assert_eq!((report.changed, report.left.len(), report.finished), (3, 0, true), "{:?}", report.left);
    for path in [&elsewhere, &copy] {
        let slots = Archive::open(path).unwrap().metadata().slots.clone();
        assert!(Passwords::of([Password::new(SECOND)]).open(&slots).unwrap().is_some(), "{}", path.display());
        assert!(Passwords::of([Password::new(FIRST)]).open(&slots).unwrap().is_none(), "{}", path.display());
    }
    remove(&shop.vault, &first.id, false, "alice").unwrap();
}

#[test]
fn the_key_for_new_archives_is_the_one_that_they_get() {
    let shop = encrypting();
    shop.vault.keys().prefer(Some(Password::new(FIRST)), Asked::Nothing);
    let report = shop.change(Some(SECOND));
    assert!(!report.key.current, "the environment names the first");
    let made = shop.backup();
    assert!(shop.opens_with(&made, FIRST) && !shop.opens_with(&made, SECOND));
    let current = || list(&shop.vault).unwrap().into_iter().filter(|key| key.current).map(|key| key.id).collect::<Vec<_>>();
    assert_ne!(current(), std::slice::from_ref(&report.key.id), "the environment names the first");
    shop.vault.keys().prefer(None, Asked::Nothing);
    assert_eq!(current(), [report.key.id]);
    shop.vault.keys().prefer(Some(Password::new("a third one of the environment 5")), Asked::Nothing);
    assert_eq!(current().len(), 0);
    assert!(kit(&shop.vault, Timestamp::now()).unwrap().contains("for new archives"), "it is kept before its first use");
}

/// Cancels after the first archive.
struct StopAfter(std::sync::atomic::AtomicU32);
impl crate::Monitor for StopAfter {
    fn log(&self, _: &str) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    fn cancelled(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed) > 0
    }
}

#[test]
fn a_change_that_died_is_gone_on_with() {
    let shop = encrypting();
    let ids = [shop.backup(), shop.backup(), shop.backup()];
    // As a process leaves it that died after the first archive, while it wrote the copy of the second.
    let options = ChangeOptions { password: Some(Password::new(SECOND)), kdf: CHEAP, actor: "alice".to_owned() };
    let stopped = change(&shop.vault, &options, &StopAfter(0.into()));
    assert!(matches!(stopped, Err(Error::CancelledHere)));
    let leftover = shop.vault.staging_root().join("rewrap").join(format!("{}.zip", ids[1]));
    fs::write(&leftover, "half a copy").unwrap();
    assert!(list(&shop.vault).unwrap().iter().any(|key| key.changing_to));
    let taken_over = ids.iter().filter(|id| shop.opens_with(id, SECOND)).count();
    assert_eq!(taken_over, 1);
    assert!(ids.iter().all(|id| shop.vault.open_archive(&shop.vault.archive_path(id)).is_ok()), "each opens all the while");
    let shop = shop.reopened();
    assert!(!leftover.exists(), "the next start clears up");
    let report = shop.change(None);
    assert_eq!((report.changed, report.already, report.finished), (2, 1, true));
    assert!(ids.iter().all(|id| shop.opens_with(id, SECOND) && !shop.opens_with(id, FIRST)));
    let nothing = ChangeOptions { password: None, kdf: CHEAP, actor: "alice".to_owned() };
    assert!(matches!(change(&shop.vault, &nothing, &Silent), Err(Error::UnknownKey { .. })));
}

#[test]
fn an_archive_that_is_read_is_left_and_told() {
    let shop = encrypting();
    let id = shop.backup();
    let reader = Archive::open(&shop.vault.archive_path(&id)).unwrap();
    let report = shop.change(Some(SECOND));
    assert_eq!((report.changed, report.left.len(), report.finished), (0, 1, false), "{report:?}");
    assert!(shop.opens_with(&id, FIRST));
    drop(reader);
    assert_eq!(shop.change(None).changed, 1);
}

#[test]
fn two_changes_at_once_are_one_too_many() {
    let shop = encrypting();
    let _lock = lock_change(&shop.vault).unwrap().unwrap();
    let options = ChangeOptions { password: Some(Password::new(SECOND)), kdf: CHEAP, actor: "alice".to_owned() };
    assert_eq!(change(&shop.vault, &options, &Silent).unwrap_err().code(), "keys_busy");
}

#[test]
fn a_lost_password_is_an_alarm_and_not_damage() {
    let shop = encrypting();
    let id = shop.backup();
    let keys = shop.vault.data_dir().join("keys");
    fs::rename(&keys, shop.dir.path().join("aside")).unwrap();
    find_lost(&shop.vault).unwrap();
    assert_eq!(shop.row(&id).encryption, Encryption::Lost);
    assert_ne!(shop.row(&id).verdict(), Verdict::Good);
    assert!(shop.actions().contains(&"key.lost".to_owned()));
    find_lost(&shop.vault).unwrap();
    assert_eq!(shop.actions().iter().filter(|action| *action == "key.lost").count(), 1, "once");
    let status = databases::status(&shop.vault, &shop.database.id, Timestamp::now()).unwrap();
    assert_eq!((status.lost_count, status.newest_good_at), (1, None));
    assert!(status.is_at_risk(), "what nobody can open is no backup: {:?}", status.standing);
    let error = verify(&shop.vault, &VerifyOptions::new(id.clone(), "alice"), &Silent).unwrap_err();
    assert_eq!((error.code(), error.kind().exit_code()), ("password_needed", 8));
    let plan = plan_restore(&shop.vault, &PlanOptions { backup: id.clone(), target: Target::Replace, safety_backup: true });
    assert_eq!(plan.unwrap_err().code(), "password_needed");
    let detail = backups::detail(&shop.vault, &id).unwrap();
    assert!(detail.locked && detail.metadata.unwrap().schema.is_empty());
    // It can still be pinned, and what is sealed in its notes stays; it cannot be described.
    let edit = backups::EditBackupOptions { pinned: Some(true), actor: "alice".to_owned(), ..Default::default() };
    backups::edit(&shop.vault, &id, &edit).unwrap();
    let describe = backups::EditBackupOptions { description: Some("x".to_owned()), actor: "alice".to_owned(), ..Default::default() };
    assert_eq!(backups::edit(&shop.vault, &id, &describe).unwrap_err().kind().exit_code(), 8);

    // A wrong one does not help; the right one does, and the vault keeps it.
    shop.vault.keys().try_also(Password::new("some other password"));
    find_lost(&shop.vault).unwrap();
    assert_eq!(shop.row(&id).encryption, Encryption::Lost);
    shop.vault.keys().try_also(Password::new(FIRST));
    find_lost(&shop.vault).unwrap();
    assert_eq!((shop.row(&id).encryption, shop.row(&id).verdict()), (Encryption::Known, Verdict::Good));
    assert!(shop.actions().contains(&"key.found".to_owned()));
    let shop = shop.reopened();
    assert!(shop.vault.open_archive(&shop.vault.archive_path(&id)).is_ok());
    let notes = crate::notes::read(&shop.vault, &id).unwrap();
    assert!(notes.pinned && !notes.is_locked() && !notes.proofs[0].checks[0].detail.is_empty());
}

#[test]
fn damaged_keys_are_told_and_never_written_over() {
    let shop = encrypting();
    let id = shop.backup();
    let file = shop.vault.data_dir().join("keys/vault.key");
    let key = fs::read(&file).unwrap();
    for damaged in [None, Some("nonsense".to_owned()), Some(format!("{}\n", "00".repeat(32)))] {
        match damaged {
            None => fs::remove_file(&file).unwrap(),
            Some(text) => fs::write(&file, text).unwrap(),
        }
        let shop_again = testing::open(&shop.dir);
        assert!(list(&shop_again).is_err());
        let error = add(&shop_again, &Password::new(SECOND), CHEAP, true, "alice").unwrap_err();
        assert_eq!(error.code(), "keys_damaged", "{error}");
        let error = create(&shop_again, &CreateOptions::new(shop.database.id.clone(), "alice"), &Silent).unwrap_err();
        assert_eq!(error.code(), "keys_damaged", "an encrypted database is not backed up in clear");
        shop_again.keys().try_also(Password::new(FIRST));
        assert!(shop_again.open_archive(&shop_again.archive_path(&id)).is_ok(), "who knows the password needs none of that");
    }
    fs::write(&file, key).unwrap();
    let shop = shop.reopened();
    find_lost(&shop.vault).unwrap();
    assert_eq!(list(&shop.vault).unwrap().len(), 1);
    assert_eq!(shop.row(&id).encryption, Encryption::Known);
}

#[test]
fn a_catalog_is_rebuilt_with_and_without_the_password() {
    let shop = encrypting();
    let (id, trashed) = (shop.backup(), shop.backup());
    let edit = backups::EditBackupOptions { pinned: Some(true), actor: "alice".to_owned(), ..Default::default() };
    backups::edit(&shop.vault, &id, &edit).unwrap();
    delete::delete(&shop.vault, &trashed, "alice").unwrap();
    let before = [shop.row(&id), shop.row(&trashed)];
    let options = VaultOptions { data: shop.vault.data_dir().to_owned(), backups: None, mode: OpenMode::Existing };
    let Shop { vault, dir, .. } = shop;
    drop(vault);
    let again = || {
        // What the rebuild before kept aside has a name of the same second.
        for kept in fs::read_dir(&options.data).unwrap().flatten().filter(|file| file.file_name().to_string_lossy().contains(".damaged-")) {
            fs::remove_file(kept.path()).unwrap();
        }
        fs::write(options.data.join("catalog.sqlite"), "damaged").unwrap();
        assert_eq!(crate::vault::rebuild(&options, "alice").unwrap().backups, 2);
        Vault::open(&options).unwrap()
    };
    let vault = again();
    for before in &before {
        let expected = crate::model::backup::Backup { job: None, ..before.clone() };
        assert_eq!(backups::backup(&vault, &before.id).unwrap(), expected);
    }
    drop(vault);

    fs::rename(options.data.join("keys"), dir.path().join("aside")).unwrap();
    let vault = again();
    let row = backups::backup(&vault, &id).unwrap();
    assert_eq!((row.encryption, row.pinned, row.description.as_str(), row.total_records), (Encryption::Lost, true, "", 0));
    assert_eq!(
        (row.sequence, row.created_at, row.original_size_bytes),
        (before[0].sequence, before[0].created_at, before[0].original_size_bytes)
    );
    assert_eq!(row.proof.unwrap().level(), before[0].level());
    assert_eq!(delete::trash(&vault).unwrap()[0].trash_until, before[1].trash_until);
}

#[test]
fn the_kit_holds_what_is_needed_and_no_secret() {
    let shop = encrypting();
    shop.backup();
    let kit = kit(&shop.vault, Timestamp::now()).unwrap();
    let key = list(&shop.vault).unwrap().pop().unwrap();
    for needed in [key.id.as_str(), "format 1", "test string", "for new archives, opens 1 archive", "def unlock(meta)", "restore --path"] {
        assert!(kit.contains(needed), "{needed}: {kit}");
    }
    assert!(!kit.contains(FIRST));
    // Any shell and python prove the password with it.
    let (_, after) = kit.split_once("TO TEST").unwrap();
    let command = after.lines().nth(1).unwrap().trim();
    let ran = std::process::Command::new("sh").args(["-c", &format!("echo '{FIRST}' | {command} 2>/dev/null")]).output();
    let Ok(ran) = ran else { return };
    let said = String::from_utf8(ran.stdout).unwrap();
    let said = said.lines().last().unwrap_or_default();
    if std::process::Command::new("python3").arg("--version").output().is_ok_and(|ran| ran.status.success()) {
        assert!(said.len() == 16 && kit.contains(&format!("test string {said}")), "{said}");
    }
}

#[test]
fn a_start_makes_no_second_backup_of_the_same_encrypted_content() {
    use keepstone_model::id::Kind;
    let shop = encrypting();
    let first = shop.backup();
    let start = |shop: &Shop| {
        let options = CreateOptions {
            kind: Kind::Startup,
            unless_equal_within_secs: Some(3600),
            ..CreateOptions::new(shop.database.id.clone(), "alice")
        };
        create(&shop.vault, &options, &Silent).unwrap()
    };
    // The hash that it is compared by is sealed; the password that the vault keeps opens it, also in another process.
    let again = start(&shop);
    assert!(again.unchanged);
    assert_eq!(again.backup.id, first);
    let shop = shop.reopened();
    assert!(start(&shop).unchanged);
    Connection::open(&shop.source).unwrap().execute_batch("INSERT INTO secret_customers VALUES (2)").unwrap();
    let changed = start(&shop);
    assert!(!changed.unchanged && changed.backup.encryption == Encryption::Known, "{:?}", changed.backup);
    assert!(start(&shop).unchanged);
    Connection::open(&shop.source).unwrap().execute_batch("UPDATE secret_customers SET a = 3 WHERE a = 2").unwrap();
    assert!(!start(&shop).unchanged, "of the same size, and not the same");
    // What no known password opens can stand in for nothing.
    fs::remove_dir_all(shop.vault.data_dir().join("keys")).unwrap();
    let shop = shop.reopened();
    add(&shop.vault, &Password::new(SECOND), CHEAP, true, "alice").unwrap();
    assert!(!start(&shop).unchanged, "in doubt a new one is made");
}
