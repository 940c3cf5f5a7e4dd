//! Looking into an image file that nobody else has open: integrity, foreign keys, tables and counts. It may come from anywhere, so it is
//! opened with every defence.

use std::{collections::BTreeMap, path::Path};

use keepstone_model::metadata::Table;

use crate::{Monitor, Result};

/// What was found in an image. Faults of the image are in here; only what kept us from looking is an error of [`inspect_image`].
#[derive(Debug, Clone)]
pub struct ImageReport {
    pub integrity: std::result::Result<(), String>,
    pub foreign_keys: std::result::Result<(), String>,
    /// As a snapshot of this image would have it in its facts.
    pub schema: std::result::Result<BTreeMap<String, Table>, String>,
    /// 0 where the file is no database.
    pub page_size: u32,
}

/// Checks an image file. It is not changed and no file is made beside it.
pub fn inspect_image(_path: &Path, _monitor: &dyn Monitor) -> Result<ImageReport> {
    todo!()
}
