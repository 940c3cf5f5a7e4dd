//! Files under the names of backups that are not their archives: two exchanged, one written over. Nothing is taken out of them, and nothing is lost.

use std::fs;

use keepstone_model::{
    backup::{Check, CheckName, CheckResult, Encryption, Proof, Verdict},
    export::ExportFormat,
    id::BackupId,
    metadata::Kdf,
    restore::Target,
};
use rusqlite::Connection;

use super::*;
use crate::{
    Silent, backups,
    convert::{ConvertOptions, convert},
    create::{CreateOptions, create},
    databases::{EditDatabaseOptions, edit_database},
    delete::{delete, put_back},
    export::{self, ExportOptions, ExportSource},
    installation,
    keys::{self, ChangeOptions, Password},
    restore::{PlanOptions, RestoreOptions, plan_restore, restore, undo_refusal},
    testing::{self, Live},
    vault::{OpenMode, VaultOptions, rebuild},
    verify::{VerifyOptions, verify},
};

const CHEAP: Kdf = Kdf::Pbkdf2 { iterations: 1000 };
const CODE: &str = "not_its_archive";

fn backup(live: &Live) -> Backup {
    let connection = Connection::open(&live.source).unwrap();
    connection.execute("INSERT INTO t SELECT max(a) + 1 FROM t", []).unwrap();
    let options = CreateOptions { description: "the one before".to_owned(), ..CreateOptions::new(live.database.clone(), "alice") };
    create(&live.vault, &options, &Silent).unwrap().backup
}

fn encrypts(live: &Live) {
    keys::add(&live.vault, &Password::new("correct horse battery staple"), CHEAP, true, "alice").unwrap();
    let options = EditDatabaseOptions { encrypt: Some(true), actor: "alice".to_owned(), ..EditDatabaseOptions::default() };
    edit_database(&live.vault, &live.database, &options).unwrap();
}

/// As two files that are copied back under each other's names.
fn exchange(live: &Live, a: &BackupId, b: &BackupId) {
    let (a, b, aside) = (live.vault.archive_path(a), live.vault.archive_path(b), live.dir.path().join("aside.zip"));
    fs::rename(&a, &aside).unwrap();
    fs::rename(&b, &a).unwrap();
    fs::rename(&aside, &b).unwrap();
}

fn restored(live: &Live, id: &BackupId, target: Target, verify: bool) -> Result<()> {
    let plan = plan_restore(&live.vault, &PlanOptions { backup: id.clone(), target, safety_backup: true })?;
    restore(&live.vault, &RestoreOptions { plan, verify, actor: "alice".to_owned() }, &Silent).map(drop)
}

fn exported(live: &Live, id: &BackupId) -> Result<()> {
    let options = ExportOptions {
        source: ExportSource::Backup(id.clone()),
        format: ExportFormat::Sql,
        tables: Vec::new(),
        include_sensitive: true,
        actor: "alice".to_owned(),
    };
    export::export_stream(&live.vault, &options, &mut Vec::new(), &Silent).map(drop)
}

fn rows(live: &Live) -> i64 {
    Connection::open(&live.source).unwrap().query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap()
}

/// Every way out of an archive.
fn refused_everywhere(live: &Live, id: &BackupId) {
    let before = rows(live);
    let file = live.dir.path().join("restored.db");
    let new_file = Target::NewFile { path: file.display().to_string() };
    let detail = backups::detail(&live.vault, id).unwrap();
    let found = [
        ("restore into a file", restored(live, id, new_file, true).unwrap_err()),
        ("restore over the live database", restored(live, id, Target::Replace, true).unwrap_err()),
        ("without checks", restored(live, id, Target::Replace, false).unwrap_err()),
        ("export", exported(live, id).unwrap_err()),
        ("outline", export::outline(&live.vault, &ExportSource::Backup(id.clone())).unwrap_err()),
        ("download", detail.not_its_own().unwrap()),
    ];
    for (what, error) in found {
        assert_eq!((error.code(), error.kind().exit_code()), (CODE, 4), "{what}: {error}");
    }
    let error = convert(&live.vault, &ConvertOptions::new(id.clone(), "alice"), &Silent).unwrap_err();
    let known = detail.backup.verdict() == Verdict::Bad;
    assert_eq!(error.code(), if known { "convert_refused" } else { CODE }, "{error}");
    assert!(detail.metadata.is_none(), "what the file says is not given out as the backup's");
    assert!(!file.exists());
    assert_eq!(rows(live), before, "the live database is as it was");
}

#[test]
fn two_exchanged_archives_are_restored_under_neither_name_until_each_is_back() {
    let live = testing::live(3);
    let (a, b) = (backup(&live).id, backup(&live).id);
    exchange(&live, &a, &b);
    refused_everywhere(&live, &a);
    refused_everywhere(&live, &b);
    let report = verify(&live.vault, &VerifyOptions::new(a.clone(), "alice"), &Silent).unwrap();
    assert_eq!(report.backup.verdict(), Verdict::Bad);
    refused_everywhere(&live, &a);
    exchange(&live, &a, &b);
    assert!(verify(&live.vault, &VerifyOptions::new(a.clone(), "alice"), &Silent).unwrap().backup.is_good());
    restored(&live, &a, Target::Replace, true).unwrap();
    assert_eq!(rows(&live), 4);
}

#[test]
fn an_archive_that_was_written_over_by_one_of_the_same_id_is_refused() {
    let live = testing::live(3);
    let a = backup(&live).id;
    // What is written over the archive is whole; what it holds is not what the catalog knows.
    live.vault.catalog().change_backup(&a, |backup| backup.payload_hash = Some("0".repeat(64))).unwrap();
    refused_everywhere(&live, &a);
}

