//! A thread of the idle class that notices when it gets nothing done, and leaves the class then. Not which threads these are.

use std::{
    fs,
    marker::PhantomData,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use super::{Priority, become_idle, leave_idle, nice};

/// How often a thread looks what it got.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How far the calling thread gives way: to everybody, as long as it gets on. It is again as it was before when this is dropped.
pub(crate) struct Courtesy {
    /// Of a thread of the idle class.
    share: Option<Share>,
    /// What it is outside that class.
    nice: i32,
    /// It is about the thread that made it.
    _stays: PhantomData<*const ()>,
}

impl Courtesy {
    /// None at all where somebody waits for the work, or where the class cannot be left again.
    pub(crate) fn begin(priority: Priority) -> Self {
        let idle = priority == Priority::Low && can_be_left();
        let nice = nice();
        Self { share: Share::now().filter(|_| idle && become_idle()), nice, _stays: PhantomData }
    }

    /// To be called now and then, at least a few times a second.
    pub(crate) fn look(&mut self) {
        if self.share.as_ref().is_some_and(|share| share.at.elapsed() >= LOOK_EVERY) {
            self.heed(Share::now());
        }
    }

    fn heed(&mut self, now: Option<Share>) {
        let Some(before) = &self.share else { return };
        if now.as_ref().is_none_or(|now| now.since(before).is_starved()) {
            self.end();
        } else {
            self.share = now;
        }
    }

    fn end(&mut self) {
        if self.share.take().is_some() && !leave_idle(self.nice) {
            tracing::warn!("a thread stays in the idle scheduling class");
        }
    }
}

impl Drop for Courtesy {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether a thread may leave the idle class: with `CAP_SYS_NICE`, or within `RLIMIT_NICE` (sched(7)). Tried once, with one that nobody needs.
fn can_be_left() -> bool {
    static TRIED: OnceLock<bool> = OnceLock::new();
    *TRIED.get_or_init(|| thread::spawn(|| become_idle() && leave_idle(0)).join().unwrap_or(false))
}

/// What the calling thread got of the processors until a moment.
#[derive(Debug, Clone)]
struct Share {
    at: Instant,
    ran: Duration,
    waited: Duration,
}

/// The same between two moments.
#[derive(Debug, Clone, Copy)]
struct Got {
    over: Duration,
    ran: Duration,
    waited: Duration,
}

impl Share {
    /// None where the kernel does not tell (`CONFIG_SCHED_INFO`).
    fn now() -> Option<Self> {
        let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let mut numbers = text.split_whitespace().map(|number| number.parse().ok().map(Duration::from_nanos));
        Some(Self { at: Instant::now(), ran: numbers.next()??, waited: numbers.next()?? })
    }

    fn since(&self, before: &Self) -> Got {
        Got {
            over: self.at.duration_since(before.at),
            ran: self.ran.saturating_sub(before.ran),
            waited: self.waited.saturating_sub(before.waited),
        }
    }
}

impl Got {
    /// It wanted to run nearly all the time, and did not. Beside others of the same backup a thread gets more than that, even of one core.
    fn is_starved(self) -> bool {
        self.waited * 10 > self.over * 8 && self.ran * 20 < self.over
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;

    fn is_idle() -> bool {
        format!("{:?}", thread_priority::thread_schedule_policy()).contains("Idle")
    }

    #[test]
    fn a_thread_is_starved_that_wants_to_run_and_cannot() {
        let got =
            |ran, waited| Got { over: Duration::from_millis(200), ran: Duration::from_millis(ran), waited: Duration::from_millis(waited) };
        assert!(got(1, 195).is_starved() && got(9, 170).is_starved());
        assert!(!got(0, 0).is_starved(), "it waits for a disk, or for others of its own");
        assert!(!got(30, 170).is_starved(), "one of seven on a single core");
        assert!(!got(200, 0).is_starved());
    }

    #[test]
    fn afterwards_a_thread_is_as_it_was() {
        thread::spawn(|| {
            let before = nice();
            let mut courtesy = Courtesy::begin(Priority::Low);
            assert_eq!(is_idle(), courtesy.share.is_some());
            courtesy.look();
            drop(courtesy);
            assert!(!is_idle());
            assert_eq!(nice(), before);
            drop(Courtesy::begin(Priority::Normal));
            assert_eq!(nice(), before);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_thread_that_gets_nothing_leaves_the_class() {
        if !can_be_left() {
            return;
        }
        thread::spawn(|| {
            assert!(become_idle());
            let share = |at_ms, ran, waited| {
                let (at, ran, waited) =
                    (Instant::now() + Duration::from_millis(at_ms), Duration::from_millis(ran), Duration::from_millis(waited));
                Some(Share { at, ran, waited })
            };
            let mut courtesy = Courtesy { share: share(0, 0, 0), nice: 3, _stays: PhantomData };
            courtesy.heed(share(200, 150, 50));
            assert!(is_idle(), "it gets on");
            courtesy.heed(share(400, 151, 248));
            assert!(!is_idle());
            assert_eq!(nice(), 3);
            courtesy.heed(share(600, 300, 300));
        })
        .join()
        .unwrap();
    }
}
