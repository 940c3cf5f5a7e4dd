//! The plan: for every backup of one database whether it stays, and why. Pure; the order is by sequence, never by clock.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Candidate, Circumstances, Fate, Keep, Manual, Obstacle, Pass, Remove, RetentionPolicy, Rule,
    clock::{CLOCK_SLACK_SECS, year_of},
    standing::CountBy,
};
use crate::{
    backup::{BackupState, Verdict},
    id::Kind,
};

/// So many good backups stay whatever policy and flags say.
pub const FLOOR: usize = 3;
/// Safety backups stay that long: what a restore replaced may be missed only days later.
pub const SAFETY_SECS: i64 = 7 * 24 * 3600;
/// What one unattended pass removes at most, however many there are.
const PASS_MAX: usize = 10;
const PASS_MIN: usize = 3;

/// What becomes of each backup of a database.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RetentionPlan {
    /// Of each candidate, in the order in which they were given. None: it is in the trash already.
    pub fates: Vec<Option<Fate>>,
    /// The indices of those that go, the oldest first: the order in which they are removed.
    pub removed: Vec<usize>,
}

impl RetentionPlan {
    /// The bytes of the archives that go.
    pub fn freed_bytes(&self, candidates: &[Candidate]) -> u64 {
        self.removed.iter().map(|&index| candidates[index].archive_size_bytes).sum()
    }

    /// How many archives stay, and their bytes.
    pub fn held(&self, candidates: &[Candidate]) -> (u64, u64) {
        let stay = |(fate, candidate): (&Option<Fate>, &Candidate)| {
            (matches!(fate, Some(Fate::Kept(_))) && candidate.state == BackupState::Complete).then_some(candidate.archive_size_bytes)
        };
        let held = self.fates.iter().zip(candidates).filter_map(stay);
        held.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size))
    }

    /// How many wait for a later pass.
    pub fn postponed(&self) -> usize {
        self.fates.iter().filter(|fate| **fate == Some(Fate::Kept(Keep::NextPass))).count()
    }
}

/// The newest good backup: the highest own sequence, neither safety nor imported.
pub fn newest_good(candidates: &[Candidate], count_by: CountBy) -> Option<&Candidate> {
    candidates.iter().filter(|candidate| candidate.anchors(count_by)).max_by_key(|candidate| candidate.sequence)
}

/// How many backups one unattended pass removes at most, of a database with that many archives.
pub fn pass_limit(complete: usize) -> usize {
    (complete / 5).clamp(PASS_MIN, PASS_MAX)
}

/// Decides about every backup of one database. `candidates` are all of them, in any order and any state; a policy is not asked to be sound.
///
/// Whatever the policy: nothing goes that is pinned, leased, held, of a newer format, unreadable, without readable notes, or does not count; nor the newest good one,
/// nor anything while no good one with a higher sequence is there; and [`FLOOR`] good ones stay.
pub fn plan(candidates: &[Candidate], policy: &RetentionPolicy, now: Timestamp, at: &Circumstances) -> RetentionPlan {
    let newest = newest_good(candidates, at.count_by);
    let rules = Rules::new(candidates, policy, now, at);
    let clock_doubtful = newest.is_some_and(|newest| {
        at.clock_guard.is_some_and(|guard| newest.sequence <= guard) || now.duration_since(newest.created_at).as_secs() < -CLOCK_SLACK_SECS
    });
    let judge = |(index, candidate): (usize, &Candidate)| -> Option<Fate> {
        if candidate.state == BackupState::Trashed {
            return None;
        }
        if let Some(keep) = nature(candidate, newest, at, policy) {
            return Some(Fate::Kept(keep));
        }
        let remove = match rules.fate(index, candidate) {
            Fate::Removed(remove) => remove,
            kept @ Fate::Kept(_) => return Some(kept),
        };
        let in_the_way = if newest.is_none_or(|newest| newest.sequence <= candidate.sequence) {
            Some(Keep::NoNewerGood)
        } else if at.held_before.is_some_and(|holder| candidate.sequence < holder) {
            Some(Keep::Held)
        } else if clock_doubtful {
            Some(Keep::Clock)
        } else if candidate.obstacle == Some(Obstacle::Leased) {
            Some(Keep::Leased)
        } else if candidate.obstacle == Some(Obstacle::Notes) {
            Some(Keep::Notes)
        } else {
            None
        };
        Some(in_the_way.map_or(Fate::Removed(remove), Fate::Kept))
    };
    let mut fates: Vec<Option<Fate>> = candidates.iter().enumerate().map(judge).collect();
    keep_the_floor(candidates, &mut fates, at.count_by);
    let mut removed: Vec<usize> = (0..fates.len()).filter(|&index| fates[index].is_some_and(Fate::is_removed)).collect();
    removed.sort_by_key(|&index| candidates[index].sequence);
    if at.pass == Pass::Unattended {
        let complete = candidates.iter().filter(|candidate| candidate.state == BackupState::Complete).count();
        for index in removed.split_off(removed.len().min(pass_limit(complete))) {
            fates[index] = Some(Fate::Kept(Keep::NextPass));
        }
    }
    RetentionPlan { fates, removed }
}

