//! The snapshot: all pages of a live database as of one moment, streamed into a sink, with the schema and the row counts of that moment. Not
//! what the sink does with them.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use flate2::Crc;
use keepstone_model::{human, job::Step, metadata::Source, snapshot::SnapshotPolicy};
use rusqlite::Connection;

use super::{
    census::Census,
    content::{self, Content},
    fault,
    open::{Access, Live},
    pace::{Pace, millis},
    pages::{self, Geometry, Method},
    scratch::{self, beside},
    second_look,
    spool::{Spool, spool},
    still::Still,
};
use crate::{
    Error, Monitor, Result,
    image::{ImageFacts, ImageSink},
};

#[derive(Debug, Clone, Copy)]
pub struct SnapshotOptions<'a> {
    /// A folder of the caller's for the spool of a rollback-journal source; what is made in it is removed again.
    pub spool_dir: &'a Path,
    pub busy_wait: Duration,
    /// When it gives itself up (`snapshot_too_long`).
    pub limits: SnapshotPolicy,
}

/// Streams one moment of a live database into `sink`; the source is as it was afterwards. Damage that leaves the pages readable makes the
/// facts `suspect`; a page that the disk does not give is `Io`.
pub fn snapshot(path: &Path, options: &SnapshotOptions<'_>, sink: &mut dyn ImageSink, monitor: &dyn Monitor) -> Result<ImageFacts> {
    snapshot_by(Method::available(), path, options, sink, monitor)
}

pub(super) fn snapshot_by(
    method: Method,
    path: &Path,
    options: &SnapshotOptions<'_>,
    sink: &mut dyn ImageSink,
    monitor: &dyn Monitor,
) -> Result<ImageFacts> {
    let live = Live::open(path, Access::Read)?;
    let damage = live.watched(monitor, &super::watch::unlimited, || live.begin_read(options.busy_wait))?;
    let hold = Hold::begin(path, options);
    let taken = live.watched(monitor, &|| hold.verdict(), || {
        let geometry = Geometry::read(&live.connection).map_err(fault::at(path))?;
        let still = Still::since(&live, &geometry)?;
        let damage = damage.or_else(|| still.cut_short(&geometry));
        let mut taken = Taken { method, path, geometry, damage, hold_ms: 0 };
        if method == Method::Dbpage && taken.geometry.is_wal() {
            // No writer waits for us, but the application's log cannot be taken back meanwhile: so the limits.
            let facts = taken.stream_live(&live.connection, &still, sink, monitor, Step::Snapshot)?;
            return Ok(Outcome::Streamed(Box::new(facts)));
        }
        // Writers wait for the lock (or there are no pages to stream): out of the database as fast as the disk takes it.
        let spool = spool(method, &live.connection, &still, &taken.geometry, options)?;
        pages::rollback(&live.connection);
        taken.hold_ms = hold.held_ms();
        Ok(Outcome::Spooled(taken, spool))
    })?;
    pages::rollback(&live.connection);
    let held_ms = hold.held_ms();
    // From here on the source is not needed any more.
    drop(live);
    match taken {
        Outcome::Streamed(mut facts) => {
            facts.source.hold_ms = held_ms;
            Ok(*facts)
        }
        Outcome::Spooled(taken, spool) => taken.stream_spool(Step::Snapshot, (spool.path(), spool.crc), sink, monitor),
    }
}

/// Streams an image file that nobody writes, e.g. one that another system made, as if it were a snapshot of `origin`.
pub(crate) fn stream_image(image: &Path, origin: &Path, sink: &mut dyn ImageSink, monitor: &dyn Monitor) -> Result<ImageFacts> {
    let geometry = {
        let connection = scratch::open_image(image)?;
        super::watch::watched(&connection, monitor, &super::watch::unlimited, || {
            pages::begin_read(&connection, image)?;
            Geometry::read(&connection).map_err(fault::at(image))
        })?
    };
    if geometry.page_count == 0 {
        let reason = "it makes a database without a table, a view or anything else, of which there is nothing to keep".to_owned();
        return Err(Error::NotImportable { path: origin.to_owned(), code: "empty", reason });
    }
    let taken = Taken { method: Method::available(), path: origin, geometry, damage: None, hold_ms: 0 };
    let mut facts = taken.stream_spool(Step::Snapshot, (image, None), sink, monitor)?;
    "import".clone_into(&mut facts.source.method);
    Ok(facts)
}

