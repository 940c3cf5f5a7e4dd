//! An oracle that shares nothing with the plan but the types: it is asked of one backup at a time, counts by looking at all the others, and
//! says what must not be removed and what must go.

use jiff::Timestamp;

use super::super::{Candidate, Circumstances, CountBy, Manual, Obstacle, RetentionPolicy};
use crate::{
    backup::{BackupState, Verdict},
    id::Kind,
};

pub(super) fn counts(c: &Candidate, by: CountBy) -> bool {
    c.state == BackupState::Complete
        && (c.verdict == Verdict::Good || by == CountBy::Complete && c.verdict == Verdict::Unproven)
        && c.obstacle != Some(Obstacle::NewerFormat)
        && c.obstacle != Some(Obstacle::Unreadable)
}

/// A backup that the database could be brought back from.
pub(super) fn own_good(c: &Candidate, by: CountBy) -> bool {
    counts(c, by) && c.kind != Kind::Safety && !c.imported
}

fn ruled(c: &Candidate, policy: &RetentionPolicy, at: &Circumstances) -> bool {
    counts(c, at.count_by)
        && c.kind != Kind::Safety
        && (c.kind != Kind::Manual || at.manual == Manual::Included)
        && (!c.imported || policy.imported)
}

/// How many of those that the rules are about, and that fit, have a higher sequence.
fn newer(all: &[Candidate], c: &Candidate, policy: &RetentionPolicy, at: &Circumstances, fits: impl Fn(&Candidate) -> bool) -> u32 {
    u32::try_from(all.iter().filter(|other| ruled(other, policy, at) && fits(other) && other.sequence > c.sequence).count()).unwrap()
}

/// Why this one may not be removed, if it may not.
pub(super) fn forbidden(
    all: &[Candidate],
    c: &Candidate,
    now: Timestamp,
    policy: &RetentionPolicy,
    at: &Circumstances,
) -> Option<&'static str> {
    let newest = all.iter().filter(|other| own_good(other, at.count_by)).map(|other| other.sequence).max();
    let newest_at = all.iter().find(|other| Some(other.sequence) == newest).map(|other| other.created_at);
    let reasons = [
        (!counts(c, at.count_by), "it does not count"),
        (c.pinned, "pinned"),
        (c.obstacle.is_some(), "its archive is in use, newer or not to be read"),
        (newest.is_none_or(|newest| newest <= c.sequence), "no newer good one"),
        (at.held_before.is_some_and(|holder| c.sequence < holder), "held"),
        (at.clock_guard.is_some_and(|guard| newest.is_some_and(|newest| newest <= guard)), "the clock"),
        (newest_at.is_some_and(|newest_at| now.as_second() < newest_at.as_second() - 121), "the clock is behind the newest"),
        (c.kind == Kind::Manual && at.manual == Manual::Kept, "manual"),
        (c.imported && !policy.imported, "imported"),
        (c.kind == Kind::Safety && (now.as_second() - c.created_at.as_second()) < 7 * 86_400, "a young safety backup"),
        (*policy == RetentionPolicy { imported: policy.imported, ..RetentionPolicy::default() }, "no rule at all"),
        (kept_by_count(all, c, policy, at) && !over_maximum(all, c, now, policy, at), "a rule keeps it"),
        (!asked_for(all, c, now, policy, at), "no rule asks for it"),
    ];
    reasons.into_iter().find(|(is, _)| *is).map(|(_, why)| why)
}

fn own_count(kind: Kind, policy: &RetentionPolicy) -> Option<u32> {
    let any = *policy != RetentionPolicy { imported: policy.imported, ..RetentionPolicy::default() };
    match kind {
        Kind::Hourly => policy.hourly,
        Kind::Daily => policy.daily,
        Kind::Weekly => policy.weekly,
        Kind::Monthly => policy.monthly,
        Kind::Yearly => policy.yearly,
        Kind::Startup => policy.startup.or(any.then_some(10)),
        Kind::Shutdown => policy.shutdown.or(any.then_some(10)),
        _ => None,
    }
}

fn year(c: &Candidate) -> String {
    c.created_at.strftime("%Y").to_string()
}

/// Whether a rule that counts keeps it.
pub(super) fn kept_by_count(all: &[Candidate], c: &Candidate, policy: &RetentionPolicy, at: &Circumstances) -> bool {
    if !ruled(c, policy, at) {
        return false;
    }
    let of_kind = own_count(c.kind, policy).is_some_and(|count| newer(all, c, policy, at, |other| other.kind == c.kind) < count);
    let automatic = |kind: Kind| !matches!(kind, Kind::Startup | Kind::Shutdown);
    let of_last = automatic(c.kind) && policy.last.is_some_and(|count| newer(all, c, policy, at, |other| automatic(other.kind)) < count);
    let monthly = |other: &&Candidate| ruled(other, policy, at) && other.kind == Kind::Monthly;
    let of_year =
        c.kind == Kind::Monthly && all.iter().filter(monthly).all(|other| year(other) != year(c) || other.sequence >= c.sequence) && {
            let mut later: Vec<String> = all.iter().filter(monthly).map(year).filter(|other| *other > year(c)).collect();
            later.sort();
            later.dedup();
            later.len() < policy.yearly.unwrap_or(0) as usize
        };
    of_kind || of_last || of_year
}

/// Whether a maximum asks for its removal.
pub(super) fn over_maximum(all: &[Candidate], c: &Candidate, now: Timestamp, policy: &RetentionPolicy, at: &Circumstances) -> bool {
    let too_many = policy.max_count.is_some_and(|count| newer(all, c, policy, at, |_| true) >= count);
    ruled(c, policy, at) && (too_many || too_old(all, c, now, policy))
}

/// Older than the greatest age, and so is everything with a lower sequence that is not from the future.
fn too_old(all: &[Candidate], c: &Candidate, now: Timestamp, policy: &RetentionPolicy) -> bool {
    let old = |at: Timestamp| policy.max_age_secs.is_some_and(|max| now.as_second() - at.as_second() > max.cast_signed());
    old(c.created_at)
        && all.iter().filter(|other| other.sequence < c.sequence && other.created_at <= now).all(|other| old(other.created_at))
}

/// Whether anything in the policy asks for its removal.
pub(super) fn asked_for(all: &[Candidate], c: &Candidate, now: Timestamp, policy: &RetentionPolicy, at: &Circumstances) -> bool {
    if c.kind == Kind::Safety {
        return true;
    }
    let counted = own_count(c.kind, policy).is_some() || (policy.last.is_some() && !matches!(c.kind, Kind::Startup | Kind::Shutdown));
    over_maximum(all, c, now, policy, at) || (counted && !kept_by_count(all, c, policy, at))
}
