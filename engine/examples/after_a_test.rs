//! Gives every test the same database: what a test changed is put back after it, while the application under test goes on running.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    Result, Silent, Vault,
    create::{CreateOptions, create},
    model::{
        id::{BackupId, DatabaseId},
        restore::Target,
    },
    restore::{PlanOptions, RestoreOptions, plan_restore, restore},
};

/// The state that every test begins with. Put back also where the test panics.
struct Fixture<'a> {
    vault: &'a Vault,
    backup: BackupId,
}

impl<'a> Fixture<'a> {
    fn of(vault: &'a Vault, database: &DatabaseId) -> Result<Self> {
        Ok(Self { vault, backup: create(vault, &CreateOptions::new(database.clone(), "tests"), &Silent)?.backup.id })
    }

    /// Without a safety backup: what a test wrote is worth nothing.
    fn put_back(&self) -> Result<()> {
        let plan = plan_restore(self.vault, &PlanOptions { backup: self.backup.clone(), target: Target::Replace, safety_backup: false })?;
        restore(self.vault, &RestoreOptions { plan, verify: true, actor: "tests".to_owned() }, &Silent).map(drop)
    }
}

impl Drop for Fixture<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.put_back() {
            println!("the database could not be put back: {error}");
        }
    }
}

fn main() -> shop::Outcome {
    let (_folder, application, vault, shop) = shop::open()?;
    let customers = || application.query_row("SELECT count(*) FROM customer", [], |row| row.get::<_, i64>(0));
    for test in
        ["DELETE FROM customer", "INSERT INTO customer(name) SELECT name FROM customer", "ALTER TABLE customer ADD COLUMN email TEXT"]
    {
        assert_eq!(customers()?, 3, "every test begins with the same rows");
        let _fixture = Fixture::of(&vault, &shop)?;
        application.execute_batch(test)?;
        println!("{test}: {} customers", customers()?);
    }
    assert_eq!(customers()?, 3);
    Ok(())
}
