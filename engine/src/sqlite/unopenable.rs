//! Putting an image at the place of a database that cannot be opened: as files, since there is no SQLite way left.

use std::path::Path;

use crate::Result;

/// Moves the whole set (the database, -wal, -shm, -journal) into `aside_dir`, durably, and only then puts a copy of the image at its place,
/// with the owner and mode of the old file. On a fault the set is moved back.
pub fn replace_unopenable(_live: &Path, _image: &Path, _aside_dir: &Path) -> Result<()> {
    todo!()
}
