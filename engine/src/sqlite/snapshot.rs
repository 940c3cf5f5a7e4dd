//! The snapshot: all pages of a live database as of one moment, streamed into a sink, with the schema and the row counts of that moment. Not
//! what the sink does with them.

use std::{path::Path, time::Duration};

use crate::{
    Monitor, Result,
    image::{ImageFacts, ImageSink},
};

/// When a snapshot gives itself up (`snapshot_too_long`): a held read transaction pins the write-ahead log of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotLimits {
    pub max_hold: Duration,
    /// How much the `-wal` may grow while the snapshot is held.
    pub max_wal_growth_bytes: u64,
    /// What must stay free beside the database while its `-wal` grows, and beside the spool.
    pub min_free_bytes: u64,
}

impl Default for SnapshotLimits {
    fn default() -> Self {
        Self { max_hold: Duration::from_secs(30 * 60), max_wal_growth_bytes: 4 << 30, min_free_bytes: 64 << 20 }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct SnapshotOptions<'a> {
    /// A folder of the caller's for the spool of a rollback-journal source; what is made in it is removed again.
    pub spool_dir: &'a Path,
    pub busy_wait: Duration,
    pub limits: SnapshotLimits,
}

/// Streams one moment of a live database into `sink`; the source is as it was afterwards. Damage that leaves the pages readable makes the
/// facts `suspect`; pages that cannot be read are `SourceCorrupt`.
pub fn snapshot(_path: &Path, _options: &SnapshotOptions<'_>, _sink: &mut dyn ImageSink, _monitor: &dyn Monitor) -> Result<ImageFacts> {
    todo!()
}
