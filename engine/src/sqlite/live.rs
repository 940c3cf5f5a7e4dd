//! What a restore plan needs to know of a live database: what it is bound to, and what it would replace.

use std::{collections::BTreeMap, path::Path, time::Duration};

use keepstone_model::metadata::Table;
use rusqlite::MAIN_DB;

use super::{
    content::{self, Content},
    fault,
    open::{Access, Live, identity},
    pages::{self, Geometry},
    watch,
};
use crate::{Result, Silent};

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
    /// `UTF-8`, `UTF-16le`, `UTF-16be`.
    pub encoding: String,
    /// Tables that damage keeps from being read are left out: what is restored over may well be damaged.
    pub schema: BTreeMap<String, Table>,
    /// What was met of such damage.
    pub damage: Option<String>,
    /// Its header names a version that this SQLite may read and not write.
    /// <https://www.sqlite.org/fileformat2.html#file_format_version_numbers>
    pub only_to_be_read: bool,
}

/// Reads the state in one transaction; nothing is changed.
pub fn live_state(path: &Path, busy_wait: Duration) -> Result<LiveState> {
    let live = Live::open(path, Access::Read)?;
    live.watched(&Silent, &watch::unlimited, || {
        // Known from the start where it is the rights, and after the first read where it is the header.
        let is_read_only = || live.connection.is_readonly(MAIN_DB).map_err(fault::at(path));
        let may_be_written = !is_read_only()?;
        let stepped_around = live.begin_read(busy_wait)?;
        let only_to_be_read = may_be_written && is_read_only()?;
        let content = Content::read(&live.connection, path, &Silent)?;
        let geometry = Geometry::read(&live.connection).map_err(fault::at(path))?;
        let state = LiveState {
            identity: identity(path)?,
            schema_hash: content::schema_hash(&live.connection).map_err(fault::at(path))?,
            page_size: geometry.page_size,
            page_count: geometry.page_count,
            journal_mode: geometry.journal_mode,
            encoding: geometry.encoding,
            damage: stepped_around.or_else(|| content.suspect()),
            schema: content.tables,
            only_to_be_read,
        };
        pages::rollback(&live.connection);
        Ok(state)
    })
}
