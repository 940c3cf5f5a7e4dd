//! Work that nobody waits for gives way: its threads run at a low priority, so that the application beside them is served first. Not for what
//! happens while a lock of the application's database is held: the sooner that ends, the better.

use std::{panic::resume_unwind, thread};

/// Whether somebody waits for a thread's work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Priority {
    /// The application does not: it comes first.
    #[default]
    Low,
    /// Its writers do.
    Normal,
}

/// How far it gives way: a tenth of what the application gets where both want the same core, and all of one that is idle.
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

/// Does it on a thread of low priority, and waits for it: a thread cannot raise its own again.
pub(crate) fn at_low_priority<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let body = || {
        Priority::Low.take_on();
        work()
    };
    thread::scope(|scope| scope.spawn(body).join().unwrap_or_else(|panic| resume_unwind(panic)))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;

    #[test]
    fn only_that_thread_gives_way() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let before = nice();
        assert_eq!(at_low_priority(nice), NICE.max(before));
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