/// Why no rule is asked about a backup, if it is not.
fn nature(candidate: &Candidate, newest: Option<&Candidate>, at: &Circumstances, policy: &RetentionPolicy) -> Option<Keep> {
    let keep = match candidate.state {
        BackupState::Running => Keep::Running,
        BackupState::Failed => Keep::Failed,
        BackupState::Interrupted => Keep::Interrupted,
        BackupState::Missing => Keep::Missing,
        BackupState::Complete | BackupState::Trashed => match (candidate.obstacle, candidate.verdict) {
            _ if candidate.pinned => Keep::Pinned,
            (Some(Obstacle::NewerFormat), _) => Keep::NewerFormat,
            (Some(Obstacle::Unreadable), _) => Keep::Unreadable,
            (_, Verdict::Suspect) => Keep::Suspect,
            (_, Verdict::Bad) => Keep::Bad,
            (_, Verdict::Partial) => Keep::Partial,
            _ if !candidate.counts(at.count_by) => Keep::Unproven,
            _ if newest.is_some_and(|newest| newest.sequence == candidate.sequence) => Keep::NewestGood,
            _ if candidate.kind == Kind::Manual && at.manual == Manual::Kept => Keep::Manual,
            _ if candidate.imported && !policy.imported => Keep::Imported,
            _ => return None,
        },
    };
    Some(keep)
}

/// What the rules say of those that they are about.
struct Rules<'a> {
    policy: &'a RetentionPolicy,
    now: Timestamp,
    /// When each was made at the latest moment that is believable, see [`made_at`].
    made_at: Vec<Timestamp>,
    places: Vec<Places>,
    /// The oldest monthly ones of the newest years, with the year and its place.
    of_year: Vec<(usize, i16, u32)>,
}

impl<'a> Rules<'a> {
    fn new(candidates: &[Candidate], policy: &'a RetentionPolicy, now: Timestamp, at: &Circumstances) -> Self {
        let mut by_sequence: Vec<usize> = (0..candidates.len()).collect();
        by_sequence.sort_by_key(|&index| std::cmp::Reverse(candidates[index].sequence));
        // The newest first: those that the rules count.
        let counted: Vec<usize> = by_sequence
            .iter()
            .copied()
            .filter(|&index| {
                let candidate = &candidates[index];
                let asked = (candidate.kind != Kind::Manual || at.manual == Manual::Included) && (!candidate.imported || policy.imported);
                asked && candidate.kind != Kind::Safety && candidate.counts(at.count_by)
            })
            .collect();
        let mut places = vec![Places { of_its_kind: u32::MAX, automatic: u32::MAX, all: u32::MAX }; candidates.len()];
        let (mut of_kind, mut of_last, mut of_all) = ([0; Kind::ALL.len()], 0, 0);
        for &index in &counted {
            let (kind, place) = (candidates[index].kind, &mut places[index]);
            of_all += 1;
            of_kind[kind as usize] += 1;
            (place.all, place.of_its_kind) = (of_all, of_kind[kind as usize]);
            if RetentionPolicy::last_covers(kind) {
                of_last += 1;
                place.automatic = of_last;
            }
        }
        Self {
            policy,
            now,
            made_at: made_at(candidates, &by_sequence, now),
            of_year: oldest_of_years(candidates, &counted, policy.yearly.unwrap_or(0)),
            places,
        }
    }

