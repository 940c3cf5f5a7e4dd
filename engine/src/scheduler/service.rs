//! The scheduler as a thing that runs: `keepstone serve` and `keepstone scheduler` have one, and an application may embed one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use keepstone_model::{
    id::{DatabaseId, JobId},
    schedule::{JobLimits, Trigger},
};

use super::{
    event_options, housekeep, on_event, queue_starts, tick,
    workers::{Stop, Workers},
};
use crate::{
    Error, Monitor, Result, Vault,
    catalog::{ScheduleRow, Standing, rounded},
    cleanup, create, databases, delete,
    jobs::{self, random},
    keys, notes,
    recheck::{self, RecheckOptions},
    schedules::{self, EditScheduleOptions, ScheduleStatus},
};

const TICK: Duration = Duration::from_secs(5);
/// After a copy of the catalog failed.
const COPY_AGAIN: Duration = Duration::from_secs(600);
/// How often what other processes left when they died is looked for, and whether every archive is in its place.
const MEND: Duration = Duration::from_secs(60);
/// How long running jobs may take to stop. A restore that is writing finishes its transaction; what is not done by then is mended at the
/// next start as after a kill.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long what was told to stop may take to hear it.
const LAST_PATIENCE: Duration = Duration::from_secs(3);

/// Whether schedules set off runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Firing {
    #[default]
    On,
    /// Only what people queue is carried out.
    Off,
}

#[derive(Debug, Clone, Default)]
pub struct SchedulerOptions {
    pub firing: Firing,
    /// How old backups are checked again by themselves.
    pub rechecks: RecheckOptions,
}

/// Fires the schedules of a vault and carries out its queued jobs, on threads of its own. Several may run on one vault, in one process or in
/// many: each run is taken once.
///
/// ```no_run
/// use std::sync::Arc;
/// use keepstone_engine::{Vault, scheduler::{Scheduler, SchedulerOptions}, vault::{OpenMode, VaultOptions}};
///
/// # fn main() -> keepstone_engine::Result<()> {
/// let options = VaultOptions { data: "/var/lib/shop/keepstone".into(), backups: None, mode: OpenMode::Existing };
/// let vault = Arc::new(Vault::open(&options)?);
/// let scheduler = Scheduler::start(vault, &SchedulerOptions::default())?;
/// println!("the next backup is due at {:?}", scheduler.next_run(None)?);
/// // … the application …
/// scheduler.stop();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Scheduler {
    workers: Arc<Workers>,
    firing: Firing,
    started_at: Timestamp,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What a scheduler is doing.
#[derive(Debug, Clone)]
pub struct SchedulerInfo {
    pub running: bool,
    pub firing: Firing,
    pub started_at: Timestamp,
    /// The jobs that this one carries out now.
    pub jobs: Vec<JobId>,
    pub limits: JobLimits,
    /// Schedules that are not paused.
    pub active_schedules: u64,
    pub next_run_at: Option<Timestamp>,
}

/// How a stop went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StopReport {
    /// Every job ended; else the next start mends what was cut off.
    pub all_ended: bool,
    /// Backups of stop schedules: taken, or not needed because a young one holds the same.
    pub backups: u32,
    /// Those that failed, or were not done in time.
    pub backups_failed: u32,
}

impl Scheduler {
    /// Starts it. What was missed is made up, and schedules of the start are queued.
    pub fn start(vault: Arc<Vault>, options: &SchedulerOptions) -> Result<Self> {
        Self::start_after(vault, options, |_, _| ())
    }

    /// The same, but `first` is done before the first schedule fires (also where none does): a corrupt database is brought back before a
    /// backup is made of it, say. Jobs that are queued already do not wait for it.
    pub fn start_after(
        vault: Arc<Vault>,
        options: &SchedulerOptions,
        first: impl FnOnce(&Vault, &dyn Monitor) + Send + 'static,
    ) -> Result<Self> {
        let stop = Arc::new(Stop::default());
        Self::with(Arc::new(Workers::new(vault, stop)), options, first)
    }

