//! How a verb tells what it is doing and hears that it should stop. The engine itself never prints.

use std::{fmt, num::NonZeroU64};

use keepstone_model::job::{Progress, Step};

use crate::Throttle;

/// Follows a running verb. A terminal's bar, the job feed and a test's recorder implement it; every method may be called from any thread,
/// often, and must return at once.
pub trait Monitor: Send + Sync {
    /// A step began.
    fn step(&self, _step: Step) {}
    /// The present step went on.
    fn progress(&self, _progress: &Progress) {}
    /// A line for the job's log.
    fn log(&self, _line: &str) {}
    /// Whether the person wants it stopped. Asked often; after a `true` the verb ends with [`crate::Error::CancelledHere`].
    fn cancelled(&self) -> bool {
        false
    }
    /// Whether that is only because the process is ending: nobody wished this work away.
    fn stopping(&self) -> bool {
        false
    }
    /// How fast an image may be read back and looked into, at most: for work that nobody waits for.
    fn throttle(&self) -> Option<&Throttle> {
        None
    }
}

/// Follows nothing and never cancels.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Monitor for Silent {}

/// The caller's monitor, with a limit to the pace.
pub struct Unhurried<'a> {
    inner: &'a dyn Monitor,
    throttle: Option<Throttle>,
}

impl<'a> Unhurried<'a> {
    /// None or 0: as fast as `inner` lets it go.
    pub fn new(inner: &'a dyn Monitor, rate_bytes_per_s: Option<u64>) -> Self {
        Self { inner, throttle: rate_bytes_per_s.and_then(NonZeroU64::new).map(Throttle::new) }
    }
}

impl fmt::Debug for Unhurried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unhurried").field("throttle", &self.throttle).finish_non_exhaustive()
    }
}

impl Monitor for Unhurried<'_> {
    fn step(&self, step: Step) {
        self.inner.step(step);
    }

    fn progress(&self, progress: &Progress) {
        self.inner.progress(progress);
    }

    fn log(&self, line: &str) {
        self.inner.log(line);
    }

    fn cancelled(&self) -> bool {
        self.inner.cancelled()
    }

    fn stopping(&self) -> bool {
        self.inner.stopping()
    }

    fn throttle(&self) -> Option<&Throttle> {
        self.throttle.as_ref().or_else(|| self.inner.throttle())
    }
}
