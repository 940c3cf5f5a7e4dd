//! Puts a backup in the place of the live database while its application has it open, and takes that back.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    Silent,
    create::{CreateOptions, create},
    model::restore::Target,
    restore::{PlanOptions, RestoreOptions, UndoOptions, plan_restore, plan_undo, restore, undo},
};

fn main() -> shop::Outcome {
    let (_folder, application, vault, shop) = shop::open()?;
    let customers = || application.query_row("SELECT count(*) FROM customer", [], |row| row.get::<_, i64>(0));
    let backup = create(&vault, &CreateOptions::new(shop, "shop"), &Silent)?.backup;
    application.execute("DELETE FROM customer WHERE name <> 'Ada'", [])?;

    // The plan says what would be lost, table by table, and changes nothing. Show it to whoever decides; it is good for 15 minutes.
    let plan = plan_restore(&vault, &PlanOptions { backup: backup.id, target: Target::Replace, safety_backup: true })?;
    for table in &plan.tables {
        println!("{}: {:?} rows now, {:?} after", table.table, table.live_rows, table.backup_rows);
    }
    let report = restore(&vault, &RestoreOptions { plan, verify: true, actor: "shop".to_owned() }, &Silent)?;
    // The application's own connection sees it; nothing was restarted.
    assert_eq!(customers()?, 3);

    // The state before is a backup of its own: the undo restores that one.
    println!("{} holds what was there before", report.safety_backup.as_ref().ok_or("no safety backup")?);
    let job = report.job.ok_or("a restore over the live database is a job")?;
    let plan = plan_undo(&vault, &job)?;
    undo(&vault, &UndoOptions { restore: job, plan, actor: "shop".to_owned() }, &Silent)?;
    assert_eq!(customers()?, 1);
    Ok(())
}
