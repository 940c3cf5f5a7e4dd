//! The threads behind the console: two that run jobs, one that looks for schedules that are due.

use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use keepstone_engine::{
    Monitor, Vault, cleanup, doctor, jobs,
    model::{Timestamp, retention::CountBy},
    recheck::{self, RecheckOptions},
    scheduler,
};

use crate::cli::look::Child;

const WORKERS: usize = 2;
/// How often an idle worker looks for a job. One query of the catalog.
const LOOK: Duration = Duration::from_millis(250);
const TICK: Duration = Duration::from_secs(5);
/// How often what other processes left when they died is looked for, whether every archive is in its place, and whether one is due for a check.
const MEND: Duration = Duration::from_secs(60);
/// How long to let be after a fault.
const AFTER_FAULT: Duration = Duration::from_secs(2);
/// How long running jobs may take to stop. A restore that is writing finishes its transaction; what is not done by then is mended at the
/// next start as after a kill.
const PATIENCE: Duration = Duration::from_secs(8);

/// The running threads.
#[derive(Debug)]
pub(crate) struct Workers {
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
}

/// A flag that can be waited for.
#[derive(Debug, Default)]
struct Stop {
    set: AtomicBool,
    lock: Mutex<()>,
    bell: Condvar,
}

impl Stop {
    fn is_set(&self) -> bool {
        self.set.load(Ordering::Acquire)
    }

    fn set(&self) {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.set.store(true, Ordering::Release);
        self.bell.notify_all();
    }

    /// Sleeps that long, or until the flag is set.
    fn sleep(&self, time: Duration) {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.bell.wait_timeout_while(guard, time, |()| !self.is_set());
    }
}

/// The engine shows progress through the vault; all that is left to say here is when to stop.
struct UntilStopped(Arc<Stop>);

impl Monitor for UntilStopped {
    fn cancelled(&self) -> bool {
        self.0.is_set()
    }

    fn stopping(&self) -> bool {
        self.0.is_set()
    }
}

impl Workers {
    pub(crate) fn start(vault: Arc<Vault>, rechecks: RecheckOptions) -> std::io::Result<Self> {
        let stop = Arc::<Stop>::default();
        let mut threads = Vec::new();
        for number in 1..=WORKERS {
            let (vault, stop) = (vault.clone(), stop.clone());
            threads.push(Builder::new().name(format!("worker-{number}")).spawn(move || work(&vault, &stop))?);
        }
        let schedule = stop.clone();
        // A corrupt database is brought back before a schedule makes a backup of it.
        let recover_then_tick = move || {
            if let Err(error) = doctor::at_start(&vault, &Child, &UntilStopped(schedule.clone())) {
                tracing::error!(%error, "the databases could not be looked at");
            }
            tick(&vault, &rechecks, &schedule);
        };
        threads.push(Builder::new().name("scheduler".into()).spawn(recover_then_tick)?);
        Ok(Self { stop, threads })
    }

    /// Cancels what runs and waits for it, but not for ever.
    pub(crate) fn stop(self) {
        self.stop.set();
        let end = Instant::now() + PATIENCE;
        for thread in self.threads {
            while !thread.is_finished() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(20));
            }
            if thread.is_finished() {
                let _ = thread.join(); // a panic was logged when it happened
            } else {
                tracing::warn!(thread = thread.thread().name(), "a job did not stop in time; the next start mends what it leaves");
            }
        }
    }
}

fn work(vault: &Vault, stop: &Arc<Stop>) {
    let monitor = UntilStopped(stop.clone());
    while !stop.is_set() {
        // A panic in one job must not leave the queue without its worker.
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| jobs::run_next(vault, &monitor))) {
            Ok(Ok(Some(_))) => {}
            Ok(Ok(None)) => stop.sleep(LOOK),
            Ok(Err(error)) => {
                tracing::error!(%error, "the queue of jobs cannot be read");
                stop.sleep(AFTER_FAULT);
            }
            Err(_) => {
                tracing::error!("a job panicked");
                stop.sleep(AFTER_FAULT);
            }
        }
    }
}

fn tick(vault: &Vault, rechecks: &RecheckOptions, stop: &Stop) {
    let mut mended = Instant::now();
    while !stop.is_set() {
        if mended.elapsed() >= MEND {
            mended = Instant::now();
            if let Err(error) = jobs::recover(vault) {
                tracing::error!(%error, "what a dead process left could not be mended");
            }
            if let Err(error) = recheck::recheck(vault, rechecks, Timestamp::now()) {
                tracing::error!(%error, "which backups are due for a check cannot be told");
            }
        }
        match scheduler::tick(vault, Timestamp::now()) {
            Ok(queued) if queued.is_empty() => {}
            Ok(queued) => tracing::info!(jobs = queued.len(), "schedules came due"),
            Err(error) => tracing::error!(%error, "the schedules cannot be read"),
        }
        // Backups of this server are proven: a setting that says otherwise stops its start.
        if let Err(error) = cleanup::tick(vault, Timestamp::now(), CountBy::Good) {
            tracing::error!(%error, "what is to be cleaned up could not be found out");
        }
        stop.sleep(TICK);
    }
}
