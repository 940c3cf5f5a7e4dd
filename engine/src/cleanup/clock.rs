//! Looks whether the clock may be believed, and writes down what was odd: from then on cleanup waits for a good backup.

use jiff::SignedDuration;
use keepstone_model::{
    Timestamp,
    event::EventResult,
    retention::{CLOCK_SLACK_SECS, ClockAnomaly, clock_anomaly},
};

use super::ACTOR;
use crate::{
    Result, Vault,
    activity::{self, EventFilter, NewEvent},
    databases,
};

/// How often it is written down that the clock was seen: what is written makes every browser look.
const WRITE_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Compares the clock with the latest time that the vault knows of: of its last look, of the newest event.
pub(super) fn look(vault: &Vault, now: Timestamp) -> Result<Option<ClockAnomaly>> {
    let seen = vault.catalog().clock_seen_at()?;
    let event = activity::events(vault, &EventFilter { limit: Some(1), ..EventFilter::default() })?.pop().map(|event| event.at);
    // An event of the future shows that the clock went back; one of the past, that something ran since the last look.
    let ahead = event.filter(|&at| now.duration_since(at).as_secs() < -CLOCK_SLACK_SECS);
    let anomaly = clock_anomaly(ahead, now).or_else(|| clock_anomaly(seen.map(|seen| seen.max(event.unwrap_or(seen))), now));
    if let Some(anomaly) = anomaly {
        guard(vault, anomaly)?;
    }
    if anomaly.is_some() || seen.is_none_or(|seen| now.duration_since(seen) >= WRITE_EVERY) {
        // After the guards: a process that dies in between looks again and finds the same.
        vault.catalog().set_clock_seen_at(now)?;
    }
    Ok(anomaly)
}

fn guard(vault: &Vault, anomaly: ClockAnomaly) -> Result<()> {
    tracing::warn!(anomaly = anomaly.words(), "cleanup removes nothing until the next good backup of each database");
    let mut any = false;
    for database in databases::databases(vault)? {
        any |= vault.catalog().guard_by_last_sequence(&database.id)?;
    }
    if !any {
        return Ok(());
    }
    let event = NewEvent {
        actor: ACTOR,
        action: "cleanup.clock",
        result: EventResult::Warning,
        database: None,
        backup: None,
        job: None,
        message: format!("{}: cleanup removes nothing until the next good backup of each database", anomaly.words()),
    };
    activity::record(vault, &event).map(drop)
}
