//! Writes an image over a live database through SQLite, in one transaction, with its applications connected. What is decided before (the
//! plan) and checked after (integrity and counts) is the caller's.

use std::{path::Path, time::Duration};

use crate::{
    Monitor, Result,
    image::{ImageFacts, ImageSink},
};

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
}

/// Replaces the content of `live` by the image. `before_write` is called once, inside the write transaction and before anything is written: it
/// may stream the present state. When this returns `Ok` the new content is committed; on any fault the live database is as it was.
pub fn replace(
    _live: &Path,
    _options: &ReplaceOptions<'_>,
    _before_write: &mut dyn FnMut(&mut dyn PresentState) -> Result<()>,
    _monitor: &dyn Monitor,
) -> Result<ReplaceReport> {
    todo!()
}
