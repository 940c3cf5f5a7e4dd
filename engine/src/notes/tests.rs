//! Notes that cannot be read: what stays true of the backup, what is refused meanwhile, and how a person gets on.

use std::fs;

use keepstone_model::{Timestamp, backup::Verdict};

use super::*;
use crate::{
    Silent,
    activity::{EventFilter, events},
    backups::{self, EditBackupOptions},
    create::{CreateOptions, create},
    delete,
    installation::{Severity, examine},
    testing::{Live, live},
    verify::{VerifyOptions, verify},
};

fn backup(live: &Live) -> Backup {
    let options = CreateOptions { description: "before the move".to_owned(), ..CreateOptions::new(live.database.clone(), "alice") };
    create(&live.vault, &options, &Silent).unwrap().backup
}

fn pin(live: &Live, id: &BackupId, pinned: Option<bool>) -> Result<Backup> {
    let tags = pinned.is_none().then(|| vec!["blue".to_owned()]);
    backups::edit(&live.vault, id, &EditBackupOptions { pinned, tags, actor: "alice".to_owned(), ..EditBackupOptions::default() })
}

#[test]
fn damaged_notes_say_so_keep_the_verdict_and_are_written_anew_for_a_person() {
    for damage in
        ["", "{\"notes_version\": 1, \"backup_id\"", "null", "{\"notes_version\": 1, \"backup_id\": \"other_daily_20261120T030000Z_k3f9\"}"]
    {
        let live = live(5);
        let (vault, [old, _new]) = (&live.vault, [backup(&live), backup(&live)]);
        let path = vault.notes_path(&old.id);
        fs::write(&path, damage).unwrap();

        let report = verify(vault, &VerifyOptions::new(old.id.clone(), "alice"), &Silent).unwrap();
        assert_eq!((report.backup.verdict(), report.proof.failed()), (Verdict::Good, false));
        assert!(report.not_noted.is_some_and(|why| why.contains("notes")), "{damage:?}");
        let told = &events(vault, &EventFilter { backup: Some(old.id.clone()), ..EventFilter::default() }).unwrap();
        assert!(told.iter().any(|event| event.action == "backup.notes"), "{told:?}");
        let refused = delete::delete(vault, &old.id, "alice").unwrap_err();
        assert_eq!((refused.code(), refused.hint().unwrap().contains("keepstone unpin")), ("notes_damaged", true));
        assert!(vault.archive_path(&old.id).exists());
        let doctor = |notes: bool| {
            let found = examine(vault, Timestamp::now()).unwrap();
            let said = found.iter().any(|one| one.severity == Severity::Warning && one.message.contains(path.to_str().unwrap()));
            assert_eq!(said, notes, "{found:?}");
        };
        doctor(true);
        assert_eq!(fs::read_to_string(&path).unwrap(), damage, "nothing but a person's word writes over it");

        // Whoever changes something else has not said that it may go.
        let edited = pin(&live, &old.id, None).unwrap();
        let written = read(vault, &old.id).unwrap();
        assert!(edited.pinned && written.pinned, "it may have been pinned");
        assert_eq!((written.description.as_deref(), edited.tags), (Some("before the move"), vec!["blue".to_owned()]));
        assert_eq!(written.proofs, [report.proof]);
        let kept = asides(&path).next().unwrap();
        assert_eq!(fs::read_to_string(&kept).unwrap(), damage);
        doctor(false);

        fs::write(&path, damage).unwrap();
        assert!(!pin(&live, &old.id, Some(false)).unwrap().pinned);
        delete::delete(vault, &old.id, "alice").unwrap();
        delete::empty_trash(vault, None, "alice").unwrap();
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(left.iter().all(|name| !name.to_str().unwrap().starts_with(old.id.as_str())), "{left:?}");
    }
}

#[test]
fn notes_of_a_newer_version_are_nobodys_to_write_over() {
    let live = live(5);
    let old = backup(&live);
    let path = live.vault.notes_path(&old.id);
    fs::write(&path, "{\"notes_version\": 99}").unwrap();
    let report = verify(&live.vault, &VerifyOptions::new(old.id.clone(), "alice"), &Silent).unwrap();
    assert_eq!(report.backup.verdict(), Verdict::Good);
    assert_eq!(pin(&live, &old.id, Some(false)).unwrap_err().code(), "archive_too_new");
    assert_eq!(fs::read_to_string(&path).unwrap(), "{\"notes_version\": 99}");
}

