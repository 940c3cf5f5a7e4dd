//! A lost `database.json` comes back from the catalog, and without one the database from its archives.

use std::fs;

use super::*;
use crate::{
    Silent,
    activity::{EventFilter, events},
    create::{CreateOptions, create},
    databases::{AddDatabaseOptions, add_database},
    keys::{self, Password},
    model::metadata::Kdf,
    testing::{self, Live, live},
    vault::{OpenMode, VaultOptions, rebuild},
};

fn backup(live: &Live) -> BackupId {
    create(&live.vault, &CreateOptions::new(live.database.clone(), "alice"), &Silent).unwrap().backup.id
}

fn told(vault: &Vault) -> usize {
    events(vault, &EventFilter::default()).unwrap().iter().filter(|event| event.action == "database.file_lost").count()
}

#[test]
fn a_lost_file_is_written_anew_and_told_once() {
    let live = live(5);
    let file = live.vault.database_json_path(&live.database);
    let before = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    drop(testing::open(&live.dir));
    assert!(!file.exists(), "of a folder without archives nobody can tell that it is not an empty mount point");
    // What makes a backup there makes it the folder of the database.
    backup(&live);
    assert_eq!((fs::read(&file).unwrap(), told(&live.vault)), (before.clone(), 1));
    fs::remove_file(&file).unwrap();
    drop(testing::open(&live.dir));
    drop(testing::open(&live.dir));
    assert_eq!((fs::read(&file).unwrap(), told(&live.vault)), (before, 2));

    // Archives of another vault's database of that name are none of ours.
    let other = testing::live(5);
    backup(&other);
    let folder = live.vault.database_dir(&live.database);
    fs::rename(&folder, live.dir.path().join("ours")).unwrap();
    fs::rename(other.vault.database_dir(&other.database), &folder).unwrap();
    fs::remove_file(&file).unwrap();
    drop(testing::open(&live.dir));
    assert!(!file.exists());
}

#[test]
fn without_it_the_archives_say_whose_they_are() {
    for left in [None, Some("{ \"file_version\": 1, \"id\"")] {
        let live = live(5);
        let ids = [backup(&live), backup(&live)];
        let before = database(&live.vault, &live.database).unwrap();
        let file = live.vault.database_json_path(&live.database);
        match left {
            None => fs::remove_file(&file).unwrap(),
            Some(text) => fs::write(&file, text).unwrap(),
        }
        let Live { vault, dir, source, database: id } = live;
        let options = VaultOptions { data: vault.data_dir().to_owned(), backups: None, mode: OpenMode::Existing };
        drop(vault);
        fs::rename(options.data.join("backups"), dir.path().join("saved")).unwrap();
        fs::remove_dir_all(&options.data).unwrap();
        fs::create_dir(&options.data).unwrap();
        fs::rename(dir.path().join("saved"), options.data.join("backups")).unwrap();

        let report = rebuild(&options, "alice").unwrap();
        assert_eq!(
            (report.databases, report.backups, &report.skipped[..], &report.without_settings[..]),
            (1, 2, &[][..], &[id.clone()][..])
        );
        let vault = testing::open(&dir);
        let after = database(&vault, &id).unwrap();
        assert_eq!((&after.uid, &after.location, after.engine), (&before.uid, &before.location, before.engine));
        assert!(after.cleanup_rhythm.paused, "what was to be kept is not known");
        assert!(ids.iter().all(|id| vault.catalog().get_backup(id).unwrap().is_some_and(|backup| backup.is_good())));
        let again =
            AddDatabaseOptions { location: source.to_str().unwrap().to_owned(), name: None, schedules: None, actor: "bob".to_owned() };
        assert_eq!(add_database(&vault, &again).unwrap().uid, before.uid, "it is not begun a second time");
    }
}

#[test]
fn archives_that_no_password_opens_are_told_and_taken_up_once_one_does() {
    let live = live(5);
    keys::add(&live.vault, &Password::new("correct horse battery staple"), Kdf::Pbkdf2 { iterations: 1000 }, true, "alice").unwrap();
    let options = CreateOptions { encrypt: Some(true), ..CreateOptions::new(live.database.clone(), "alice") };
    let made = create(&live.vault, &options, &Silent).unwrap().backup.id;
    fs::remove_file(live.vault.database_json_path(&live.database)).unwrap();
    let Live { vault, dir, source, database: id } = live;
    let options = VaultOptions { data: vault.data_dir().to_owned(), backups: None, mode: OpenMode::Existing };
    drop(vault);
    fs::remove_dir_all(options.data.join("keys")).unwrap();
    fs::remove_file(options.data.join("catalog.sqlite")).unwrap();
    let report = rebuild(&options, "alice").unwrap();
    assert_eq!((report.databases, report.skipped.len()), (0, 1), "{report:?}");
    assert!(report.skipped[0].contains("keepstone key add"), "{report:?}");

    let vault = testing::open(&dir);
    keys::add(&vault, &Password::new("correct horse battery staple"), Kdf::Pbkdf2 { iterations: 1000 }, true, "alice").unwrap();
    let again = AddDatabaseOptions { location: source.to_str().unwrap().to_owned(), name: None, schedules: None, actor: "bob".to_owned() };
    let added = add_database(&vault, &again).unwrap();
    assert_eq!((added.id, added.encrypt), (id, true));
    assert!(vault.catalog().get_backup(&made).unwrap().is_some_and(|backup| backup.is_good()));
}
