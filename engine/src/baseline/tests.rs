//! A source that was emptied is in doubt whatever became of the archives that were made of it before.

use std::fs;

use keepstone_model::backup::Backup;
use rusqlite::Connection;

use super::*;
use crate::{
    Silent,
    activity::{EventFilter, events},
    create::{CreateOptions, create},
    delete, jobs,
    testing::{self, Live, live},
};

fn backup(live: &Live) -> Backup {
    // Where those before it are encrypted, that has to be said.
    let options = CreateOptions { encrypt: Some(false), ..CreateOptions::new(live.database.clone(), "alice") };
    create(&live.vault, &options, &Silent).unwrap().backup
}

fn leave(live: &Live, rows: u32) {
    Connection::open(&live.source).unwrap().execute("DELETE FROM t WHERE a > ?1", [rows]).unwrap();
}

#[test]
fn an_emptied_source_is_suspect_though_every_archive_of_before_is_away() {
    for (left, words) in [(0, "the database is empty, it had 900 rows"), (300, "the database has 300 of 900 rows")] {
        for trashed in [false, true] {
            let live = live(900);
            let before = backup(&live);
            if trashed {
                // As a person has it who deletes what is missing.
                fs::remove_file(live.vault.archive_path(&before.id)).unwrap();
                jobs::recover(&live.vault).unwrap();
                delete::delete(&live.vault, &before.id, "alice").unwrap();
            } else {
                fs::rename(live.vault.archive_path(&before.id), live.dir.path().join("away.zip")).unwrap();
                jobs::recover(&live.vault).unwrap();
            }
            leave(&live, left);
            let now = backup(&live);
            assert_eq!(now.suspect.as_deref(), Some(words), "trashed: {trashed}");
            assert!(!now.is_good());
        }
    }
}

#[test]
fn what_cannot_be_compared_with_anything_says_so_once() {
    let live = live(900);
    let before = backup(&live);
    // As in a catalog that was rebuilt where the password is not known.
    let sealed = |row: &mut Backup| (row.encryption, row.total_records) = (Encryption::Lost, 0);
    live.vault.catalog().change_backup(&before.id, sealed).unwrap();
    leave(&live, 0);
    let told = |live: &Live| {
        let filter = EventFilter { limit: Some(20), ..EventFilter::default() };
        events(&live.vault, &filter).unwrap().into_iter().filter(|event| event.action == "backup.uncompared").collect::<Vec<_>>()
    };
    let now = backup(&live);
    let told_first = told(&live);
    assert_eq!((told_first.len(), told_first[0].backup.as_ref(), told_first[0].result.as_str()), (1, Some(&now.id), "warning"));
    backup(&live);
    assert_eq!(told(&live).len(), 1, "the next has one to be compared with");

    // The first backup of all has nothing before it, and is no news.
    let fresh = testing::live(900);
    backup(&fresh);
    assert!(told(&fresh).is_empty());
}
