//! What is to be done about one schedule at one moment. Pure: facts in, decision out.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::schedule::{IfMissed, Schedule};

use super::Timing;
use crate::catalog::Standing;

/// A run that is later than this was missed: nothing was running when it was due.
const MISSED_AFTER: SignedDuration = SignedDuration::from_mins(5);

pub(super) struct Circumstances {
    pub now: Timestamp,
    /// The database is paused, or this schedule.
    pub paused: bool,
    /// The run before this one is still waiting for its turn: one more would do nothing that it does not.
    pub waiting: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    Wait,
    Move(Standing),
    /// The clock was wrong by more than a run: what it took for the future is forgotten.
    ForgetFuture(Standing),
    Run {
        due_at: Timestamp,
        then: Standing,
    },
}

/// Where a new schedule stands.
pub(crate) fn first_standing(timing: &Timing, now: Timestamp) -> Standing {
    Standing { planned_at: Some(now), next_run_at: timing.next_after(now), ..Standing::default() }
}

pub(super) fn decide(schedule: &Schedule, timing: &Timing, standing: &Standing, at: &Circumstances) -> Decision {
    let now = at.now;
    let planned = |after: Timestamp| Standing { planned_at: Some(now), next_run_at: timing.next_after(after), ..standing.clone() };
    match standing.planned_at {
        None => return Decision::Move(planned(now)),
        // The clock was set back behind the moment at which the next run was reckoned, so that one may be far in the future.
        Some(planned_at) if planned_at > now => {
            return match standing.last_run_at.filter(|&last| last > now) {
                None => Decision::Move(planned(now)),
                // By less than a run: the run that comes up again by the clock was taken, and the one after it is next.
                Some(last) if timing.next_after(now).is_some_and(|next| next >= last) => Decision::Move(planned(last)),
                Some(_) => Decision::ForgetFuture(planned(now)),
            };
        }
        Some(_) => {}
    }
    let Some(due_at) = standing.next_run_at.filter(|&next| next <= now) else { return Decision::Wait };
    let missed = now.duration_since(due_at) > MISSED_AFTER;
    let then = planned(now);
    let due_at = match schedule.if_missed {
        _ if at.paused || at.waiting => None,
        // Those before it are gone; the one of this moment is not.
        IfMissed::Skip if missed => {
            let just_before = now.checked_sub(MISSED_AFTER + SignedDuration::from_millis(1)).ok();
            just_before.and_then(|before| timing.next_after(before)).filter(|&recent| recent <= now)
        }
        _ => Some(due_at),
    };
    match due_at {
        Some(due_at) => Decision::Run { due_at, then: Standing { last_run_at: Some(due_at), ..then } },
        None => Decision::Move(then),
    }
}
