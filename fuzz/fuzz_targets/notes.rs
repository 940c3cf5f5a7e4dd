//! Any bytes as the notes beside an archive, plain or encrypted: a change of them keeps what it is told to keep, or leaves them as they are.
#![no_main]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use keepstone_engine::{
    Silent, Vault,
    backups::{self, EditBackupOptions},
    create::{CreateOptions, create},
    databases::{self, AddDatabaseOptions},
    keys::{self, Password, Passwords},
    model::{id::BackupId, metadata::Kdf},
    restore::restore_file,
    vault::{OpenMode, VaultOptions},
};
use libfuzzer_sys::fuzz_target;

struct Place {
    _folder: tempfile::TempDir,
    vault: Vault,
    /// A plain backup and an encrypted one, and where their notes are.
    backups: [(BackupId, PathBuf); 2],
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    // In memory where that is to be had: nothing depends on how lastingly it is kept.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap();
    let (data, location) = (folder.path().join("vault"), folder.path().join("app.db"));
    let exhibit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/archives/v1-none.zip");
    restore_file(&exhibit, &Passwords::none(), &location, &Silent).unwrap();
    let vault = Vault::open(&VaultOptions { data: data.clone(), backups: None, mode: OpenMode::Create }).unwrap();
    let options = AddDatabaseOptions { location: location.display().to_string(), name: None, schedules: None, actor: "fuzz".to_owned() };
    let database = databases::add_database(&vault, &options).unwrap().id;
    keys::add(&vault, &Password::new("correct horse battery staple"), Kdf::SCRYPT, true, "fuzz").unwrap();
    let backups = [false, true].map(|encrypt| {
        let options = CreateOptions { encrypt: Some(encrypt), ..CreateOptions::new(database.clone(), "fuzz") };
        let id = create(&vault, &options, &Silent).unwrap().backup.id;
        let notes = data.join(format!("backups/{database}/manual/{id}.notes.json"));
        assert!(notes.exists());
        (id, notes)
    });
    Place { _folder: folder, vault, backups }
});

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else { return };
    let place = &*PLACE;
    let (id, path) = &place.backups[usize::from(which & 1)];
    // Notes are of one backup: what the bytes say of another is of this one.
    let text = String::from_utf8_lossy(bytes).replace("BACKUP-ID", id.as_str());
    fs::write(path, &text).unwrap();
    let pinned = which & 2 != 0;
    let options = EditBackupOptions { pinned: Some(pinned), actor: "fuzz".to_owned(), ..EditBackupOptions::default() };
    match backups::edit(&place.vault, id, &options) {
        Ok(_) => {
            assert_eq!(backups::backup(&place.vault, id).unwrap().pinned, pinned);
            // And once more: what was written can be read.
            backups::edit(&place.vault, id, &options).unwrap();
        }
        Err(_) => assert!(fs::read(path).unwrap() == text.as_bytes(), "notes that were refused were written over"),
    }
});
