//! `<data>/reserve`: space that is given up when the disk is full, so that the catalog still takes a login, a deletion or the end of a job.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, fallocate};

use crate::durable;

const RESERVE_BYTES: u64 = 16 << 20;
/// With less room than this none is set aside: it would bring about what it is there to soften.
const ROOM_BYTES: u64 = 16 * RESERVE_BYTES;

/// Sets the reserve aside, if it is not there and there is room. Going without is no fault.
pub(super) fn keep(catalog: &Path) {
    let path = path_beside(catalog);
    if path.exists() || !durable::free_bytes(catalog).is_ok_and(|free| free >= ROOM_BYTES) {
        return;
    }
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let Ok(file) = made else { return };
    // A file system that cannot set space aside would make a sparse file, which reserves nothing.
    if fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES).is_err() {
        let _ = fs::remove_file(&path);
    }
}

/// Whether there was a reserve to give up.
pub(crate) fn give_up(catalog: &Path) -> bool {
    let given = fs::remove_file(path_beside(catalog)).is_ok();
    if given {
        tracing::warn!("the disk is full: the reserve was given up");
    }
    given
}

fn path_beside(catalog: &Path) -> PathBuf {
    catalog.with_file_name("reserve")
}
