//! Rows of backups: sequences, round trips, filters.

use jiff::SignedDuration;
use keepstone_model::{
    backup::{Acknowledgement, Backup, BackupState, SuspectCause, Verdict},
    id::{BackupId, Kind},
};

use crate::{
    Error,
    backups::{self, BackupFilter},
    testing::{at, begun, database, good_backup, good_proof, open, vault},
};

#[test]
fn a_row_comes_back_as_it_went_in() {
    let f = vault();
    let db = database(&f.vault, "shop").id;
    let running = begun(&f.vault, &db, Kind::Daily, at("2026-11-20T03:00:00.123Z"));
    assert_eq!((running.sequence, running.state), (1, BackupState::Running));
    let full = Backup {
        state: BackupState::Trashed,
        description: "before the \"migration\"".to_owned(),
        tags: vec!["a".to_owned(), "b, c".to_owned()],
        pinned: true,
        suspect: Some("lost a table".to_owned()),
        suspect_cause: Some(SuspectCause::Loss),
        acknowledged: Some(Acknowledgement { at: at("2026-11-20T05:00:00.001Z"), by: "alice".to_owned(), reason: "meant".to_owned() }),
        original_size_bytes: 1 << 40,
        archive_size_bytes: 5,
        total_records: 9,
        payload_hash: Some("00".to_owned()),
        encryption: keepstone_model::backup::Encryption::None,
        proof: Some(good_proof()),
        error: Some("none".to_owned()),
        trashed_at: Some(at("2026-11-20T04:00:00.001Z")),
        trash_until: Some(at("2026-11-21T04:00:00.001Z")),
        ..running
    };
    f.vault.catalog().put_backup(&full).unwrap();
    assert_eq!(f.vault.catalog().get_backup(&full.id).unwrap(), Some(full));
}

#[test]
fn a_sequence_is_given_out_once_over_processes_and_removals() {
    let f = vault();
    let db = database(&f.vault, "shop").id;
    let other = open(&f.dir);
    let of = |vault| begun(vault, &db, Kind::Manual, at("2026-11-20T03:00:00Z")).sequence;
    assert_eq!([of(&f.vault), of(&other), of(&f.vault)], [1, 2, 3]);
    let adopted = Backup { sequence: 9, ..begun(&f.vault, &db, Kind::Manual, at("2026-11-20T03:00:00Z")) };
    f.vault.catalog().put_backup(&adopted).unwrap();
    assert_eq!(of(&other), 10);
    let unknown = f.vault.catalog().put_backup(&Backup { database: "other".parse().unwrap(), ..adopted });
    assert!(matches!(unknown, Err(Error::UnknownDatabase { .. })));
}

#[test]
fn a_change_leaves_what_another_process_wrote() {
    let f = vault();
    let db = database(&f.vault, "shop").id;
    let backup = good_backup(&f.vault, &db, Kind::Daily, at("2026-11-20T03:00:00Z"));
    open(&f.dir).catalog().change_backup(&backup.id, |b| b.pinned = true).unwrap();
    let changed = f.vault.catalog().change_backup(&backup.id, |b| b.total_records = 3).unwrap();
    assert!(changed.pinned && changed.total_records == 3);
    assert_eq!(f.vault.catalog().get_backup(&backup.id).unwrap(), Some(changed));
}

#[test]
fn a_list_shows_what_its_filter_says() {
    let f = vault();
    let (shop, blog) = (database(&f.vault, "shop").id, database(&f.vault, "blog").id);
    let one = good_backup(&f.vault, &shop, Kind::Daily, at("2026-11-01T03:00:00Z"));
    let two = good_backup(&f.vault, &shop, Kind::Weekly, at("2026-11-02T03:00:00Z"));
    let three = good_backup(&f.vault, &blog, Kind::Daily, at("2026-11-03T03:00:00Z"));
    // The clock went back before this one: within its database it is the newest all the same.
    let four = begun(&f.vault, &shop, Kind::Manual, at("2026-10-30T03:00:00Z"));
    let gone = good_backup(&f.vault, &blog, Kind::Daily, at("2026-11-04T03:00:00Z"));
    let trashed = good_backup(&f.vault, &blog, Kind::Daily, at("2026-11-05T03:00:00Z"));
    for id in [&gone.id, &trashed.id] {
        f.vault.catalog().change_backup(id, |b| b.state = BackupState::Trashed).unwrap();
    }
    f.vault.catalog().mark_gone(&gone.id).unwrap();
    f.vault.catalog().change_backup(&one.id, |b| b.description = "Vor dem ÜBERZUG".to_owned()).unwrap();
    f.vault.catalog().change_backup(&two.id, |b| b.tags = vec!["100%_sure".to_owned()]).unwrap();

    let all = BackupFilter::default;
    let cases = [
        ("all, by time", all(), vec![&three, &two, &one, &four]),
        ("of one, by sequence", BackupFilter { database: Some(shop.clone()), ..all() }, vec![&four, &two, &one]),
        ("oldest first", BackupFilter { database: Some(shop.clone()), oldest_first: true, ..all() }, vec![&one, &two, &four]),
        ("kind", BackupFilter { kind: Some(Kind::Daily), ..all() }, vec![&three, &one]),
        ("state", BackupFilter { state: Some(BackupState::Running), ..all() }, vec![&four]),
        ("trashed", BackupFilter { state: Some(BackupState::Trashed), ..all() }, vec![&trashed]),
        ("worth", BackupFilter { verdict: Some(Verdict::Good), ..all() }, vec![&three, &two, &one]),
        ("worth nothing yet", BackupFilter { verdict: Some(Verdict::Unproven), ..all() }, vec![]),
        ("text in any case", BackupFilter { text: Some(" überz".to_owned()), ..all() }, vec![&one]),
        ("text is no pattern", BackupFilter { text: Some("%_".to_owned()), ..all() }, vec![&two]),
        ("text in the id", BackupFilter { text: Some("BLOG_daily".to_owned()), ..all() }, vec![&three]),
        ("from", BackupFilter { from: Some(at("2026-11-02T03:00:00Z")), ..all() }, vec![&three, &two]),
        ("to", BackupFilter { to: Some(at("2026-11-01T03:00:00Z")), ..all() }, vec![&one, &four]),
    ];
    for (name, filter, expected) in cases {
        let page = backups::list(&f.vault, &filter).unwrap();
        let ids: Vec<&BackupId> = page.backups.iter().map(|b| &b.id).collect();
        assert_eq!(ids, expected.iter().map(|b| &b.id).collect::<Vec<_>>(), "{name}");
        assert_eq!(page.total, expected.len() as u64, "{name}");
    }
    let page = backups::list(&f.vault, &BackupFilter { limit: Some(2), offset: 1, ..all() }).unwrap();
    assert_eq!((page.backups[0].id.clone(), page.backups.len(), page.total), (two.id, 2, 4));
}

