//! Archives that were away come back: as they were, or from a copy that lost pages.

use std::{fs, slice};

use keepstone_model::{
    backup::{Backup, Verdict},
    database::DatabaseState,
};

use super::*;
use crate::{
    Silent,
    create::{CreateOptions, create},
    databases, jobs,
    testing::{Live, live},
    verify::verify,
};

fn away_and_back(live: &Live, damage: impl Fn(&mut Vec<u8>)) -> Vec<Backup> {
    let made: Vec<Backup> =
        (0..3).map(|_| create(&live.vault, &CreateOptions::new(live.database.clone(), "alice"), &Silent).unwrap().backup).collect();
    let folder = live.vault.archive_path(&made[0].id).parent().unwrap().to_owned();
    let away = live.dir.path().join("away");
    fs::rename(&folder, &away).unwrap();
    jobs::recover(&live.vault).unwrap();
    for backup in &made {
        let path = away.join(format!("{}.zip", backup.id));
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();
    }
    fs::rename(away, folder).unwrap();
    jobs::recover(&live.vault).unwrap();
    made
}

fn verdicts(live: &Live, of: &[Backup]) -> Vec<Verdict> {
    of.iter().map(|backup| live.vault.catalog().get_backup(&backup.id).unwrap().unwrap().verdict()).collect()
}

fn status(live: &Live) -> (DatabaseState, Vec<String>) {
    let status = databases::status(&live.vault, &live.database, Timestamp::now()).unwrap();
    (status.state, status.concerns.into_iter().map(|concern| concern.reason).collect())
}

#[test]
fn what_came_back_is_at_risk_until_the_newest_was_read() {
    let live = live(2000);
    let made = away_and_back(&live, |_| {});
    let (state, why) = status(&live);
    assert_eq!((state, why.len()), (DatabaseState::AtRisk, 1), "{why:?}");
    assert!(why[0].contains(made[2].id.as_str()), "{why:?}");
    let elsewhere = "other".parse().unwrap();
    assert_eq!(run_left(&live.vault, &[elsewhere], &Silent).unwrap(), []);
    assert!(any_left(&live.vault, slice::from_ref(&live.database)).unwrap());
    assert_eq!(run_left(&live.vault, slice::from_ref(&live.database), &Silent).unwrap(), [made[2].id.clone()]);
    assert_eq!((status(&live).0, verdicts(&live, &made)), (DatabaseState::Protected, vec![Verdict::Good; 3]));
    assert!(!any_left(&live.vault, slice::from_ref(&live.database)).unwrap());
}

#[test]
fn a_person_who_reads_it_first_has_done_it() {
    let live = live(2000);
    let made = away_and_back(&live, |_| {});
    verify(&live.vault, &VerifyOptions::new(made[0].id.clone(), "alice"), &Silent).unwrap();
    assert_eq!(status(&live).0, DatabaseState::AtRisk, "that was another one");
    verify(&live.vault, &VerifyOptions::new(made[2].id.clone(), "alice"), &Silent).unwrap();
    assert_eq!(status(&live).0, DatabaseState::Protected);
    assert_eq!(run_left(&live.vault, slice::from_ref(&live.database), &Silent).unwrap(), []);
}

#[test]
fn where_the_newest_is_not_what_it_was_the_next_is_read_until_one_holds() {
    let live = live(2000);
    let made = away_and_back(&live, |bytes| bytes[200..400].fill(0));
    // One that was made since says nothing of those.
    create(&live.vault, &CreateOptions::new(live.database.clone(), "alice"), &Silent).unwrap();
    let looked_at = run_left(&live.vault, slice::from_ref(&live.database), &Silent).unwrap();
    assert_eq!(looked_at, [&made[2], &made[1], &made[0]].map(|backup| backup.id.clone()));
    assert_eq!(verdicts(&live, &made), [Verdict::Bad; 3]);
}