    pub(super) fn with(
        workers: Arc<Workers>,
        options: &SchedulerOptions,
        first: impl FnOnce(&Vault, &dyn Monitor) + Send + 'static,
    ) -> Result<Self> {
        let firing = options.firing;
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = Builder::new().name(name.into()).spawn(work);
            thread.map_err(|error| Error::Internal(format!("no thread for the {name}: {error}")))
        };
        let (dispatching, keeping, ticking) = (workers.clone(), workers.clone(), workers.clone());
        let rechecks = options.rechecks.clone();
        let threads = vec![
            spawn("dispatcher", Box::new(move || dispatching.dispatch()))?,
            spawn("housekeeper", Box::new(move || keep_house(&keeping.vault, &rechecks, &keeping.stop)))?,
            spawn(
                "scheduler",
                Box::new(move || {
                    first(&ticking.vault, &UntilStopped(&ticking.stop));
                    if firing == Firing::On {
                        keep_time(&ticking.vault, &ticking.stop);
                    }
                }),
            )?,
        ];
        Ok(Self { workers, firing, started_at: Timestamp::now(), threads: Mutex::new(threads) })
    }

    fn vault(&self) -> &Vault {
        &self.workers.vault
    }

    pub fn is_running(&self) -> bool {
        !self.workers.stop.is_set()
    }

    /// When the next backup of this database, or of any, is due.
    pub fn next_run(&self, database: Option<&DatabaseId>) -> Result<Option<Timestamp>> {
        let all = schedules::list(self.vault(), database, Timestamp::now())?;
        Ok(all.iter().filter_map(|status| status.next_run_at).min())
    }

    /// Queues a run of a schedule now.
    pub fn trigger(&self, number: i64, actor: &str) -> Result<JobId> {
        schedules::trigger(self.vault(), number, actor, None)
    }

    /// Changes a schedule; the next look at the clock, within seconds, goes by it.
    pub fn update(&self, number: i64, options: &EditScheduleOptions) -> Result<ScheduleStatus> {
        schedules::edit(self.vault(), number, options, Timestamp::now())
    }

    pub fn info(&self) -> Result<SchedulerInfo> {
        let all = schedules::list(self.vault(), None, Timestamp::now())?;
        Ok(SchedulerInfo {
            running: self.is_running(),
            firing: self.firing,
            started_at: self.started_at,
            jobs: self.workers.jobs(),
            limits: schedules::job_limits(self.vault())?,
            active_schedules: all.iter().filter(|status| !status.schedule.paused).count() as u64,
            next_run_at: all.iter().filter_map(|status| status.next_run_at).min(),
        })
    }

    /// Cancels what runs, takes the backups of stop schedules within their time, and comes back within a bounded time whatever hangs. Called a
    /// second time it does nothing.
    pub fn stop(&self) -> StopReport {
        if !self.is_running() {
            return StopReport { all_ended: true, ..StopReport::default() };
        }
        self.workers.stop.set();
        let all_ended = self.workers.wait(PATIENCE);
        if !all_ended {
            tracing::warn!("a job did not stop in time; the next start mends what it leaves");
        }
        let threads: Vec<_> = self.threads.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect();
        wait_until(Instant::now() + LAST_PATIENCE, || threads.iter().all(JoinHandle::is_finished));
        let mut report = StopReport { all_ended, ..StopReport::default() };
        if self.firing == Firing::On
            && let Err(error) = take_last_backups(&self.workers.vault, &mut report)
        {
            tracing::error!(%error, "the backups of the stop could not be taken");
        }
        report
    }
}

impl Drop for Scheduler {
    /// A scheduler that is dropped without a stop takes no backups on its way, and its threads end by themselves.
    fn drop(&mut self) {
        self.workers.stop.set();
    }
}

/// Looks at the clock until it is told to stop. Touches nothing but the catalog: a disk that hangs does not keep it.
fn keep_time(vault: &Vault, stop: &Stop) {
    let start = format!("{:x}{:08x}", Timestamp::now().as_millisecond(), random());
    let mut started = false;
    while !stop.is_set() {
        if !started {
            match queue_starts(vault, &start) {
                Ok(queued) => {
                    started = true;
                    if !queued.is_empty() {
                        tracing::info!(jobs = queued.len(), "backups of the start are queued");
                    }
                }
                Err(error) => tracing::error!(%error, "the schedules of the start cannot be read"),
            }
        }
        match tick(vault, Timestamp::now()) {
            Ok(queued) if queued.is_empty() => {}
            Ok(queued) => tracing::info!(jobs = queued.len(), "schedules came due"),
            Err(error) => tracing::error!(%error, "the schedules cannot be read"),
        }
        stop.sleep(TICK);
    }
}

/// What runs on the scheduler's own thread is told to stop with it.
struct UntilStopped<'a>(&'a Stop);

impl Monitor for UntilStopped<'_> {
    fn cancelled(&self) -> bool {
        self.0.is_set()
    }

    fn stopping(&self) -> bool {
        self.0.is_set()
    }
}

