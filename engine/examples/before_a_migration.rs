//! Backs up before a migration, and restores if it fails: a half migrated database never stays.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    Silent, Vault,
    create::{CreateOptions, create},
    model::{backup::Backup, id::DatabaseId, restore::Target},
    restore::{PlanOptions, RestoreOptions, plan_restore, restore},
};
use rusqlite::Connection;

/// Two steps, the second of which has a mistake. Not in one transaction, as migrations of several files are not.
fn migrate(application: &Connection) -> rusqlite::Result<()> {
    application.execute_batch("ALTER TABLE customer ADD COLUMN email TEXT; UPDATE customer SET email = lower(name) || '@example.org'")?;
    application.execute_batch("UPDATE customers SET email = NULL WHERE email LIKE 'grace%'")
}

fn with_a_way_back(vault: &Vault, shop: &DatabaseId, work: impl FnOnce() -> rusqlite::Result<()>) -> shop::Outcome<Backup> {
    let description = "before the migration".to_owned();
    let backup = create(vault, &CreateOptions { description, pin: true, ..CreateOptions::new(shop.clone(), "migration") }, &Silent)?.backup;
    if let Err(error) = work() {
        println!("the migration failed: {error}");
        let plan = plan_restore(vault, &PlanOptions { backup: backup.id.clone(), target: Target::Replace, safety_backup: true })?;
        restore(vault, &RestoreOptions { plan, verify: true, actor: "migration".to_owned() }, &Silent)?;
        println!("everything is as {} has it", backup.id);
    }
    Ok(backup)
}

fn main() -> shop::Outcome {
    let (_folder, application, vault, shop) = shop::open()?;
    with_a_way_back(&vault, &shop, || migrate(&application))?;
    let columns: i64 = application.query_row("SELECT count(*) FROM pragma_table_info('customer')", [], |row| row.get(0))?;
    assert_eq!(columns, 2, "the new column is gone again");
    Ok(())
}
