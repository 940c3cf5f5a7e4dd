//! What the examples stand on, and no example itself: an application with a small database, and a vault that protects it.

use keepstone_engine::{
    Vault,
    databases::{AddDatabaseOptions, add_database},
    model::id::DatabaseId,
    vault::{OpenMode, VaultOptions},
};
use rusqlite::Connection;
use tempfile::TempDir;

pub(crate) type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The folder that holds it all and goes with the value, the application's own connection, the vault, and the database's id.
pub(crate) fn open() -> Outcome<(TempDir, Connection, Vault, DatabaseId)> {
    let folder = tempfile::tempdir()?;
    let location = folder.path().join("shop.db");
    let application = Connection::open(&location)?;
    application.execute_batch(
        "PRAGMA journal_mode = wal;
         CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL);
         INSERT INTO customer(name) VALUES ('Ada'), ('Grace'), ('Barbara');",
    )?;
    let vault = Vault::open(&VaultOptions { data: folder.path().join("vault"), backups: None, mode: OpenMode::Create })?;
    let options = AddDatabaseOptions { location: location.display().to_string(), name: None, schedules: None, actor: "shop".to_owned() };
    let id = add_database(&vault, &options)?.id;
    Ok((folder, application, vault, id))
}
