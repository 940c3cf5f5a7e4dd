//! Lists backups, newest first, and shows all that is known of one; sets a description, a tag and a pin afterwards.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    Silent,
    backups::{self, BackupFilter, EditBackupOptions},
    create::{CreateOptions, create},
    databases,
};

fn main() -> shop::Outcome {
    let (_folder, _application, vault, shop) = shop::open()?;
    for number in 1..=3 {
        create(&vault, &CreateOptions { description: format!("number {number}"), ..CreateOptions::new(shop.clone(), "shop") }, &Silent)?;
    }

    let page = backups::list(&vault, &BackupFilter { database: Some(shop.clone()), limit: Some(2), ..BackupFilter::default() })?;
    println!("{} of {}:", page.backups.len(), page.total);
    for backup in &page.backups {
        println!("{} {} {:?}", backup.id, backup.description, backup.verdict());
    }
    assert_eq!((page.backups.len(), page.total, page.backups[0].description.as_str()), (2, 3, "number 3"));

    let newest = &page.backups[0].id;
    let edit = EditBackupOptions {
        tags: Some(vec!["keep".to_owned()]),
        pinned: Some(true),
        actor: "shop".to_owned(),
        ..EditBackupOptions::default()
    };
    backups::edit(&vault, newest, &edit)?;
    let detail = backups::detail(&vault, newest)?;
    let metadata = detail.metadata.ok_or("the archive cannot be read")?;
    println!("{} holds {:?}, in {:?}", newest, metadata.table_counts, detail.archive_path);
    assert!(detail.backup.pinned && metadata.table_counts["customer"] == 3);

    for status in databases::statuses(&vault, jiff::Timestamp::now())? {
        println!("{}: {:?}, {} backups", status.database.id, status.state, status.backup_count);
    }
    Ok(())
}
