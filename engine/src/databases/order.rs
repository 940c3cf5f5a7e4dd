//! The order of the archives of one database, where more than one catalog numbered them: a catalog was set back to one of before and gave numbers out again,
//! or two vaults share a folder. A new number is above all that lie there; and what has the same number all the same gets one order.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
    path::PathBuf,
};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Backup, BackupState},
    database::Database,
    id::{BackupId, Kind},
    import::sequence_of,
};

use super::adopt::ids_in;
use crate::{Result, Vault, archive::Archive};

/// Of the archives that the catalog does not know this many are looked at, the latest by their names: each create does it.
const LOOKED_AT: usize = 16;
/// And at most this many that turn out to be another database's, or cannot be read.
const TRIED: usize = 64;

/// The highest number that the newest archives bear that lie in the folders or the trash and are not in the catalog; 0 if there are none. Whoever
/// calls it holds the lock of the database, which every vault on this folder has.
pub(crate) fn highest_unknown(vault: &Vault, database: &Database) -> Result<i64> {
    let known = vault.catalog().ids_of(&database.id)?;
    let mut unknown = Vec::new();
    let mut look = |ids: Vec<BackupId>, path: &dyn Fn(&BackupId) -> PathBuf| {
        let ours = ids.into_iter().filter(|id| id.database() == database.id && !known.contains(id));
        unknown.extend(ours.map(|id| (id.time(), path(&id))));
    };
    for kind in Kind::ALL {
        look(ids_in(&vault.database_dir(&database.id).join(kind.as_str()))?, &|id| vault.archive_path(id));
    }
    // What cannot be looked at keeps no backup from being made.
    let in_trash = ids_in(&vault.trash_dir()).unwrap_or_else(|error| {
        tracing::warn!(%error, "the trash could not be looked through for numbers that were given out");
        Vec::new()
    });
    look(in_trash, &|id| vault.trash_path(id));
    unknown.sort_by(|a, b| b.cmp(a));
    let number = |(_, path): &(_, PathBuf)| {
        let archive = Archive::open(path).ok()?;
        let metadata = archive.metadata();
        (metadata.database_uid == database.uid).then_some(metadata.sequence)
    };
    Ok(unknown.iter().take(TRIED).filter_map(number).take(LOOKED_AT).max().unwrap_or(0).max(0))
}

/// An archive as it was found: its row, with the number that it bears, and what was the newest one when it was made.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) backup: Backup,
    pub(super) previous: Option<BackupId>,
}

/// Gives each its place. Where no two have the same number the numbers stay as they are. Else those below the first that was given out twice stay, and of the rest
/// each comes after the one that it names as the newest of its time, and otherwise by time: what was made last is last, whichever catalog made it.
///
/// An archive that was converted and the one that it was made of are the same backup: the other one goes to where imports of its time are.
pub(super) fn settle(found: Vec<Found>) -> Vec<Backup> {
    let (own, mut placed): (Vec<Found>, Vec<Found>) = once_each(found).into_iter().partition(|found| found.backup.sequence > 0);
    let (mut own, made_of) = without_converted(own);
    let made_by: HashMap<BackupId, BackupId> = made_of.iter().map(|(old, new)| (old.backup.id.clone(), new.clone())).collect();
    placed.extend(made_of.into_iter().map(|(mut old, _)| {
        old.backup.sequence = sequence_of(old.backup.created_at);
        old
    }));
    let mut backups = one_number_each(placed);

    own.sort_by(|a, b| by_number(&a.backup).cmp(&by_number(&b.backup)));
    let twice = own.windows(2).position(|pair| pair[0].backup.sequence == pair[1].backup.sequence).unwrap_or(own.len());
    let rest = own.split_off(twice);
    let mut last = own.last().map_or(0, |found| found.backup.sequence);
    backups.extend(own.into_iter().map(|found| found.backup));
    let mut moved = 0_usize;
    for mut backup in in_order(rest, &made_by) {
        last = backup.sequence.max(last + 1);
        moved += usize::from(backup.sequence != last);
        backup.sequence = last;
        backups.push(backup);
    }
    if moved > 0 {
        tracing::warn!(moved, "numbers were given out twice: what has one of them, or one after it, got its place by time");
    }
    backups
}

/// One that lies in its folder and in the trash, as a power cut may leave it, is in the trash.
fn once_each(mut found: Vec<Found>) -> Vec<Found> {
    let key = |found: &Found| (found.backup.id.clone(), found.backup.state != BackupState::Trashed);
    found.sort_by_cached_key(key);
    found.dedup_by(|second, first| second.backup.id == first.backup.id);
    found
}

fn by_number(backup: &Backup) -> (i64, Timestamp, &BackupId) {
    (backup.sequence, backup.created_at, &backup.id)
}

/// Those that stand for themselves, and those in whose place another one is, with its id: of the same number and moment. The one in its folder goes before one in the
/// trash.
fn without_converted(mut found: Vec<Found>) -> (Vec<Found>, Vec<(Found, BackupId)>) {
    let rank = |backup: &Backup| (backup.state == BackupState::Complete, backup.trashed_at);
    found.sort_by(|a, b| {
        let key = |backup: &Backup| (backup.sequence, backup.created_at, Reverse(rank(backup)));
        (key(&a.backup), &a.backup.id).cmp(&(key(&b.backup), &b.backup.id))
    });
    let (mut own, mut made_of) = (Vec::<Found>::new(), Vec::new());
    for found in found {
        let same = |there: &&Found| (there.backup.sequence, there.backup.created_at) == (found.backup.sequence, found.backup.created_at);
        match own.last().filter(same).map(|there| there.backup.id.clone()) {
            Some(new) => made_of.push((found, new)),
            None => own.push(found),
        }
    }
    (own, made_of)
}

/// Of those that came before all that were made here no two may have one number either; the catalog would refuse all.
fn one_number_each(mut found: Vec<Found>) -> Vec<Backup> {
    found.sort_by(|a, b| by_number(&a.backup).cmp(&by_number(&b.backup)));
    let mut taken = HashSet::new();
    let settled = found.into_iter().map(|found| {
        let mut backup = found.backup;
        while !taken.insert(backup.sequence) {
            backup.sequence += 1;
        }
        backup
    });
    settled.collect()
}

/// By time, but none before the one that it says was there. There is no cycle: who was there has a lower number.
fn in_order(found: Vec<Found>, made_by: &HashMap<BackupId, BackupId>) -> Vec<Backup> {
    let number: HashMap<BackupId, i64> = found.iter().map(|found| (found.backup.id.clone(), found.backup.sequence)).collect();
    let mut after: HashMap<BackupId, Vec<Backup>> = HashMap::new();
    let mut ready = BTreeMap::new();
    let time = |backup: &Backup| (backup.created_at, backup.sequence, backup.id.clone());
    for Found { backup, previous } in found {
        let previous = previous.map(|id| made_by.get(&id).cloned().unwrap_or(id));
        match previous.filter(|id| number.get(id).is_some_and(|&before| before < backup.sequence)) {
            Some(id) => after.entry(id).or_default().push(backup),
            None => drop(ready.insert(time(&backup), backup)),
        }
    }
    let mut ordered = Vec::new();
    while let Some((_, backup)) = ready.pop_first() {
        for next in after.remove(&backup.id).into_iter().flatten() {
            ready.insert(time(&next), next);
        }
        ordered.push(backup);
    }
    ordered
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
