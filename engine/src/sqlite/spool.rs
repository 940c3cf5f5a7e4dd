//! Getting a moment of a database out of it at full speed into a file of our own, so that its lock is held no longer than that.

use std::{
    io::Write,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use crossbeam_channel::{Receiver, SendTimeoutError, bounded};
use flate2::Crc;
use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{
    fault,
    pages::{self, Geometry, Method},
    scratch::Scratch,
    snapshot::{SnapshotOptions, free_bytes},
    still::Still,
    watch,
};
use crate::{Error, Result, durable};

/// How many batches of pages wait for the disk.
const QUEUE: usize = 8;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The pages of a moment.
#[derive(Debug)]
pub(super) struct Spool {
    scratch: Scratch,
    /// CRC-32 of the pages as they left SQLite, so that what is read back is them; none where SQLite wrote the file.
    pub(super) crc: Option<u32>,
}

impl Spool {
    pub(super) fn path(&self) -> &Path {
        self.scratch.path()
    }
}

/// Copies the pages of the transaction that is open. Not synced: a spool does not outlive its process. On a fault the transaction is ended before
/// anything else is done.
pub(super) fn spool(
    method: Method,
    connection: &Connection,
    still: &Still<'_>,
    geometry: &Geometry,
    options: &SnapshotOptions<'_>,
) -> Result<Spool> {
    let path = still.path;
    // The floor is for the application's disk; a disk of the vault's own may be filled to the last byte.
    let floor_bytes = if durable::on_one_disk(path, options.spool_dir) { options.limits.free_bytes() } else { 0 };
    let needed_bytes = geometry.size_bytes().saturating_add(floor_bytes);
    if free_bytes(options.spool_dir).is_some_and(|free| free < needed_bytes) {
        let path = options.spool_dir.to_owned();
        return Err(if floor_bytes > 0 { Error::DiskFloor { path, floor_bytes } } else { Error::NoSpace { path } });
    }
    let folder = options.spool_dir.to_owned();
    let create = move || Scratch::create(&folder, "snapshot.spool");
    match method {
        Method::Dbpage => {
            let (scratch, crc) = copy_pages(connection, path, geometry, create, &|| still.see())?;
            Ok(Spool { scratch, crc: Some(crc) })
        }
        Method::BackupApi => {
            let (scratch, _empty_file_for_sqlite_to_fill) = create()?;
            let copied = copy_by_backup_api(connection, path, &scratch);
            still.see()?;
            copied?;
            Ok(Spool { scratch, crc: None })
        }
    }
}

/// Another thread makes and writes the file: a disk that hangs keeps it, and not the database's lock, once the watcher says stop.
fn copy_pages<W: Write>(
    connection: &Connection,
    path: &Path,
    geometry: &Geometry,
    create: impl FnOnce() -> Result<(Scratch, W)> + Send + 'static,
    see: &dyn Fn() -> Result<()>,
) -> Result<(Scratch, u32)> {
    let (sender, batches) = bounded::<Arc<[u8]>>(QUEUE);
    let writer = thread::Builder::new().name("spool".to_owned()).spawn(move || write_out(create, &batches));
    let writer = writer.map_err(|error| Error::Internal(format!("no thread for a spool: {error}")))?;
    let mut crc = Crc::new();
    let copied = pages::stream(connection, path, (geometry.page_size, geometry.page_count), &mut |batch| {
        crc.update(batch);
        let mut batch: Arc<[u8]> = batch.into();
        loop {
            batch = match sender.send_timeout(batch, LOOK_EVERY) {
                Ok(()) => return Ok(()),
                Err(SendTimeoutError::Timeout(_)) if watch::told_to_stop() => return Err(Error::CancelledHere),
                Err(SendTimeoutError::Timeout(back)) => back,
                // It ended, and says why.
                Err(SendTimeoutError::Disconnected(_)) => return Err(Error::Internal("a spool ended early".to_owned())),
            };
        }
    });
    // What is wrong with pages that somebody wrote over meanwhile says nothing.
    let copied = see().and(copied);
    drop(sender);
    let ended = ended(&writer);
    // All of the moment has left the database, or it is given up. Whatever comes now may wait for the disk, and nobody waits for us.
    pages::rollback(connection);
    if !ended {
        // The thread removes what it wrote when the disk lets it.
        return Err(Error::CancelledHere);
    }
    let written = writer.join().map_err(|_| Error::Internal("a spool's thread panicked".to_owned()))?;
    match (written, copied) {
        (Err(disk), _) => Err(disk),
        (Ok(_), Err(error)) => Err(error),
        (Ok(scratch), Ok(())) => Ok((scratch, crc.sum())),
    }
}

fn write_out<W: Write>(create: impl FnOnce() -> Result<(Scratch, W)>, batches: &Receiver<Arc<[u8]>>) -> Result<Scratch> {
    let (scratch, mut file) = create()?;
    for batch in batches {
        file.write_all(&batch).map_err(|error| Error::io(scratch.path(), error))?;
    }
    Ok(scratch)
}

/// Waits for a thread, unless the watcher says stop first.
fn ended<T>(thread: &JoinHandle<T>) -> bool {
    while !thread.is_finished() {
        if watch::told_to_stop() {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use std::{io, sync::mpsc, time::Instant};

    use super::*;

    /// A disk that takes so many batches and then hangs until it is let go.
    struct Hanging {
        takes: usize,
        go_on: mpsc::Receiver<()>,
    }

    impl Write for Hanging {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.takes == 0 {
                let _ = self.go_on.recv();
            }
            self.takes = self.takes.saturating_sub(1);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_hangs_does_not_keep_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let application = Connection::open(&path).unwrap();
        let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<4000) SELECT randomblob(1000) FROM n";
        application.execute_batch(&format!("CREATE TABLE t(x); INSERT INTO t {rows}")).unwrap();
        application.busy_timeout(Duration::ZERO).unwrap();
        // At its first batch, with the queue full; and at its last, with nothing more to hand over.
        for takes in [0, 15] {
            let (let_go, go_on) = mpsc::channel::<()>();
            let spool = folder.path().join("spool");
            std::fs::create_dir(&spool).unwrap();
            let connection = Connection::open(&path).unwrap();
            let began = Instant::now();
            let too_long = || (began.elapsed() > Duration::from_millis(150)).then_some(Error::Internal("too long".to_owned()));
            let hung = watch::watched(&connection, &crate::Silent, &too_long, || {
                pages::begin_read(&connection, &path)?;
                let geometry = Geometry::read(&connection).map_err(fault::at(&path))?;
                let folder = spool.clone();
                let create = move || Scratch::create(&folder, "snapshot.spool").map(|(scratch, _file)| (scratch, Hanging { takes, go_on }));
                copy_pages(&connection, &path, &geometry, create, &|| Ok(()))
            });
            assert!(hung.unwrap_err().to_string().contains("too long"));
            assert!(began.elapsed() < Duration::from_secs(5));
            application.execute_batch("DELETE FROM t WHERE rowid=1").unwrap();
            drop(let_go);
            let gone = || std::fs::read_dir(&spool).unwrap().count() == 0;
            while !gone() {
                assert!(began.elapsed() < Duration::from_secs(10), "what it wrote is removed");
                thread::sleep(Duration::from_millis(5));
            }
            std::fs::remove_dir(&spool).unwrap();
        }
    }
}
