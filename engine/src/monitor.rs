//! How a verb tells what it is doing and hears that it should stop. The engine itself never prints.

use keepstone_model::job::{Progress, Step};

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
    /// How many bytes of an image may be read back in a second, at most: for work that nobody waits for.
    fn rate_bytes_per_s(&self) -> Option<u64> {
        None
    }
}

/// Follows nothing and never cancels.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Monitor for Silent {}