enum Outcome<'a> {
    Streamed(Box<ImageFacts>),
    Spooled(Taken<'a>, Spool),
}

/// A moment of a database that is being taken.
pub(super) struct Taken<'a> {
    pub(super) method: Method,
    pub(super) path: &'a Path,
    pub(super) geometry: Geometry,
    /// What was wrong already when the transaction began.
    pub(super) damage: Option<String>,
    pub(super) hold_ms: u64,
}

impl Taken<'_> {
    /// Streams and counts within the transaction that is open on the live database, and sees that it stood still meanwhile.
    pub(super) fn stream_live(
        &self,
        connection: &Connection,
        still: &Still<'_>,
        sink: &mut dyn ImageSink,
        monitor: &dyn Monitor,
        step: Step,
    ) -> Result<ImageFacts> {
        let mut stream = self.begin(sink, monitor, step)?;
        let (page_size, page_count) = (self.geometry.page_size, self.geometry.page_count);
        let (mut read, mut read_bytes) = (Crc::new(), 0);
        let streamed = pages::stream(connection, self.path, (page_size, page_count), &mut |batch| {
            read.update(batch);
            read_bytes += batch.len() as u64;
            still.look(&read, read_bytes)?;
            stream.pass_on(batch)
        });
        let facts = streamed.and_then(|()| self.facts(connection, &stream.census, monitor));
        // What is wrong with pages that somebody wrote over meanwhile says nothing.
        match facts {
            Err(error @ Error::CancelledHere) => Err(error),
            facts => still.see_again(connection, &self.geometry, &read, read_bytes).and(facts),
        }
    }

    /// The same from a spool, which nobody else knows, and of which the checksum may be known.
    pub(super) fn stream_spool(
        &self,
        step: Step,
        (spool, crc): (&Path, Option<u32>),
        sink: &mut dyn ImageSink,
        monitor: &dyn Monitor,
    ) -> Result<ImageFacts> {
        let fault = |error| Error::io(spool, error);
        let mut stream = self.begin(sink, monitor, step)?;
        let mut file = fs::File::open(spool).map_err(fault)?;
        let mut batch = vec![0; pages::BATCH_BYTES.max(self.geometry.page_size as usize)];
        let (mut left, mut read) = (self.geometry.size_bytes(), Crc::new());
        while left > 0 {
            let want = usize::try_from(left).map_or(batch.len(), |left| left.min(batch.len()));
            file.read_exact(&mut batch[..want]).map_err(fault)?;
            if crc.is_some() {
                read.update(&batch[..want]);
            }
            stream.pass_on(&batch[..want])?;
            left -= want as u64;
        }
        drop(file);
        if crc.is_some_and(|crc| crc != read.sum()) {
            return Err(Error::io(spool, io::Error::other("it reads back as something else than was written: do not trust this disk")));
        }
        let census = stream.census;
        let first = self.facts_of_spool(spool, &census, monitor);
        let seen_here = match &first {
            Ok(facts) => facts.suspect.is_some() && self.damage.is_none(),
            Err(error) => matches!(error, Error::NotADatabase { .. } | Error::SourceFormat { .. } | Error::SourceCorrupt { .. }),
        };
        if !seen_here {
            return first;
        }
        // Our own disk may fail: that is none of the source's damage.
        second_look::reads_back(spool, None, monitor)?;
        self.facts_of_spool(spool, &census, monitor)
    }

    fn facts_of_spool(&self, spool: &Path, census: &Census, monitor: &dyn Monitor) -> Result<ImageFacts> {
        let connection = scratch::open_image(spool)?;
        super::watch::watched(&connection, monitor, &super::watch::unlimited, || {
            let damage = pages::begin_read(&connection, spool)?;
            let taken = Taken { damage: damage.or_else(|| self.damage.clone()), geometry: self.geometry.clone(), ..*self };
            taken.facts(&connection, census, monitor)
        })
    }

    fn begin<'a>(&self, sink: &'a mut dyn ImageSink, monitor: &'a dyn Monitor, step: Step) -> Result<Stream<'a>> {
        let size_bytes = self.geometry.size_bytes();
        sink.begin(size_bytes)?;
        let census = Census::of(self.geometry.page_size, self.geometry.page_count);
        Ok(Stream { sink, census, pace: Pace::new(monitor, step, size_bytes) })
    }

    fn facts(&self, connection: &Connection, census: &Census, monitor: &dyn Monitor) -> Result<ImageFacts> {
        let mut content = Content::read_with(Some(census), connection, self.path, monitor)?;
        content.damage.extend(self.damage.clone());
        let geometry = &self.geometry;
        Ok(ImageFacts {
            size_bytes: geometry.size_bytes(),
            suspect: content.suspect(),
            left_out: None,
            globals: None,
            schema: content.tables,
            schema_version: geometry.schema_version,
            migration_version: content::migration_version(connection),
            source: Source {
                location: self.path.display().to_string(),
                host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
                page_size: geometry.page_size,
                page_count: geometry.page_count,
                journal_mode: geometry.journal_mode.clone(),
                encoding: geometry.encoding.clone(),
                user_version: geometry.user_version,
                application_id: geometry.application_id,
                auto_vacuum: geometry.auto_vacuum.as_str().to_owned(),
                sqlite_version: rusqlite::version().to_owned(),
                method: self.method.as_str().to_owned(),
                hold_ms: self.hold_ms,
                postgres: None,
            },
        })
    }
}

