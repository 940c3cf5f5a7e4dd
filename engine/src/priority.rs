//! Work that nobody waits for gives way: its threads run at a low priority, so that the application beside them is served first; and what holds
//! nothing of the application's, not even a read transaction, runs where nobody else wants to. Not for what happens while a lock of the
//! application's database is held: the sooner that ends, the better.
//!
//! A thread of low priority that wakes up beside the application's makes it wait for its time slice, some milliseconds; one of the idle class
//! never does, but gets next to nothing where others want every core. So what holds a read transaction is of the idle class only as long as it
//! gets on, and only where a thread can leave that class again: `Courtesy`.

#[cfg(target_os = "linux")]
mod courtesy;

use std::{panic::resume_unwind, thread};

#[cfg(target_os = "linux")]
pub(crate) use courtesy::Courtesy;
#[cfg(target_os = "linux")]
use courtesy::become_idle;
#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::Courtesy;
#[cfg(not(target_os = "linux"))]
use elsewhere::become_idle;

/// Whether somebody waits for a thread's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// The application does not: it comes first.
    #[default]
    Low,
    /// Its writers do.
    Normal,
}

/// How far it gives way on a machine that is busy all the time: a tenth of what the application gets where both want the same core.
const NICE: i32 = 10;

impl Priority {
    /// Sets that of the calling thread and of those that it will start. Advice only: where it is not taken the work is done all the same.
    pub(crate) fn take_on(self) {
        // Elsewhere than on Linux the call is about the whole process, which serves people, too.
        if self == Self::Low && cfg!(target_os = "linux") {
            let _ = rustix::process::setpriority_process(None, NICE);
        }
    }
}

impl Priority {
    /// Ends the calling thread's time slice. The kernel lets a thread that never waits keep its core for that long, some milliseconds, beside
    /// others of ours even if it is of the idle class; to be called every half a millisecond or so.
    pub(crate) fn give_way(self) {
        if self == Self::Low {
            thread::yield_now();
        }
    }
}

/// All that comes, with way given at each.
pub(crate) fn giving_way<T>(priority: Priority, come: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    come.inspect(move |_| priority.give_way())
}

/// Whether as many threads as there are cores wanted to run over the last minute. A backup of before counts, too; so some more than one core each.
fn is_busy(load: f64, cores: usize) -> bool {
    load > cores as f64 * 1.5
}

/// Whether it is so now.
fn machine_is_busy() -> bool {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    #[cfg(target_os = "linux")]
    // With 16 binary places.
    return is_busy(rustix::system::sysinfo().loads[0] as f64 / 65536.0, cores);
    #[cfg(not(target_os = "linux"))]
    is_busy(0.0, cores)
}

/// Of the calling thread, 0 where it cannot be told.
#[cfg(target_os = "linux")]
fn nice() -> i32 {
    rustix::process::getpriority_process(None).unwrap_or(0)
}

/// Does it on a thread of low priority, and waits for it: a thread cannot raise its own again as a rule. Where the idle class cannot be left, it
/// runs there while the machine is not busy: only for what holds nothing.
pub(crate) fn at_low_priority<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let body = || {
        Priority::Low.take_on();
        let courtesy = Courtesy::begin(Priority::Low);
        if !courtesy.is_kept() && !machine_is_busy() {
            become_idle();
        }
        work()
    };
    thread::scope(|scope| scope.spawn(body).join().unwrap_or_else(|panic| resume_unwind(panic)))
}

/// What a thread does that helps the one that starts it, and gives way as that one does.
pub(crate) fn alike<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    || {
        let _courtesy = Courtesy::inherited();
        work()
    }
}

/// Other systems have no such class.
#[cfg(not(target_os = "linux"))]
mod elsewhere {
    use super::Priority;

    pub(crate) struct Courtesy;

    impl Courtesy {
        pub(crate) fn begin(_: Priority) -> Self {
            Self
        }

        pub(crate) fn inherited() -> Self {
            Self
        }

        pub(super) fn is_kept(&self) -> bool {
            false
        }
    }

    pub(super) fn become_idle() -> bool {
        false
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_busy_when_more_wants_to_run_than_it_has_cores() {
        assert!(!is_busy(0.1, 1) && !is_busy(1.0, 1) && !is_busy(2.9, 2) && !is_busy(11.0, 8));
        assert!(is_busy(1.6, 1) && is_busy(3.1, 2) && is_busy(30.0, 8));
    }

    #[test]
    fn only_that_thread_gives_way() {
        let before = nice();
        let is_idle = || format!("{:?}", thread_priority::thread_schedule_policy()).contains("Idle");
        assert!(at_low_priority(|| is_idle() || nice() >= NICE.max(before)));
        assert!(at_low_priority(|| thread::scope(|scope| scope.spawn(alike(|| is_idle() || nice() >= NICE.max(before))).join().unwrap())));
        assert!(!is_idle());
        assert_eq!(nice(), before);
        assert_eq!(
            thread::scope(|scope| scope
                .spawn(|| {
                    Priority::Normal.take_on();
                    nice()
                })
                .join()
                .unwrap()),
            before
        );
    }
}
