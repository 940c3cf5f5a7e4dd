//! Rows of jobs: keys, claims, cancelling.

use std::{collections::BTreeSet, sync::Mutex};

use jiff::Timestamp;
use keepstone_model::{
    job::{JobError, JobState, Progress, Step, Verb},
    schedule::JobLimits,
};

use crate::{
    Error, Vault,
    jobs::JobFilter,
    testing::{at, database, job, open, plain_event, vault},
};

fn queue(vault: &Vault, job: &keepstone_model::job::Job) {
    vault.catalog().add_job(job, "{}", None).unwrap();
}

fn limit(vault: &Vault, max_running: u32) {
    let limits = JobLimits { max_running, ..JobLimits::default() };
    vault.catalog().set_job_limits(&limits, &plain_event("jobs.limits_set"), Timestamp::now()).unwrap();
}

#[test]
fn a_job_comes_back_as_it_went_in() {
    let f = vault();
    let mut job = job(Verb::Verify, None);
    f.vault.catalog().add_job(&job, r#"{"a":1}"#, None).unwrap();
    job.state = JobState::Failed;
    job.backup = Some("shop_daily_20261120T030000Z_k3f9".parse().unwrap());
    job.started_at = Some(at("2026-11-20T03:00:01.5Z"));
    job.finished_at = Some(at("2026-11-20T03:00:02.5Z"));
    job.error = Some(JobError { code: "x".to_owned(), message: "y".to_owned(), hint: None });
    job.outcome = Some("z".to_owned());
    f.vault.catalog().put_job(&job, Some("[2]")).unwrap();
    f.vault.catalog().put_job(&job, None).unwrap();
    let row = f.vault.catalog().get_job(&job.id).unwrap().unwrap();
    assert_eq!((row.job, row.request.as_str(), row.result.as_deref()), (job.clone(), r#"{"a":1}"#, Some("[2]")));
    let unknown = crate::testing::job(Verb::Create, None);
    assert!(matches!(f.vault.catalog().put_job(&unknown, None), Err(Error::UnknownJob { .. })));
    f.vault.catalog().append_log(&job.id, at("2026-11-20T03:00:01Z"), "one").unwrap();
    f.vault.catalog().append_log(&job.id, at("2026-11-20T03:00:00Z"), "two").unwrap();
    let lines: Vec<String> = f.vault.catalog().job_log(&job.id).unwrap().into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, ["one", "two"]);
}

#[test]
fn a_key_makes_a_repeated_submit_the_same_job() {
    let f = vault();
    let other = open(&f.dir);
    let (a, b, c) = (job(Verb::Create, None), job(Verb::Create, None), job(Verb::Create, None));
    assert_eq!(f.vault.catalog().add_job(&a, "{}", Some("k")).unwrap(), a.id);
    assert_eq!(other.catalog().add_job(&b, "{}", Some("k")).unwrap(), a.id);
    assert_eq!(other.catalog().add_job(&c, "{}", Some("l")).unwrap(), c.id);
    let ids: Vec<_> = f.vault.catalog().list_jobs(&JobFilter::default()).unwrap().into_iter().map(|row| row.job.id).collect();
    assert_eq!(ids, [c.id, a.id], "the newest first");
}

#[test]
fn a_key_of_another_job_keeps_nothing_from_being_done() {
    let f = vault();
    let shop = database(&f.vault, "shop").id;
    let first = job(Verb::Create, Some(&shop));
    let mut verify = job(Verb::Verify, Some(&shop));
    verify.backup = Some("shop_daily_20261120T030000Z_k3f9".parse().unwrap());
    let other_backup =
        keepstone_model::job::Job { backup: Some("shop_daily_20261120T030000Z_k3fa".parse().unwrap()), ..job(Verb::Verify, Some(&shop)) };
    let other_database = job(Verb::Create, None);
    f.vault.catalog().add_job(&first, "{}", Some("k")).unwrap();
    f.vault.catalog().add_job(&verify, "{}", Some("l")).unwrap();
    for (other, key) in [(&other_database, "k"), (&other_backup, "l"), (&job(Verb::Verify, Some(&shop)), "k")] {
        assert_eq!(f.vault.catalog().add_job(other, "{}", Some(key)).unwrap(), other.id);
    }
    // The one that had the key first keeps it; its backup is written down as it is made.
    f.vault.catalog().put_job(&keepstone_model::job::Job { backup: verify.backup.clone(), ..first.clone() }, None).unwrap();
    assert_eq!(f.vault.catalog().add_job(&job(Verb::Create, Some(&shop)), "{}", Some("k")).unwrap(), first.id);
}

#[test]
fn one_job_of_a_database_runs_at_a_time_and_the_oldest_first() {
    let f = vault();
    limit(&f.vault, 9);
    let (shop, blog) = (database(&f.vault, "shop").id, database(&f.vault, "blog").id);
    let jobs = [job(Verb::Create, Some(&shop)), job(Verb::Restore, Some(&shop)), job(Verb::Create, Some(&blog)), job(Verb::Verify, None)];
    for job in &jobs {
        queue(&f.vault, job);
    }
    let claim = |skip: &str| {
        let row =
            f.vault.catalog().claim_job(Timestamp::now(), &|job| job.database.as_ref().is_some_and(|id| id.as_str() == skip)).unwrap();
        row.map(|row| jobs.iter().position(|job| job.id == row.job.id).unwrap())
    };
    assert_eq!(claim("shop"), Some(2));
    assert_eq!(claim(""), Some(0));
    assert_eq!(claim(""), Some(3));
    assert_eq!(claim(""), None, "shop's other job waits for the one that runs");
    let mut first = f.vault.catalog().get_job(&jobs[0].id).unwrap().unwrap().job;
    assert_eq!(first.state, JobState::Running);
    first.state = JobState::Done;
    f.vault.catalog().put_job(&first, None).unwrap();
    assert_eq!(claim(""), Some(1));
    let open = f.vault.catalog().list_jobs(&JobFilter { open: true, ..JobFilter::default() }).unwrap();
    assert_eq!(open.len(), 3);
    let of_shop = JobFilter { database: Some(shop), state: Some(JobState::Done), ..JobFilter::default() };
    assert_eq!(f.vault.catalog().list_jobs(&of_shop).unwrap().len(), 1);
}

#[test]
fn a_verification_neither_waits_for_its_database_nor_keeps_it() {
    let f = vault();
    let shop = database(&f.vault, "shop").id;
    let jobs = [Verb::Verify, Verb::Create, Verb::Verify, Verb::Create].map(|verb| job(verb, Some(&shop)));
    for job in &jobs {
        queue(&f.vault, job);
    }
    let claim = || f.vault.catalog().claim_job(Timestamp::now(), &|_| false).unwrap().map(|row| row.job.id);
    assert_eq!([claim(), claim(), claim(), claim()], [Some(jobs[0].id.clone()), Some(jobs[1].id.clone()), Some(jobs[2].id.clone()), None]);
}

#[test]
fn many_workers_claim_each_job_once() {
    let f = vault();
    limit(&f.vault, 40);
    let ids: BTreeSet<_> = (0..40).map(|_| job(Verb::Verify, None)).map(|job| (queue(&f.vault, &job), job.id).1).collect();
    let vaults: Vec<Vault> = (0..4).map(|_| open(&f.dir)).collect();
    let claimed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for vault in &vaults {
            scope.spawn(|| {
                while let Some(row) = vault.catalog().claim_job(Timestamp::now(), &|_| false).unwrap() {
                    claimed.lock().unwrap().push(row.job.id);
                }
            });
        }
    });
    let claimed = claimed.into_inner().unwrap();
    assert_eq!(claimed.len(), 40);
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), ids);
}