/// Pages on their way into a sink, counted as they pass.
struct Stream<'a> {
    sink: &'a mut dyn ImageSink,
    census: Census,
    pace: Pace<'a>,
}

impl Stream<'_> {
    /// Some whole pages.
    fn pass_on(&mut self, pages: &[u8]) -> Result<()> {
        self.sink.write(pages)?;
        self.census.take(pages);
        self.pace.advance(pages.len())
    }
}

/// A read transaction that is held, and when it has been held enough.
pub(super) struct Hold<'a> {
    path: &'a Path,
    wal: PathBuf,
    limits: SnapshotPolicy,
    database_bytes: u64,
    began: Instant,
    wal_bytes_before: u64,
}

impl<'a> Hold<'a> {
    pub(super) fn begin(path: &'a Path, options: &SnapshotOptions<'_>) -> Self {
        let wal = beside(path, "-wal");
        let wal_bytes_before = size_bytes(&wal);
        Self { path, wal, limits: options.limits, database_bytes: size_bytes(path), began: Instant::now(), wal_bytes_before }
    }

    fn held_ms(&self) -> u64 {
        millis(self.began.elapsed())
    }

    pub(super) fn verdict(&self) -> Option<Error> {
        let too_long = |setting: &'static str, reason: String| {
            let (path, elapsed_ms) = (self.path.to_owned(), self.held_ms());
            Error::SnapshotTooLong { path, elapsed_ms, reason, setting }
        };
        let limits = &self.limits;
        let hold_secs = limits.hold_secs(self.database_bytes);
        if self.began.elapsed() > Duration::from_secs(hold_secs) {
            return Some(too_long("snapshot-hold", format!("it may be held for {}", human::duration_ms(hold_secs * 1000))));
        }
        let wal_growth_bytes = size_bytes(&self.wal).saturating_sub(self.wal_bytes_before);
        if wal_growth_bytes > limits.wal_growth_bytes(self.database_bytes) {
            return Some(too_long("snapshot-wal", format!("the -wal file grew by {} meanwhile", human::bytes(wal_growth_bytes))));
        }
        // A full disk that we do not fill is no reason: a log that does not grow costs nothing.
        let beside_database = self.path.parent().unwrap_or(self.path);
        if wal_growth_bytes > 0 && free_bytes(beside_database).is_some_and(|free| free < limits.free_bytes()) {
            return Some(too_long("snapshot-free", "the disk of the database is nearly full and its -wal file grows".to_owned()));
        }
        None
    }
}

fn size_bytes(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// What this user may still write there.
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    rustix::fs::statvfs(folder).ok().map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize))
}
