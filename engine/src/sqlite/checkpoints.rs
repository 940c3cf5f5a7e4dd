//! What checkpoints may do to the main file of a WAL database that is being read, and what they do not explain. While a reader holds its mark a checkpoint
//! writes only pages that stand in the log up to that mark, which the reader takes from the log; and once the log is moved into the file that far, nobody
//! who keeps to the locks writes to it any more. <https://www.sqlite.org/walformat.html>, 2.3.1

use std::{
    cell::Cell,
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use flate2::Crc;
use rusqlite::Connection;

use super::{
    fault,
    open::{Access, Live},
    pages::{self, Geometry},
    still::{Written, written},
    watch,
};
use crate::{Error, Result};

/// How long a checkpoint may be between its last write and saying so, at the end of a snapshot.
const ENDS_WITHIN: Duration = Duration::from_millis(if cfg!(test) { 200 } else { 10_000 });
/// The first SQLite that knows `wal_checkpoint(NOOP)`; an earlier one would do a checkpoint.
const KNOWS_NOOP: i32 = 3_051_000;

/// How far the log goes, and how far it is moved into the main file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moved {
    frames: i64,
    moved: i64,
}

/// A connection of its own, since SQLite does not tell it within a transaction. None where it does not tell it at all.
struct Log(Option<Live>);

impl Log {
    fn of(live: &Live) -> Self {
        if rusqlite::version_number() < KNOWS_NOOP {
            return Self(None);
        }
        Self(Live::open(&live.path, Access::Read).ok())
    }

    fn ask(&self) -> Option<Moved> {
        let connection = &self.0.as_ref()?.connection;
        // The first read opens the log.
        connection.query_row("PRAGMA main.data_version", [], |_| Ok(())).ok()?;
        let found =
            connection.query_row("PRAGMA main.wal_checkpoint(NOOP)", [], |row| Ok(Moved { frames: row.get(1)?, moved: row.get(2)? }));
        found.ok().filter(|found| found.moved >= 0)
    }
}

/// What is known of the main file since the reading began.
#[derive(Debug, Clone, Copy)]
struct Known {
    written: Written,
    moved: Option<i64>,
    /// It was written to, and no checkpoint has said yet that this was it.
    unexplained: bool,
    /// So many bytes were read by the time of the last write that a checkpoint explains, and this is their checksum: from there on the file stands still.
    until: (u64, u32),
}

pub(super) struct Checkpoints {
    log: Log,
    known: Cell<Known>,
}

impl Checkpoints {
    /// None if none can write to the file any more: all of the log was moved into it already.
    pub(super) fn since(live: &Live) -> Result<Option<Self>> {
        let log = Log::of(live);
        // A writer at this moment keeps it from being told.
        let mut found = log.ask();
        for _ in 0..20 {
            if found.is_some() || log.0.is_none() {
                break;
            }
            thread::sleep(Duration::from_millis(1));
            found = log.ask();
        }
        if found.is_some_and(|found| found.moved == found.frames) {
            return Ok(None);
        }
        let moved = found.map(|found| found.moved);
        let known = Known { written: now(&live.path)?, moved, unexplained: false, until: (0, 0) };
        Ok(Some(Self { log, known: Cell::new(known) }))
    }

    /// After so much was read. Cheap as long as nobody writes to the file.
    pub(super) fn look(&self, path: &Path, read: &Crc, read_bytes: u64) -> Result<()> {
        let mut known = self.known.get();
        let found = now(path)?;
        if found == known.written && !known.unexplained {
            return Ok(());
        }
        let moved = self.log.ask().map(|log| log.moved);
        // What SQLite does not tell counts as explained: then it is compared.
        let explained = known.moved.is_none() || moved.is_some_and(|moved| Some(moved) != known.moved);
        if explained {
            // Asked once more: by now it is all written that was said to be.
            known = Known { written: now(path)?, moved: known.moved.and(moved), unexplained: false, until: (read_bytes, read.sum()) };
        } else {
            known.written = found;
            known.unexplained = true;
        }
        self.known.set(known);
        Ok(())
    }

    /// At the end, within the same transaction: whether checkpoints explain all that was written. A last one may not have said so yet.
    pub(super) fn explain(&self, path: &Path, read: &Crc, read_bytes: u64) -> Result<bool> {
        let began = Instant::now();
        loop {
            self.look(path, read, read_bytes)?;
            if !self.known.get().unexplained {
                return Ok(true);
            }
            if began.elapsed() > ENDS_WITHIN {
                return Ok(false);
            }
            if watch::told_to_stop() {
                return Err(Error::CancelledHere);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether what was read before the last checkpoint is read again as it was: under a checkpoint somebody else may have written, too.
    pub(super) fn reads_the_same(&self, connection: &Connection, path: &Path, geometry: &Geometry) -> Result<bool> {
        let (bytes, sum) = self.known.get().until;
        if bytes == 0 {
            return Ok(true);
        }
        // Else a small database would come from memory.
        connection.execute_batch("PRAGMA shrink_memory").map_err(fault::at(path))?;
        let mut again = Crc::new();
        pages::stream(connection, path, (geometry.page_size, bytes / u64::from(geometry.page_size)), &mut |batch| {
            again.update(batch);
            if watch::told_to_stop() { Err(Error::CancelledHere) } else { Ok(()) }
        })?;
        Ok(again.sum() == sum)
    }
}

fn now(path: &Path) -> Result<Written> {
    fs::metadata(path).map(|found| written(&found)).map_err(|error| Error::io(path, error))
}
