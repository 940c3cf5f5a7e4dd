//! What a conversion keeps, what it refuses, and what a kill in its middle leaves.

use std::fs;

use std::path::PathBuf;

use keepstone_model::{
    database::Database,
    metadata::{Compression, Kdf, Metadata},
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::{
    Silent,
    ack::{AckOptions, acknowledge},
    create::{CreateOptions, create},
    databases::{AddDatabaseOptions, EditDatabaseOptions, add_database, edit_database},
    keys::Password,
    restore::{PlanOptions, plan_restore},
    testing,
    vault::{OpenMode, VaultOptions, rebuild},
};

const CHEAP: Kdf = Kdf::Pbkdf2 { iterations: 1000 };

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
    Connection::open(&source).unwrap().execute_batch("CREATE TABLE customers (a); INSERT INTO customers VALUES (1)").unwrap();
    let options =
        AddDatabaseOptions { location: source.to_str().unwrap().to_owned(), name: None, schedules: None, actor: "alice".to_owned() };
    let database = add_database(&vault, &options).unwrap();
    Shop { vault, database, source, dir }
}

impl Shop {
    fn backup(&self) -> Backup {
        Connection::open(&self.source).unwrap().execute("INSERT INTO customers VALUES (random())", []).unwrap();
        let options = CreateOptions {
            description: "before the move".to_owned(),
            tags: vec!["kept".to_owned()],
            pin: true,
            compression: Some(Compression::Gzip),
            kind: Kind::Daily,
            ..CreateOptions::new(self.database.id.clone(), "alice")
        };
        create(&self.vault, &options, &Silent).unwrap().backup
    }

    fn encrypts(&self) {
        keys::add(&self.vault, &Password::new("correct horse battery staple"), CHEAP, true, "alice").unwrap();
        let options = EditDatabaseOptions { encrypt: Some(true), actor: "alice".to_owned(), ..EditDatabaseOptions::default() };
        edit_database(&self.vault, &self.database.id, &options).unwrap();
    }

    fn convert(&self, id: &BackupId) -> Result<ConvertReport> {
        convert(&self.vault, &ConvertOptions::new(id.clone(), "bob"), &Silent)
    }

    fn metadata(&self, id: &BackupId) -> Metadata {
        self.vault.open_archive(&self.vault.archive_path(id)).unwrap().metadata().clone()
    }
}

#[test]
fn an_old_archive_is_encrypted_in_its_place() {
    let shop = shop();
    let [first, old, newer] = [(); 3].map(|()| shop.backup());
    let before = shop.metadata(&old.id);
    assert!(shop.convert(&old.id).unwrap().unchanged, "as the database's rule is, there is nothing to convert");
    shop.encrypts();
    let report = shop.convert(&old.id).unwrap();
    let new = backups::backup(&shop.vault, &report.backup.id).unwrap();
    assert!(new.is_good() && new.pinned && !report.unchanged && report.until.is_some());
    assert_eq!((new.encryption, new.sequence, new.kind), (Encryption::Known, old.sequence, Kind::Daily));
    assert_eq!(
        (&new.created_at, &new.created_by, &new.description, &new.tags),
        (&old.created_at, &old.created_by, &old.description, &old.tags)
    );
    let after = shop.metadata(&new.id);
    assert_eq!((&after.backup_hash, &after.restore_hash, after.sequence), (&before.backup_hash, &before.restore_hash, before.sequence));
    assert_eq!((&after.source, &after.previous, after.compression), (&before.source, &before.previous, Compression::Gzip));
    assert!(after.encrypted && after.origin.is_none());
    // The neighbours, the order and the newest are what they were.
    let order = |vault: &Vault| {
        let all = vault.catalog().backups_of(&shop.database.id).unwrap();
        all.into_iter().filter(|backup| backup.state == BackupState::Complete).map(|backup| backup.id).collect::<Vec<_>>()
    };
    assert_eq!(order(&shop.vault), [newer.id.clone(), new.id.clone(), first.id.clone()]);
    assert_eq!(backups::find(&shop.vault, "latest", None).unwrap().id, newer.id);
    assert_eq!(backups::backup(&shop.vault, &old.id).unwrap().state, BackupState::Trashed);
    assert!(shop.convert(&new.id).unwrap().unchanged, "done twice it does nothing");
    // In a rebuilt catalog, too, the new one has the place, and the old one lies in the trash.
    let Shop { vault, database, dir, .. } = shop;
    drop(vault);
    let options = VaultOptions { data: dir.path().join("vault"), backups: None, mode: OpenMode::Existing };
    rebuild(&options, "alice").unwrap();
    let vault = Vault::open(&options).unwrap();
    let all = vault.catalog().backups_of(&database.id).unwrap();
    assert_eq!(all.iter().map(|backup| backup.id.clone()).collect::<Vec<_>>(), [newer.id, new.id, first.id, old.id]);
    assert_eq!(all[3].state, BackupState::Trashed);
}

