//! Archives put back by hand, in the ways that people and copying programs do it.

use std::collections::BTreeSet;

use keepstone_model::id::Kind;

use super::*;
use crate::{
    Silent,
    create::{CreateOptions, create},
    databases, notes,
    testing::{self, Live, live},
    vault::{OpenMode, RebuildReport, VaultOptions, rebuild},
};

fn backup(live: &Live, kind: Kind) -> BackupId {
    let options = CreateOptions { kind, ..CreateOptions::new(live.database.clone(), "alice") };
    create(&live.vault, &options, &Silent).unwrap().backup.id
}

/// Closes the vault, lets `change` do something to the backups folder, and rebuilds.
fn rebuilt(live: Live, change: impl FnOnce(&Path)) -> (Live, RebuildReport) {
    let Live { vault, dir, source, database } = live;
    let options = VaultOptions { data: vault.data_dir().to_owned(), backups: None, mode: OpenMode::Existing };
    let backups = vault.backups_dir().to_owned();
    drop(vault);
    change(&backups);
    let report = rebuild(&options, "alice").unwrap();
    let vault = testing::open(&dir);
    (Live { vault, database, source, dir }, report)
}

fn ids(live: &Live) -> BTreeSet<BackupId> {
    live.vault.catalog().ids_of(&live.database).unwrap().into_iter().collect()
}

#[test]
fn names_that_may_be_those_of_archives() {
    let id: BackupId = "shop_daily_20261120T030000Z_k3f9".parse().unwrap();
    assert_eq!(id_in(&format!("{id}.zip")), Some((id.clone(), Named::Exactly)));
    for like in ["{} (copy).zip", "{}-1.zip", "Copy of {}.zip", ".{}.zip.Xy12Ab", "{}.zip.part", "{} (2).zip"] {
        assert_eq!(id_in(&like.replace("{}", id.as_str())), Some((id.clone(), Named::Like)), "{like}");
    }
    for other in ["{}.notes.json", "{}.zip.sha256", "latest.zip", "{}", "shop_daily.zip", "é_._.zip"] {
        assert_eq!(id_in(&other.replace("{}", id.as_str())), None, "{other}");
    }
}

#[test]
fn what_lies_flat_or_with_another_kind_is_moved_into_its_place() {
    for (into, lost_file) in [("shop", false), ("shop", true), ("shop/manual", false)] {
        let live = live(5);
        let all: Vec<_> = [Kind::Daily, Kind::Weekly, Kind::Manual].into_iter().map(|kind| backup(&live, kind)).collect();
        notes::update(&live.vault, &all[0], |notes| notes.pinned = true).unwrap();
        let (live, report) = rebuilt(live, |backups| {
            fs::create_dir_all(backups.join(into)).unwrap();
            for id in &all {
                let folder = backups.join("shop").join(id.kind().as_str());
                for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                    fs::rename(entry.path(), backups.join(into).join(entry.file_name())).unwrap();
                }
            }
            if lost_file {
                fs::remove_file(backups.join("shop/database.json")).unwrap();
            }
        });
        assert_eq!(report.skipped, [] as [&str; 0], "{into}");
        assert_eq!((report.databases, report.backups), (1, 3), "{into}");
        assert!(
            report.moved.iter().any(|moved| *moved == format!("{into}/{}.zip, which is in shop/daily now", all[0])),
            "{:?}",
            report.moved
        );
        for id in &all {
            let row = live.vault.catalog().get_backup(id).unwrap().unwrap();
            assert!(row.is_good() && live.vault.archive_path(id).is_file(), "{id}");
            assert_eq!(row.pinned, *id == all[0], "its notes come along");
        }
        assert_eq!(of_database(&live.vault, &live.database).strays, []);
    }
}

/// A process that dies leaves the archive under both names, or its notes in their place already.
#[test]
fn a_move_that_broke_off_is_finished() {
    for with_archive in [false, true] {
        let live = live(5);
        let id = backup(&live, Kind::Daily);
        let (live, report) = rebuilt(live, |backups| {
            let (daily, flat) = (backups.join("shop/daily"), backups.join("shop"));
            let (zip, notes) = (format!("{id}.zip"), format!("{id}{NOTES}"));
            fs::hard_link(daily.join(&notes), flat.join(&notes)).unwrap();
            fs::hard_link(daily.join(&zip), flat.join(&zip)).unwrap();
            if !with_archive {
                fs::remove_file(daily.join(&zip)).unwrap();
            }
        });
        assert_eq!((report.backups, report.moved.len(), report.skipped.len()), (1, 1, 0), "{report:?}");
        assert!(!live.vault.backups_dir().join(format!("shop/{id}.zip")).exists());
        assert!(!live.vault.catalog().get_backup(&id).unwrap().unwrap().pinned);
    }
}

