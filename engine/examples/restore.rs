//! Restores a backup into a new file. The live database stays as it is.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    Silent, backups,
    create::{CreateOptions, create},
    model::restore::Target,
    restore::{PlanOptions, RestoreOptions, plan_restore, restore},
};
use rusqlite::Connection;

fn main() -> shop::Outcome {
    let (folder, application, vault, shop) = shop::open()?;
    create(&vault, &CreateOptions::new(shop.clone(), "shop"), &Silent)?;
    application.execute("DELETE FROM customer", [])?;

    let latest = backups::find(&vault, "latest", Some(&shop))?;
    let target = folder.path().join("as-it-was.sqlite");
    let target = Target::NewFile { path: target.display().to_string() };
    let plan = plan_restore(&vault, &PlanOptions { backup: latest.id, target, safety_backup: false })?;
    let report = restore(&vault, &RestoreOptions { plan, verify: true, actor: "shop".to_owned() }, &Silent)?;
    assert!(report.hash_equal && !report.replaced);

    let customers = |database: &Connection| database.query_row("SELECT count(*) FROM customer", [], |row| row.get::<_, i64>(0));
    println!("{}: {} customers, live: {}", report.path.display(), customers(&Connection::open(&report.path)?)?, customers(&application)?);
    assert_eq!((customers(&Connection::open(&report.path)?)?, customers(&application)?), (3, 0));
    Ok(())
}
