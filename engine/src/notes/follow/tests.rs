//! A catalog that is put back from an older copy: what was noted since holds, wherever something is about to be relied on.

use std::{fs, io::Write, path::PathBuf};

use keepstone_model::{
    Timestamp,
    backup::Verdict,
    id::{BackupId, Kind},
    metadata::Kdf,
    retention::{CountBy, Manual, RetentionPolicy},
};

use super::*;
use crate::{
    Error, Silent,
    ack::{AckOptions, acknowledge},
    backups::{self, EditBackupOptions},
    cleanup::{CleanupOptions, Consent, PlanOptions, cleanup, plan_cleanup, set_policy},
    create::{CreateOptions, create},
    databases::status,
    delete::{delete, trash},
    installation::{Severity, examine},
    keys::{self, Password},
    testing::{Live, live, open},
    verify::{VerifyOptions, verify},
};

/// A database of which so many daily backups are made, the oldest first, and of which the newest three are kept.
fn made(count: usize) -> (Live, Vec<BackupId>) {
    let live = live(300);
    let policy = RetentionPolicy { daily: Some(3), ..RetentionPolicy::default() };
    set_policy(&live.vault, &live.database, &policy, Consent::Given, CountBy::Good, "alice").unwrap();
    let ids = (0..count).map(|_| one_more(&live)).collect();
    (live, ids)
}

fn one_more(live: &Live) -> BackupId {
    create(&live.vault, &CreateOptions { kind: Kind::Daily, ..CreateOptions::new(live.database.clone(), "alice") }, &Silent)
        .unwrap()
        .backup
        .id
}

/// A copy of the catalog as it is now.
fn copy(live: &Live) -> PathBuf {
    let copy = live.dir.path().join("older.sqlite");
    let catalog = rusqlite::Connection::open(live.vault.catalog_path()).unwrap();
    catalog.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    copy
}

/// As an operator does it, with every Keepstone stopped; the vault is not opened yet.
fn put_back(live: Live, copy: &std::path::Path) -> (tempfile::TempDir, DatabaseId) {
    let Live { vault, dir, database, .. } = live;
    let catalog = vault.catalog_path();
    drop(vault);
    for side in ["-wal", "-shm"] {
        let _ = fs::remove_file(crate::vault::beside(&catalog, side));
    }
    fs::rename(copy, &catalog).unwrap();
    (dir, database)
}

fn edit(vault: &Vault, id: &BackupId, options: EditBackupOptions) {
    backups::edit(vault, id, &EditBackupOptions { actor: "alice".to_owned(), ..options }).unwrap();
}

fn damage(vault: &Vault, id: &BackupId) {
    let path = vault.archive_path(id);
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 1;
    fs::File::create(&path).unwrap().write_all(&bytes).unwrap();
    assert!(verify(vault, &VerifyOptions::new(id.clone(), "alice"), &Silent).unwrap().proof.failed());
}

fn unattended(database: &DatabaseId) -> CleanupOptions {
    CleanupOptions {
        database: database.clone(),
        policy: None,
        manual: Manual::Kept,
        count_by: CountBy::Good,
        confirmed: None,
        actor: "cleanup".to_owned(),
    }
}

fn said(vault: &Vault) -> Vec<String> {
    let found = examine(vault, Timestamp::now()).unwrap();
    found.into_iter().filter(|one| one.area == "archives" && one.severity != Severity::Ok).map(|one| one.message).collect()
}

#[test]
fn an_older_catalog_that_is_put_back_learns_what_was_noted_since() {
    let (live, ids) = made(6);
    let older = copy(&live);
    let note = EditBackupOptions {
        pinned: Some(true),
        description: Some("before the move".to_owned()),
        tags: Some(vec!["blue".to_owned()]),
        ..EditBackupOptions::default()
    };
    edit(&live.vault, &ids[0], note);
    damage(&live.vault, &ids[5]);
    let (dir, database) = put_back(live, &older);

    let vault = open(&dir);
    let pinned = backups::backup(&vault, &ids[0]).unwrap();
    assert_eq!((pinned.pinned, pinned.description.as_str(), pinned.tags), (true, "before the move", vec!["blue".to_owned()]));
    assert_eq!(backups::backup(&vault, &ids[5]).unwrap().verdict(), Verdict::Bad);
    assert!(!status(&vault, &database, Timestamp::now()).unwrap().concerns.is_empty(), "its newest backup is bad");
    let link = fs::read_link(vault.latest_link(&database)).unwrap();
    assert!(link.to_str().unwrap().contains(ids[4].as_str()));
    assert_eq!(said(&vault), Vec::<String>::new());
    let told = crate::activity::events(&vault, &crate::activity::EventFilter::default()).unwrap();
    let told: Vec<&str> = told.iter().filter(|event| event.action == "catalog.followed").map(|event| event.message.as_str()).collect();
    assert!(matches!(told[..], [one] if one.contains("2 backups") && one.contains("pinned") && one.contains("a check failed")), "{told:?}");

    let removed: Vec<BackupId> =
        cleanup(&vault, &unattended(&database), &Silent).unwrap().removed.into_iter().map(|gone| gone.backup.id).collect();
    assert_eq!(removed, [ids[1].clone()], "three good ones are kept beside the bad one, and the pinned one stays");
    let refused = delete(&vault, &ids[0], "alice").unwrap_err();
    assert!(matches!(&refused, Error::DeleteRefused { reason, .. } if reason.contains("pinned")), "{refused}");
    drop(vault);
    let told_again = open(&dir).catalog().notes_followed_by().unwrap();
    assert_eq!(told_again, Some(open(&dir).catalog().file_identity().unwrap()), "the next start has nothing to do");
}

