//! A vault that is begun anew around its archives, whose password comes back only after that; and a key that goes while it is in use.

use keepstone_model::{
    backup::{Backup, SuspectCause},
    job::JobState,
};

use super::*;
use crate::{
    ack::{AckOptions, acknowledge},
    backups::EditBackupOptions,
    jobs::{self, JobRequest, Running},
    vault::rebuild,
};

#[test]
fn once_the_password_is_known_again_all_is_known_that_was() {
    let shop = encrypting();
    let first = shop.backup();
    let edit = EditBackupOptions {
        description: Some("before the move".to_owned()),
        tags: Some(vec!["blue".to_owned()]),
        pinned: Some(true),
        actor: "alice".to_owned(),
    };
    backups::edit(&shop.vault, &first, &edit).unwrap();
    let source = Connection::open(&shop.source).unwrap();
    let emptied = |acknowledge_it: bool| {
        source.execute_batch("DELETE FROM secret_customers").unwrap();
        let id = shop.backup();
        if acknowledge_it {
            let options =
                AckOptions { backup: id.clone(), reason: "secret reason".to_owned(), with_older: false, actor: "alice".to_owned() };
            acknowledge(&shop.vault, &options).unwrap();
            source.execute_batch("INSERT INTO secret_customers VALUES (1)").unwrap();
            shop.backup();
        }
        id
    };
    let ids = [first.clone(), emptied(true), emptied(false)];
    let before: Vec<Backup> = ids.iter().map(|id| Backup { job: None, ..shop.row(id) }).collect();
    assert_eq!(before[2].suspect_cause, Some(SuspectCause::Loss));

    drop(source);
    let Shop { vault, dir, .. } = shop;
    let options = VaultOptions { data: vault.data_dir().to_owned(), backups: None, mode: OpenMode::Existing };
    drop(vault);
    fs::remove_dir_all(options.data.join("keys")).unwrap();
    fs::remove_file(options.data.join("catalog.sqlite")).unwrap();
    assert_eq!(rebuild(&options, "alice").unwrap().backups, 4);
    let vault = testing::open(&dir);
    let now = |id: &BackupId| backups::backup(&vault, id).unwrap();
    assert_eq!((now(&first).description.as_str(), now(&first).encryption), ("", Encryption::Lost));
    add(&vault, &Password::new(FIRST), CHEAP, true, "alice").unwrap();
    find_lost(&vault).unwrap();
    for before in before {
        assert_eq!(now(&before.id), before);
    }
}

#[test]
fn a_key_stays_while_something_is_made_that_may_need_it() {
    let shop = encrypting();
    shop.backup();
    let first = list(&shop.vault).unwrap().pop().unwrap().id;
    shop.change(Some(SECOND));
    for (encrypt, may_go) in [(None, false), (Some(true), false), (Some(false), true)] {
        let options = CreateOptions { encrypt, ..CreateOptions::new(shop.database.id.clone(), "bob") };
        let running = Running::begin(&shop.vault, &JobRequest::Create(options)).unwrap();
        // Also of whoever is ready to lose archives.
        match remove(&shop.vault, &first, true, "alice") {
            Ok(_) => assert!(may_go),
            Err(error) => {
                assert!(!may_go && error.code() == "database_busy" && error.to_string().contains(running.id().as_str()), "{error}");
            }
        }
        running.finish(Ok(()), String::new(), None, false).unwrap();
        let id = running.id();
        drop(running);
        assert_eq!(jobs::job(&shop.vault, &id).unwrap().job.state, JobState::Done);
    }
}
