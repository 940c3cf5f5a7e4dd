//! Holds databases, schedules and retention as code: what would change is a plan first, and a second time there is nothing to do.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use keepstone_engine::{
    apply::{WantedDatabase, apply, plan_apply},
    cleanup::Consent,
    model::{id::Kind, retention::RetentionPolicy, schedule::Schedule},
};

fn main() -> shop::Outcome {
    let (folder, _application, vault, shop) = shop::open()?;
    let wanted = [WantedDatabase {
        objective_secs: Some(26 * 3600),
        schedules: Some(vec![Schedule::cron(Kind::Daily, "30 1 * * *", "UTC")]),
        retention: Some(RetentionPolicy { daily: Some(14), ..RetentionPolicy::default() }),
        ..WantedDatabase::new(shop, folder.path().join("shop.db").display().to_string())
    }];
    let now = jiff::Timestamp::now();
    let plan = plan_apply(&vault, &wanted, now)?;
    for change in &plan.changes {
        println!("{:?} {}: {:?} -> {:?}", change.act, change.what, change.from, change.to);
    }
    assert!(!plan.is_empty());
    apply(&vault, &plan, Consent::Given, now)?;
    assert!(plan_apply(&vault, &wanted, now)?.is_empty());
    Ok(())
}
