//! Over random histories: nothing goes that must not, everything goes that must, and it does not matter how one gets there.

use jiff::{SignedDuration, Timestamp};
use proptest::{option, prelude::*, sample::select};

use super::{
    super::{Candidate, Circumstances, CountBy, FLOOR, Fate, Keep, Manual, Obstacle, Pass, RetentionPolicy, pass_limit, plan},
    at,
    oracle::{self, own_good},
};
use crate::{
    backup::{BackupState, Verdict},
    id::Kind,
};

/// Mostly good ones; the rarer states often enough to meet.
fn candidate() -> impl Strategy<Value = Candidate> {
    let states = prop_oneof![
        12 => Just(BackupState::Complete),
        1 => select(BackupState::ALL.to_vec()),
    ];
    let verdicts = prop_oneof![
        8 => Just(Verdict::Good),
        1 => Just(Verdict::Unproven),
        1 => Just(Verdict::Bad),
        1 => Just(Verdict::Suspect),
        1 => Just(Verdict::Partial),
    ];
    let obstacles = prop_oneof![
        12 => Just(None),
        1 => select(vec![Some(Obstacle::Leased), Some(Obstacle::NewerFormat), Some(Obstacle::Unreadable), Some(Obstacle::Notes)]),
    ];
    let kinds = prop_oneof![6 => select(vec![Kind::Hourly, Kind::Daily, Kind::Weekly, Kind::Monthly]), 3 => select(Kind::ALL.to_vec())];
    (kinds, states, verdicts, obstacles, prop::bool::weighted(0.05), 0_i64..40).prop_map(
        |(kind, state, verdict, obstacle, pinned, step)| Candidate {
            kind,
            // Both are set when the history is put together.
            sequence: step,
            created_at: Timestamp::UNIX_EPOCH,
            archive_size_bytes: 1,
            state,
            verdict,
            pinned,
            imported: false,
            obstacle,
        },
    )
}

/// A history with imports at its beginning, gaps of hours to weeks, and a clock that sometimes is wrong; in any order.
fn history() -> impl Strategy<Value = Vec<Candidate>> {
    let steps = prop::collection::vec((candidate(), 0_i64..900, prop::bool::weighted(0.06), -20_000_i64..20_000), 0..60);
    (steps, 0_i64..4).prop_flat_map(|(steps, imports)| {
        let mut clock = at("2024-01-01");
        let mut all = Vec::new();
        for (sequence, (mut candidate, hours, wrong, by)) in (1 - imports..).zip(steps) {
            clock += SignedDuration::from_hours(hours);
            candidate.sequence = sequence;
            candidate.imported = candidate.sequence < 1 || candidate.kind == Kind::Imported;
            candidate.created_at = if wrong { clock + SignedDuration::from_hours(by) } else { clock };
            all.push(candidate);
        }
        Just(all).prop_shuffle()
    })
}

fn policy() -> impl Strategy<Value = RetentionPolicy> {
    let count = || option::weighted(0.4, 0_u32..9);
    let counts = (count(), count(), count(), count(), count(), count(), count(), count());
    (counts, option::weighted(0.3, 3600_u64..400 * 86_400), option::weighted(0.3, 1_u32..30), any::<bool>()).prop_map(
        |((last, hourly, daily, weekly, monthly, yearly, startup, shutdown), max_age_secs, max_count, imported)| RetentionPolicy {
            last,
            hourly,
            daily,
            weekly,
            monthly,
            yearly,
            startup,
            shutdown,
            max_age_secs,
            max_count,
            imported,
        },
    )
}