#[test]
fn as_many_run_at_once_as_may_and_a_restore_waits_for_none_of_them() {
    let f = vault();
    limit(&f.vault, 2);
    let jobs = [Verb::Create, Verb::Verify, Verb::Create, Verb::Create, Verb::Restore, Verb::Cleanup].map(|verb| job(verb, None));
    for job in &jobs {
        queue(&f.vault, job);
    }
    let claim = || {
        let row = f.vault.catalog().claim_job(Timestamp::now(), &|_| false).unwrap();
        row.map(|row| jobs.iter().position(|job| job.id == row.job.id).unwrap())
    };
    let claimed: Vec<_> = std::iter::from_fn(claim).collect();
    assert_eq!(claimed, [0, 1, 2, 4, 5], "verifications are counted apart");
    assert!(!f.vault.catalog().any_claimable().unwrap());
    limit(&f.vault, 3);
    assert_eq!(claim(), Some(3));
}

#[test]
fn cancelling_stops_a_queued_job_and_marks_a_running_one() {
    let f = vault();
    let (queued, running) = (job(Verb::Verify, None), job(Verb::Verify, None));
    queue(&f.vault, &running);
    f.vault.catalog().claim_job(Timestamp::now(), &|_| false).unwrap();
    queue(&f.vault, &queued);
    for job in [&queued, &running] {
        f.vault.catalog().request_cancel(&job.id).unwrap();
    }
    let state = |job: &keepstone_model::job::Job| f.vault.catalog().get_job(&job.id).unwrap().unwrap().job.state;
    assert_eq!((state(&queued), state(&running)), (JobState::Cancelled, JobState::Running));
    assert!(f.vault.catalog().claim_job(Timestamp::now(), &|_| false).unwrap().is_none());
    // The worker, which knows nothing of it yet, writes its row: the wish stays.
    f.vault.catalog().put_job(&keepstone_model::job::Job { state: JobState::Running, ..running.clone() }, None).unwrap();
    assert!(f.vault.catalog().cancel_requested(&running.id).unwrap());
}

#[test]
fn progress_is_seen_by_others_and_forgotten() {
    let f = vault();
    let other = open(&f.dir);
    let job = job(Verb::Create, None);
    let progress = Progress { step: Step::Prove, done_bytes: 1, total_bytes: 2, elapsed_ms: 3 };
    f.vault.live().put(&job.id, &Progress { done_bytes: 0, ..progress.clone() }).unwrap();
    f.vault.live().put(&job.id, &progress).unwrap();
    assert_eq!(other.live().get(&job.id).unwrap(), Some(progress.clone()));
    assert_eq!(other.live().all().unwrap(), [(job.id.clone(), progress)]);
    other.live().forget(&job.id).unwrap();
    assert_eq!(f.vault.live().get(&job.id).unwrap(), None);
}
