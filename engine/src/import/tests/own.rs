//! Archives of another Keepstone: all that was known of them there is known here.

use keepstone_model::{
    backup::{Encryption, SuspectCause, Verdict},
    metadata::Kdf,
};

use super::*;
use crate::{
    ack::{AckOptions, acknowledge},
    backups::EditBackupOptions,
    keys,
    testing::{Live, live},
};

const SECRET: &str = "cobalt marmot alpha 71";

fn add_key(vault: &Vault) {
    keys::add(vault, &keys::Password::new(SECRET), Kdf::Pbkdf2 { iterations: 1000 }, true, "alice").unwrap();
}

fn made(there: &Live, encrypt: bool, description: &str) -> Backup {
    let options = CreateOptions {
        encrypt: Some(encrypt),
        description: description.to_owned(),
        tags: vec!["blue".to_owned()],
        app_label: Some("shop 2.1".to_owned()),
        ..CreateOptions::new(there.database.clone(), "alice")
    };
    create(&there.vault, &options, &Silent).unwrap().backup
}

fn import_all(from: &Live, into: &Live) -> ImportReport {
    let path = from.vault.database_dir(&from.database);
    let options = ImportOptions { passwords: vec![Password::new(SECRET)], ..options(&path, &into.database) };
    import(&into.vault, &options, &Silent).unwrap()
}

/// What the other vault knew of each, by its description there.
fn known(live: &Live) -> Vec<Backup> {
    let filter = BackupFilter { oldest_first: true, database: Some(live.database.clone()), ..BackupFilter::default() };
    backups::list(&live.vault, &filter).unwrap().backups
}

#[test]
fn what_was_in_doubt_pinned_or_sealed_there_is_so_here() {
    let (there, here) = (live(300), live(3));
    add_key(&there.vault);
    made(&there, true, "sealed");
    made(&there, false, "plain");
    rusqlite::Connection::open(&there.source).unwrap().execute_batch("DELETE FROM t WHERE a > 10").unwrap();
    let doubts = [made(&there, false, "doubt"), made(&there, true, "sealed doubt"), made(&there, true, "noted")];
    assert!(doubts.iter().all(|backup| backup.verdict() == Verdict::Suspect));
    let word = AckOptions { backup: doubts[2].id.clone(), reason: "meant".to_owned(), with_older: false, actor: "bob".to_owned() };
    acknowledge(&there.vault, &word).unwrap();
    let edit = EditBackupOptions {
        description: Some("edited".to_owned()),
        pinned: Some(true),
        actor: "alice".to_owned(),
        ..EditBackupOptions::default()
    };
    backups::edit(&there.vault, &doubts[1].id, &edit).unwrap();

    let report = import_all(&there, &here);
    assert_eq!(report.counts(), (5, 0, 1, 0), "{:?}", report.files);
    let facts = |live: &Live| -> Vec<_> {
        let told = |backup: Backup| {
            let by = backup.acknowledged.clone().map(|word| (word.by, word.reason));
            (
                backup.verdict(),
                backup.description,
                backup.tags,
                backup.pinned,
                backup.suspect,
                backup.suspect_cause,
                by,
                backup.total_records,
            )
        };
        known(live).into_iter().map(told).collect()
    };
    assert_eq!(facts(&here), facts(&there));
    let labels = known(&here).into_iter().map(|backup| backups::detail(&here.vault, &backup.id).unwrap().metadata.unwrap().app_label);
    assert!(labels.into_iter().all(|label| label.as_deref() == Some("shop 2.1")));
    let noted = |what: &str| report.files.iter().filter(|file| file.notes.iter().any(|note| note.contains(what))).count();
    assert_eq!((noted("keepstone convert"), noted("no SHA-256"), noted("it is suspect there")), (3, 0, 2), "{:?}", report.files);
    assert!(known(&here).iter().all(|backup| backup.encryption == Encryption::None));
    assert_eq!(import_all(&there, &here).counts(), (0, 5, 1, 0), "and once only");
}

