//! Work that nobody waits for gives way: its threads run at a low priority, so that the application beside them is served first, and end their time
//! slices of themselves. Not for what happens while a lock of the application's database is held: the sooner that ends, the better.
//!
//! Where the machine has room for it and the kernel allows it they are of the idle class on top of that: such a thread never takes from others, but
//! gets next to nothing where others want every core. What holds a read transaction must not wait for ever, so `Courtesy` takes it out again.

#[cfg(target_os = "linux")]
mod courtesy;

use std::{panic::resume_unwind, thread};

#[cfg(target_os = "linux")]
pub(crate) use courtesy::Courtesy;
#[cfg(not(target_os = "linux"))]
pub(crate) use elsewhere::Courtesy;

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

/// Of the calling thread, 0 where it cannot be told.
#[cfg(target_os = "linux")]
fn nice() -> i32 {
    rustix::process::getpriority_process(None).unwrap_or(0)
}

/// Does it on a thread of low priority, and waits for it: a thread cannot raise its own again as a rule.
pub(crate) fn at_low_priority<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let body = || {
        Priority::Low.take_on();
        let _courtesy = Courtesy::begin(Priority::Low);
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
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;

    #[test]
    fn only_that_thread_gives_way() {
        let before = nice();
        // In the idle class there is no nice value.
        let is_idle = || format!("{:?}", thread_priority::thread_schedule_policy()).contains("Idle");
        let gives_way = || is_idle() || nice() >= NICE.max(before);
        assert!(at_low_priority(gives_way));
        assert!(at_low_priority(|| thread::scope(|scope| scope.spawn(alike(gives_way)).join().unwrap())));
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
