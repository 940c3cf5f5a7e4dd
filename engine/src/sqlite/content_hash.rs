//! `content_hash`: what a database holds, whatever its pages look like. Equal for a database and for the one that its SQL export makes.

use std::path::Path;

use rusqlite::types::ValueRef;
use sha2::{Digest, Sha256};

use super::{
    content::quoted,
    reading::{Reading, read_image},
};
use crate::{Monitor, Result, image::hex};

/// SHA-256 over encoding-independent content, in hexadecimal: the SQL of the schema by type and name, the rows of every real table (shadow
/// tables and `sqlite_sequence` included) with their types in the order of their keys, `user_version` and `application_id`. What ANALYZE
/// wrote does not count. The file must be one that nobody writes.
pub fn content_hash(path: &Path, monitor: &dyn Monitor) -> Result<String> {
    read_image(path, monitor, &mut |reading| hash(reading).map_err(|error| reading.fault(error)))
}

fn hash(reading: &Reading<'_>) -> rusqlite::Result<String> {
    let connection = reading.connection;
    let mut hasher = Sha256::new();
    hasher.update(reading.user_version.to_le_bytes());
    hasher.update(reading.application_id.to_le_bytes());
    let mut statement = connection.prepare(
        "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        (0..4).try_for_each(|column| row.get_ref(column).map(|value| feed(&mut hasher, value)))?;
    }
    let mut tables = connection.prepare(
        "SELECT name, wr FROM temp.pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow')
           AND name NOT IN ('sqlite_schema', 'sqlite_temp_schema') AND name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\' ORDER BY name",
    )?;
    let tables =
        tables.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)))?.collect::<rusqlite::Result<Vec<_>>>()?;
    for (name, without_rowid) in tables {
        feed(&mut hasher, ValueRef::Text(name.as_bytes()));
        let columns = connection
            .prepare("SELECT name FROM temp.pragma_table_xinfo(?1, 'main') ORDER BY cid")?
            .query_map([&name], |row| row.get::<_, String>(0))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let listed: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
        let (rowid, order) = match rowid_alias(&columns).filter(|_| !without_rowid) {
            Some(alias) => (format!("{alias}, "), format!(" ORDER BY {alias}")),
            None => (String::new(), String::new()),
        };
        let sql = format!("SELECT {rowid}{} FROM main.{}{order}", listed.join(", "), quoted(&name));
        let mut statement = connection.prepare(&sql)?;
        let count = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            (0..count).try_for_each(|column| row.get_ref(column).map(|value| feed(&mut hasher, value)))?;
        }
    }
    Ok(hex(&hasher.finalize()))
}

/// The name by which a table's rowid is reached, if its columns leave one free.
pub(crate) fn rowid_alias(columns: &[String]) -> Option<&'static str> {
    ["rowid", "_rowid_", "oid"].into_iter().find(|alias| !columns.iter().any(|column| column.eq_ignore_ascii_case(alias)))
}

/// With its type and, where that varies, its length before it no two sequences of values run together into the same bytes.
fn feed(hasher: &mut Sha256, value: ValueRef<'_>) {
    let (tag, bytes) = match value {
        ValueRef::Null => (0_u8, &[][..]),
        ValueRef::Integer(number) => {
            hasher.update([1]);
            hasher.update(number.to_le_bytes());
            return;
        }
        ValueRef::Real(number) => {
            hasher.update([2]);
            hasher.update(number.to_bits().to_le_bytes());
            return;
        }
        ValueRef::Text(bytes) => (3, bytes),
        ValueRef::Blob(bytes) => (4, bytes),
    };
    hasher.update([tag]);
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}
