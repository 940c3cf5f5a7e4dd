//! What is to be done about one schedule at one moment. Pure: facts in, decision out.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::schedule::{IfMissed, Schedule};

use super::Timing;
use crate::{Result, catalog::Standing};

/// A run that is later than this was missed: nothing was running when it was due.
const MISSED_AFTER: SignedDuration = SignedDuration::from_mins(5);

pub(super) struct Circumstances {
    pub now: Timestamp,
    /// The database is paused.
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
pub(crate) fn first_standing(schedule: &Schedule, now: Timestamp) -> Result<Standing> {
    Ok(Standing { planned_at: Some(now), next_run_at: Timing::of(schedule)?.next_after(now), ..Standing::default() })
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
    if at.paused || at.waiting || (missed && schedule.if_missed == IfMissed::Skip) {
        return Decision::Move(then);
    }
    Decision::Run { due_at, then: Standing { last_run_at: Some(due_at), ..then } }
}