/// Under the very file that was looked at, as a copy that is written into it leaves it: nothing tells an older catalog then but the notes.
#[test]
fn what_is_about_to_go_or_to_be_relied_on_is_looked_up_in_its_notes() {
    let (live, ids) = made(6);
    let (vault, database) = (&live.vault, &live.database);
    let rows: Vec<Backup> = ids.iter().map(|id| backups::backup(vault, id).unwrap()).collect();
    edit(vault, &ids[0], EditBackupOptions { pinned: Some(true), ..EditBackupOptions::default() });
    damage(vault, &ids[5]);
    let forget = || rows.iter().for_each(|row| vault.catalog().put_backup(row).unwrap());
    forget();

    let plan = plan_cleanup(vault, &PlanOptions::new(database.clone()), Timestamp::now()).unwrap();
    let planned: Vec<&str> = plan.removals().map(|line| line.backup.id.as_str()).collect();
    assert_eq!(planned, [ids[1].as_str()]);
    assert!(!backups::backup(vault, &ids[0]).unwrap().pinned, "a preview changes nothing");
    let doctor = said(vault);
    assert!(matches!(&doctor[..], [one] if one.contains("2 backups")), "{doctor:?}");

    let refused = delete(vault, &ids[0], "alice").unwrap_err();
    assert!(matches!(&refused, Error::DeleteRefused { reason, .. } if reason.contains("pinned")), "{refused}");
    assert!(backups::backup(vault, &ids[0]).unwrap().pinned);
    forget();
    let by_hand = crate::delete::clean_away(vault, &ids[0], "cleanup", "it is too much").unwrap_err();
    assert!(matches!(by_hand, Error::DeleteRefused { .. }), "{by_hand}");
    forget();
    let removed = cleanup(vault, &unattended(database), &Silent).unwrap().removed;
    assert_eq!(removed.iter().map(|gone| &gone.backup.id).collect::<Vec<_>>(), [&ids[1]]);
    assert!(backups::backup(vault, &ids[0]).unwrap().pinned && trash(vault).unwrap().len() == 1);
    assert_eq!(said(vault), Vec::<String>::new());
}

#[test]
fn the_last_one_that_is_good_by_the_notes_is_not_deleted_for_one_that_is_not() {
    let (live, ids) = made(2);
    let (vault, newest) = (&live.vault, backups::backup(&live.vault, &ids[1]).unwrap());
    damage(vault, &ids[1]);
    vault.catalog().put_backup(&newest).unwrap();
    let refused = delete(vault, &ids[0], "alice").unwrap_err();
    assert!(matches!(&refused, Error::DeleteRefused { reason, .. } if reason.contains("newest good")), "{refused}");
    vault.catalog().put_backup(&newest).unwrap();
    let refused = crate::delete::clean_away(vault, &ids[0], "cleanup", "it is too much").unwrap_err();
    assert!(matches!(refused, Error::DeleteRefused { .. }), "{refused}");
}

#[test]
fn what_is_sealed_is_known_again_too_and_an_acknowledgement() {
    let (live, _) = made(1);
    let cheap = Kdf::Pbkdf2 { iterations: 1000 };
    keys::add(&live.vault, &Password::new("cobalt marmot alpha 71"), cheap, true, "alice").unwrap();
    let options = CreateOptions { encrypt: Some(true), ..CreateOptions::new(live.database.clone(), "alice") };
    let sealed = create(&live.vault, &options, &Silent).unwrap().backup.id;
    rusqlite::Connection::open(&live.source).unwrap().execute_batch("DELETE FROM t WHERE a > 10").unwrap();
    let doubted = one_more(&live);
    let older = copy(&live);
    edit(&live.vault, &sealed, EditBackupOptions { description: Some("secret".to_owned()), ..EditBackupOptions::default() });
    let word = AckOptions { backup: doubted.clone(), reason: "meant".to_owned(), with_older: false, actor: "bob".to_owned() };
    acknowledge(&live.vault, &word).unwrap();
    let (dir, _) = put_back(live, &older);
    let vault = open(&dir);
    assert_eq!(backups::backup(&vault, &sealed).unwrap().description, "secret");
    assert_eq!(backups::backup(&vault, &doubted).unwrap().acknowledged.map(|word| word.reason), Some("meant".to_owned()));
}
