//! Sums over the rows of backups: what lies in the vault by database, kind and place, and how long each archive stayed.

use keepstone_model::{
    id::{DatabaseId, Kind},
    storage::Stay,
};

use super::{
    Catalog,
    row::{id, maybe_time, time},
};
use crate::Result;

/// The archives of one database and kind that lie in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heap {
    pub(crate) database: DatabaseId,
    pub(crate) kind: Kind,
    pub(crate) in_trash: bool,
    pub(crate) count: u64,
    pub(crate) size_bytes: u64,
}

impl Catalog {
    pub(crate) fn heaps(&self) -> Result<Vec<Heap>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT database, kind, state = 'trashed' AS in_trash, count(*) AS count, coalesce(sum(archive_size_bytes), 0) AS size
                 FROM backups WHERE state IN ('complete', 'trashed') AND NOT gone GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(Heap {
                    database: id(row, "database")?,
                    kind: id(row, "kind")?,
                    in_trash: row.get("in_trash")?,
                    count: row.get("count")?,
                    size_bytes: row.get("size")?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Every archive that ever lay in the vault, as far as the catalog remembers: a removed one until it was moved to the trash.
    pub(crate) fn stays(&self) -> Result<Vec<(DatabaseId, Stay)>> {
        self.read(|c| {
            let mut statement = c.prepare_cached(
                "SELECT database, created_at, trashed_at, archive_size_bytes FROM backups
                 WHERE state IN ('complete', 'trashed') AND archive_size_bytes > 0",
            )?;
            let rows = statement.query_map([], |row| {
                let (from, until) = (time(row, "created_at")?, maybe_time(row, "trashed_at")?);
                Ok((id(row, "database")?, Stay { from, until, size_bytes: row.get("archive_size_bytes")? }))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}
