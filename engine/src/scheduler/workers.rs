//! The threads that carry out jobs, and the watch over them. A job has a thread of its own while it runs: one that hangs keeps its thread and
//! nothing else, and the next job gets a new one.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use keepstone_model::{
    event::EventResult,
    id::JobId,
    job::{JobState, Progress, Step},
    schedule::JobLimits,
};

use super::watchdog::{GRACE, Signs, Verdict, judge};
use crate::{
    Error, Monitor, Result, Vault,
    activity::{self, NewEvent},
    jobs::{self, Claimed},
};

/// How often an idle pool looks for a job. One query of the catalog.
const LOOK: Duration = Duration::from_millis(250);
/// How long to let be after a fault.
const AFTER_FAULT: Duration = Duration::from_secs(2);

/// A flag that can be waited for.
#[derive(Debug, Default)]
pub(super) struct Stop {
    set: AtomicBool,
    lock: Mutex<()>,
    bell: Condvar,
}

impl Stop {
    pub(super) fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    pub(super) fn set(&self) {
        let _guard = lock(&self.lock);
        self.set.store(true, Ordering::Release);
        self.bell.notify_all();
    }

    /// Sleeps that long, or until the flag is set.
    pub(super) fn sleep(&self, time: Duration) {
        let guard = lock(&self.lock);
        let _ = self.bell.wait_timeout_while(guard, time, |()| !self.is_set());
    }
}

/// What is done with a claimed job; tests put something else here that hangs.
pub(super) type Act = Arc<dyn Fn(Claimed<'_>, &dyn Monitor) -> Result<()> + Send + Sync>;

pub(super) struct Workers {
    pub(super) vault: Arc<Vault>,
    pub(super) stop: Arc<Stop>,
    slots: Mutex<Vec<Slot>>,
    act: Act,
    /// How long a cancelled job may take to end, and a claim to be done.
    grace: Duration,
    /// A claim hangs, and that was told.
    is_stuck: AtomicBool,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("busy", &self.jobs()).finish_non_exhaustive()
    }
}

/// A thread that runs jobs.
struct Slot {
    life: Arc<Life>,
    thread: JoinHandle<()>,
}

/// What a worker's job was last seen doing.
#[derive(Debug)]
struct Life {
    seen: Mutex<Option<Seen>>,
    /// Since when it has been looking for a job, if it is.
    claims_since: Mutex<Option<Instant>>,
    /// The pool does not count on this thread any more; it ends with its job.
    given_up: AtomicBool,
}

#[derive(Debug)]
struct Seen {
    job: JobId,
    moved: Instant,
    done: Option<(Step, u64)>,
    total_bytes: u64,
    /// When it was cancelled for hanging, and how long it had been silent then.
    cancelled: Option<(Instant, Duration)>,
}

impl Workers {
    pub(super) fn new(vault: Arc<Vault>, stop: Arc<Stop>) -> Self {
        Self::with(vault, stop, Arc::new(|claimed, monitor| claimed.carry_out(monitor)), GRACE)
    }

    pub(super) fn with(vault: Arc<Vault>, stop: Arc<Stop>, act: Act, grace: Duration) -> Self {
        Self { vault, stop, slots: Mutex::default(), act, grace, is_stuck: AtomicBool::new(false) }
    }

    /// Gives queued jobs to threads and watches over those until it is told to stop.
    pub(super) fn dispatch(self: &Arc<Self>) {
        while !self.stop.is_set() {
            match self.look() {
                Ok(()) => self.stop.sleep(LOOK),
                Err(error) => {
                    tracing::error!(%error, "the queue of jobs cannot be read");
                    self.stop.sleep(AFTER_FAULT);
                }
            }
        }
    }

    fn look(self: &Arc<Self>) -> Result<()> {
        let limits = self.vault.catalog().job_limits()?;
        let watched: Vec<Arc<Life>> = {
            let mut slots = lock(&self.slots);
            slots.retain(|slot| !slot.thread.is_finished());
            slots.iter().map(|slot| slot.life.clone()).collect()
        };
        for life in &watched {
            self.watch_over(life, &limits);
        }
        // One at a time: on a disk that hangs every other would hang with it.
        let claiming = watched.iter().filter_map(|life| *lock(&life.claims_since)).map(|since| since.elapsed()).max();
        self.watch_claim(claiming);
        if claiming.is_some() {
            return Ok(());
        }
        // How many may run at once is counted by their rows: a job that was abandoned is none of them any more, whatever its thread does.
        if self.vault.catalog().any_claimable()? { self.begin() } else { Ok(()) }
    }

