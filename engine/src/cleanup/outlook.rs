//! What a policy will hold: how often the schedules of a database make backups, and what that comes to.

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    id::DatabaseId,
    retention::{FORECAST_DAYS, Forecast, Rate, forecast},
};

use super::CleanupPlan;
use crate::{Result, Vault, databases, scheduler::Timing};

/// No schedule is followed for more runs than that: what it comes to in a month is clear by then.
const RUNS_MAX: u64 = 400;

/// How often each schedule of a database makes a backup, on the average of the next month.
pub fn rates(vault: &Vault, database: &DatabaseId, now: Timestamp) -> Result<Vec<Rate>> {
    if databases::database(vault, database)?.paused {
        return Ok(Vec::new());
    }
    let rows = vault.catalog().schedules(Some(database))?;
    Ok(rows
        .iter()
        .filter_map(|row| Some(Rate { kind: row.schedule.kind, every_secs: every_secs(&Timing::of(&row.schedule).ok()?, now)? }))
        .collect())
}

fn every_secs(timing: &Timing, now: Timestamp) -> Option<u64> {
    let month = SignedDuration::from_hours(FORECAST_DAYS * 24);
    let (mut count, mut last) = (0, now);
    while let Some(next) = timing.next_after(last).filter(|next| next.duration_since(now) <= month && count < RUNS_MAX) {
        (count, last) = (count + 1, next);
    }
    let span = if count == RUNS_MAX { last.duration_since(now) } else { month };
    span.as_secs().unsigned_abs().checked_div(count)
}

/// What the plan's policy will hold in a month.
pub fn outlook(vault: &Vault, plan: &CleanupPlan, now: Timestamp) -> Result<Forecast> {
    let rates = rates(vault, &plan.database.id, now)?;
    Ok(forecast(&plan.candidates, &plan.policy, now, &plan.circumstances, &rates))
}
