//! What is needed, and when too little is left.

use std::sync::atomic::AtomicUsize;

use keepstone_model::database::Engine;

use super::*;
use crate::{Silent, archive::Archive, restore::test_restore_sqlite, testing};

const GB: u64 = 1_000_000_000;

fn need(needed_bytes: u64, free_bytes: u64) -> Need {
    Need { needed_bytes, free_bytes }
}

#[test]
fn on_one_disk_everything_is_needed_at_once() {
    // An image and a safety backup in the vault, the log or journal beside the database.
    assert_eq!(needed(Disks::One, need(2 * GB, 3 * GB), need(GB, 3 * GB)), need(3 * GB, 3 * GB));
    assert_eq!(needed(Disks::One, need(u64::MAX, 1), need(GB, 2)), need(u64::MAX, 1));
}

#[test]
fn of_two_disks_the_one_is_told_that_lacks_more() {
    let (fits, lacks, lacks_more) = (need(GB, 2 * GB), need(2 * GB, GB), need(9 * GB, GB));
    assert_eq!(needed(Disks::Two, fits, fits), fits);
    assert_eq!(needed(Disks::Two, fits, lacks), lacks);
    assert_eq!(needed(Disks::Two, lacks, fits), lacks);
    assert_eq!(needed(Disks::Two, lacks, lacks_more), lacks_more);
    assert_eq!(needed(Disks::Two, lacks_more, lacks), lacks_more);
    // The vault's, which is where the image goes.
    assert_eq!(needed(Disks::Two, fits, need(1, 5)), fits);
}

#[test]
fn what_is_not_there_yet_is_on_the_disk_of_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    assert!(is_one_disk(&dir.path().join("a/b/c.db"), dir.path()));
    assert!(!is_one_disk(Path::new("/proc/self/status"), dir.path()));
}

#[test]
fn the_floor_ends_what_it_follows_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let floor = |min_free_bytes| Floor { live: dir.path().join("shop.db"), min_free_bytes };
    assert!(floor(0).look(0).is_ok());
    let error = floor(0).look(u64::MAX).unwrap_err();
    assert_eq!((error.code(), error.kind()), ("disk_floor", crate::error::Kind::NoSpace));
    for (min_free_bytes, reached) in [(0, false), (u64::MAX, true)] {
        let floor = floor(min_free_bytes);
        let above = Above::new(Some(&floor), &Silent);
        assert_eq!((above.cancelled(), above.was_reached()), (reached, reached));
    }
    assert!(!Above::new(None, &Silent).cancelled());
}

#[test]
fn a_test_restore_that_would_leave_too_little_room_could_not_run_and_wrote_nothing() {
    let place = testing::vault();
    let live = place.dir.path().join("shop.db");
    let mut database = testing::database_of(&place.vault, "shop", Engine::Sqlite, live.to_str().unwrap());
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/archives/v1-gzip.zip");
    let archive = Archive::open(&archive).unwrap();
    let staging = place.dir.path().join("staging");
    std::fs::create_dir(&staging).unwrap();
    for (free_bytes, result) in [(1 << 50, CheckResult::CouldNotRun), (16 << 20, CheckResult::Passed)] {
        database.snapshot.free_bytes = Some(free_bytes);
        let written = Written { in_folder: &staging, most: AtomicUsize::new(0) };
        let check = test_restore_sqlite(&staging, &database, &archive, &written).unwrap();
        assert_eq!(check.result, result, "{check:?}");
        assert_eq!(check.detail.contains("stay free on the disk of the live database"), result == CheckResult::CouldNotRun, "{check:?}");
        assert_eq!(written.most.into_inner() > 0, result == CheckResult::Passed);
    }
}

/// Sees how many files are in a folder while something goes on.
struct Written<'a> {
    in_folder: &'a Path,
    most: AtomicUsize,
}

impl Monitor for Written<'_> {
    fn progress(&self, _: &Progress) {
        self.most.fetch_max(std::fs::read_dir(self.in_folder).unwrap().count(), Ordering::Relaxed);
    }
}

struct Enough;

impl Monitor for Enough {
    fn cancelled(&self) -> bool {
        true
    }
}

#[test]
fn what_a_person_cancels_is_cancelled_above_a_floor_too() {
    let dir = tempfile::tempdir().unwrap();
    let floor = |min_free_bytes| Floor { live: dir.path().join("shop.db"), min_free_bytes };
    let work = |monitor: &dyn Monitor| if monitor.cancelled() { Err(Error::CancelledHere) } else { Ok(()) };
    assert!(above(Some(&floor(0)), 0, &Silent, work).is_ok() && above(None, u64::MAX, &Silent, work).is_ok());
    // Cancelled by a person, it is that.
    assert_eq!(above(Some(&floor(0)), 0, &Enough, work).unwrap_err().code(), "cancelled");
}
