//! Opening a live database without harming it, and each refusal with its own fault. Not what is read from it afterwards.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::Result;

/// What a first look at a live database tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    pub path: PathBuf,
    pub page_size: u32,
    pub page_count: u64,
    /// `wal`, `delete`, …
    pub journal_mode: String,
    /// `UTF-8`, `UTF-16le`, `UTF-16be`.
    pub encoding: String,
    /// `device:inode` as stat(2) has it.
    pub identity: String,
}

/// Opens the database once, reads what it is, and leaves it as it was.
pub fn probe(_path: &Path, _busy_wait: Duration) -> Result<SourceInfo> {
    todo!()
}