fn circumstances() -> impl Strategy<Value = Circumstances> {
    let rarely = |chance| option::weighted(chance, 0_i64..60);
    (rarely(0.15), rarely(0.15), prop::bool::weighted(0.2), any::<bool>(), any::<bool>()).prop_map(
        |(held_before, clock_guard, complete, manual, alone)| Circumstances {
            held_before,
            clock_guard,
            count_by: if complete { CountBy::Complete } else { CountBy::Good },
            manual: if manual { Manual::Included } else { Manual::Kept },
            pass: if alone { Pass::Unattended } else { Pass::Person },
        },
    )
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0_i64..1500).prop_map(|days| at("2024-01-01") + SignedDuration::from_hours(days * 24))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn nothing_goes_that_must_not(all in history(), policy in policy(), at in circumstances(), now in moment()) {
        let plan = plan(&all, &policy, now, &at);
        prop_assert_eq!(plan.fates.len(), all.len());
        for &index in &plan.removed {
            let why = oracle::forbidden(&all, &all[index], now, &policy, &at);
            prop_assert!(why.is_none(), "{:?} was removed, but: {:?}", all[index], why);
        }
        // The floor, and the order.
        let anchors = |gone: &[usize]| all.iter().enumerate().filter(|(i, c)| own_good(c, at.count_by) && !gone.contains(i)).count();
        prop_assert!(anchors(&plan.removed) >= anchors(&[]).min(FLOOR));
        prop_assert!(plan.removed.is_sorted_by_key(|&index| all[index].sequence));
        let said: Vec<usize> = (0..all.len()).filter(|&index| plan.fates[index].is_some_and(Fate::is_removed)).collect();
        let mut removed = plan.removed.clone();
        removed.sort_unstable();
        prop_assert_eq!(said, removed);
        for (fate, candidate) in plan.fates.iter().zip(&all) {
            prop_assert_eq!(fate.is_none(), candidate.state == BackupState::Trashed, "every one has its fate and reason");
        }
        let complete = all.iter().filter(|c| c.state == BackupState::Complete).count();
        if at.pass == Pass::Unattended {
            prop_assert!(plan.removed.len() <= pass_limit(complete) && plan.removed.len() <= 10);
        }
    }

    #[test]
    fn what_must_go_goes(all in history(), policy in policy(), at in circumstances(), now in moment()) {
        let at = Circumstances { pass: Pass::Person, ..at };
        let plan = plan(&all, &policy, now, &at);
        for (index, candidate) in all.iter().enumerate() {
            let stays = plan.fates[index] != Some(Fate::Kept(Keep::Floor)) && !plan.removed.contains(&index);
            // A safety backup's age is reckoned by those before it, too: that is for the plan alone to say.
            if stays && candidate.kind != Kind::Safety && candidate.state != BackupState::Trashed {
                let may = oracle::forbidden(&all, candidate, now, &policy, &at).is_none();
                prop_assert!(!may, "{:?} could go and stays: {:?}", candidate, plan.fates[index]);
            }
        }
    }

    #[test]
    fn the_order_in_which_they_are_listed_does_not_matter(all in history(), policy in policy(), at in circumstances(), now in moment()) {
        let mut sorted = all.clone();
        sorted.sort_by_key(|candidate| candidate.sequence);
        let one = plan(&all, &policy, now, &at);
        let other = plan(&sorted, &policy, now, &at);
        let gone = |all: &[Candidate], removed: &[usize]| removed.iter().map(|&index| all[index].sequence).collect::<Vec<_>>();
        prop_assert_eq!(gone(&all, &one.removed), gone(&sorted, &other.removed));
    }

    #[test]
    fn passes_come_to_where_a_person_comes_at_once(all in history(), policy in policy(), at in circumstances(), now in moment()) {
        let person = plan(&all, &policy, now, &Circumstances { pass: Pass::Person, ..at.clone() });
        let mut wanted: Vec<i64> = person.removed.iter().map(|&index| all[index].sequence).collect();
        wanted.sort_unstable();
        let alone = Circumstances { pass: Pass::Unattended, ..at };
        let (mut left, mut gone) = (all.clone(), Vec::new());
        loop {
            let pass = plan(&left, &policy, now, &alone);
            if pass.removed.is_empty() { break; }
            for &index in &pass.removed {
                gone.push(left[index].sequence);
                left[index].state = BackupState::Trashed;
            }
        }
        gone.sort_unstable();
        // When the oldest monthly one of a year went by a maximum, the next one is its oldest: then passes may stop short, and the floor may be
        // made of others, but they never remove more.
        if policy.yearly.is_none() {
            prop_assert_eq!(gone, wanted);
        } else {
            prop_assert!(gone.len() <= wanted.len(), "{gone:?} is more than {wanted:?}");
        }
    }

    #[test]
    fn one_more_good_backup_saves_and_one_more_bad_one_condemns_nothing(
        all in history(), policy in policy(), now in moment(), by in select(vec![CountBy::Good, CountBy::Complete]),
        verdict in select(vec![Verdict::Bad, Verdict::Suspect, Verdict::Unproven, Verdict::Partial]),
        state in select(vec![BackupState::Failed, BackupState::Interrupted, BackupState::Missing, BackupState::Running, BackupState::Complete]),
    ) {
        // Unproven ones may count where that is asked; partial ones never.
        let count_by = if verdict == Verdict::Unproven { CountBy::Good } else { by };
        let at = Circumstances { count_by, ..Circumstances::default() };
        let before = plan(&all, &policy, now, &at);
        let mut more = all.clone();
        let sequence = all.iter().map(|candidate| candidate.sequence).max().unwrap_or(0).max(0) + 1;
        more.push(Candidate { sequence, state, verdict, ..super::good(Kind::Daily, sequence, now) });
        prop_assert_eq!(plan(&more, &policy, now, &at).removed, before.removed, "a streak of failures removes nothing");
    }
}
