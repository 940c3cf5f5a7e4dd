//! Getting a moment of a database out of it at full speed into a file of our own, so that its lock is held no longer than that.

use std::{fs::File, io::Write, os::unix::fs::MetadataExt, path::Path};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{
    fault,
    pages::{self, Geometry, Method},
    scratch::Scratch,
    snapshot::{SnapshotOptions, free_bytes},
};
use crate::{Error, Result};

/// Copies the pages of the transaction that is open. Not synced: a spool does not outlive its process.
pub(super) fn spool(
    method: Method,
    connection: &Connection,
    path: &Path,
    geometry: &Geometry,
    options: &SnapshotOptions<'_>,
) -> Result<Scratch> {
    // The floor is for the application's disk; a disk of the vault's own may be filled to the last byte.
    let floor_bytes = if on_one_disk(path, options.spool_dir) { options.limits.free_bytes() } else { 0 };
    let needed_bytes = geometry.size_bytes().saturating_add(floor_bytes);
    if free_bytes(options.spool_dir).is_some_and(|free| free < needed_bytes) {
        let path = options.spool_dir.to_owned();
        return Err(if floor_bytes > 0 { Error::DiskFloor { path, floor_bytes } } else { Error::NoSpace { path } });
    }
    let (spool, mut file) = Scratch::create(options.spool_dir, "snapshot.spool")?;
    match method {
        Method::Dbpage => copy_pages(connection, path, geometry, &spool, &mut file)?,
        Method::BackupApi => copy_by_backup_api(connection, path, &spool)?,
    }
    Ok(spool)
}

/// Unknown means yes.
fn on_one_disk(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| std::fs::metadata(path).map(|found| found.dev());
    match (device(one), device(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => true,
    }
}

fn copy_pages(connection: &Connection, path: &Path, geometry: &Geometry, spool: &Scratch, file: &mut File) -> Result<()> {
    pages::stream(connection, path, (geometry.page_size, geometry.page_count), &mut |batch| {
        file.write_all(batch).map_err(|error| Error::io(spool.path(), error))
    })
}

/// With a read transaction held on the source the backup never starts again, whatever others commit. It rewrites bytes 24–27, 40–43 and
/// 92–95 of the first page, which `restore_hash` does not count.
pub(super) fn copy_by_backup_api(connection: &Connection, path: &Path, spool: &Scratch) -> Result<()> {
    const PAGES_PER_STEP: i32 = 4096;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut target = Connection::open_with_flags(spool.path(), flags).map_err(fault::at(spool.path()))?;
    target.execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF").map_err(fault::at(spool.path()))?;
    let backup = Backup::new(connection, &mut target).map_err(fault::at(spool.path()))?;
    loop {
        match backup.step(PAGES_PER_STEP).map_err(fault::at(path))? {
            StepResult::Done => return Ok(()),
            StepResult::More => {
                if super::watch::told_to_stop() {
                    return Err(Error::CancelledHere);
                }
            }
            _ => return Err(super::watch::busy(path, std::time::Duration::ZERO)),
        }
    }
}
