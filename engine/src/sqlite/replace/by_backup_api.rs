//! The way in where SQLite lacks `sqlite_dbpage`: the online backup API writes all pages in a transaction of its own. Between the safety
//! backup's lock and that transaction there is a gap of a moment; what was committed in it is noticed and said, not kept.

use std::{fs::File, io::Write, os::unix::fs::FileExt, time::Instant};

use keepstone_model::job::Step;
use rusqlite::{
    Connection,
    backup::{Backup, StepResult},
};

use super::{BeforeWrite, Incoming, Present, ReplaceOptions, ReplaceReport, Standing, begin_write};
use crate::{
    Error, Monitor, Result,
    image::RestoreHasher,
    sqlite::{
        fault,
        open::Live,
        pace::{Pace, millis},
        pages::{self, Geometry, Method},
        scratch::{Scratch, open_immutable},
        spool::copy_by_backup_api,
        watch,
    },
};

pub(super) fn replace(
    (live, standing): (&mut Live, &Standing),
    options: &ReplaceOptions<'_>,
    incoming: &Incoming,
    before_write: &mut BeforeWrite<'_>,
    monitor: &dyn Monitor,
) -> Result<ReplaceReport> {
    let path = live.path.clone();
    let (began, version, image) = live
        .watched(monitor, &watch::unlimited, || {
            let geometry = begin_write((live, standing), options, incoming)?;
            let began = Instant::now();
            before_write(&mut Present { method: Method::BackupApi, live, options, geometry: &geometry, began })?;
            let image = own_copy(incoming, &geometry, options)?;
            Ok((began, data_version(live)?, image))
        })
        .inspect_err(|_| pages::rollback(&live.connection))?;
    // The gap begins: the backup API wants its target without a transaction.
    pages::rollback(&live.connection);
    standing.before_commit()?;
    let source = open_immutable(image.path())?;
    let pace = Pace::new(monitor, Step::Write, incoming.size_bytes());
    watch::watched(&source, monitor, &watch::unlimited, || write(&source, &mut live.connection, &path, options, &pace))?;
    let held_ms = millis(began.elapsed());
    if data_version(live)? != version {
        monitor.log("another connection committed between the safety backup and the restore; the restore replaced that too");
    }
    standing.after_commit()?;
    prove(live, options, incoming)?;
    Ok(ReplaceReport { pages_written: incoming.page_count(), page_count: incoming.page_count(), held_ms, method: "backup_api" })
}

/// All pages in one transaction; whatever ends it early leaves the target as it was.
fn write(
    source: &Connection,
    target: &mut Connection,
    path: &std::path::Path,
    options: &ReplaceOptions<'_>,
    pace: &Pace<'_>,
) -> Result<()> {
    const PAGES_PER_STEP: i32 = 1024;
    watch::wait_for_locks(options.busy_wait);
    let backup = Backup::new(source, target).map_err(fault::at(path))?;
    let mut remaining = None;
    loop {
        match backup.step(PAGES_PER_STEP).map_err(fault::at(path))? {
            StepResult::Done => return Ok(()),
            StepResult::More => {
                let now = backup.progress();
                let before = remaining.replace(now.remaining).unwrap_or(now.pagecount);
                let pages = usize::try_from(before - now.remaining).unwrap_or(0);
                pace.advance(pages * page_bytes(source)?)?;
            }
            _ if !watch::patience_exhausted() => std::thread::sleep(std::time::Duration::from_millis(2)),
            _ => return Err(watch::busy(path, options.busy_wait)),
        }
    }
}

fn page_bytes(source: &Connection) -> Result<usize> {
    source.query_row("PRAGMA page_size", [], |row| row.get::<_, i64>(0)).map(|n| usize::try_from(n).unwrap_or(0)).map_err(Error::Sqlite)
}

/// The image with the live database's journal mode in its header (bytes 18–19): the API copies that too, and would turn the one into the
/// other.
fn own_copy(incoming: &Incoming, geometry: &Geometry, options: &ReplaceOptions<'_>) -> Result<Scratch> {
    let (scratch, mut file) = Scratch::create(options.scratch_dir, "restore.incoming")?;
    let mut buffer = vec![0; pages::BATCH_BYTES];
    let mut offset = 0;
    while offset < incoming.size_bytes() {
        let want = usize::try_from(incoming.size_bytes() - offset).map_or(buffer.len(), |left| left.min(buffer.len()));
        incoming.read_at(&mut buffer[..want], offset)?;
        file.write_all(&buffer[..want]).map_err(|error| Error::io(scratch.path(), error))?;
        offset += want as u64;
    }
    let version = if geometry.is_wal() { 2 } else { 1 };
    file.write_all_at(&[version, version], 18).map_err(|error| Error::io(scratch.path(), error))?;
    Ok(scratch)
}

/// Changes whenever another connection commits. <https://www.sqlite.org/pragma.html#pragma_data_version>
fn data_version(live: &Live) -> Result<i64> {
    live.connection.query_row("PRAGMA main.data_version", [], |row| row.get(0)).map_err(fault::at(&live.path))
}

/// Reads the committed content back. There is no way back from here, so a mismatch says what to do.
fn prove(live: &Live, options: &ReplaceOptions<'_>, incoming: &Incoming) -> Result<()> {
    let (scratch, mut file) = Scratch::create(options.scratch_dir, "restore.readback")?;
    let version = data_version(live)?;
    copy_by_backup_api(&live.connection, &live.path, &scratch)?;
    // SQLite signs what it writes with its version number (96–99), which `restore_hash` counts: the image's stands in for ours.
    file.write_all_at(&incoming.first_page()[96..100], 96).map_err(|error| Error::io(scratch.path(), error))?;
    let hash = hash(&mut file).map_err(|error| Error::io(scratch.path(), error))?;
    if hash == incoming.expected_hash || data_version(live)? != version {
        // Who writes again already has taken up the restored content.
        return Ok(());
    }
    let detail = "read back after the commit, its content is not that of the backup; restore the safety backup".to_owned();
    Err(Error::RestoreMismatch { detail })
}

fn hash(file: &mut File) -> std::io::Result<String> {
    let mut hasher = RestoreHasher::default();
    let mut buffer = vec![0; pages::BATCH_BYTES];
    loop {
        match std::io::Read::read(file, &mut buffer)? {
            0 => return Ok(hasher.finish()),
            n => hasher.update(&buffer[..n]),
        }
    }
}
