//! Queues a backup and lets another thread, or the process of `keepstone serve` on the same vault, carry it out.
#![expect(clippy::print_stdout, reason = "a program, not the library")]

mod shop;

use std::time::Duration;

use keepstone_engine::{
    Silent,
    create::CreateOptions,
    jobs::{self, JobFilter, JobRequest},
    model::job::JobState,
};

fn main() -> shop::Outcome {
    let (_folder, _application, vault, shop) = shop::open()?;
    // With a key of its own a request that is sent twice acts once.
    let request = JobRequest::Create(CreateOptions::new(shop, "shop"));
    let job = jobs::submit(&vault, &request, Some("order-4711"))?;
    assert_eq!(jobs::submit(&vault, &request, Some("order-4711"))?, job);

    std::thread::scope(|scope| {
        scope.spawn(|| jobs::run_next(&vault, &Silent));
        let ended = jobs::wait(&vault, &job, Duration::from_secs(60))?;
        assert_eq!(ended.state, JobState::Done);
        println!("{}: {:?}", ended.id, ended.backup);
        Ok::<_, keepstone_engine::Error>(())
    })?;
    for line in jobs::job(&vault, &job)?.log {
        println!("{line:?}");
    }
    assert_eq!(jobs::jobs(&vault, &JobFilter::default())?.len(), 1);
    Ok(())
}
