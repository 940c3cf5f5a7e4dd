//! Work that nobody waits for gives way: its threads run at a low priority, so that the application beside them is served first; and what holds
//! nothing of the application's, not even a read transaction, runs where nobody else wants to. Not for what happens while a lock of the
//! application's database is held: the sooner that ends, the better.
//!
//! A thread of low priority that wakes up beside the application's makes it wait for its time slice, some milliseconds; one of the idle class
//! never does, but gets next to nothing where others want every core. So what holds a read transaction is of the idle class only as long as it
//! gets on, and only where a thread can leave that class again: `Courtesy`.

mod courtesy;

use std::{panic::resume_unwind, thread};

pub(crate) use courtesy::Courtesy;

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
fn nice() -> i32 {
    rustix::process::getpriority_process(None).unwrap_or(0)
}

/// Puts the calling thread into the idle class: it runs where no other thread wants the core. False where there is no such class.
fn become_idle() -> bool {
    #[cfg(target_os = "linux")]
    return set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Min,
        ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
    )
    .is_ok();
    #[cfg(not(target_os = "linux"))]
    false
}

/// Makes it an ordinary thread again. False where it may not.
fn leave_idle(nice: i32) -> bool {
    #[cfg(target_os = "linux")]
    return set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Min,
        ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other),
    )
    .and_then(|()| rustix::process::setpriority_process(None, nice).map_err(|_| thread_priority::Error::Priority("not allowed")))
    .is_ok();
    #[cfg(not(target_os = "linux"))]
    false
}

/// Does it on a thread of low priority, and waits for it: a thread cannot raise its own again as a rule. Of the idle class while the machine is
/// not busy: only for what holds nothing.
pub(crate) fn at_low_priority<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let body = || {
        if machine_is_busy() || !become_idle() {
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
