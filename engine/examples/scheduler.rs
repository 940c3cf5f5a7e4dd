//! Takes backups by the clock from inside an application: add a schedule, start the scheduler, trigger a run, change the schedule, stop.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use std::{sync::Arc, time::Duration};

use keepstone_engine::{
    jobs,
    model::{
        id::Kind,
        job::JobState,
        schedule::{Schedule, Trigger},
    },
    scheduler::{Scheduler, SchedulerOptions},
    schedules::{self, AddScheduleOptions, EditScheduleOptions},
};

fn main() -> shop::Outcome {
    let (_folder, _application, vault, shop) = shop::open()?;
    let vault = Arc::new(vault);
    let options = AddScheduleOptions {
        database: shop.clone(),
        schedule: Schedule::cron(Kind::Daily, "0 2 * * *", "Europe/Berlin"),
        actor: "shop".to_owned(),
    };
    let nightly = schedules::add(&vault, &options, jiff::Timestamp::now())?;
    println!("{}: {}", nightly.number, nightly.words);

    let scheduler = Scheduler::start(Arc::clone(&vault), &SchedulerOptions::default())?;
    assert!(scheduler.is_running());
    println!("the next one comes at {:?}", scheduler.next_run(Some(&shop))?);

    // A run now; it is carried out by the scheduler's threads.
    let job = scheduler.trigger(nightly.number, "shop")?;
    let ended = jobs::wait(&vault, &job, Duration::from_secs(60))?;
    assert_eq!(ended.state, JobState::Done);
    println!("{}: {:?}", job, ended.backup);

    let hourly = EditScheduleOptions {
        kind: Some(Kind::Hourly),
        trigger: Some(Trigger::Interval { every_secs: 3600 }),
        actor: "shop".to_owned(),
        ..EditScheduleOptions::default()
    };
    println!("now {}", scheduler.update(nightly.number, &hourly)?.words);
    let info = scheduler.info()?;
    println!("{} schedules, next at {:?}, running now: {:?}", info.active_schedules, info.next_run_at, info.jobs);
    assert_eq!(info.active_schedules, 1);

    let report = scheduler.stop();
    assert!(report.all_ended && !scheduler.is_running());
    Ok(())
}
