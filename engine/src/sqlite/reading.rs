//! Reading rows out of a database as of one moment: of a live one in a transaction that ends itself in time, or of an image that nobody else
//! has open. What is read is the caller's.

use std::path::Path;

use rusqlite::Connection;

use super::{
    content, fault,
    open::{Access, Live},
    pages::{self, Geometry, Method},
    scratch::open_image,
    second_look::reads_back,
    snapshot::{Hold, SnapshotOptions},
    spool::spool,
    still::Still,
    watch,
};
use crate::{Error, Monitor, Result};

/// A database while it is read.
pub(crate) struct Reading<'a> {
    pub(crate) connection: &'a Connection,
    /// For faults.
    pub(crate) path: &'a Path,
    pub(crate) encoding: String,
    pub(crate) page_size: u32,
    pub(crate) auto_vacuum: &'static str,
    pub(crate) user_version: i64,
    pub(crate) application_id: i64,
}

impl Reading<'_> {
    /// Turns SQLite's errors into the engine's faults.
    pub(crate) fn fault(&self, error: rusqlite::Error) -> Error {
        fault::at(self.path)(error)
    }

    /// Whether SQL could not be carried out for what it says (a missing module, say), not for what the file holds.
    pub(crate) fn is_sql(error: &rusqlite::Error) -> bool {
        fault::is_sql(error)
    }

    /// SQLite's own sentence.
    pub(crate) fn detail(error: &rusqlite::Error) -> String {
        fault::detail(error)
    }
}

/// Reads a live database in one read transaction. One in WAL mode is read directly, within the limits of a snapshot; where writers would have
/// to wait, its pages go into a spool first, and `work` reads that. A damaged database is refused.
pub(crate) fn read_live<T>(
    path: &Path,
    options: &SnapshotOptions<'_>,
    monitor: &dyn Monitor,
    work: &mut dyn FnMut(&Reading<'_>) -> Result<T>,
) -> Result<T> {
    let live = Live::open(path, Access::Read)?;
    let damage = live.watched(monitor, &watch::unlimited, || live.begin_read(options.busy_wait))?;
    if let Some(detail) = damage {
        return Err(Error::SourceCorrupt { path: path.to_owned(), detail });
    }
    let hold = Hold::begin(path, options);
    let read = live.watched(monitor, &|| hold.verdict(), || {
        let geometry = Geometry::read(&live.connection).map_err(fault::at(path))?;
        let still = Still::since(&live, &geometry)?;
        if geometry.is_wal() {
            let read = read_within(&live.connection, path, &geometry, work);
            let seen = still.see();
            pages::rollback(&live.connection);
            return seen.and(read).map(Read::Done);
        }
        let spool = spool(Method::available(), &live.connection, &still, &geometry, options)?;
        pages::rollback(&live.connection);
        Ok(Read::Spooled(spool))
    })?;
    drop(live);
    match read {
        Read::Done(value) => Ok(value),
        Read::Spooled(spool) => read_written(spool.path(), None, monitor, work),
    }
}

enum Read<T> {
    Done(T),
    Spooled(super::spool::Spool),
}

/// Reads a file that nobody writes, with every defence.
pub(crate) fn read_image<T>(path: &Path, monitor: &dyn Monitor, work: &mut dyn FnMut(&Reading<'_>) -> Result<T>) -> Result<T> {
    let connection = open_image(path)?;
    watch::watched(&connection, monitor, &watch::unlimited, || {
        if let Some(detail) = pages::begin_read(&connection, path)? {
            return Err(Error::SourceCorrupt { path: path.to_owned(), detail });
        }
        let geometry = Geometry::read(&connection).map_err(fault::at(path))?;
        read_within(&connection, path, &geometry, work)
    })
}

/// The same of a file into which an image of this SHA-256 was written, if that is known. SQLite calls a sector corrupt that the disk does not give: a file
/// that does not give back what was written to it is an I/O error, and says nothing of the image.
pub(crate) fn read_written<T>(
    path: &Path,
    hash: Option<&str>,
    monitor: &dyn Monitor,
    work: &mut dyn FnMut(&Reading<'_>) -> Result<T>,
) -> Result<T> {
    read_image(path, monitor, work).or_else(|fault| {
        if matches!(fault, Error::SourceCorrupt { .. } | Error::NotADatabase { .. } | Error::SourceFormat { .. }) {
            reads_back(path, hash, monitor)?;
        }
        Err(fault)
    })
}

fn read_within<T>(connection: &Connection, path: &Path, geometry: &Geometry, work: &mut dyn FnMut(&Reading<'_>) -> Result<T>) -> Result<T> {
    content::provide_collations(connection).map_err(fault::at(path))?;
    work(&Reading {
        connection,
        path,
        encoding: geometry.encoding.clone(),
        page_size: geometry.page_size,
        auto_vacuum: geometry.auto_vacuum.as_str(),
        user_version: geometry.user_version,
        application_id: geometry.application_id,
    })
}
