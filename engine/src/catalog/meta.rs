//! Single facts of the vault that have no table of their own.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{Catalog, row::ms};
use crate::Result;

const TRASH_EMPTIED_AT: &str = "trash_emptied_at";

impl Catalog {
    /// When what had expired in the trash was last removed.
    pub(crate) fn trash_emptied_at(&self) -> Result<Option<Timestamp>> {
        self.meta_time(TRASH_EMPTIED_AT)
    }

    pub(crate) fn set_trash_emptied_at(&self, at: Timestamp) -> Result<()> {
        self.set_meta_time(TRASH_EMPTIED_AT, at)
    }

    /// What does not read as a time counts as never.
    pub(super) fn meta_time(&self, key: &str) -> Result<Option<Timestamp>> {
        let text: Option<String> =
            self.read(|c| Ok(c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([key], |row| row.get(0)).optional()?))?;
        Ok(text.and_then(|text| Timestamp::from_millisecond(text.parse().ok()?).ok()))
    }

    pub(super) fn set_meta_time(&self, key: &str, at: Timestamp) -> Result<()> {
        self.write(|tx| {
            tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![key, ms(at).to_string()])?;
            Ok(())
        })
    }
}