    fn begin(self: &Arc<Self>) -> Result<()> {
        let claims_since = Mutex::new(Some(Instant::now()));
        let life = Arc::new(Life { seen: Mutex::default(), claims_since, given_up: AtomicBool::new(false) });
        let (workers, own) = (self.clone(), life.clone());
        let thread = Builder::new().name("worker".into()).spawn(move || workers.work(&own));
        let thread = thread.map_err(|error| Error::Internal(format!("no thread for a job: {error}")))?;
        lock(&self.slots).push(Slot { life, thread });
        Ok(())
    }

    /// Runs jobs as long as there are any.
    fn work(&self, life: &Arc<Life>) {
        while !self.stop.is_set() && !life.is_given_up() {
            *lock(&life.claims_since) = Some(Instant::now());
            let claimed = match jobs::claim(&self.vault) {
                Ok(Some(claimed)) => claimed,
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, "a job could not be claimed");
                    self.stop.sleep(AFTER_FAULT);
                    return;
                }
            };
            let job = claimed.id();
            *lock(&life.claims_since) = None;
            life.begin(&job);
            let monitor = Watching { stop: self.stop.clone(), life: life.clone() };
            // A panic that gets this far must not leave the pool without its thread.
            match catch_unwind(AssertUnwindSafe(|| (self.act)(claimed, &monitor))) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%job, %error, "a job could not be carried out"),
                Err(_) => tracing::error!(%job, "a job panicked"),
            }
            if let Some(silent) = life.end() {
                self.call_it_failed(&job, silent);
            }
        }
    }

    /// A job that ended because it was cancelled for hanging did not end because a person wished it.
    fn call_it_failed(&self, job: &JobId, silent: Duration) {
        let cancelled = |state| matches!(state, JobState::Cancelled | JobState::Abandoned);
        let row = self.vault.catalog().get_job(job);
        let result = row.and_then(|row| match row {
            Some(row) if cancelled(row.job.state) => jobs::give_up(&self.vault, job, JobState::Failed, silent.as_secs()),
            _ => Ok(()),
        });
        if let Err(error) = result {
            tracing::error!(%job, %error, "the end of a job that hung could not be written down");
        }
    }

    /// Cancels and abandons what hangs.
    fn watch_over(&self, life: &Life, limits: &JobLimits) {
        let Some((job, signs)) = life.signs().filter(|_| !life.is_given_up()) else { return };
        match judge(&signs, limits, self.grace) {
            Verdict::Alive => {}
            Verdict::Cancel => {
                life.cancel();
                let secs = signs.silent.as_secs();
                self.alarm(Some(&job), "job.hung", format!("made no progress for {secs} s and was told to stop"));
                if let Err(error) = self.vault.catalog().request_cancel(&job) {
                    tracing::error!(%job, %error, "a job that hangs could not be marked as cancelled");
                }
            }
            Verdict::Abandon => {
                life.given_up.store(true, Ordering::Release);
                tracing::error!(%job, "a job that hangs did not stop and is abandoned");
                if let Err(error) = jobs::give_up(&self.vault, &job, JobState::Abandoned, signs.silent.as_secs()) {
                    tracing::error!(%job, %error, "a job that hangs could not be abandoned");
                }
                self.settle_rows(job);
            }
        }
    }

    /// Its backup is not being made any more. On a thread of its own: the disk may be what hangs.
    fn settle_rows(&self, job: JobId) {
        let vault = self.vault.clone();
        let settling = Builder::new().name("settle".into()).spawn(move || {
            if let Err(error) = jobs::settle_rows(&vault, &job) {
                tracing::error!(%job, %error, "the backup of an abandoned job could not be settled; recovery does it");
            }
        });
        if let Err(error) = settling {
            tracing::error!(%error, "no thread to settle the backup of an abandoned job; recovery does it");
        }
    }

    /// Tells once that no job can be begun, and that it goes on.
    fn watch_claim(&self, claiming: Option<Duration>) {
        let stuck = claiming.filter(|since| *since >= self.grace);
        match (stuck, self.is_stuck.swap(stuck.is_some(), Ordering::AcqRel)) {
            (Some(since), false) => {
                let message = format!("no job could be begun for {} s: the disk of the backups does not answer", since.as_secs());
                self.alarm(None, "backups.hung", message);
            }
            (None, true) => tracing::info!("jobs are begun again"),
            _ => {}
        }
    }

    fn alarm(&self, job: Option<&JobId>, action: &str, message: String) {
        tracing::warn!(job = job.map(tracing::field::display), action, message);
        let database = job.and_then(|job| self.vault.catalog().get_job(job).ok().flatten()).and_then(|row| row.job.database);
        let event = NewEvent { actor: "watchdog", action, result: EventResult::Failed, database, backup: None, job: job.cloned(), message };
        if let Err(error) = activity::record(&self.vault, &event) {
            tracing::error!(action, %error, "an alarm could not be written down");
        }
    }

    #[cfg(test)]
    pub(super) fn threads(&self) -> usize {
        lock(&self.slots).iter().filter(|slot| !slot.thread.is_finished()).count()
    }

    /// The jobs that threads of this process run now.
    pub(super) fn jobs(&self) -> Vec<JobId> {
        lock(&self.slots).iter().filter_map(|slot| lock(&slot.life.seen).as_ref().map(|seen| seen.job.clone())).collect()
    }

    /// Waits for what runs, at most so long. Whether all of it ended.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        loop {
            let open = {
                let mut slots = lock(&self.slots);
                slots.retain(|slot| !slot.thread.is_finished());
                slots.iter().filter(|slot| !slot.life.is_given_up()).count()
            };
            if open == 0 {
                return true;
            }
            if Instant::now() >= end {
                return false;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Life {
    fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    fn begin(&self, job: &JobId) {
        *lock(&self.seen) = Some(Seen { job: job.clone(), moved: Instant::now(), done: None, total_bytes: 0, cancelled: None });
    }

    /// Forgets the job; gives back how long it had been silent if it was cancelled for that.
    fn end(&self) -> Option<Duration> {
        lock(&self.seen).take()?.cancelled.map(|(_, silent)| silent)
    }

    fn moved(&self, done: Option<(Step, u64)>, total_bytes: u64) {
        if let Some(seen) = lock(&self.seen).as_mut() {
            // The same bytes told again are no movement.
            if done.is_none() || seen.done != done {
                seen.moved = Instant::now();
                seen.done = done.or(seen.done);
            }
            seen.total_bytes = seen.total_bytes.max(total_bytes);
        }
    }

    fn cancel(&self) {
        if let Some(seen) = lock(&self.seen).as_mut() {
            seen.cancelled = Some((Instant::now(), seen.moved.elapsed()));
        }
    }

    fn is_cancelled(&self) -> bool {
        lock(&self.seen).as_ref().is_some_and(|seen| seen.cancelled.is_some())
    }

    fn signs(&self) -> Option<(JobId, Signs)> {
        let seen = lock(&self.seen);
        let seen = seen.as_ref()?;
        let cancelled = seen.cancelled.map(|(at, _)| at.elapsed());
        Some((seen.job.clone(), Signs { silent: seen.moved.elapsed(), total_bytes: seen.total_bytes, cancelled }))
    }
}

/// The engine shows progress through the vault; here it is only seen that the job lives, and said when to stop.
struct Watching {
    stop: Arc<Stop>,
    life: Arc<Life>,
}

impl Monitor for Watching {
    fn step(&self, _step: Step) {
        self.life.moved(None, 0);
    }

    fn progress(&self, progress: &Progress) {
        self.life.moved(Some((progress.step, progress.done_bytes)), progress.total_bytes);
    }

    fn log(&self, _line: &str) {
        self.life.moved(None, 0);
    }

    // Asked by a thread beside the one that works: that it asks says nothing about the work.
    fn cancelled(&self) -> bool {
        self.stop.is_set() || self.life.is_cancelled()
    }

    fn stopping(&self) -> bool {
        self.stop.is_set()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
