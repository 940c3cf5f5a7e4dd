//! An ack on the disk, in the catalog and in the link; the decision itself is tested in the model.

use std::fs;

use keepstone_model::{
    backup::{Verdict, held_by},
    id::{DatabaseId, Kind},
};

use super::*;
use crate::{
    Vault,
    activity::{EventFilter, events},
    delete,
    testing::{at, database, good_backup, vault},
};

fn suspect(vault: &Vault, of: &DatabaseId, time: &str, cause: SuspectCause) -> Backup {
    let backup = good_backup(vault, of, Kind::Daily, at(time));
    notes::update(vault, &backup.id, |notes| {
        notes.suspect = Some("table a is empty".to_owned());
        notes.suspect_cause = cause;
    })
    .unwrap();
    let backup = vault
        .catalog()
        .change_backup(&backup.id, |backup| {
            backup.suspect = Some("table a is empty".to_owned());
            backup.suspect_cause = Some(cause);
        })
        .unwrap();
    databases::update_latest_link(vault, of).unwrap();
    backup
}

fn options(backup: &Backup) -> AckOptions {
    AckOptions { backup: backup.id.clone(), reason: "emptied on purpose".to_owned(), with_older: false, actor: "alice".to_owned() }
}

fn latest(vault: &Vault, of: &DatabaseId) -> Option<String> {
    let link = fs::read_link(vault.latest_link(of)).ok()?;
    Some(link.file_stem().unwrap().to_str().unwrap().to_owned())
}

#[test]
fn an_acknowledged_loss_is_a_backup_like_others_and_damage_is_not() {
    for (cause, good) in [(SuspectCause::Loss, true), (SuspectCause::Damage, false)] {
        let f = vault();
        let of = database(&f.vault, "shop").id;
        let old = good_backup(&f.vault, &of, Kind::Daily, at("2026-11-20T03:00:00Z"));
        let doubtful = suspect(&f.vault, &of, "2026-11-21T03:00:00Z", cause);
        assert_eq!(latest(&f.vault, &of).as_deref(), Some(old.id.as_str()), "the link is to a good one");
        let all = f.vault.catalog().backups_of(&of).unwrap();
        assert_eq!(held_by(&old, &all).map(|by| &by.id), Some(&doubtful.id));
        assert_eq!(delete::delete(&f.vault, &old.id, "alice").unwrap_err().code(), "delete_refused");

        let report = acknowledge(&f.vault, &options(&doubtful)).unwrap();
        assert_eq!((report.acknowledged, report.still_holding), (vec![doubtful.id.clone()], vec![]));
        assert_eq!(report.backup.is_good(), good);
        let all = f.vault.catalog().backups_of(&of).unwrap();
        assert_eq!(held_by(&old, &all), None);
        let newest = if good { &doubtful } else { &old };
        assert_eq!(latest(&f.vault, &of).as_deref(), Some(newest.id.as_str()));
        let event = &events(&f.vault, &EventFilter { limit: Some(1), ..EventFilter::default() }).unwrap()[0];
        assert_eq!((event.actor.as_str(), event.action.as_str()), ("alice", "backup.acknowledged"));
        assert!(event.message.contains("emptied on purpose"), "{}", event.message);

        // Once more changes nothing and adds no event.
        let again = acknowledge(&f.vault, &options(&doubtful)).unwrap();
        assert!(again.acknowledged.is_empty());
        assert_eq!(events(&f.vault, &EventFilter { limit: Some(1), ..EventFilter::default() }).unwrap()[0].number, event.number);
    }
}

#[test]
fn older_ones_are_acknowledged_only_if_that_is_asked_for() {
    let f = vault();
    let of = database(&f.vault, "shop").id;
    let good = good_backup(&f.vault, &of, Kind::Daily, at("2026-11-20T03:00:00Z"));
    let [first, second, third] =
        ["21", "22", "23"].map(|day| suspect(&f.vault, &of, &format!("2026-11-{day}T03:00:00Z"), SuspectCause::Loss));
    let report = acknowledge(&f.vault, &options(&second)).unwrap();
    assert_eq!(report.acknowledged, std::slice::from_ref(&second.id));
    assert_eq!(report.still_holding, [third.id.clone(), first.id.clone()]);
    let report = acknowledge(&f.vault, &AckOptions { with_older: true, ..options(&third) }).unwrap();
    assert_eq!(report.acknowledged, [third.id, first.id]);
    assert!(report.still_holding.is_empty());
    assert_eq!(acknowledge(&f.vault, &options(&good)).unwrap_err().code(), "not_suspect");
}

#[test]
fn an_ack_outlives_the_catalog() {
    let f = vault();
    let of = database(&f.vault, "shop").id;
    let doubtful = suspect(&f.vault, &of, "2026-11-21T03:00:00Z", SuspectCause::Loss);
    acknowledge(&f.vault, &options(&doubtful)).unwrap();
    let notes = notes::read(&f.vault, &doubtful.id).unwrap();
    assert_eq!(notes.acknowledged.as_ref().map(|word| (word.by.as_str(), word.reason.as_str())), Some(("alice", "emptied on purpose")));
    assert_eq!((notes.suspect.is_some(), notes.suspect_cause), (true, SuspectCause::Loss));
    assert_eq!(f.vault.catalog().get_backup(&doubtful.id).unwrap().unwrap().verdict(), Verdict::Good);
}
