//! Two catalogs on one folder, in any interleaving: what comes out is the order in which the backups were made.

use jiff::SignedDuration;
use keepstone_model::{
    backup::{BackupState, Encryption},
    coverage::Coverage,
    id::Kind,
    import::sequence_of,
};
use proptest::prelude::*;

use super::*;
use crate::testing::at;

const START: &str = "2026-11-20T03:00:00Z";

fn found(n: usize, sequence: i64, created_at: Timestamp, previous: Option<&Found>) -> Found {
    let database = "shop".parse().unwrap();
    let backup = Backup {
        id: BackupId::compose(&database, Kind::Daily, created_at, u32::try_from(n).unwrap()),
        database,
        kind: Kind::Daily,
        sequence,
        state: BackupState::Complete,
        created_at,
        created_by: "alice".to_owned(),
        description: String::new(),
        tags: Vec::new(),
        pinned: false,
        suspect: None,
        suspect_cause: None,
        acknowledged: None,
        original_size_bytes: 1,
        archive_size_bytes: 1,
        total_records: 1,
        payload_hash: None,
        encryption: Encryption::None,
        coverage: Coverage::Whole,
        proof: None,
        error: None,
        job: None,
        trashed_at: None,
        trash_until: None,
    };
    Found { backup, previous: previous.map(|found| found.backup.id.clone()) }
}

fn day(n: i64) -> Timestamp {
    at(START) + SignedDuration::from_hours(24 * n)
}

fn ids(backups: &[Backup]) -> Vec<&BackupId> {
    let mut sorted: Vec<&Backup> = backups.iter().collect();
    sorted.sort_by_key(|backup| backup.sequence);
    assert!(sorted.windows(2).all(|pair| pair[0].sequence < pair[1].sequence), "no two have the same number: {sorted:?}");
    sorted.into_iter().map(|backup| &backup.id).collect()
}

proptest! {
    /// Both begin with what is common; then each counts by itself, and some of what they made was deleted since.
    #[test]
    fn what_two_catalogs_made_has_one_order(
        common in 0_usize..5,
        made in proptest::collection::vec((0_usize..2, proptest::bool::weighted(0.7)), 1..30),
        seed in any::<u64>(),
    ) {
        let mut all: Vec<(Option<usize>, Found)> = Vec::new();
        let mut last: [Option<Found>; 2] = [None, None];
        let steps = (0..common).map(|_| (None, true)).chain(made.into_iter().map(|(who, stays)| (Some(who), stays)));
        for (n, (who, stays)) in steps.enumerate() {
            let before = last[who.unwrap_or(0)].clone();
            let sequence = before.as_ref().map_or(0, |found| found.backup.sequence) + 1;
            let new = found(n, sequence, day(i64::try_from(n).unwrap()), before.as_ref());
            match who {
                Some(who) => last[who] = Some(new.clone()),
                None => last = [Some(new.clone()), Some(new.clone())],
            }
            if stays {
                all.push((who, new));
            }
        }
        let mut numbers: Vec<i64> = all.iter().map(|(_, found)| found.backup.sequence).collect();
        numbers.sort_unstable();
        let collide = numbers.windows(2).any(|pair| pair[0] == pair[1]);
        let by_time: Vec<BackupId> = all.iter().map(|(_, found)| found.backup.id.clone()).collect();
        let mut shuffled = all.clone();
        shuffled.sort_by_key(|(_, found)| found.backup.created_at.as_second().unsigned_abs().wrapping_mul(seed | 1));
        let settled = settle(shuffled.into_iter().map(|(_, found)| found).collect());
        let order = ids(&settled);
        prop_assert_eq!(order.len(), all.len());
        for who in 0..2 {
            let of = |id: &&&BackupId| all.iter().any(|(by, found)| found.backup.id == ***id && by.is_none_or(|by| by == who));
            let of_one: Vec<_> = order.iter().filter(of).collect();
            let in_time: Vec<_> = by_time.iter().collect();
            let in_time: Vec<_> = in_time.iter().filter(of).collect();
            prop_assert_eq!(of_one, in_time, "what one catalog made stays in its order");
        }
        if collide {
            prop_assert_eq!(order.last().copied(), by_time.last(), "the newest by time is the latest");
        }
        prop_assert!(settled.iter().all(|backup| backup.sequence > 0), "none is taken for an import");
    }

    /// Without a number given out twice the order is by number, whatever the clock said.
    #[test]
    fn what_one_catalog_made_keeps_its_numbers(days in proptest::collection::vec((0_i64..1000, any::<bool>()), 0..30)) {
        let mut all = Vec::<Found>::new();
        for (n, (at, _)) in days.iter().enumerate() {
            let new = found(n, i64::try_from(n).unwrap() + 1, day(*at), all.last());
            all.push(new);
        }
        let all: Vec<Found> = all.into_iter().zip(&days).filter(|(_, (_, stays))| *stays).map(|(found, _)| found).collect();
        let settled = settle(all.clone());
        prop_assert_eq!(settled, all.into_iter().map(|found| found.backup).collect::<Vec<_>>());
    }
}

/// The clock was a year ahead for two of them, before the catalog was set back: who came after whom is known.
#[test]
fn after_a_wrong_clock_the_newest_is_the_one_that_names_the_others() {
    let one = found(1, 1, day(1), None);
    let two = found(2, 2, day(400), Some(&one));
    let twice = found(3, 2, day(3), Some(&one));
    let three = found(4, 3, day(4), Some(&two));
    let expected = [one.clone(), twice.clone(), two.clone(), three.clone()].map(|found| found.backup.id);
    let settled = settle(vec![three, twice, two, one]);
    assert_eq!(ids(&settled), expected.iter().collect::<Vec<_>>());
}

#[test]
fn a_converted_archive_keeps_the_number_and_what_it_was_made_of_is_among_the_imports() {
    let one = found(1, 1, day(1), None);
    let mut old = found(2, 2, day(2), Some(&one));
    (old.backup.state, old.backup.trashed_at) = (BackupState::Trashed, Some(day(9)));
    let new = found(3, 2, day(2), Some(&one));
    let three = found(4, 3, day(3), Some(&old));
    // A catalog that was set back made one of the number 3, too.
    let again = found(5, 3, day(8), Some(&new));
    let imported = found(6, sequence_of(day(2)), day(2), None);
    let all = [&again, &three, &new, &old, &one, &imported].map(Clone::clone).to_vec();
    let settled = settle(all);
    let expected = [old.clone(), imported, one, new, three, again].map(|found| found.backup.id);
    assert_eq!(ids(&settled), expected.iter().collect::<Vec<_>>());
    let of_old = settled.iter().find(|backup| backup.id == old.backup.id).unwrap();
    assert!(of_old.is_imported() && of_old.state == BackupState::Trashed);
}

/// A power cut may leave an archive under both names.
#[test]
fn one_that_lies_in_both_places_is_in_the_trash() {
    let one = found(1, 1, day(1), None);
    let mut trashed = one.clone();
    trashed.backup.state = BackupState::Trashed;
    assert_eq!(settle(vec![one, trashed.clone()]), [trashed.backup]);
}
