//! What the vault takes of its disk: archives by database and kind, the trash, what is being made, what is set aside; and how it grew.

use std::{collections::BTreeMap, fs, path::Path};

use jiff::Timestamp;
use keepstone_model::{
    id::{DatabaseId, Kind},
    storage::{Level, Stay, days_until_full, growth_per_day, history},
};

use crate::{Result, Vault, layout};

/// How far the history goes back.
pub const HISTORY_DAYS: u64 = 90;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    pub count: u64,
    pub size_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseShare {
    pub database: DatabaseId,
    pub share: Share,
    /// Bytes a day, what cleanup removed taken off; none where it is too new to tell.
    pub growth_per_day: Option<i64>,
}

/// What this user may still write on a disk, and all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disk {
    pub free_bytes: u64,
    pub size_bytes: u64,
}

/// The disk of the backups. None where it is away: what stands in its place then says nothing of it.
pub fn disk(vault: &Vault) -> Option<Disk> {
    if vault.is_away() {
        return None;
    }
    let found = rustix::fs::statvfs(vault.backups_dir()).ok()?;
    let of = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Disk { free_bytes: of(found.f_bavail), size_bytes: of(found.f_blocks) })
}

/// What is free on it. None where it is away.
pub fn free_bytes(vault: &Vault) -> Option<u64> {
    disk(vault).map(|disk| disk.free_bytes)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// What lies in its place, without the trash.
    pub backups: Share,
    pub trash: Share,
    /// Of jobs that run, and of imports.
    pub staging_bytes: u64,
    /// Set aside, and given up when the disk is full.
    pub reserve_bytes: u64,
    pub catalog_bytes: u64,
    /// The disk of the backups.
    /// None: it is away.
    pub disk: Option<Disk>,
    /// The largest first.
    pub databases: Vec<DatabaseShare>,
    pub kinds: Vec<(Kind, Share)>,
    pub history: Vec<Level>,
    pub growth_per_day: Option<i64>,
    /// None: not at this growth.
    pub days_until_full: Option<u64>,
}

pub fn storage(vault: &Vault, now: Timestamp) -> Result<Storage> {
    let (mut backups, mut trash) = (Share::default(), Share::default());
    let mut databases: BTreeMap<DatabaseId, Share> = BTreeMap::new();
    let mut kinds: BTreeMap<Kind, Share> = BTreeMap::new();
    for heap in vault.catalog().heaps()? {
        if heap.in_trash {
            trash.add(heap.count, heap.size_bytes);
        } else {
            backups.add(heap.count, heap.size_bytes);
            databases.entry(heap.database).or_default().add(heap.count, heap.size_bytes);
            kinds.entry(heap.kind).or_default().add(heap.count, heap.size_bytes);
        }
    }
    let mut of_database: BTreeMap<DatabaseId, Vec<Stay>> = BTreeMap::new();
    let mut all = Vec::new();
    for (database, stay) in vault.catalog().stays()? {
        all.push(stay);
        of_database.entry(database).or_default().push(stay);
    }
    let growth_of = |id: &DatabaseId| growth_per_day(&history(of_database.get(id).map_or(&[][..], Vec::as_slice), 30, now));
    let mut databases: Vec<DatabaseShare> =
        databases.into_iter().map(|(database, share)| DatabaseShare { growth_per_day: growth_of(&database), database, share }).collect();
    databases.sort_by_key(|one| std::cmp::Reverse(one.share.size_bytes));
    let history = history(&all, HISTORY_DAYS, now);
    let growth = growth_per_day(&history);
    let disk = disk(vault);
    Ok(Storage {
        backups,
        trash,
        staging_bytes: size_below(&vault.staging_root()),
        reserve_bytes: size_of(&vault.data_dir().join("reserve")),
        catalog_bytes: [layout::CATALOG, "live.sqlite"]
            .iter()
            .flat_map(|name| ["", "-wal"].map(|side| size_of(&vault.data_dir().join(format!("{name}{side}")))))
            .sum(),
        disk,
        databases,
        kinds: kinds.into_iter().collect(),
        days_until_full: disk.and_then(|disk| days_until_full(disk.free_bytes, growth)),
        growth_per_day: growth,
        history,
    })
}

impl Share {
    fn add(&mut self, count: u64, size_bytes: u64) {
        self.count += count;
        self.size_bytes += size_bytes;
    }
}

/// What cannot be looked at counts nothing: a file that a job has just removed.
fn size_of(path: &Path) -> u64 {
    fs::symlink_metadata(path).map_or(0, |meta| if meta.is_file() { meta.len() } else { 0 })
}

/// Two folders deep, as staging is.
fn size_below(folder: &Path) -> u64 {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    entries(folder).iter().map(|path| size_of(path) + entries(path).iter().map(|path| size_of(path)).sum::<u64>()).sum()
}

#[cfg(test)]
mod tests {
    use keepstone_model::{backup::Backup, id::Kind};

    use super::*;
    use crate::{
        delete,
        testing::{at, database, good_backup, vault},
    };

    #[test]
    fn the_sums_are_those_of_the_files() {
        let f = vault();
        let (shop, wiki) = (database(&f.vault, "shop").id, database(&f.vault, "wiki").id);
        let make = |database: &DatabaseId, kind, day: u32| -> Backup {
            good_backup(&f.vault, database, kind, at(&format!("2026-11-{day:02}T02:00:00Z")))
        };
        make(&shop, Kind::Daily, 1);
        let two = make(&shop, Kind::Daily, 2);
        make(&shop, Kind::Weekly, 3);
        make(&wiki, Kind::Daily, 3);
        delete::delete(&f.vault, &two.id, "alice").unwrap();
        let found = storage(&f.vault, Timestamp::now()).unwrap();
        assert_eq!(found.backups, Share { count: 3, size_bytes: 21 });
        assert_eq!(found.trash, Share { count: 1, size_bytes: 7 });
        assert_eq!(found.databases[0].database, shop, "the largest first");
        assert_eq!(found.databases[0].share, Share { count: 2, size_bytes: 14 });
        assert_eq!(found.kinds, [(Kind::Daily, Share { count: 2, size_bytes: 14 }), (Kind::Weekly, Share { count: 1, size_bytes: 7 })]);
        assert_eq!(found.history.last().unwrap().size_bytes, 21, "what is in the trash is on its way out");
        assert!(found.catalog_bytes > 0 && found.disk.is_some_and(|disk| disk.free_bytes <= disk.size_bytes));
        delete::empty_trash(&f.vault, None, "alice").unwrap();
        assert_eq!(storage(&f.vault, Timestamp::now()).unwrap().trash, Share::default());
    }

    #[test]
    fn an_empty_vault_has_no_history() {
        let f = vault();
        let found = storage(&f.vault, Timestamp::now()).unwrap();
        assert_eq!((found.backups, found.growth_per_day, found.days_until_full), (Share::default(), None, None));
        assert!(found.history.is_empty() && found.databases.is_empty());
    }
}
