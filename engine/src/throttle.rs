//! Work that is not to go faster than it may, and how long it takes without what it waits for that.

use std::{
    cell::Cell,
    fmt::Debug,
    io::{self, Read},
    num::NonZeroU64,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::Monitor;

/// How often a wait looks whether to stop.
const NAP: Duration = Duration::from_millis(40);
/// Less is not waited for but owed: falling asleep and waking up again costs, too.
const SHORTEST: Duration = Duration::from_millis(4);
/// What was not read in time may be made up for that long; then it is forgotten, so that slow work is not followed by a rush.
const SLACK: Duration = Duration::from_millis(250);

/// So many bytes may be read in a second, by all together that have the same one.
#[derive(Debug, Clone)]
pub struct Throttle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    rate_bytes_per_s: NonZeroU64,
    clock: Arc<dyn Clock>,
    /// When what was read so far was due.
    due: Mutex<Duration>,
}

impl Throttle {
    pub fn new(rate_bytes_per_s: NonZeroU64) -> Self {
        Self::by(system(), rate_bytes_per_s)
    }

    pub(crate) fn by(clock: Arc<dyn Clock>, rate_bytes_per_s: NonZeroU64) -> Self {
        let due = Mutex::new(clock.now());
        Self(Arc::new(Inner { rate_bytes_per_s, clock, due }))
    }

    /// So many more bytes were read: waits until they are due, or the work is to stop.
    pub(crate) fn account(&self, bytes: u64, is_to_stop: &dyn Fn() -> bool) {
        let Inner { rate_bytes_per_s, clock, due } = &*self.0;
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate_bytes_per_s.get());
        let takes = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let until = {
            let mut due = due.lock().unwrap_or_else(PoisonError::into_inner);
            *due = (*due).max(clock.now().saturating_sub(SLACK)).saturating_add(takes);
            *due
        };
        let mut now = clock.now();
        if now + SHORTEST > until {
            return;
        }
        while now < until && !is_to_stop() {
            clock.nap(until.saturating_sub(now).min(NAP));
            let after = clock.now();
            HELD.with(|held| held.add(after.saturating_sub(now)));
            now = after;
        }
    }
}

/// What time it is, since some moment, and how to let it pass.
pub(crate) trait Clock: Debug + Send + Sync {
    fn now(&self) -> Duration;
    fn nap(&self, time: Duration);
}

#[derive(Debug)]
struct System(Instant);

impl Clock for System {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn nap(&self, time: Duration) {
        thread::sleep(time);
    }
}

fn system() -> Arc<dyn Clock> {
    static SYSTEM: OnceLock<Arc<System>> = OnceLock::new();
    SYSTEM.get_or_init(|| Arc::new(System(Instant::now()))).clone()
}

/// The one that the work goes by.
pub(crate) fn clock(monitor: &dyn Monitor) -> Arc<dyn Clock> {
    monitor.throttle().map_or_else(system, |throttle| throttle.0.clock.clone())
}

/// What a thread waited for a pace since it began.
#[derive(Debug, Clone, Default)]
struct Held(Arc<AtomicU64>);

impl Held {
    fn add(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn time(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

thread_local! {
    static HELD: Held = Held::default();
}

/// How long the thread that began it works; what it waits for the pace meanwhile is no work. Other threads may ask.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    clock: Arc<dyn Clock>,
    began: Duration,
    held: Held,
    held_before: Duration,
}

impl Stopwatch {
    pub(crate) fn begin(monitor: &dyn Monitor) -> Self {
        let (clock, held) = (clock(monitor), HELD.with(Held::clone));
        Self { began: clock.now(), clock, held_before: held.time(), held }
    }

    pub(crate) fn worked(&self) -> Duration {
        // First what was waited: a wait that ends in between counts for a moment as work, never the other way round.
        let held = self.held.time().saturating_sub(self.held_before);
        self.clock.now().saturating_sub(self.began).saturating_sub(held)
    }
}

/// A stream, and how long it took to give what it gave.
pub(crate) struct Timed<'a, R> {
    inner: R,
    clock: &'a dyn Clock,
    took: &'a Cell<Duration>,
}

impl<'a, R> Timed<'a, R> {
    pub(crate) fn new(inner: R, clock: &'a dyn Clock, took: &'a Cell<Duration>) -> Self {
        Self { inner, clock, took }
    }
}

impl<R: Read> Read for Timed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let began = self.clock.now();
        let read = self.inner.read(buffer);
        self.took.set(self.took.get() + self.clock.now().saturating_sub(began));
        read
    }
}

#[cfg(test)]
pub(crate) use fake::Paced;

/// A clock that passes when it is asked or waited for, and only then.
#[cfg(test)]
mod fake {
    use super::*;