    fn fate(&self, index: usize, candidate: &Candidate) -> Fate {
        let age_secs = self.now.duration_since(self.made_at[index]).as_secs();
        if candidate.kind == Kind::Safety {
            return match () {
                () if self.policy.is_empty() => Fate::Kept(Keep::NoRule(Kind::Safety)),
                () if age_secs < SAFETY_SECS => Fate::Kept(Keep::Safety),
                () => Fate::Removed(Remove::SafetyOver),
            };
        }
        let place = &self.places[index];
        // The maxima remove whatever the counts would keep.
        if let Some(max_age_secs) = self.policy.max_age_secs
            && u64::try_from(age_secs).is_ok_and(|age| age > max_age_secs)
        {
            return Fate::Removed(Remove::TooOld { max_age_secs });
        }
        if let Some(of) = self.policy.max_count
            && place.all > of
        {
            return Fate::Removed(Remove::OverCount { of });
        }
        let own = self.policy.count_of(candidate.kind).map(|of| (Rule::Kind(candidate.kind), place.of_its_kind, of));
        let last = self.policy.last.filter(|_| RetentionPolicy::last_covers(candidate.kind));
        let last = last.map(|of| (Rule::Last, place.automatic, of));
        for (rule, number, of) in own.into_iter().chain(last) {
            if number <= of {
                return Fate::Kept(Keep::Count { rule, number, of });
            }
        }
        let of_year = self.of_year.iter().find(|(oldest, ..)| *oldest == index);
        if let (Some(&(_, year, number)), Some(of)) = (of_year, self.policy.yearly) {
            return Fate::Kept(Keep::OldestOfYear { year, number, of });
        }
        match (own.or(last), self.policy.max_age_secs, self.policy.max_count) {
            (Some((rule, _, of)), ..) => Fate::Removed(Remove::Beyond { rule, of }),
            (None, Some(max_age_secs), _) => Fate::Kept(Keep::Younger { max_age_secs }),
            (None, None, Some(of)) => Fate::Kept(Keep::Among { of }),
            (None, None, None) => Fate::Kept(Keep::NoRule(candidate.kind)),
        }
    }
}

/// The place of a backup in its kind, over the kinds that `last` covers, and over all that the maxima are about; 1 is the newest.
#[derive(Clone)]
struct Places {
    of_its_kind: u32,
    automatic: u32,
    all: u32,
}

/// For the rules of age: a backup with a higher sequence is not older than one with a lower one, whatever the clock said when it was made.
/// A time in the future is no evidence.
fn made_at(candidates: &[Candidate], by_sequence: &[usize], now: Timestamp) -> Vec<Timestamp> {
    let mut made: Vec<Timestamp> = candidates.iter().map(|candidate| candidate.created_at).collect();
    let mut latest: Option<Timestamp> = None;
    for &index in by_sequence.iter().rev() {
        let created_at = candidates[index].created_at;
        if created_at <= now {
            latest = latest.max(Some(created_at));
        }
        made[index] = created_at.max(latest.unwrap_or(created_at));
    }
    made
}

/// Of the newest `years` years that have a monthly backup: the oldest one of each, by sequence, with year and place.
fn oldest_of_years(candidates: &[Candidate], counted: &[usize], years: u32) -> Vec<(usize, i16, u32)> {
    let mut of_year: Vec<(i16, usize)> = Vec::new();
    for &index in counted.iter().filter(|&&index| candidates[index].kind == Kind::Monthly) {
        let year = year_of(candidates[index].created_at);
        match of_year.iter_mut().find(|(known, _)| *known == year) {
            // From the newest on: the last one that comes is the oldest.
            Some((_, oldest)) => *oldest = index,
            None => of_year.push((year, index)),
        }
    }
    of_year.sort_unstable_by(|a, b| b.cmp(a));
    of_year.into_iter().zip(1..=years).map(|((year, index), number)| (index, year, number)).collect()
}

/// Takes back the removal of the newest ones until enough good ones stay. Imported and safety ones do not make up for them.
fn keep_the_floor(candidates: &[Candidate], fates: &mut [Option<Fate>], count_by: CountBy) {
    let mut anchors: Vec<usize> = (0..candidates.len()).filter(|&index| candidates[index].anchors(count_by)).collect();
    anchors.sort_by_key(|&index| std::cmp::Reverse(candidates[index].sequence));
    let stay = anchors.iter().filter(|&&index| !fates[index].is_some_and(Fate::is_removed)).count();
    let back = anchors.into_iter().filter(|&index| fates[index].is_some_and(Fate::is_removed)).take(FLOOR.saturating_sub(stay));
    let back: Vec<usize> = back.collect();
    for index in back {
        fates[index] = Some(Fate::Kept(Keep::Floor));
    }
}
