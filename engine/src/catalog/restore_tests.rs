//! When a restore of each database was last tried with success.

use jiff::Timestamp;
use keepstone_model::id::DatabaseId;
use rusqlite::params;

use super::{
    Catalog,
    row::{id, ms},
};
use crate::Result;

impl Catalog {
    pub(crate) fn restore_was_tested(&self, database: &DatabaseId, at: Timestamp) -> Result<()> {
        self.write(|tx| {
            let sql =
                "INSERT INTO restore_tests (database, at) VALUES (?1, ?2) ON CONFLICT (database) DO UPDATE SET at = max(at, excluded.at)";
            tx.execute(sql, params![database.as_str(), ms(at)])?;
            Ok(())
        })
    }

    pub(crate) fn restores_tested_since(&self, since: Timestamp) -> Result<Vec<DatabaseId>> {
        self.read(|c| {
            let mut statement = c.prepare_cached("SELECT database FROM restore_tests WHERE at >= ?1 ORDER BY database")?;
            let rows = statement.query_map([ms(since)], |row| id(row, "database"))?;
            Ok(rows.collect::<std::result::Result<_, _>>()?)
        })
    }
}
