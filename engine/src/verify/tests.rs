//! A file that is verified anywhere: what lies in the folder of the scratch copy is not of its concern.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
};

use keepstone_model::{
    backup::Verdict,
    database::DatabaseState,
    id::Kind,
    job::Progress,
    retention::{Fate, Keep},
};

use super::*;
use crate::{
    Silent,
    activity::EventFilter,
    cleanup::{PlanOptions, plan_cleanup},
    testing::{at, database, good_backup, vault},
};

fn archive(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/archives").join(name)
}

fn level(archive: &Path, scratch: &Path, monitor: &dyn Monitor) -> Level {
    verify_file(archive, &Passwords::none(), scratch, monitor).unwrap().1.level()
}

/// Has another file verified while the first one's copy is there.
struct Meanwhile<'a> {
    begun: AtomicBool,
    scratch: &'a Path,
}

impl Monitor for Meanwhile<'_> {
    fn progress(&self, progress: &Progress) {
        let copies = || fs::read_dir(self.scratch).unwrap().count();
        if progress.done_bytes > 0 && !self.begun.swap(true, Ordering::Relaxed) {
            let before = copies();
            assert_eq!(level(&archive("v1-gzip.zip"), self.scratch, &Silent), Level::Opened);
            assert_eq!(copies(), before, "the other's copy is where it was");
        }
    }
}

#[test]
fn two_files_verified_at_once_in_one_folder_do_not_meet_nor_touch_what_lies_there() {
    let scratch = tempfile::tempdir().unwrap();
    let others = ["scratch.sqlite", "scratch.sqlite-wal", "scratch.sqlite-journal", "scratch.sqlite-shm"];
    for name in others {
        fs::write(scratch.path().join(name), "somebody else's").unwrap();
    }
    let monitor = Meanwhile { begun: AtomicBool::new(false), scratch: scratch.path() };
    assert_eq!(level(&archive("v1-zstd-many-frames-utf16-64k-pages.zip"), scratch.path(), &monitor), Level::Opened);
    assert!(monitor.begun.into_inner(), "nothing was verified meanwhile");
    for name in others {
        assert_eq!(fs::read_to_string(scratch.path().join(name)).unwrap(), "somebody else's");
    }
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), others.len(), "the copies are gone");
}

#[test]
fn a_good_backup_whose_archive_cannot_be_read_is_good_no_more() {
    let fixture = vault();
    let vault = &fixture.vault;
    let shop = database(vault, "shop").id;
    let [old, new] = ["2026-11-20T03:00:00Z", "2026-11-21T03:00:00Z"].map(|when| good_backup(vault, &shop, Kind::Daily, at(when)));
    let unread = |backup: &Backup| {
        let path = vault.archive_path(&backup.id);
        fs::remove_file(&path).unwrap();
        // Whoever opens it gets an error of the system: it is there, and what it holds nobody can tell.
        std::os::unix::fs::symlink(&path, &path).unwrap();
        verify(vault, &VerifyOptions::new(backup.id.clone(), "recheck"), &Silent).unwrap()
    };
    let now = at("2026-11-21T04:00:00Z");
    let report = unread(&new);
    assert_eq!((report.backup.verdict(), report.proof.level()), (Verdict::Unproven, Level::None));
    let job = crate::jobs::job(vault, &report.job).unwrap().job;
    assert_eq!(job.error.map(|error| error.code).as_deref(), Some("archive_unreadable"));
    let events = activity::events(vault, &EventFilter { backup: Some(new.id.clone()), ..EventFilter::default() }).unwrap();
    let failed: Vec<_> = events.iter().filter(|event| event.result == EventResult::Failed).map(|event| event.action.as_str()).collect();
    assert_eq!(failed, ["backup.verify_failed"]);
    // Nor does it go on as good where its notes cannot be read either.
    let proof = vault.catalog().change_backup(&new.id, |backup| backup.proof = old.proof.clone()).unwrap().proof;
    assert!(proof.is_some_and(|proof| !proof.failed()));
    let notes = vault.archive_path(&new.id).with_extension("notes.json");
    let aside = notes.with_extension("aside");
    fs::rename(&notes, &aside).unwrap();
    std::os::unix::fs::symlink(&notes, &notes).unwrap();
    let report = verify(vault, &VerifyOptions::new(new.id.clone(), "recheck"), &Silent).unwrap();
    assert!(report.backup.verdict() == Verdict::Unproven && report.not_noted.is_some(), "{report:?}");
    fs::rename(&aside, &notes).unwrap();
    let status = databases::status(vault, &shop, now).unwrap();
    assert_eq!((status.state, status.unchecked.as_ref()), (DatabaseState::Unproven, Some(&new.id)));
    assert!(status.concerns[0].reason.starts_with("the newest backup could not be read: "), "{:?}", status.concerns);
    // The one that can be read is the newest good one now, whatever the rules say; of the other a person decides.
    let plan = plan_cleanup(vault, &PlanOptions::new(shop.clone()), now).unwrap();
    assert_eq!(plan.lines[0].fate, Fate::Kept(Keep::Unreadable));
    assert_eq!(std::fs::read_link(vault.latest_link(&shop)).unwrap().file_stem().unwrap().to_str().unwrap(), old.id.as_str());

    // An older one that cannot be read is told, too, where a newer one is good.
    let newest = good_backup(vault, &shop, Kind::Daily, at("2026-11-21T03:30:00Z"));
    unread(&old);
    let status = databases::status(vault, &shop, now).unwrap();
    assert_eq!((status.state, status.newest_good_at), (DatabaseState::Protected, Some(newest.created_at)));
    assert_eq!(status.concerns.iter().map(|concern| concern.reason.as_str()).collect::<Vec<_>>(), ["2 other backups could not be read"]);
}

#[test]
fn what_was_found_bad_stays_bad_while_it_cannot_be_read() {
    let fixture = vault();
    let shop = database(&fixture.vault, "shop").id;
    let backup = good_backup(&fixture.vault, &shop, Kind::Daily, at("2026-11-20T03:00:00Z"));
    let verify = || verify(&fixture.vault, &VerifyOptions::new(backup.id.clone(), "recheck"), &Silent).unwrap();
    // The file that stands for it is no archive.
    assert_eq!(verify().backup.verdict(), Verdict::Bad);
    let path = fixture.vault.archive_path(&backup.id);
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    let report = verify();
    assert_eq!((report.backup.verdict(), report.proof.failed()), (Verdict::Bad, false));
    assert_eq!(notes::read(&fixture.vault, &backup.id).unwrap().proofs.len(), 3, "what was found today is kept in the notes");
}
