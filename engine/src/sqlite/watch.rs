//! Stopping SQLite from outside while it works: a person's cancel, a limit of ours, and how long it may wait for a lock.

use std::{
    cell::RefCell,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::{holders, pace::millis};
use crate::{Error, Monitor, Result, priority::alike};

const LOOK_EVERY: Duration = Duration::from_millis(40);
const PERSIST_EVERY: Duration = Duration::from_millis(5);

/// Does `work` on `connection` and interrupts its statements as soon as the person cancels or `verdict` gives a fault, which is then what
/// comes back. Work that ends well although it was told to stop counts as done.
pub(super) fn watched<T>(
    connection: &Connection,
    monitor: &dyn Monitor,
    verdict: &(dyn Fn() -> Option<Error> + Sync),
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let handle = connection.get_interrupt_handle();
    let stop = Arc::new(AtomicBool::new(false));
    let _waiting = Stoppable::enter(Arc::clone(&stop));
    let (done, over) = mpsc::channel::<()>();
    thread::scope(|scope| {
        // The work waits for its end: it must get on where the work does.
        let watcher = scope.spawn(alike(move || {
            let mut fault = None;
            loop {
                let pause = if fault.is_some() { PERSIST_EVERY } else { LOOK_EVERY };
                // The sender is dropped when the work is over, in whatever way.
                if over.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    return fault;
                }
                if fault.is_none() {
                    fault = if monitor.cancelled() { Some(Error::CancelledHere) } else { verdict() };
                }
                if fault.is_some() {
                    // Only statements that run at this instant hear it, so it is said until the work ends.
                    stop.store(true, Ordering::Relaxed);
                    handle.interrupt();
                }
            }
        }));
        let result = work();
        drop(done);
        let fault = watcher.join().map_err(|_| Error::Internal("the watcher of a SQLite operation panicked".to_owned()))?;
        match (result, fault) {
            (Err(_), Some(fault)) => Err(fault),
            (result, _) => result,
        }
    })
}

/// No limit but the person's cancel.
pub(super) fn unlimited() -> Option<Error> {
    None
}

struct Patience {
    until: Instant,
    exhausted: bool,
    stop: Option<Arc<AtomicBool>>,
}

thread_local! {
    /// SQLite calls a busy handler on the thread that waits, and rusqlite's is a plain function: so its state is the thread's.
    static PATIENCE: RefCell<Option<Patience>> = const { RefCell::new(None) };
}

/// While it lives, the waits of this thread end as soon as the watcher says stop.
struct Stoppable {
    /// That of the operation around this one: a safety backup is read back inside a restore.
    outer: Option<Patience>,
}

impl Stoppable {
    fn enter(stop: Arc<AtomicBool>) -> Self {
        let own = Patience { until: Instant::now(), exhausted: false, stop: Some(stop) };
        Self { outer: PATIENCE.replace(Some(own)) }
    }
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        PATIENCE.set(self.outer.take());
    }
}

/// Lets a connection wait for locks as [`wait_for_locks`] says; until that is called it does not wait.
pub(super) fn be_patient(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_handler(Some(on_busy))
}

/// Does something that may have to wait for locks, so long at most in all; a fault says how long it waited.
pub(super) fn waiting<T>(at_most: Duration, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let began = Instant::now();
    wait_for_locks(at_most);
    work().map_err(|error| match error {
        Error::SourceBusy { path, .. } => busy(&path, began.elapsed()),
        other => other,
    })
}

/// The fault of a lock that was waited for in vain, with who has it.
pub(super) fn busy(path: &Path, waited: Duration) -> Error {
    Error::SourceBusy { path: path.to_owned(), waited_ms: millis(waited), by: holders::locked_by(path) }
}

/// From here on, all waits for locks on this thread together may take so long.
pub(super) fn wait_for_locks(at_most: Duration) {
    PATIENCE.with_borrow_mut(|patience| {
        let stop = patience.take().and_then(|p| p.stop);
        *patience = Some(Patience { until: Instant::now() + at_most, exhausted: false, stop });
    });
}

/// Whether a wait since the last [`wait_for_locks`] was given up.
pub(super) fn patience_exhausted() -> bool {
    PATIENCE.with_borrow(|patience| patience.as_ref().is_some_and(|p| p.exhausted))
}

/// Whether the watcher of this thread's operation said stop: for calls that SQLite's interrupt does not reach.
pub(crate) fn told_to_stop() -> bool {
    PATIENCE.with_borrow(|patience| patience.as_ref().and_then(|p| p.stop.as_ref()).is_some_and(|stop| stop.load(Ordering::Relaxed)))
}

fn on_busy(tries: i32) -> bool {
    let go_on = PATIENCE.with_borrow_mut(|patience| {
        let Some(patience) = patience.as_mut() else { return false };
        let stopped = patience.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Relaxed));
        patience.exhausted = stopped || Instant::now() >= patience.until;
        !patience.exhausted
    });
    if go_on {
        thread::sleep(pause_after(tries));
    }
    go_on
}

/// A writer that commits without a pause leaves gaps of some microseconds between its locks, and SQLite has no queue: whoever looks seldom may
/// never meet one. After a second in vain we look so often that the next few gaps are enough; that costs a few percent of a core, and only then.
fn pause_after(tries: i32) -> Duration {
    match tries {
        ..10 => Duration::from_millis(1),
        10..110 => Duration::from_millis(10),
        _ => Duration::from_micros(100),
    }
}