#[test]
fn ten_thousand_rows_are_listed_at_once() {
    let f = vault();
    let db = database(&f.vault, "shop").id;
    let first = begun(&f.vault, &db, Kind::Daily, at("2020-01-01T00:00:00Z"));
    f.vault
        .catalog()
        .write(|tx| {
            for n in 0..10_000_u32 {
                let created_at = first.created_at + SignedDuration::from_hours(i64::from(n));
                let id = BackupId::compose(&db, Kind::Daily, created_at, n);
                let backup = Backup { id, sequence: i64::from(n) + 2, created_at, state: BackupState::Complete, ..first.clone() };
                super::super::backups::put(tx, &backup)?;
            }
            Ok(())
        })
        .unwrap();
    let begun = std::time::Instant::now();
    let filters = [
        BackupFilter { limit: Some(50), ..BackupFilter::default() },
        BackupFilter { database: Some(db.clone()), limit: Some(50), offset: 9_000, ..BackupFilter::default() },
        BackupFilter { text: Some("20200101".to_owned()), limit: Some(50), ..BackupFilter::default() },
        BackupFilter { state: Some(BackupState::Failed), limit: Some(50), ..BackupFilter::default() },
    ];
    let totals: Vec<u64> = filters.iter().map(|filter| backups::list(&f.vault, filter).unwrap().total).collect();
    assert_eq!(totals, [10_001, 10_001, 25, 0]);
    f.vault.catalog().backup_stats(&db).unwrap();
    assert!(begun.elapsed().as_secs() < 2, "{:?}", begun.elapsed());
}

#[test]
fn a_person_names_a_backup() {
    let f = vault();
    let shop = database(&f.vault, "shop").id;
    let daily = good_backup(&f.vault, &shop, Kind::Daily, at("2026-11-01T03:00:00Z"));
    let weekly = good_backup(&f.vault, &shop, Kind::Weekly, at("2026-11-02T03:00:00Z"));
    good_backup(&f.vault, &shop, Kind::Safety, at("2026-11-03T03:00:00Z"));
    begun(&f.vault, &shop, Kind::Daily, at("2026-11-04T03:00:00Z"));
    let find = |text: &str, of: Option<&keepstone_model::id::DatabaseId>| backups::find(&f.vault, text, of).map(|b| b.id);
    assert_eq!(find(daily.id.as_str(), None).unwrap(), daily.id);
    assert_eq!(find("shop_weekly", None).unwrap(), weekly.id);
    assert_eq!(find("latest", None).unwrap(), weekly.id, "neither the safety backup nor the running one");
    assert_eq!(find("latest:daily", None).unwrap(), daily.id);
    assert!(matches!(find("shop_daily", None), Err(Error::AmbiguousBackup { count: 2, .. })));
    for unknown in ["", "x", "shop_w%", "latest:monthly"] {
        assert!(matches!(find(unknown, None), Err(Error::UnknownBackup { .. })), "{unknown}");
    }
    assert!(matches!(find("latest:never", None), Err(Error::Invalid { .. })));
    let blog = database(&f.vault, "blog").id;
    good_backup(&f.vault, &blog, Kind::Daily, at("2026-11-05T03:00:00Z"));
    assert!(matches!(find("latest", None), Err(Error::AmbiguousBackup { .. })), "of which database?");
    assert_eq!(find("latest", Some(&shop)).unwrap(), weekly.id);
    assert!(matches!(find(weekly.id.as_str(), Some(&blog)), Err(Error::UnknownBackup { .. })));
}
