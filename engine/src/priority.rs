//! Work that nobody waits for gives way: its threads run at a low priority, so that the application beside them is served first; and what holds
//! nothing of the application's, not even a read transaction, runs where nobody else wants to. Not for what happens while a lock of the
//! application's database is held: the sooner that ends, the better.

use std::{panic::resume_unwind, thread};

#[cfg(target_os = "linux")]
use thread_priority::{NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id};

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

/// Whether as many threads as there are cores wanted to run over the last minute. A backup of before counts, too; so some more than one core each.
fn is_busy(load: f64, cores: usize) -> bool {
    load > cores as f64 * 1.5
}

/// Only where no other thread wants the core. One that wakes up waits for a nice thread until its time slice is over, some milliseconds; for an idle
/// one it never waits. But an idle one gets next to nothing where others want every core all the time: there it stays a nice one.
/// Whether it is so now.
fn idle() -> bool {
    #[cfg(target_os = "linux")]
    {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        // With 16 binary places.
        let load = rustix::system::sysinfo().loads[0] as f64 / 65536.0;
        if !is_busy(load, cores) {
            let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
            return set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle).is_ok();
        }
    }
    false
}

/// Does it on a thread of low priority, and waits for it: a thread cannot raise its own again.
pub(crate) fn at_low_priority<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let body = || {
        if !idle() {
            Priority::Low.take_on();
        }
        work()
    };
    thread::scope(|scope| scope.spawn(body).join().unwrap_or_else(|panic| resume_unwind(panic)))
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
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        let is_idle = || format!("{:?}", thread_priority::thread_schedule_policy()).contains("Idle");
        assert!(at_low_priority(|| is_idle() || nice() >= NICE.max(before)));
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