#[test]
fn what_was_encrypted_there_is_encrypted_here_where_there_is_a_password() {
    let (there, here) = (live(30), live(3));
    add_key(&there.vault);
    add_key(&here.vault);
    made(&there, true, "sealed");
    made(&there, false, "plain");
    let report = import_all(&there, &here);
    let kept: Vec<_> = known(&here).into_iter().map(|backup| (backup.description, backup.encryption)).collect();
    assert_eq!(kept, [("sealed".to_owned(), Encryption::Known), ("plain".to_owned(), Encryption::None)]);
    assert!(report.files.iter().all(|file| file.notes.is_empty()), "{:?}", report.files);
}

#[test]
fn an_archive_that_says_itself_that_it_is_damaged_is_taken_as_that() {
    let here = live(3);
    let old = here.dir.path().join("old");
    put(&old.join("till.zip"), include_bytes!("../../../../testdata/archives/v1-zstd-suspect-damage.zip"));
    put(&old.join("loss.zip"), include_bytes!("../../../../testdata/archives/v1-zstd-suspect-loss.zip"));
    let report = import(&here.vault, &options(&old, &here.database), &Silent).unwrap();
    assert_eq!(report.counts(), (2, 0, 0, 0), "{:?}", report.files);
    let mut causes: Vec<_> = known(&here).into_iter().map(|backup| (backup.verdict(), backup.suspect_cause)).collect();
    causes.sort_by_key(|(_, cause)| cause.map(SuspectCause::as_str));
    assert_eq!(causes, [(Verdict::Suspect, Some(SuspectCause::Damage)), (Verdict::Suspect, Some(SuspectCause::Loss))]);
}

#[test]
fn notes_that_cannot_be_read_pin_what_they_lie_beside() {
    let (there, here) = (live(30), live(3));
    let one = made(&there, false, "plain");
    fs::write(there.vault.notes_path(&one.id), "{").unwrap();
    let report = import_all(&there, &here);
    assert!(known(&here)[0].pinned && report.files[0].notes[0].contains("pinned"), "{:?}", report.files);
}

#[test]
fn archives_of_several_databases_are_not_mixed() {
    let (there, here) = (live(30), live(3));
    let other = there.dir.path().join("crm.db");
    fs::write(&other, image(0)).unwrap();
    let add = AddDatabaseOptions { location: other.display().to_string(), name: None, schedules: None, actor: "alice".to_owned() };
    let crm = add_database(&there.vault, &add).unwrap().id;
    made(&there, false, "of the shop");
    create(&there.vault, &CreateOptions::new(crm.clone(), "alice"), &Silent).unwrap();
    // Both are called as the database here is, or neither.
    let all = import(&here.vault, &options(there.vault.backups_dir(), &here.database), &Silent).unwrap();
    let told: Vec<_> = known(&here).into_iter().map(|backup| backup.description).collect();
    assert_eq!(told, ["of the shop"], "{:?}", all.files);
    let error = |report: ImportReport| match report.files.into_iter().next().unwrap().outcome {
        super::super::Outcome::Refused { code, exit, .. } => (code, exit),
        other => panic!("{other:?}"),
    };
    // In its own vault one database takes nothing of the other.
    let own = import(&there.vault, &options(&other_folder(&there, &crm), &there.database), &Silent).unwrap();
    assert_eq!(error(own), ("other_database".to_owned(), 7));
}

/// The archives of a database, where they are not the vault's own.
fn other_folder(of: &Live, database: &DatabaseId) -> PathBuf {
    let copy = of.dir.path().join("copied");
    fs::create_dir(&copy).unwrap();
    for (path, bytes, _) in
        picture(&of.vault.database_dir(database)).into_iter().filter(|(path, ..)| path.extension().is_some_and(|e| e == "zip"))
    {
        fs::write(copy.join(path.file_name().unwrap()), bytes).unwrap();
    }
    copy
}
