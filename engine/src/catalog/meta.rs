//! Single facts of the vault that have no table of their own.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::{Catalog, row::ms};
use crate::Result;

const TRASH_EMPTIED_AT: &str = "trash_emptied_at";

impl Catalog {
    /// When what had expired in the trash was last removed.
    pub(crate) fn trash_emptied_at(&self) -> Result<Option<Timestamp>> {
        let text: Option<String> = self.read(|c| {
            Ok(c.prepare_cached("SELECT value FROM meta WHERE key = ?1")?.query_row([TRASH_EMPTIED_AT], |row| row.get(0)).optional()?)
        })?;
        // What does not read as a time counts as never.
        Ok(text.and_then(|text| Timestamp::from_millisecond(text.parse().ok()?).ok()))
    }

    pub(crate) fn set_trash_emptied_at(&self, at: Timestamp) -> Result<()> {
        self.write(|tx| {
            tx.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)", params![TRASH_EMPTIED_AT, ms(at).to_string()])?;
            Ok(())
        })
    }
}
