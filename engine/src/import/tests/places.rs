//! What must not be touched where it lies, and archives of another vault.

use std::{fs, path::Path};

use keepstone_model::{
    id::{DatabaseId, Kind},
    import::plan::{Decision, PlannedFile},
};
use rusqlite::Connection;

use super::{image, imported, listed, options, vault};
use crate::{
    Silent,
    backups::{self, BackupFilter},
    create::{CreateOptions, create},
    import::{ImportOptions, import, plan_import},
    testing::Fixture,
};

fn decided(f: &Fixture, path: &Path, id: &DatabaseId) -> Vec<String> {
    let told = |file: PlannedFile| match file.decision {
        Decision::Adopt(adoption) => format!("{}: {}", file.path, adoption.kind),
        Decision::Skip { reason } => format!("{}: skip {reason}", file.path),
        Decision::Refuse { code, .. } => format!("{}: {code}", file.path),
    };
    plan_import(&f.vault, &options(path, id), &Silent).unwrap().into_iter().map(told).collect()
}

#[test]
fn what_is_in_use_or_leads_elsewhere_is_not_touched() {
    let (f, id) = vault("shop");
    let root = f.dir.path();
    let open = Connection::open(root.join("app.db")).unwrap();
    open.execute_batch("PRAGMA journal_mode=wal; CREATE TABLE t(a); INSERT INTO t VALUES (1);").unwrap();
    fs::hard_link(root.join("shop.db"), root.join("same.db")).unwrap();
    fs::write(root.join("zero.db"), "").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("secret.db"), image(5)).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("secret.db"), root.join("link.db")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe.db"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let mut found = decided(&f, root, &id);
    found.sort();
    let expected = [
        "app.db: in_use",
        "link.db: skip a link to what lies outside of the folder",
        "same.db: in_use",
        "shop.db: skip a link to same.db",
        "zero.db: empty",
    ];
    assert_eq!(found, expected);
    // The vault itself lies in that folder, and nothing of it was offered; its own archives cannot be named either.
    let own = f.vault.backups_dir().join("shop");
    fs::create_dir_all(&own).unwrap();
    assert_eq!(plan_import(&f.vault, &options(&own, &id), &Silent).unwrap_err().code(), "invalid");
    let zone = ImportOptions { time_zone: Some("Mars/Olympus".to_owned()), ..options(root, &id) };
    assert_eq!(import(&f.vault, &zone, &Silent).unwrap_err().code(), "invalid");
}

#[test]
fn archives_of_another_vault_are_imported_with_what_its_notes_say() {
    let (other, other_id) = vault("till");
    let made = CreateOptions { description: "old".to_owned(), kind: Kind::Weekly, pin: true, ..CreateOptions::new(other_id, "carol") };
    let made = create(&other.vault, &made, &Silent).unwrap().backup;
    let edit = backups::EditBackupOptions { description: Some("new".to_owned()), actor: "carol".to_owned(), ..Default::default() };
    backups::edit(&other.vault, &made.id, &edit).unwrap();
    let (f, id) = vault("shop");
    let report = imported(&f, other.vault.data_dir(), &id);
    assert_eq!(report.counts().0, 1, "{:?}", report.files);
    assert_eq!(listed(&f), [format!("weekly {} by carol: new [] Good", made.created_at)]);
    let backup = backups::list(&f.vault, &BackupFilter::default()).unwrap().backups.remove(0);
    assert!(backup.pinned);
    let detail = backups::detail(&f.vault, &backup.id).unwrap().metadata.unwrap();
    assert_eq!(detail.origin, Some(format!("keepstone: {}", made.id)));
    // The zip by itself is the same one.
    assert_eq!(imported(&f, &other.vault.archive_path(&made.id), &id).counts().1, 1);
}
