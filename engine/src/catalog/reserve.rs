//! `<data>/reserve`: space that is given up when the disk is full, so that the catalog still takes a login, a deletion or the end of a job. Piece by
//! piece: whoever filled the disk may take what is given up, and the next one who comes to make room needs some, too.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, fallocate};

use crate::durable;

const RESERVE_BYTES: u64 = 16 << 20;
/// Enough to open the vault and for what most verbs write into it.
const PIECE_BYTES: u64 = 1 << 20;
/// With less room than this none is set aside: it would bring about what it is there to soften.
const ROOM_BYTES: u64 = 16 * RESERVE_BYTES;

/// Sets the reserve aside, or what of it was given up, if there is room. Going without is no fault.
pub(super) fn keep(catalog: &Path) {
    let path = path_beside(catalog);
    let is_whole = fs::metadata(&path).is_ok_and(|meta| meta.len() >= RESERVE_BYTES);
    if is_whole || !durable::free_bytes(catalog).is_ok_and(|free| free >= ROOM_BYTES) {
        return;
    }
    let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
    let Ok(file) = opened else { return };
    // A file system that cannot set space aside would make a sparse file, which reserves nothing.
    if fallocate(&file, FallocateFlags::empty(), 0, RESERVE_BYTES).is_err() {
        let _ = fs::remove_file(&path);
    }
}

/// Gives up a piece of the reserve. Whether there was one left.
pub(crate) fn give_up(catalog: &Path) -> bool {
    let path = path_beside(catalog);
    let Ok(file) = OpenOptions::new().write(true).open(&path) else { return false };
    let left_bytes = file.metadata().map_or(0, |meta| meta.len()).saturating_sub(PIECE_BYTES);
    // What cannot be made shorter goes as a whole.
    let given = (left_bytes > 0 && shorten(&file, left_bytes)) || fs::remove_file(&path).is_ok();
    if given {
        tracing::warn!(left_bytes, "the disk is full: a piece of the reserve was given up");
    }
    given
}

/// Durably: until then some file systems do not give the space to others.
fn shorten(file: &File, to_bytes: u64) -> bool {
    file.set_len(to_bytes).and_then(|()| file.sync_all()).is_ok()
}

fn path_beside(catalog: &Path) -> PathBuf {
    catalog.with_file_name("reserve")
}