#[test]
fn where_no_password_is_known_nothing_of_the_content_is_written_in_clear() {
    let row = Backup { encryption: Encryption::Lost, description: "secret".to_owned(), ..backup(&live(1)) };
    let notes = Notes::anew(&row).stripped();
    assert!(notes.pinned && notes.description.is_none());
    assert!(!serde_json::to_string(&notes).unwrap().contains("secret"));
}

fn doctor(vault: &Vault) -> Vec<String> {
    let found = examine(vault, Timestamp::now()).unwrap();
    found.into_iter().filter(|one| one.area == "archives" && one.severity == Severity::Warning).map(|one| one.message).collect()
}

#[test]
fn notes_that_are_gone_are_told_and_written_anew_with_what_the_catalog_knows() {
    let live = live(5);
    let (vault, [old, _new]) = (&live.vault, [backup(&live), backup(&live)]);
    pin(&live, &old.id, Some(true)).unwrap();
    let known = pin(&live, &old.id, None).unwrap();
    fs::remove_file(vault.notes_path(&old.id)).unwrap();
    let told = doctor(vault);
    assert!(matches!(&told[..], [one] if one.contains("are gone") && one.contains(old.id.as_str())), "{told:?}");
    let plan = crate::cleanup::plan_cleanup(vault, &crate::cleanup::PlanOptions::new(live.database.clone()), Timestamp::now()).unwrap();
    assert!(plan.candidates.iter().any(|candidate| candidate.obstacle == Some(keepstone_model::retention::Obstacle::Notes)));

    let report = verify(vault, &VerifyOptions::new(old.id.clone(), "alice"), &Silent).unwrap();
    let written = read(vault, &old.id).unwrap();
    assert!(report.backup.pinned && written.pinned);
    assert_eq!((written.description.as_deref(), &written.tags), (Some("before the move"), &Some(known.tags)));
    assert_eq!(written.proofs, [known.proof.unwrap(), report.proof]);
    assert_eq!(doctor(vault), Vec::<String>::new());

    // So does a deletion, which is taken back.
    pin(&live, &old.id, Some(false)).unwrap();
    fs::remove_file(vault.notes_path(&old.id)).unwrap();
    delete::delete(vault, &old.id, "alice").unwrap();
    delete::put_back(vault, &old.id, "alice").unwrap();
    assert_eq!(read(vault, &old.id).unwrap().tags, Some(vec!["blue".to_owned()]));
}

#[test]
fn a_new_catalog_takes_an_archive_without_notes_up_as_pinned_and_says_so() {
    let live = live(5);
    let [first, second, _noted] = [backup(&live), backup(&live), backup(&live)];
    let Live { vault, dir, database, .. } = live;
    for id in [&first.id, &second.id] {
        fs::remove_file(vault.notes_path(id)).unwrap();
    }
    drop(vault);
    let options = crate::vault::VaultOptions { data: dir.path().join("vault"), backups: None, mode: crate::vault::OpenMode::Existing };
    let report = crate::vault::rebuild(&options, "alice").unwrap();
    assert!(
        matches!(&report.skipped[..], [one] if one.contains("2 backups of shop") && one.contains("keepstone unpin")),
        "{:?}",
        report.skipped
    );
    let vault = crate::testing::open(&dir);
    let pinned: Vec<bool> = vault.catalog().backups_of(&database).unwrap().iter().rev().map(|backup| backup.pinned).collect();
    assert_eq!(pinned, [true, true, false]);
    verify(&vault, &VerifyOptions::new(first.id.clone(), "alice"), &Silent).unwrap();
    let unpin = EditBackupOptions { pinned: Some(false), actor: "alice".to_owned(), ..EditBackupOptions::default() };
    backups::edit(&vault, &second.id, &unpin).unwrap();
    drop(vault);
    assert_eq!(crate::vault::rebuild(&options, "alice").unwrap().skipped, Vec::<String>::new(), "it was told once");
    let vault = crate::testing::open(&dir);
    assert_eq!([&first, &second].map(|one| backups::backup(&vault, &one.id).unwrap().pinned), [true, false]);
}