#[test]
fn what_must_stay_is_refused_and_as_it_was() {
    let shop = shop();
    let old = shop.backup();
    shop.backup();
    shop.encrypts();
    let refused = |state: &dyn Fn(&mut Backup)| {
        let row = shop.vault.catalog().change_backup(&old.id, |backup| state(backup)).unwrap();
        let error = shop.convert(&old.id).unwrap_err();
        assert_eq!(backups::backup(&shop.vault, &old.id).unwrap(), row);
        shop.vault.catalog().put_backup(&old).unwrap();
        error
    };
    let doubt = (Some("table a is empty".to_owned()), Some(SuspectCause::Loss));
    let suspect = refused(&|backup| (backup.suspect, backup.suspect_cause) = doubt.clone());
    assert_eq!((suspect.code(), suspect.kind().exit_code()), ("convert_refused", 7));
    assert!(refused(&|backup| backup.state = BackupState::Missing).to_string().contains("missing"));
    let trashed = |backup: &mut Backup| backup.state = BackupState::Trashed;
    assert!(refused(&trashed).to_string().contains("put it back first"));
    // One that is being read stays beside the new one.
    let reading = crate::archive::Archive::open(&shop.vault.archive_path(&old.id)).unwrap();
    let report = shop.convert(&old.id).unwrap();
    assert!(report.until.is_none());
    drop(reading);
    let stayed = backups::backup(&shop.vault, &old.id).unwrap();
    assert!(stayed.state == BackupState::Complete && stayed.sequence < 1);
    assert_eq!(backups::backup(&shop.vault, &report.backup.id).unwrap().sequence, old.sequence);
}

#[test]
fn a_damaged_archive_is_not_made_into_a_sound_one() {
    let shop = shop();
    let old = shop.backup();
    shop.backup();
    shop.encrypts();
    let path = shop.vault.archive_path(&old.id);
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] ^= 1;
    fs::write(&path, bytes).unwrap();
    let error = shop.convert(&old.id).unwrap_err();
    assert_eq!(error.kind().exit_code(), 4, "{error}");
    let rows = shop.vault.catalog().backups_of(&shop.database.id).unwrap();
    assert_eq!(rows.iter().filter(|row| row.state == BackupState::Complete).count(), 2);
    assert!(fs::read_dir(shop.vault.staging_root()).unwrap().flatten().all(|entry| !entry.path().is_dir()), "nothing plain is left");
}

#[test]
fn a_restore_of_a_converted_backup_is_the_same_database() {
    let shop = shop();
    let old = shop.backup();
    shop.backup();
    shop.encrypts();
    let new = shop.convert(&old.id).unwrap().backup.id;
    let target = shop.dir.path().join("back.db");
    let wish = PlanOptions {
        backup: new,
        target: keepstone_model::restore::Target::NewFile { path: target.to_str().unwrap().to_owned() },
        safety_backup: true,
    };
    let plan = plan_restore(&shop.vault, &wish).unwrap();
    let options = crate::restore::RestoreOptions { plan, verify: true, actor: "bob".to_owned() };
    crate::restore::restore(&shop.vault, &options, &Silent).unwrap();
    assert_eq!(hex(&Sha256::digest(fs::read(&target).unwrap())), shop.metadata(&options.plan.backup).backup_hash);
}

#[test]
fn a_loss_that_was_acknowledged_stays_so() {
    let shop = shop();
    shop.backup();
    Connection::open(&shop.source).unwrap().execute("DELETE FROM customers", []).unwrap();
    let emptied = create(
        &shop.vault,
        &CreateOptions { compression: Some(Compression::Gzip), ..CreateOptions::new(shop.database.id.clone(), "alice") },
        &Silent,
    );
    let emptied = emptied.unwrap().backup;
    assert_eq!(emptied.verdict(), Verdict::Suspect);
    let ack = AckOptions { backup: emptied.id.clone(), reason: "on purpose".to_owned(), with_older: false, actor: "bob".to_owned() };
    acknowledge(&shop.vault, &ack).unwrap();
    let options = ConvertOptions { compression: Some(Compression::None), ..ConvertOptions::new(emptied.id, "bob") };
    let converted = convert(&shop.vault, &options, &Silent).unwrap().backup;
    let notes = crate::notes::read(&shop.vault, &converted.id).unwrap();
    for acknowledged in [&converted.acknowledged, &notes.acknowledged] {
        assert_eq!(acknowledged.as_ref().map(|ack| &*ack.reason), Some("on purpose"));
    }
    assert!(converted.is_good() && notes.suspect.is_some());
}
