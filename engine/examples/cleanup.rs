//! Sets which backups are kept, looks at the plan, and cleans up by it.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    Silent,
    cleanup::{CleanupOptions, Consent, PlanOptions, cleanup, plan_cleanup, set_policy},
    create::{CreateOptions, create},
    model::{
        id::Kind,
        retention::{CountBy, Manual, RetentionPolicy},
    },
};

fn main() -> shop::Outcome {
    let (_folder, application, vault, shop) = shop::open()?;
    for name in ["Edsger", "Donald", "Barbara", "Niklaus", "Tony"] {
        application.execute("INSERT INTO customer(name) VALUES (?1)", [name])?;
        create(&vault, &CreateOptions { kind: Kind::Daily, ..CreateOptions::new(shop.clone(), "shop") }, &Silent)?;
    }

    let policy = RetentionPolicy { daily: Some(3), ..RetentionPolicy::default() };
    set_policy(&vault, &shop, &policy, Consent::Given, CountBy::Good, "shop")?;

    // The dry run is the plan: each backup with its fate and the reason.
    let plan = plan_cleanup(&vault, &PlanOptions::new(shop.clone()), jiff::Timestamp::now())?;
    for line in &plan.lines {
        println!("{}: {}", line.backup.id, line.fate);
    }
    let doomed: Vec<_> = plan.removals().map(|line| line.backup.id.clone()).collect();
    assert_eq!(doomed.len(), 2);

    // Removed is what the plan named and what still may go then: into the trash, from where it can be put back for a day.
    let options = CleanupOptions {
        database: shop,
        policy: None,
        manual: Manual::Kept,
        count_by: CountBy::Good,
        confirmed: Some(doomed),
        actor: "shop".to_owned(),
    };
    let report = cleanup(&vault, &options, &Silent)?;
    println!("removed {}, {} bytes", report.removed.len(), report.freed_bytes);
    assert_eq!(report.removed.len(), 2);
    Ok(())
}
