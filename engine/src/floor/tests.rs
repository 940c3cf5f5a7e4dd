//! What is needed, and when too little is left.

use super::*;
use crate::Silent;

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
