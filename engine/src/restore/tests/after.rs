//! What the look after a restore finds: a database that is damaged by then is said to be, in the report, in the catalog and by its exit code.

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use keepstone_model::{database::Checkup, event::EventResult, job::Step};

use super::*;
use crate::{
    Monitor, Silent,
    activity::{self, EventFilter},
    doctor::{self, CheckOptions, Confirm, Outcome},
    jobs::{self, JobFilter},
    sqlite::health::{SecondLook, second_look},
};

/// A disk that changes what was written, from some byte on, when all of it is written.
struct FailingDisk {
    live: PathBuf,
    at: u64,
}

impl FailingDisk {
    fn strike(&self) {
        let mut file = fs::OpenOptions::new().write(true).open(&self.live).unwrap();
        file.seek(SeekFrom::Start(self.at)).unwrap();
        file.write_all(&[0x55; 4096]).unwrap();
    }
}

impl Monitor for FailingDisk {
    fn step(&self, step: Step) {
        if step == Step::Check {
            self.strike();
        }
    }
}

impl Place {
    fn failing(&self, at: u64) -> FailingDisk {
        FailingDisk { live: self.live.clone(), at }
    }

    fn checkup(&self) -> Option<Checkup> {
        self.vault.catalog().checkup(&self.backup.database()).unwrap()
    }
}

#[test]
fn a_database_that_is_damaged_after_its_restore_is_unsound_and_written_down_until_it_is_not() {
    // Its header, so that it is no database any more; and a page of its rows.
    for (at, finding) in [(0, "not a database"), (4096, "malformed")] {
        let place = lost();
        // As files, where nothing was; and then over a live database.
        for _ in 0..2 {
            let after = place.restore(place.plan(), &place.failing(at)).unwrap().after.unwrap();
            assert!(after.looked && !after.sound && after.integrity.contains(finding), "{after:?}");
            assert_eq!(place.checkup().unwrap().damage(), Some(after.integrity.as_str()));
            let _ = fs::remove_file(&place.live);
            let after = place.restore(place.plan(), &Silent).unwrap().after.unwrap();
            assert!(after.looked && after.sound, "{after:?}");
            assert_eq!(place.checkup(), None);
        }
    }
}

struct Removed(PathBuf);

impl Monitor for Removed {
    fn step(&self, step: Step) {
        if step == Step::Check {
            fs::remove_file(&self.0).unwrap();
        }
    }
}

#[test]
fn a_look_that_could_not_be_had_is_no_damage() {
    let place = lost();
    let report = place.restore(place.plan(), &Removed(place.live.clone())).unwrap();
    assert!(!report.after.as_ref().unwrap().looked && report.damage_after().is_none(), "{report:?}");
    assert_eq!(place.checkup(), None);
}

struct SecondLookHere;

impl Confirm for SecondLookHere {
    fn look(&self, path: &Path) -> Result<SecondLook> {
        second_look(path, &Silent)
    }
}

#[test]
fn a_recovery_into_a_database_that_is_damaged_again_has_recovered_nothing() {
    let place = lost();
    fs::write(&place.live, "overwritten ".repeat(1000)).unwrap();
    let options = CheckOptions { database: place.backup.database(), recover: true, actor: "alice".to_owned() };
    let check = |monitor: &dyn Monitor| doctor::check(&place.vault, &options, &SecondLookHere, monitor).unwrap();
    let Outcome::Corrupt { finding, not_recovered } = check(&place.failing(4096)) else { panic!("the application would start") };
    assert!(finding.contains("malformed") && not_recovered.contains(place.backup.as_str()), "{finding}; {not_recovered}");
    assert_eq!(place.checkup().unwrap().damage(), Some(finding.as_str()));
    assert_eq!(place.kept(), 1, "what was there before");
    let (job, _) = jobs::jobs(&place.vault, &JobFilter::default()).unwrap().swap_remove(0);
    assert!(job.is_done_unsound() && job.error.as_ref().unwrap().message.contains("is not sound"), "{job:?}");
    let failed = EventFilter { result: Some(EventResult::Failed), ..EventFilter::default() };
    let told = activity::events(&place.vault, &failed).unwrap();
    assert!(told.iter().any(|event| event.action == "restore.done" && event.job.as_ref() == Some(&job.id)), "{told:?}");
    // It was an attempt, and it has ended: the next one is a day away, and the alarm stays.
    let Outcome::Corrupt { not_recovered, .. } = check(&Silent) else { panic!("the application would start") };
    assert!(not_recovered.contains("recovered once already"), "{not_recovered}");
    assert!(place.checkup().unwrap().damage().is_some());
}