#[test]
fn an_exchanged_encrypted_archive_costs_the_notes_nothing() {
    let live = testing::live(3);
    let plain = backup(&live).id;
    encrypts(&live);
    let (a, b) = (backup(&live).id, backup(&live).id);
    let said = |id: &BackupId| crate::notes::read(&live.vault, id).unwrap().description;
    let edited = backups::EditBackupOptions { description: Some("edited".into()), actor: "alice".into(), ..Default::default() };
    backups::edit(&live.vault, &a, &edited).unwrap();
    for other in [b, plain] {
        exchange(&live, &a, &other);
        refused_everywhere(&live, &a);
        let report = verify(&live.vault, &VerifyOptions::new(a.clone(), "alice"), &Silent).unwrap();
        assert_eq!((report.backup.verdict(), report.backup.encryption), (Verdict::Bad, Encryption::Known));
        exchange(&live, &a, &other);
        assert_eq!(said(&a).as_deref(), Some("edited"), "what was sealed is there again with its archive");
    }
    // A change of password writes the file anew, and it is still the backup's own.
    let options = ChangeOptions { password: Some(Password::new("vermilion otter beta 82")), kdf: CHEAP, actor: "alice".to_owned() };
    assert!(keys::change(&live.vault, &options, &Silent).unwrap().finished);
    let a = backups::backup(&live.vault, &a).unwrap();
    assert_eq!(live.vault.open_backup(&a).unwrap().metadata().backup_id, a.id);
}

#[test]
fn exchanged_archives_are_named_by_a_rebuild_and_by_the_doctor_before_and_after_it() {
    let live = testing::live(3);
    let (a, b, c) = (backup(&live).id, backup(&live).id, backup(&live).id);
    exchange(&live, &a, &b);
    let doctor = |vault: &Vault, said: &str, exit: u8| {
        let found = installation::examine(vault, jiff::Timestamp::now()).unwrap();
        let told = |one: &installation::Finding| one.message.contains(&format!("2 {said}")) && one.exit == exit;
        assert!(found.iter().any(told), "{found:?}");
        assert!(!found.iter().any(|one| one.message.contains("archives are not in the catalog")), "{found:?}");
    };
    doctor(&live.vault, "files are not the archives of their names", 4);
    let Live { vault, dir, source, database } = live;
    let options = VaultOptions { data: vault.data_dir().to_owned(), backups: None, mode: OpenMode::Existing };
    drop(vault);
    let report = rebuild(&options, "alice").unwrap();
    assert_eq!((report.databases, report.backups, report.skipped.len()), (1, 1, 2), "{report:?}");
    let named = |id: &BackupId, is: &BackupId| {
        report.skipped.iter().any(|told| told.starts_with(id.as_str()) && told.contains(&format!("{is}.zip")))
    };
    assert!(named(&a, &b) && named(&b, &a), "{report:?}");
    let live = Live { vault: Vault::open(&options).unwrap(), dir, source, database };
    doctor(&live.vault, "archives bear the name of another backup", 1);
    exchange(&live, &a, &b);
    drop(live.vault);
    let report = rebuild(&options, "alice").unwrap();
    assert_eq!((report.backups, report.skipped.len()), (3, 0), "as the doctor says: {report:?}");
    assert!(backups::backup(&Vault::open(&options).unwrap(), &c).unwrap().is_good());
}

#[test]
fn what_did_not_pass_its_newest_checks_takes_the_live_database_s_place_only_without_checks() {
    let live = testing::live(3);
    let a = backup(&live).id;
    let check =
        Check { name: CheckName::TestRestore, result: CheckResult::Failed, detail: "table t should hold 9 rows".into(), elapsed_ms: 1 };
    let proof = Proof { checked_at: jiff::Timestamp::now(), checks: vec![check] };
    live.vault.catalog().change_backup(&a, |backup| backup.proof = Some(proof.clone())).unwrap();
    backup(&live);
    let error = restored(&live, &a, Target::Replace, true).unwrap_err();
    assert_eq!((error.code(), error.kind().exit_code()), ("verification_failed", 4));
    assert!(error.to_string().contains("should hold 9 rows") && error.to_string().contains("keepstone verify"), "{error}");
    assert_eq!(rows(&live), 5);
    restored(&live, &a, Target::Replace, false).unwrap();
    assert_eq!(rows(&live), 4);
    let job = live.vault.catalog().restores_of(&live.database).unwrap().remove(0).1;
    assert_eq!(undo_refusal(&live.vault, &job).unwrap(), None, "the state before is there");
}

#[test]
fn what_became_another_in_the_trash_is_no_good_backup_when_it_is_put_back() {
    let live = testing::live(40);
    let [whole, cut, exchanged, _kept] = [(); 4].map(|()| backup(&live));
    for one in [&whole, &cut, &exchanged] {
        assert_eq!(one.verdict(), Verdict::Good);
        delete(&live.vault, &one.id, "alice").unwrap();
    }
    let bytes = fs::read(live.vault.trash_path(&cut.id)).unwrap();
    fs::write(live.vault.trash_path(&cut.id), &bytes[..bytes.len() - 200]).unwrap();
    fs::copy(live.vault.trash_path(&whole.id), live.vault.trash_path(&exchanged.id)).unwrap();
    let back = [&whole, &cut, &exchanged].map(|one| put_back(&live.vault, &one.id, "alice").unwrap().verdict());
    assert_eq!(back, [Verdict::Good, Verdict::Bad, Verdict::Bad]);
}
