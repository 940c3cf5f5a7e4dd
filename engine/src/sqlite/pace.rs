//! Progress, told at most ten times a second.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use keepstone_model::job::{Progress, Step};

use crate::{Error, Monitor, Result};

const TELL_EVERY: Duration = Duration::from_millis(100);

/// Counts the bytes of one step and tells the monitor now and then.
pub(crate) struct Pace<'a> {
    monitor: &'a dyn Monitor,
    step: Step,
    total_bytes: u64,
    done_bytes: Cell<u64>,
    began: Instant,
    told: Cell<Option<Instant>>,
}

impl<'a> Pace<'a> {
    pub(crate) fn new(monitor: &'a dyn Monitor, step: Step, total_bytes: u64) -> Self {
        let pace = Self { monitor, step, total_bytes, done_bytes: Cell::new(0), began: Instant::now(), told: Cell::new(None) };
        pace.tell();
        pace
    }

    /// Some more bytes are done. `CancelledHere` if the person wants no more of it.
    pub(crate) fn advance(&self, bytes: usize) -> Result<()> {
        self.done_bytes.set(self.done_bytes.get() + bytes as u64);
        if self.told.get().is_none_or(|told| told.elapsed() >= TELL_EVERY) || self.done_bytes.get() == self.total_bytes {
            self.tell();
        }
        if self.monitor.cancelled() { Err(Error::CancelledHere) } else { Ok(()) }
    }

    fn tell(&self) {
        self.told.set(Some(Instant::now()));
        self.monitor.progress(&Progress {
            step: self.step,
            done_bytes: self.done_bytes.get(),
            total_bytes: self.total_bytes,
            elapsed_ms: millis(self.began.elapsed()),
        });
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
