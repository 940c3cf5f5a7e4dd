//! Whether a job hangs: pure. What is done about it stands in `workers`.

use std::time::Duration;

use keepstone_model::schedule::JobLimits;

/// How long a cancelled job may take to end before it is abandoned.
pub(super) const GRACE: Duration = Duration::from_secs(60);
/// Checks of a whole database (SQLite's integrity check, say) report nothing until they are done; the slowest disk reads this much a second.
const SLOWEST_BYTES_PER_S: u64 = 10_000_000;

/// What is known of a job's life.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signs {
    /// Since it last moved on: a step, a byte, a line of its log.
    pub silent: Duration,
    /// The most bytes that a step of it had to do.
    pub total_bytes: u64,
    /// Since it was cancelled for hanging, if it was.
    pub cancelled: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Alive,
    Cancel,
    Abandon,
}

pub(super) fn judge(signs: &Signs, limits: &JobLimits, grace: Duration) -> Verdict {
    let patience = Duration::from_secs(limits.hung_after_secs.saturating_add(signs.total_bytes / SLOWEST_BYTES_PER_S));
    match signs.cancelled {
        Some(since) if since >= grace => Verdict::Abandon,
        None if signs.silent >= patience => Verdict::Cancel,
        // Once cancelled, a byte that moves all the same does not save it.
        _ => Verdict::Alive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_judged_by_the_size_of_the_work() {
        let limits = JobLimits { hung_after_secs: 60, ..JobLimits::default() };
        let secs = Duration::from_secs;
        let at = |silent, total_bytes, cancelled: Option<u64>| Signs { silent: secs(silent), total_bytes, cancelled: cancelled.map(secs) };
        let cases = [
            (at(59, 0, None), Verdict::Alive),
            (at(60, 0, None), Verdict::Cancel),
            (at(60, 1_000_000_000, None), Verdict::Alive),
            (at(160, 1_000_000_000, None), Verdict::Cancel),
            (at(0, u64::MAX, Some(59)), Verdict::Alive),
            (at(0, 0, Some(60)), Verdict::Abandon),
            (at(u64::MAX, u64::MAX, None), Verdict::Cancel),
        ];
        for (signs, verdict) in cases {
            assert_eq!(judge(&signs, &limits, GRACE), verdict, "{signs:?}");
        }
    }
}
