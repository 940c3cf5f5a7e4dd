//! Tests of the running scheduler on real vaults: it starts, it stops, and a job that hangs keeps nobody else.

use std::{
    path::PathBuf,
    sync::mpsc,
    time::{Duration, Instant},
};

use keepstone_model::{
    backup::Backup,
    id::Kind,
    job::JobState,
    schedule::{IfMissed, JobLimits, Preset, Schedule, Trigger},
};
use rusqlite::Connection;

use super::*;
use crate::{
    activity::{EventFilter, events},
    backups::{self, BackupFilter},
    create::CreateOptions,
    databases::{AddDatabaseOptions, FirstSchedules, add_database},
    jobs::{JobFilter, JobRequest},
    schedules::AddScheduleOptions,
    testing::{self, Fixture, plain_event},
};

struct Place {
    f: Fixture,
    vault: Arc<Vault>,
}

fn place() -> Place {
    let f = testing::vault();
    let vault = Arc::new(testing::open(&f.dir));
    Place { f, vault }
}

impl Place {
    fn database(&self, name: &str, first: Option<FirstSchedules>) -> DatabaseId {
        let path = self.path(name);
        Connection::open(&path).unwrap().execute_batch("PRAGMA journal_mode = wal; CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
        let options = AddDatabaseOptions { location: path.display().to_string(), name: None, schedules: first, actor: "alice".to_owned() };
        add_database(&self.vault, &options).unwrap().id
    }

    fn path(&self, name: &str) -> PathBuf {
        self.f.dir.path().join(format!("{name}.db"))
    }

    fn add(&self, database: &DatabaseId, schedule: Schedule) {
        let options = AddScheduleOptions { database: database.clone(), schedule, actor: "alice".to_owned() };
        schedules::add(&self.vault, &options, Timestamp::now()).unwrap();
    }

    fn backups(&self, database: &DatabaseId) -> Vec<Backup> {
        backups::list(&self.vault, &BackupFilter { database: Some(database.clone()), ..BackupFilter::default() }).unwrap().backups
    }

    fn start(&self) -> Scheduler {
        Scheduler::start(self.vault.clone(), &SchedulerOptions::default()).unwrap()
    }

    fn job(&self, database: &DatabaseId) -> JobId {
        jobs::submit(&self.vault, &JobRequest::Create(CreateOptions::new(database.clone(), "alice")), None).unwrap()
    }

    fn state(&self, job: &JobId) -> JobState {
        self.vault.catalog().get_job(job).unwrap().unwrap().job.state
    }
}

fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn start_and_stop_take_a_backup_unless_one_is_the_same() {
    let place = place();
    let shop = place.database("shop", Some(FirstSchedules::of(Preset::HalfDaily)));
    let paused = place.database("paused", None);
    place.add(&paused, Schedule { paused: true, ..Schedule::of(Kind::Startup, Trigger::Start) });
    let kinds = || -> Vec<Kind> { place.backups(&shop).iter().rev().map(|backup| backup.kind).collect() };

    let scheduler = place.start();
    assert!(scheduler.is_running());
    let info = scheduler.info().unwrap();
    assert_eq!((info.active_schedules, info.next_run_at), (3, scheduler.next_run(Some(&shop)).unwrap()));
    eventually("the start is backed up", || kinds() == [Kind::Startup] && scheduler.info().unwrap().jobs.is_empty());
    assert_eq!(scheduler.stop(), StopReport { all_ended: true, backups: 1, backups_failed: 0 });
    assert!(!scheduler.is_running());
    assert_eq!(kinds(), [Kind::Startup], "nothing changed in between");
    assert_eq!(scheduler.stop().backups, 0, "it is over");

    // A crash loop evicts nothing; a change is kept.
    let unchanged = || {
        let all = events(&place.vault, &EventFilter::default()).unwrap();
        all.iter().filter(|event| event.action == "backup.unchanged").count()
    };
    for _ in 0..3 {
        let before = unchanged();
        let scheduler = place.start();
        eventually("the start finds nothing new", || unchanged() > before && scheduler.info().unwrap().jobs.is_empty());
        scheduler.stop();
    }
    assert_eq!(unchanged(), 7, "the first stop, then three starts and stops");
    assert_eq!(kinds(), [Kind::Startup]);
    let scheduler = place.start();
    Connection::open(place.path("shop")).unwrap().execute_batch("INSERT INTO t VALUES (2)").unwrap();
    scheduler.stop();
    assert!(kinds().last() == Some(&Kind::Shutdown) || kinds() == [Kind::Startup, Kind::Startup], "{:?}", kinds());
    assert!(place.backups(&paused).is_empty());
}

#[test]
fn off_it_carries_out_jobs_and_fires_nothing() {
    let place = place();
    let shop = place.database("shop", Some(FirstSchedules::of(Preset::HalfDaily)));
    let scheduler =
        Scheduler::start(place.vault.clone(), &SchedulerOptions { firing: Firing::Off, ..SchedulerOptions::default() }).unwrap();
    let job = place.job(&shop);
    eventually("the job is done", || place.state(&job) == JobState::Done);
    scheduler.stop();
    let kinds: Vec<Kind> = place.backups(&shop).iter().map(|backup| backup.kind).collect();
    assert_eq!(kinds, [Kind::Manual]);
}

#[test]
fn it_triggers_and_updates_while_it_runs() {
    let place = place();
    let shop = place.database("shop", Some(FirstSchedules::of(Preset::Standard)));
    let scheduler = place.start();
    let number = schedules::list(&place.vault, Some(&shop), Timestamp::now()).unwrap()[1].number;
    let job = scheduler.trigger(number, "alice").unwrap();
    eventually("the triggered run is done", || place.state(&job) == JobState::Done);
    assert_eq!(place.backups(&shop)[0].kind, Kind::Weekly);
    let skip = EditScheduleOptions { if_missed: Some(IfMissed::Skip), ..EditScheduleOptions::default() };
    assert_eq!(scheduler.update(number, &skip).unwrap().schedule.if_missed, IfMissed::Skip);
    scheduler.stop();
}

/// Workers whose jobs on the database `stuck` hang until the sender is dropped, deaf to every cancel, or hear it.
fn workers_that_hang(place: &Place, deaf: bool, grace: Duration) -> (Arc<Workers>, mpsc::Sender<()>) {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let act = move |claimed: jobs::Claimed<'_>, monitor: &dyn Monitor| {
        if claimed.database().is_some_and(|id| id.as_str() == "stuck") {
            monitor.log("it begins to hang");
            let held = held.lock().unwrap();
            while held.recv_timeout(Duration::from_millis(5)) == Err(mpsc::RecvTimeoutError::Timeout) {
                if !deaf && monitor.cancelled() {
                    break;
                }
            }
        }
        claimed.carry_out(monitor)
    };
    let limits = JobLimits { max_running: 2, hung_after_secs: 0, ..JobLimits::default() };
    place.vault.catalog().set_job_limits(&limits, &plain_event("jobs.limits_set"), Timestamp::now()).unwrap();
    (Arc::new(Workers::with(place.vault.clone(), Arc::default(), Arc::new(act), grace)), release)
}

