//! What a restore plan needs to know of a live database: what it is bound to, and what it would replace.

use std::{collections::BTreeMap, path::Path, time::Duration};

use keepstone_model::metadata::Table;

use crate::Result;

/// A live database as of one moment.
#[derive(Debug, Clone)]
pub struct LiveState {
    /// `device:inode` as stat(2) has it.
    pub identity: String,
    /// SHA-256 of the SQL of its schema, in hexadecimal.
    pub schema_hash: String,
    pub page_size: u32,
    pub page_count: u64,
    pub journal_mode: String,
    pub schema: BTreeMap<String, Table>,
}

/// Reads the state in one transaction; nothing is changed.
pub fn live_state(_path: &Path, _busy_wait: Duration) -> Result<LiveState> {
    todo!()
}