#[test]
fn what_cannot_be_taken_up_is_named_and_left() {
    let other = live(5);
    let (foreign, flat) = (backup(&other, Kind::Daily), backup(&other, Kind::Daily));
    let theirs = |id: &BackupId| other.vault.archive_path(id);
    let live = live(5);
    let [first, second, third, fourth] = [Kind::Daily, Kind::Daily, Kind::Weekly, Kind::Weekly].map(|kind| backup(&live, kind));
    let (live, report) = rebuilt(live, |backups| {
        let shop = backups.join("shop");
        let of = |id: &BackupId| shop.join(id.kind().as_str()).join(format!("{id}.zip"));
        // In the place of its name; flat; and in a folder of nobody.
        fs::copy(theirs(&foreign), of(&foreign)).unwrap();
        fs::copy(theirs(&flat), shop.join(format!("{flat}.zip"))).unwrap();
        fs::create_dir(backups.join("Old ones")).unwrap();
        fs::copy(of(&first), backups.join(format!("Old ones/{first}.zip"))).unwrap();
        // What copying programs leave.
        fs::copy(of(&first), shop.join(format!("daily/{first} (copy).zip"))).unwrap();
        fs::write(shop.join(format!("daily/.{first}.zip.Xy12Ab")), b"PK").unwrap();
        fs::create_dir_all(shop.join("from tape/weekly")).unwrap();
        fs::rename(of(&third), shop.join(format!("from tape/weekly/{third}.zip"))).unwrap();
        fs::copy(of(&fourth), shop.join(format!("{fourth}.zip"))).unwrap();
        let damaged = fs::OpenOptions::new().write(true).open(of(&fourth)).unwrap();
        damaged.set_len(100).unwrap();
    });
    let told = |place: &str, why: &str| {
        let found = report.skipped.iter().any(|skipped| skipped.contains(place) && skipped.contains(why));
        assert!(found, "{place}: {why}: {:#?}", report.skipped);
    };
    told(foreign.as_str(), "of another database of that name (uid");
    told(&format!("shop/{flat}.zip"), "of another database of that name (uid");
    told(&format!("Old ones/{first}.zip"), "second copy of shop/daily");
    told("(copy).zip", "second copy of shop/daily");
    told(".zip.Xy12Ab", "a copy that broke off left");
    told("shop/from tape/weekly", "belongs in shop/weekly: move it there");
    told(&format!("shop/{fourth}.zip"), "cannot be read, and this one can");
    told(fourth.as_str(), "is damaged: it does not end as a zip does");
    assert_eq!((report.skipped.len(), report.moved.len()), (8, 0), "{:#?}", report.skipped);
    assert_eq!(ids(&live), [first, second].into(), "nothing else is in the catalog");
    let uid = databases::database(&live.vault, &live.database).unwrap().uid;
    let missed: BTreeSet<_> = live.vault.catalog().left_out(&uid).unwrap().into_iter().collect();
    assert_eq!(missed, [third, fourth].into(), "neither second copies nor what is another database's");
    // The doctor says the same.
    let found = crate::installation::examine(&live.vault, jiff::Timestamp::now()).unwrap();
    let remedies: Vec<_> =
        found.iter().filter(|finding| finding.area == "archives").filter_map(|finding| finding.remedy.as_ref()).collect();
    for why in [
        "Nobody needs",
        "second copy of shop/daily",
        "broke off left",
        "belongs in shop/weekly",
        "cannot be read, and this one can",
        "of another database of that name",
    ] {
        let why = why.replace("Nobody needs", "nobody needs");
        assert!(remedies.iter().any(|remedy| remedy.contains(&why)), "{why}: {remedies:#?}");
    }
}