#[test]
fn a_job_that_hangs_is_abandoned_and_keeps_no_other() {
    let place = place();
    let (stuck, wiki) = (place.database("stuck", None), place.database("wiki", None));
    let (workers, release) = workers_that_hang(&place, true, Duration::from_millis(50));
    let scheduler = Scheduler::with(workers, &SchedulerOptions::default(), |_, _| ()).unwrap();
    let hung = place.job(&stuck);
    eventually("it is abandoned", || place.state(&hung) == JobState::Abandoned);
    assert_eq!(place.vault.catalog().get_job(&hung).unwrap().unwrap().job.error.unwrap().code, "job_hung");
    for action in ["job.hung", "backup.interrupted"] {
        let told = || events(&place.vault, &EventFilter::default()).unwrap().iter().any(|event| event.action == action);
        eventually("it is an alarm", told);
    }
    // Far more jobs than threads may run at once go on meanwhile.
    place.vault.catalog().set_job_limits(&JobLimits::default(), &plain_event("jobs.limits_set"), Timestamp::now()).unwrap();
    for _ in 0..4 {
        let job = place.job(&wiki);
        eventually("the other database is backed up", || place.state(&job) == JobState::Done);
    }
    crate::jobs::recover(&place.vault).unwrap();
    assert_eq!(place.state(&hung), JobState::Abandoned, "its thread still holds its folder: nobody removes it");
    // What hung comes back to life, finds that it was cancelled, and lets go of its database.
    drop(release);
    eventually("the late one ends", || place.state(&hung) == JobState::Failed);
    let again = place.job(&stuck);
    eventually("the database is backed up again", || place.state(&again) == JobState::Done);
    scheduler.stop();
}