/// Mends what other processes left when they died, checks old backups again, and keeps house.
fn keep_house(vault: &Vault, rechecks: &RecheckOptions, stop: &Stop) {
    let mut mended = Instant::now();
    let mut copy_after = Instant::now();
    if let Err(error) = databases::mend_files(vault) {
        tracing::error!(%error, "a database.json could not be brought up to date");
    }
    if let Err(error) = notes::follow::all(vault) {
        tracing::error!(%error, "whether the catalog knows what the notes say could not be looked at");
    }
    while !stop.is_set() {
        // While their disk is away nothing is looked for among the backups; each look says once that it is away, or back.
        let is_here = vault.refuse_away().is_ok();
        if is_here && mended.elapsed() >= MEND {
            mended = Instant::now();
            if let Err(error) = delete::mend(vault).and_then(|()| jobs::recover(vault)) {
                tracing::error!(%error, "what a dead process left could not be mended");
            }
            if let Err(error) = keys::find_lost(vault) {
                tracing::error!(%error, "whether every archive can be opened could not be looked at");
            }
            if let Err(error) = recheck::recheck(vault, rechecks, Timestamp::now()) {
                tracing::error!(%error, "which backups are due for a check cannot be told");
            }
        }
        if is_here && let Err(error) = housekeep(vault, Timestamp::now()) {
            tracing::error!(%error, "what expired in the trash could not be removed");
        }
        if is_here && let Err(error) = cleanup::tick(vault, Timestamp::now(), vault.defaults().count_by()) {
            tracing::error!(%error, "what is to be cleaned up could not be found out");
        }
        if Instant::now() >= copy_after
            && let Err(error) = vault.copy_catalog(Timestamp::now())
        {
            tracing::error!(%error, "the catalog could not be copied; the older copies are kept");
            copy_after = Instant::now() + COPY_AGAIN;
        }
        stop.sleep(TICK);
    }
}

/// The backups of stop schedules, some at once. Each is begun here and not queued: nothing else claims jobs any more. Those that are not done
/// when their time is over are cancelled; one that does not even hear that is left behind, and the next start mends it.
fn take_last_backups(vault: &Arc<Vault>, report: &mut StopReport) -> Result<()> {
    let rows = on_event(vault, &Trigger::Stop)?;
    if rows.is_empty() {
        return Ok(());
    }
    let limits = vault.catalog().job_limits()?;
    let end = Instant::now() + Duration::from_secs(limits.stop_within_secs);
    let (wanted, threads) = (rows.len(), rows.len().min(usize::try_from(limits.max_running).unwrap_or(1)));
    let waiting = Arc::new(Mutex::new(VecDeque::from(rows)));
    let done = Arc::new(Mutex::new((0_u32, 0_u32)));
    let mut running = Vec::new();
    for _ in 0..threads {
        let (vault, waiting, done) = (vault.clone(), waiting.clone(), done.clone());
        let thread = Builder::new().name("last-backup".into()).spawn(move || {
            let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            while let Some(row) = next() {
                let taken = Instant::now() < end && take_last(&vault, &row, end);
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                if taken { done.0 += 1 } else { done.1 += 1 }
            }
        });
        running.push(thread.map_err(|error| Error::Internal(format!("no thread for a last backup: {error}")))?);
    }
    wait_until(end + LAST_PATIENCE, || running.iter().all(JoinHandle::is_finished));
    report.backups = done.lock().unwrap_or_else(PoisonError::into_inner).0;
    report.backups_failed = u32::try_from(wanted).unwrap_or(u32::MAX) - report.backups;
    Ok(())
}

fn wait_until(end: Instant, done: impl Fn() -> bool) {
    while !done() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn take_last(vault: &Vault, row: &ScheduleRow, end: Instant) -> bool {
    match create::create(vault, &event_options(row), &Until(end)) {
        Ok(taken) => {
            let to = Standing { last_run_at: Some(rounded(Timestamp::now())), last_job: Some(taken.job), ..row.standing.clone() };
            if let Err(error) = vault.catalog().move_schedule(row.number, &row.standing, &to) {
                tracing::warn!(schedule = row.number, %error, "the last run of a schedule could not be written down");
            }
            true
        }
        Err(error) => {
            tracing::error!(database = %row.database, code = error.code(), %error, "the backup of the stop failed");
            false
        }
    }
}

/// Goes on until the time is over.
struct Until(Instant);

impl Monitor for Until {
    fn cancelled(&self) -> bool {
        Instant::now() >= self.0
    }

    fn stopping(&self) -> bool {
        self.cancelled()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
