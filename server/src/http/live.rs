//! Watches the vault and keeps the newest message of the live feed: one thread for all browsers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use keepstone_app::live_types::{LiveJob, LiveState};
use keepstone_engine::{
    Result, Vault,
    catalog::{Change, Watch},
    jobs::{self, JobFilter},
};
use keepstone_model::job::JobState;
use tokio::sync::watch;

/// The shortest time between two messages: four a second.
const PACE: Duration = Duration::from_millis(250);
/// How long to let be after a fault of the catalog.
const AFTER_FAULT: Duration = Duration::from_secs(1);

/// The thread that watches, and the channel it fills.
#[derive(Debug)]
pub(super) struct Watcher {
    receiver: watch::Receiver<LiveState>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Watcher {
    pub(super) fn start(vault: Arc<Vault>) -> anyhow::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("the system gives no randomness: {error}"))?;
        // JavaScript reads whole numbers up to 2^53.
        let epoch = u64::from_le_bytes(random) >> 11;
        let watch = Watch::new(&vault)?;
        let (sender, receiver) = watch::channel(LiveState { epoch, ..LiveState::default() });
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = std::thread::Builder::new().name("live".into()).spawn(move || follow(&vault, watch, &sender, &stopped))?;
        Ok(Self { receiver, stop, thread })
    }

    pub(super) fn receiver(&self) -> watch::Receiver<LiveState> {
        self.receiver.clone()
    }

    /// Ends the thread, within the pace of its looking.
    pub(super) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
            tracing::error!("the watcher of live changes had panicked");
        }
    }
}

fn follow(vault: &Vault, mut watch: Watch, sender: &watch::Sender<LiveState>, stop: &AtomicBool) {
    let mut state = sender.borrow().clone();
    let mut sent_at = None::<Instant>;
    // The first look tells what was there before.
    let mut change = Change { catalog: true, ..Change::default() };
    let mut dirty = false;
    while !stop.load(Ordering::Relaxed) {
        match apply(vault, &change, &mut state) {
            Ok(changed) => dirty |= changed,
            Err(error) => {
                tracing::warn!(%error, "the live feed cannot read the catalog");
                std::thread::sleep(AFTER_FAULT);
                // What this change said is not known yet: look at everything again.
                change = Change { catalog: true, ..Change::default() };
                continue;
            }
        }
        if dirty && sent_at.is_none_or(|at| at.elapsed() >= PACE) {
            sender.send_replace(state.clone());
            sent_at = Some(Instant::now());
            dirty = false;
        }
        change = watch.next(PACE).unwrap_or_else(|error| {
            tracing::warn!(%error, "the live feed cannot watch the catalog");
            std::thread::sleep(AFTER_FAULT);
            Change { catalog: true, ..Change::default() }
        });
    }
}

/// Whether the state is another one after this change.
fn apply(vault: &Vault, change: &Change, state: &mut LiveState) -> Result<bool> {
    let unknown = change.progress.iter().any(|(id, _)| state.job(id).is_none());
    if change.catalog || unknown {
        let open = jobs::jobs(vault, &JobFilter { open: true, ..JobFilter::default() })?;
        let (running, queued): (Vec<_>, Vec<_>) = open.into_iter().partition(|(job, _)| job.state == JobState::Running);
        state.queued = queued.len() as u64;
        state.running =
            running.into_iter().map(|(job, progress)| LiveJob { id: job.id, verb: job.verb, database: job.database, progress }).collect();
        state.revision += u64::from(change.catalog);
    }
    for (id, progress) in &change.progress {
        if let Some(job) = state.running.iter_mut().find(|job| &job.id == id) {
            job.progress = Some(progress.clone());
        }
    }
    Ok(change.catalog || !change.progress.is_empty())
}

#[cfg(test)]
mod tests {
    use keepstone_engine::{
        activity::{self, NewEvent},
        vault::{OpenMode, VaultOptions},
    };
    use keepstone_model::event::EventResult;

    use super::*;

    #[tokio::test]
    async fn what_another_connection_writes_becomes_a_message() {
        let folder = tempfile::tempdir().unwrap();
        let options = VaultOptions { data: folder.path().join("data"), backups: None, mode: OpenMode::Create };
        let vault = Arc::new(Vault::open(&options).unwrap());
        let other = Vault::open(&VaultOptions { mode: OpenMode::Existing, ..options }).unwrap();
        let watcher = Watcher::start(vault).unwrap();
        let mut feed = watcher.receiver();
        let first = feed.wait_for(|state| state.revision > 0).await.unwrap().clone();
        assert_ne!(first.epoch, 0);
        let event = NewEvent {
            actor: "test",
            action: "test.done",
            result: EventResult::Ok,
            database: None,
            backup: None,
            job: None,
            message: "something happened".to_owned(),
        };
        activity::record(&other, &event).unwrap();
        let next = tokio::time::timeout(Duration::from_secs(10), feed.wait_for(|state| state.revision > first.revision));
        assert_eq!(next.await.unwrap().unwrap().epoch, first.epoch);
        tokio::task::spawn_blocking(move || watcher.stop()).await.unwrap();
    }

    #[tokio::test]
    async fn changes_are_told_four_times_a_second_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let options = VaultOptions { data: folder.path().join("data"), backups: None, mode: OpenMode::Create };
        let vault = Arc::new(Vault::open(&options).unwrap());
        let watcher = Watcher::start(vault.clone()).unwrap();
        let mut feed = watcher.receiver();
        feed.wait_for(|state| state.revision > 0).await.unwrap();
        let writing = std::thread::spawn(move || {
            let event = |number: u32| NewEvent {
                actor: "test",
                action: "test.done",
                result: EventResult::Ok,
                database: None,
                backup: None,
                job: None,
                message: number.to_string(),
            };
            let begun = Instant::now();
            for number in 0.. {
                activity::record(&vault, &event(number)).unwrap();
                if begun.elapsed() > 3 * PACE {
                    break;
                }
            }
        });
        let begun = Instant::now();
        let mut told = 0;
        while !writing.is_finished() {
            if tokio::time::timeout(PACE, feed.changed()).await.is_ok() {
                told += 1;
            }
        }
        let most = begun.elapsed().as_millis() / PACE.as_millis() + 1;
        assert!(told > 0 && told <= most, "{told} messages, at most {most}");
        writing.join().unwrap();
        tokio::task::spawn_blocking(move || watcher.stop()).await.unwrap();
    }
}