#[test]
fn a_renamed_folder_says_whose_it_was() {
    let live = live(5);
    backup(&live, Kind::Daily);
    let (live, report) = rebuilt(live, |backups| fs::rename(backups.join("shop"), backups.join("shop-old")).unwrap());
    let why = "shop-old: its database.json says that it is the folder of shop: call it shop again";
    assert_eq!(report.skipped, [why]);
    let found = crate::installation::examine(&live.vault, jiff::Timestamp::now()).unwrap();
    assert!(found.iter().any(|finding| finding.message == why));
    let (live, report) = rebuilt(live, |backups| fs::rename(backups.join("shop-old"), backups.join("shop")).unwrap());
    assert_eq!((report.backups, report.skipped.len()), (1, 0));
    assert!(databases::database(&live.vault, &live.database).is_ok());
}

#[test]
fn a_rebuild_without_the_newest_archive_makes_no_database_safer() {
    use keepstone_model::database::DatabaseState;
    let live = live(5);
    let (_, newest) = (backup(&live, Kind::Daily), backup(&live, Kind::Daily));
    let now = jiff::Timestamp::now();
    let state = |live: &Live| databases::status(&live.vault, &live.database, now).unwrap();
    assert_eq!(state(&live).state, DatabaseState::Protected);
    let (live, report) = rebuilt(live, |backups| {
        let file = backups.join(format!("shop/daily/{newest}.zip"));
        fs::OpenOptions::new().write(true).open(file).unwrap().set_len(100).unwrap();
    });
    assert_eq!((report.backups, report.skipped.len()), (1, 1));
    let status = state(&live);
    assert_eq!(status.state, DatabaseState::AtRisk);
    assert!(status.concerns.iter().any(|concern| concern.reason.contains(newest.as_str())), "{:?}", status.concerns);
    // Until there is a newer good one: the ids know the second.
    while jiff::Timestamp::now().as_second() <= newest.time().as_second() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    backup(&live, Kind::Daily);
    assert_eq!(state(&live).state, DatabaseState::Protected);
}

#[test]
fn the_folder_of_another_vault_in_the_place_of_the_own_is_told() {
    let (live, other) = (live(5), live(7));
    let (own, theirs) = (backup(&live, Kind::Daily), backup(&other, Kind::Daily));
    let before = databases::database(&live.vault, &live.database).unwrap();
    let copy = |file: &Path, to: &Path| fs::copy(file, to.join(file.file_name().unwrap())).unwrap();
    let (live, report) = rebuilt(live, |backups| {
        copy(&other.vault.database_json_path(&other.database), &backups.join("shop"));
        copy(&other.vault.archive_path(&theirs), &backups.join("shop/daily"));
        copy(&other.vault.notes_path(&theirs), &backups.join("shop/daily"));
    });
    assert_eq!(ids(&live), [theirs.clone()].into());
    let told = |what: &str| report.skipped.iter().any(|skipped| skipped.contains(what));
    assert!(told(&format!("shop as it was here before (uid {}, at {})", before.uid, before.location)), "{:#?}", report.skipped);
    assert!(told(&format!("{own}: it is of another database of that name")), "{:#?}", report.skipped);
    // And what it says to do helps.
    let (live, report) = rebuilt(live, |backups| {
        fs::remove_file(backups.join("shop/database.json")).unwrap();
        fs::remove_file(backups.join(format!("shop/daily/{theirs}.zip"))).unwrap();
    });
    assert_eq!((report.backups, ids(&live)), (1, [own].into()));
    assert_eq!(databases::database(&live.vault, &live.database).unwrap().uid, before.uid);
}

#[test]
fn notes_that_lie_elsewhere_come_to_their_archive() {
    let live = live(5);
    let (kept, thrown) = (backup(&live, Kind::Daily), backup(&live, Kind::Daily));
    backup(&live, Kind::Daily);
    crate::delete::delete(&live.vault, &thrown, "alice").unwrap();
    let (live, report) = rebuilt(live, |backups| {
        // A kind's folder that was renamed, and notes without their archive.
        fs::rename(backups.join("shop/daily"), backups.join("shop/weekly")).unwrap();
        fs::rename(backups.join(format!("shop/weekly/{kept}{NOTES}")), backups.join(format!("shop/{kept}{NOTES}"))).unwrap();
    });
    assert_eq!((report.backups, report.moved.len(), &report.skipped[..]), (3, 2, &[][..]));
    for id in [&kept, &thrown] {
        assert!(!live.vault.catalog().get_backup(id).unwrap().unwrap().pinned, "what its notes say is known");
    }
    assert!(live.vault.catalog().get_backup(&thrown).unwrap().unwrap().trash_until.is_some());
}