#[test]
fn a_disk_that_hangs_holds_one_thread_and_is_an_alarm_once() {
    let place = place();
    let shop = place.database("shop", None);
    let workers = Arc::new(Workers::with(
        place.vault.clone(),
        Arc::default(),
        Arc::new(|claimed, m| claimed.carry_out(m)),
        Duration::from_millis(50),
    ));
    // Whoever claims waits for this, as for a disk.
    let (_, disk) = jobs::encrypting(&place.vault).unwrap();
    let scheduler = Scheduler::with(workers.clone(), &SchedulerOptions::default(), |_, _| ()).unwrap();
    let job = place.job(&shop);
    let alarms = || events(&place.vault, &EventFilter::default()).unwrap().iter().filter(|event| event.action == "backups.hung").count();
    eventually("it is an alarm", || alarms() > 0);
    std::thread::sleep(Duration::from_millis(600)); // two more looks
    assert_eq!((workers.threads(), alarms(), place.state(&job)), (1, 1, JobState::Queued));
    drop(disk);
    eventually("it goes on", || place.state(&job) == JobState::Done);
    scheduler.stop();
}

#[test]
fn a_job_that_hangs_and_hears_the_cancel_has_failed() {
    let place = place();
    let stuck = place.database("stuck", None);
    let (workers, _release) = workers_that_hang(&place, false, Duration::from_secs(60));
    let scheduler = Scheduler::with(workers, &SchedulerOptions::default(), |_, _| ()).unwrap();
    let hung = place.job(&stuck);
    eventually("it failed", || place.state(&hung) == JobState::Failed);
    assert_eq!(place.vault.catalog().get_job(&hung).unwrap().unwrap().job.error.unwrap().code, "job_hung");
    assert!(databases_fail(&place, &stuck), "nobody wished it away: the database says that its last run failed");
    scheduler.stop();
}

fn databases_fail(place: &Place, id: &DatabaseId) -> bool {
    let status = crate::databases::status(&place.vault, id, Timestamp::now()).unwrap();
    status.state == keepstone_model::database::DatabaseState::Failed
}

#[test]
fn never_more_jobs_at_once_than_the_vault_allows_in_two_processes() {
    let place = place();
    let ids: Vec<DatabaseId> = ["stuck", "a", "b"].iter().map(|name| place.database(name, None)).collect();
    let (workers, release) = workers_that_hang(&place, true, Duration::from_secs(600));
    let limits = JobLimits { max_running: 1, ..JobLimits::default() };
    place.vault.catalog().set_job_limits(&limits, &plain_event("jobs.limits_set"), Timestamp::now()).unwrap();
    let scheduler = Scheduler::with(workers, &SchedulerOptions::default(), |_, _| ()).unwrap();
    let first = place.job(&ids[0]);
    eventually("the first one runs", || place.state(&first) == JobState::Running);
    let waiting: Vec<JobId> = ids[1..].iter().map(|id| place.job(id)).collect();
    let other = testing::open(&place.f.dir);
    assert_eq!(jobs::run_next(&other, &crate::Silent).unwrap(), None, "another process minds it, too");
    assert!(waiting.iter().all(|job| place.state(job) == JobState::Queued));
    drop(release);
    eventually("then all are done", || {
        let open = JobFilter { open: true, ..JobFilter::default() };
        place.vault.catalog().list_jobs(&open).unwrap().is_empty()
    });
    scheduler.stop();
}

#[test]
fn a_stop_ends_in_time_whatever_hangs() {
    let place = place();
    let stuck = place.database("stuck", None);
    let (workers, _release) = workers_that_hang(&place, true, Duration::from_millis(1));
    let scheduler = Scheduler::with(workers, &SchedulerOptions::default(), |_, _| ()).unwrap();
    let job = place.job(&stuck);
    eventually("it is abandoned", || place.state(&job) == JobState::Abandoned);
    assert_eq!(scheduler.stop(), StopReport { all_ended: true, backups: 0, backups_failed: 0 }, "what is given up is not waited for");
}
