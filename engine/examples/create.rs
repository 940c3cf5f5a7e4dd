//! Opens a vault, adds a database to it and makes a backup that is read back and proven before it counts.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

use keepstone_engine::{
    Silent, Vault,
    create::{CreateOptions, create},
    databases::{AddDatabaseOptions, add_database},
    vault::{OpenMode, VaultOptions},
};
use rusqlite::Connection;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // An application's database. Its connection stays open all the while: a backup holds no writer up.
    let folder = tempfile::tempdir()?;
    let location = folder.path().join("shop.db");
    let application = Connection::open(&location)?;
    application.execute_batch("CREATE TABLE customer(name TEXT); INSERT INTO customer VALUES ('Ada'), ('Grace')")?;

    // The vault: a folder that Keepstone makes at the first start. The command line and a console may have it open at the same time.
    let vault = Vault::open(&VaultOptions { data: folder.path().join("vault"), backups: None, mode: OpenMode::Create })?;
    let options = AddDatabaseOptions { location: location.display().to_string(), name: None, schedules: None, actor: "shop".to_owned() };
    let database = add_database(&vault, &options)?;

    let options = CreateOptions { description: "before the weekend".to_owned(), ..CreateOptions::new(database.id, "shop") };
    let report = create(&vault, &options, &Silent)?;
    // It is on the disk under its name, and passed its checks.
    assert!(report.backup.is_good());
    println!("{} holds {} rows in {} bytes", report.backup.id, report.backup.total_records, report.backup.archive_size_bytes);
    Ok(())
}
