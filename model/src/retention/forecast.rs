//! What a policy will hold: the plan of a day to come, over the backups of today and those that the schedules will have made.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Candidate, Circumstances, CountBy, RetentionPolicy, plan};
use crate::{
    backup::{BackupState, Verdict},
    id::Kind,
};

pub const FORECAST_DAYS: i64 = 30;
/// No schedule is reckoned to run more often.
const SHORTEST_SECS: u64 = 60;

/// How often backups of a kind are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    pub kind: Kind,
    pub every_secs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Forecast {
    /// The archives of that day, and their bytes.
    pub count: u64,
    pub bytes: u64,
    /// How many of them will have been made until then.
    pub new_count: u64,
}

/// What the policy will hold in [`FORECAST_DAYS`] days, if the schedules run as they say, every backup succeeds, and archives are as large as
/// the newest of their kind is today.
pub fn forecast(candidates: &[Candidate], policy: &RetentionPolicy, now: Timestamp, at: &Circumstances, rates: &[Rate]) -> Forecast {
    let span_secs = FORECAST_DAYS.unsigned_abs() * 86_400;
    let then = now.saturating_add(SignedDuration::from_hours(FORECAST_DAYS * 24)).unwrap_or(now);
    let mut coming: Vec<(Timestamp, Kind)> = Vec::new();
    for rate in rates {
        let every = rate.every_secs.max(SHORTEST_SECS);
        let times = (1..=span_secs / every).filter_map(|n| now.saturating_add(SignedDuration::from_secs((n * every).cast_signed())).ok());
        coming.extend(times.map(|time| (time, rate.kind)));
    }
    coming.sort_by_key(|&(time, _)| time);
    let highest = candidates.iter().map(|candidate| candidate.sequence).max().unwrap_or(0).max(0);
    let mut all: Vec<Candidate> = candidates.to_vec();
    all.extend(coming.into_iter().zip(highest + 1..).map(|((created_at, kind), sequence)| Candidate {
        kind,
        sequence,
        created_at,
        archive_size_bytes: size_of(candidates, kind),
        state: BackupState::Complete,
        verdict: Verdict::Good,
        pinned: false,
        imported: false,
        obstacle: None,
    }));
    // By then whoever reads has read, and what holds has been looked at.
    let at = Circumstances { count_by: at.count_by, manual: at.manual, ..Circumstances::default() };
    for candidate in &mut all {
        if candidate.obstacle == Some(super::Obstacle::Leased) {
            candidate.obstacle = None;
        }
    }
    let plan = plan(&all, policy, then, &at);
    let (count, bytes) = plan.held(&all);
    let new_count = plan.fates[candidates.len()..].iter().filter(|fate| fate.is_some_and(|fate| !fate.is_removed())).count() as u64;
    Forecast { count, bytes, new_count }
}

/// The size of the newest archive of this kind, else of any.
fn size_of(candidates: &[Candidate], kind: Kind) -> u64 {
    let newest = |of: Option<Kind>| {
        let fit = candidates.iter().filter(|candidate| candidate.counts(CountBy::Complete) && of.is_none_or(|kind| kind == candidate.kind));
        fit.max_by_key(|candidate| candidate.sequence).map(|candidate| candidate.archive_size_bytes)
    };
    newest(Some(kind)).or_else(|| newest(None)).unwrap_or(0)
}