    /// So much passes whenever somebody looks at it.
    const TICK: Duration = Duration::from_micros(100);
    /// Longer than a look may work. When so much has passed, who watches over the work in true time has time to see it.
    const LONG: Duration = Duration::from_secs(400);
    const WATCHERS_LOOK: Duration = Duration::from_millis(100);

    #[derive(Debug, Default)]
    pub(crate) struct FakeClock {
        nanos: AtomicU64,
        napped_nanos: AtomicU64,
    }

    impl FakeClock {
        pub(crate) fn napped(&self) -> Duration {
            Duration::from_nanos(self.napped_nanos.load(Ordering::Relaxed))
        }

        fn pass(&self, time: Duration) -> Duration {
            let nanos = u64::try_from(time.as_nanos()).unwrap();
            Duration::from_nanos(self.nanos.fetch_add(nanos, Ordering::Relaxed) + nanos)
        }
    }

    impl Clock for FakeClock {
        fn now(&self) -> Duration {
            self.pass(TICK)
        }

        fn nap(&self, time: Duration) {
            self.pass(time);
            let before = self.napped_nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap(), Ordering::Relaxed);
            let before = Duration::from_nanos(before);
            if before < LONG && before + time >= LONG {
                thread::sleep(WATCHERS_LOOK);
            }
        }
    }

    /// Follows nothing, at a pace of a clock that is none.
    #[derive(Debug)]
    pub(crate) struct Paced {
        pub(crate) clock: Arc<FakeClock>,
        throttle: Throttle,
    }

    impl Paced {
        pub(crate) fn at(rate_bytes_per_s: u64) -> Self {
            let clock = Arc::new(FakeClock::default());
            Self { throttle: Throttle::by(clock.clone(), NonZeroU64::new(rate_bytes_per_s).unwrap()), clock }
        }
    }

    impl Monitor for Paced {
        fn throttle(&self) -> Option<&Throttle> {
            Some(&self.throttle)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_ON: &dyn Fn() -> bool = &|| false;

    fn tenths(time: Duration) -> u128 {
        (time.as_millis() + 50) / 100
    }

    #[test]
    fn no_more_is_read_than_may_be() {
        let slow = Paced::at(1_000);
        let throttle = slow.throttle().unwrap();
        for _ in 0..20 {
            throttle.account(500, GO_ON);
        }
        assert_eq!(tenths(slow.clock.napped()), 100);
        // A rest is not made up for by a rush.
        slow.clock.nap(Duration::from_secs(60));
        throttle.account(5_000, GO_ON);
        throttle.account(250, GO_ON);
        assert_eq!(tenths(slow.clock.napped().saturating_sub(Duration::from_secs(70))), 50);
        // Slow work is not slowed down further.
        let before = slow.clock.napped();
        for _ in 0..20 {
            slow.clock.nap(Duration::from_millis(200));
            throttle.account(100, GO_ON);
        }
        assert_eq!(tenths(slow.clock.napped().saturating_sub(before)), 40);
    }

    #[test]
    fn two_that_read_have_the_pace_together() {
        let slow = Paced::at(1_000);
        let other = slow.throttle().unwrap().clone();
        thread::scope(|scope| {
            scope.spawn(|| (0..5).for_each(|_| other.account(1_000, GO_ON)));
            (0..5).for_each(|_| slow.throttle().unwrap().account(1_000, GO_ON));
        });
        assert!(slow.clock.napped() >= Duration::from_millis(9_700), "{:?}", slow.clock.napped());
    }

    #[test]
    fn a_wait_ends_where_the_work_is_to_stop() {
        let slow = Paced::at(1);
        let asked = AtomicU64::new(0);
        slow.throttle().unwrap().account(1_000_000, &|| asked.fetch_add(1, Ordering::Relaxed) == 3);
        assert_eq!(slow.clock.napped(), 3 * NAP);
    }

    #[test]
    fn what_is_waited_for_the_pace_is_no_work() {
        let slow = Paced::at(1_000);
        let stopwatch = Stopwatch::begin(&slow);
        slow.throttle().unwrap().account(100_000, GO_ON);
        let worked = stopwatch.worked();
        assert!(worked > Duration::ZERO && worked < Duration::from_secs(1), "{worked:?}");
        slow.clock.nap(Duration::from_secs(7));
        assert_eq!(tenths(stopwatch.worked().saturating_sub(worked)), 70);
        assert_eq!(
            tenths(thread::scope(|scope| scope.spawn(|| stopwatch.worked().saturating_sub(worked)).join().unwrap())),
            70,
            "as another thread sees it"
        );
        let second = Stopwatch::begin(&slow);
        assert!(second.worked() < Duration::from_secs(1), "what was waited before it began is nothing to it");
    }
}
