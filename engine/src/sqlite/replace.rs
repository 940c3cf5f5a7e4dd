//! Writes an image over a live database through SQLite, in one transaction, with its applications connected. What is decided before (the
//! plan) and checked after (integrity and counts) is the caller's.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use keepstone_model::job::Step;

use super::{
    committed::CookieMark,
    content, fault,
    open::{Access, Live},
    pace::millis,
    pages::{self, Geometry, Method},
    scratch::Scratch,
    snapshot::Taken,
    spool::copy_by_backup_api,
    still::Still,
    watch,
};
use crate::{
    Error, Monitor, Result,
    image::{ImageFacts, ImageSink},
};

mod by_backup_api;
mod by_pages;
mod doubt;
mod incoming;
mod standing;

use incoming::Incoming;
use standing::Standing;

/// How long a commit waits for readers of a rollback-journal database to finish.
const COMMIT_WAIT: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy)]
pub struct ReplaceOptions<'a> {
    /// The plain image: a file of the caller's that nobody else has open.
    pub image: &'a Path,
    /// What the image must hash to, and what stands in the live database before the commit.
    pub restore_hash: &'a str,
    /// A folder of the caller's for an image of another page size; what is made in it is removed again.
    pub scratch_dir: &'a Path,
    pub busy_wait: Duration,
    /// From the plan; anything else now is `StalePlan`.
    pub expected_identity: Option<&'a str>,
    pub expected_schema_hash: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaceReport {
    pub pages_written: u64,
    pub page_count: u64,
    /// How long writers were held off.
    pub held_ms: u64,
    /// `dbpage` or `backup_api`.
    pub method: &'static str,
}

/// The state that is about to be replaced, inside the write transaction.
pub trait PresentState {
    /// Streams it as a snapshot would.
    fn stream(&mut self, sink: &mut dyn ImageSink, monitor: &dyn Monitor) -> Result<ImageFacts>;

    /// By what it is told afterwards whether the replacement was committed.
    fn mark(&self) -> CookieMark;
}

/// Called once the write lock is held and before anything is written.
type BeforeWrite<'a> = dyn FnMut(&mut dyn PresentState) -> Result<()> + 'a;

/// Replaces the content of `live` by the image. `before_write` is called once, inside the write transaction and before anything is written: it
/// may stream the present state. When this returns `Ok` the new content is committed, durably; on any fault the live database is as it was.
/// Two exceptions say so: `Unsure`, where the commit itself failed and the new content is there or may be, or went into a file that lost its name
/// meanwhile; and, where SQLite lacks
/// `sqlite_dbpage`, a mismatch found after the commit.
pub fn replace(
    live: &Path,
    options: &ReplaceOptions<'_>,
    before_write: &mut dyn FnMut(&mut dyn PresentState) -> Result<()>,
    monitor: &dyn Monitor,
) -> Result<ReplaceReport> {
    replace_by(Method::available(), live, options, before_write, monitor)
}

pub(super) fn replace_by(
    method: Method,
    path: &Path,
    options: &ReplaceOptions<'_>,
    before_write: &mut BeforeWrite<'_>,
    monitor: &dyn Monitor,
) -> Result<ReplaceReport> {
    let standing = Standing::at(path)?;
    let mut live = Live::open(path, Access::Write)?;
    let page_size = live.watched(monitor, &watch::unlimited, || {
        live.begin_read(options.busy_wait)?;
        let geometry = Geometry::read(&live.connection).map_err(fault::at(path));
        pages::rollback(&live.connection);
        // The commit must be durable when it returns: with less than this the disk may give back the journal that it removed, and the next to open
        // the database takes the restore back.
        let durable = || live.connection.execute_batch("PRAGMA main.synchronous=EXTRA").map_err(fault::at(path));
        watch::waiting(options.busy_wait, durable)?;
        Ok(geometry?.page_size)
    })?;
    // All that can be done without the lock is done before it.
    let incoming = Incoming::prepare(options, page_size, monitor)?;
    match method {
        Method::Dbpage => by_pages::replace((&live, &standing), options, &incoming, before_write, monitor),
        Method::BackupApi => by_backup_api::replace((&mut live, &standing), options, &incoming, before_write, monitor),
    }
}

