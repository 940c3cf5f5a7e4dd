//! Which backups of a database are kept, and why: the policy, and the plan that follows from it. Nothing here deletes anything.
//!
//! [`plan`] is the one place that decides. The dry run, the preview in the browser and the act all use it; what it says of a backup is what
//! a person reads about it.

mod clock;
mod fate;
mod forecast;
mod plan;
mod policy;
mod rhythm;
mod standing;
#[cfg(test)]
mod tests;
mod until;

pub use clock::{CLOCK_JUMP_SECS, CLOCK_SLACK_SECS, ClockAnomaly, clock_anomaly};
pub use fate::{Fate, Keep, Remove, Rule};
pub use forecast::{FORECAST_DAYS, Forecast, Rate, forecast};
pub use plan::{FLOOR, RetentionPlan, SAFETY_SECS, newest_good, pass_limit, plan};
pub use policy::{PolicyText, RetentionPolicy, STARTUP_KEEP};
pub use rhythm::{CleanupRhythm, RHYTHM_MAX_SECS, RHYTHM_MIN_SECS};
pub use standing::{Candidate, Circumstances, CountBy, Manual, Obstacle, Pass, holding_sequence};
pub use until::kept_until;