/// Takes the write lock and sees that this is the database that the plan was made for. From here to the commit nobody else writes; readers go
/// on, in WAL mode until after the commit.
fn begin_write((live, standing): (&Live, &Standing), options: &ReplaceOptions<'_>, incoming: &Incoming) -> Result<Geometry> {
    watch::waiting(options.busy_wait, || live.connection.execute_batch("BEGIN IMMEDIATE").map_err(fault::at(&live.path)))?;
    let stale = |reason: &str| Err(Error::StalePlan { reason: reason.to_owned() });
    let geometry = Geometry::read(&live.connection).map_err(fault::at(&live.path))?;
    if options.expected_identity.is_some_and(|expected| standing.identity != expected) {
        return stale("another file stands at the place of the database");
    }
    if let Some(expected) = options.expected_schema_hash {
        let (reader, _damage) = Present::reader(live, options)?;
        if content::schema_hash(&reader.connection).map_err(fault::at(&live.path))? != expected {
            return stale("the schema of the database is another one now");
        }
    }
    if geometry.page_size != incoming.page_size() {
        return stale("the page size of the database is another one now");
    }
    Ok(geometry)
}

/// Commits durably. In rollback-journal mode readers hold a commit off; SQLite lets no new ones in meanwhile.
fn commit(live: &Live) -> Result<()> {
    watch::waiting(COMMIT_WAIT, || {
        loop {
            match live.connection.execute_batch("COMMIT") {
                Err(error) if fault::is_busy(&error) && !watch::patience_exhausted() => thread::sleep(Duration::from_millis(2)),
                other => return other.map_err(fault::at(&live.path)),
            }
        }
    })
}

/// The present state, read by a second connection. It is the same moment, since the first one holds the write lock and has written nothing;
/// and the first one must not meet damage, for SQLite lets a transaction that has met some write no more.
struct Present<'a> {
    method: Method,
    live: &'a Live,
    options: &'a ReplaceOptions<'a>,
    geometry: &'a Geometry,
    began: Instant,
}

impl Present<'_> {
    /// A connection in a read transaction, and the damage that it had to step around.
    fn reader(live: &Live, options: &ReplaceOptions<'_>) -> Result<(Live, Option<String>)> {
        let reader = Live::open(&live.path, Access::Read)?;
        let damage = reader.begin_read(options.busy_wait)?;
        Ok((reader, damage))
    }
}

impl PresentState for Present<'_> {
    fn mark(&self) -> CookieMark {
        match self.method {
            Method::Dbpage => CookieMark::far_from(self.geometry.schema_version),
            Method::BackupApi => CookieMark::next_to(self.geometry.schema_version),
        }
    }

    fn stream(&mut self, sink: &mut dyn ImageSink, monitor: &dyn Monitor) -> Result<ImageFacts> {
        let path = &self.live.path;
        let (reader, damage) = Self::reader(self.live, self.options)?;
        let still = Still::since(&reader, self.geometry)?;
        let taken = Taken { method: self.method, path, geometry: self.geometry.clone(), damage, hold_ms: 0 };
        let mut facts = reader.watched(monitor, &watch::unlimited, || match self.method {
            Method::Dbpage => taken.stream_live(&reader.connection, &still, sink, monitor, Step::SafetyBackup),
            Method::BackupApi => {
                let (spool, _empty_file_for_sqlite_to_fill) = Scratch::create(self.options.scratch_dir, "restore.present")?;
                copy_by_backup_api(&reader.connection, path, &spool)?;
                still.see()?;
                taken.stream_spool(Step::SafetyBackup, (spool.path(), None), sink, monitor)
            }
        })?;
        facts.source.hold_ms = millis(self.began.elapsed());
        Ok(facts)
    }
}
