//! What a database holds, as far as it can be told without understanding it: tables, columns, counts, its schema's hash, where its
//! migrations stand. Everything is read within the transaction that is open.

use std::{collections::BTreeMap, path::Path};

use keepstone_model::metadata::{Column, Table};
use rusqlite::{Connection, limits::Limit, types::ValueRef};
use sha2::{Digest, Sha256};

use super::{
    census::{Census, Keyed},
    fault,
};
use crate::{Monitor, Result, image::hex};

/// The tables, and what could not be read of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) tables: BTreeMap<String, Table>,
    /// Damage that was met, one sentence each.
    pub(super) damage: Vec<String>,
}

impl Content {
    /// All tables but SQLite's own and the shadow tables of virtual ones; views are no tables. Damage does not end it. A table that only the
    /// application can read (its module, collation or function is not known here) is left out with a line in the log.
    pub(super) fn read(connection: &Connection, path: &Path, monitor: &dyn Monitor) -> Result<Self> {
        Self::read_with(None, connection, path, monitor)
    }

    /// The same where the pages of the same moment were counted already.
    pub(super) fn read_with(census: Option<&Census>, connection: &Connection, path: &Path, monitor: &dyn Monitor) -> Result<Self> {
        provide_collations(connection).map_err(fault::at(path))?;
        let mut content = Self::default();
        let mut names = Vec::new();
        // All at once: asked for each table by itself, ten thousand of them took minutes in which the transaction was held.
        let trees = census.and_then(|census| Some((census, Trees::read(connection).ok()?)));
        let listed =
            each(connection, "SELECT name FROM temp.pragma_table_list WHERE schema='main' AND type IN ('table','virtual')", |name| {
                names.push(name);
            });
        content.keep(path, "the schema", listed)?;
        for name in names {
            if name.len() >= 7 && name.as_bytes()[..7].eq_ignore_ascii_case(b"sqlite_") {
                continue;
            }
            match read_table(connection, &name, trees.as_ref(), monitor) {
                Ok(table) => drop(content.tables.insert(name, table)),
                Err(error) if fault::is_sql(&error) => {
                    monitor.log(&format!("table {name} is not counted: {}", fault::detail(&error)));
                }
                Err(error) => drop(content.keep(path, &format!("table {name}"), Err(error))?),
            }
        }
        Ok(content)
    }

    /// Why the source is in doubt; none where nothing was found.
    pub(super) fn suspect(&self) -> Option<String> {
        let first = self.damage.first()?;
        Some(match self.damage.len() {
            1 => first.clone(),
            n => format!("{first}; and {} more", n - 1),
        })
    }

    /// Keeps damage as a sentence and passes every other fault on.
    fn keep(&mut self, path: &Path, what: &str, result: rusqlite::Result<()>) -> Result<()> {
        match result {
            Err(error) if fault::is_damage(&error) => self.damage.push(format!("{what}: {}", fault::detail(&error))),
            other => other.map_err(fault::at(path))?,
        }
        Ok(())
    }
}

fn read_table(connection: &Connection, name: &str, counted: Option<&(&Census, Trees)>, monitor: &dyn Monitor) -> rusqlite::Result<Table> {
    // Hidden columns (1) are arguments of virtual tables; generated ones (2, 3) are columns like others.
    let mut statement =
        connection.prepare_cached("SELECT name, type FROM temp.pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid")?;
    let columns = statement
        .query_map([name], |row| Ok(Column { name: text(row.get_ref(0)?), declared_type: text(row.get_ref(1)?) }))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    if let Some(row_count) = counted.and_then(|(census, trees)| trees.rows(name, census)) {
        return Ok(Table { columns, row_count });
    }
    // The first is a single step of SQLite's over the whole table, in which nothing can hold it back; the other one goes row by row.
    let count = if monitor.throttle().is_none() { "count(*)" } else { "count(1)" };
    let row_count: i64 = connection.query_row(&format!("SELECT {count} FROM main.{}", quoted(name)), [], |row| row.get(0))?;
    Ok(Table { columns, row_count: u64::try_from(row_count).unwrap_or(0) })
}

/// Where the rows of each table lie: the number of its root page, and whether its key orders them.
struct Trees(BTreeMap<String, (u32, Keyed)>);

impl Trees {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut keyed = BTreeMap::new();
        let listed = "SELECT name, wr FROM temp.pragma_table_list WHERE schema='main' AND type='table'";
        let mut statement = connection.prepare(listed)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            keyed.insert(text(row.get_ref(0)?), if row.get(1)? { Keyed::ByKey } else { Keyed::ByRowid });
        }
        let mut trees = BTreeMap::new();
        let mut statement = connection.prepare("SELECT name, rootpage FROM main.sqlite_schema WHERE type='table'")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name = text(row.get_ref(0)?);
            if let (Some(keyed), Ok(root)) = (keyed.remove(&name), row.get(1)) {
                trees.insert(name, (root, keyed));
            }
        }
        Ok(Self(trees))
    }

    /// None for a virtual table, and for whatever is to be counted by SQLite itself, which also says what is wrong with it.
    fn rows(&self, name: &str, census: &Census) -> Option<u64> {
        let (root, keyed) = self.0.get(name)?;
        census.rows(*root, *keyed)
    }
}

/// A name as SQL has it, whatever characters it holds.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Counting may run over an index whose order is the application's own collation. The order does not matter to a count, so any will do;
/// nothing is ever written by a connection that has these.
pub(super) fn provide_collations(connection: &Connection) -> rusqlite::Result<()> {
    connection.collation_needed(|connection, name| connection.create_collation(name, |a: &str, b: &str| a.cmp(b)))
}

/// SHA-256 of the schema's SQL: changes with every CREATE, ALTER and DROP, and with nothing else. ANALYZE's tables do not count.
pub(super) fn schema_hash(connection: &Connection) -> rusqlite::Result<String> {
    let mut hasher = Sha256::new();
    let mut statement = connection.prepare(
        "SELECT type, name, tbl_name, sql FROM main.sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for column in 0..4 {
            let bytes: &[u8] = match row.get_ref(column)? {
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
                _ => b"",
            };
            // With the length before it no two schemas run together into the same bytes.
            hasher.update((bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        }
    }
    Ok(hex(&hasher.finalize()))
}

/// SHA-256 of the schema's SQL and of every row with its types, in the order of its key, within the transaction that is open. The same for the same content whatever its page size, journal mode, encoding,
/// free pages or place of rows in the file: what two databases are compared by where their bytes cannot be.
pub(super) fn content_hash(connection: &Connection) -> rusqlite::Result<String> {
    let mut hasher = Sha256::new();
    hasher.update(schema_hash(connection)?);
    let mut names = Vec::new();
    // Virtual tables are what their shadow tables hold.
    let tables = "SELECT name FROM temp.pragma_table_list WHERE schema='main' AND type IN ('table','shadow') AND name <> 'sqlite_schema' ORDER BY name";
    each(connection, tables, |name| names.push(name))?;
    for name in names {
        update(&mut hasher, 0, name.as_bytes());
        // Hidden and virtual columns are computed from the others.
        let columns = "SELECT name, pk FROM temp.pragma_table_xinfo(?1, 'main') WHERE hidden IN (0, 3) ORDER BY cid";
        let columns = connection
            .prepare_cached(columns)?
            .query_map([&name], |row| Ok((quoted(&text(row.get_ref(0)?)), row.get::<_, i64>(1)?)))?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let all = columns.iter().map(|(column, _)| column.as_str()).collect::<Vec<_>>().join(", ");
        let mut statement =
            connection.prepare(&format!("SELECT {all} FROM main.{} ORDER BY {}", quoted(&name), order(connection, &name, &columns)?))?;
        let width = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..width {
                match row.get_ref(column)? {
                    ValueRef::Null => update(&mut hasher, 1, b""),
                    ValueRef::Integer(number) => update(&mut hasher, 2, &number.to_le_bytes()),
                    ValueRef::Real(number) => update(&mut hasher, 3, &number.to_bits().to_le_bytes()),
                    ValueRef::Text(bytes) => update(&mut hasher, 4, bytes),
                    ValueRef::Blob(bytes) => update(&mut hasher, 5, bytes),
                }
            }
        }
    }
    Ok(hex(&hasher.finalize()))
}

/// What the rows of a table stand in the order of: the rowid by a name that no column has taken, or the key of a table without one. The rowid
/// itself is no content, unless a column is another name for it: VACUUM numbers rows anew, in their order.
fn order(connection: &Connection, table: &str, columns: &[(String, i64)]) -> rusqlite::Result<String> {
    let taken = |name: &str| columns.iter().any(|(column, _)| column.eq_ignore_ascii_case(&quoted(name)));
    let is_keyed = "SELECT wr FROM temp.pragma_table_list WHERE schema='main' AND name=?1";
    let is_keyed = connection.prepare_cached(is_keyed)?.query_row([table], |row| row.get::<_, bool>(0))?;
    if let Some(rowid) = ["rowid", "_rowid_", "oid"].into_iter().find(|name| !is_keyed && !taken(name)) {
        return Ok(rowid.to_owned());
    }
    let mut key = columns.iter().filter(|(_, place)| *place > 0).collect::<Vec<_>>();
    key.sort_by_key(|(_, place)| *place);
    // A table that hides its rowid behind columns of that name may have no key: then by everything.
    let columns = if key.is_empty() { columns.iter().collect() } else { key };
    Ok(columns.iter().map(|(column, _)| column.as_str()).collect::<Vec<_>>().join(", "))
}

/// With type and length before it no two sequences of values run together into the same bytes.
fn update(hasher: &mut Sha256, kind: u8, bytes: &[u8]) {
    hasher.update([kind]);
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

/// Where each known migration tool writes what was applied last.
const MIGRATIONS: [&str; 13] = [
    "SELECT group_concat(version_num, ',') FROM (SELECT version_num FROM main.alembic_version ORDER BY version_num)",
    "SELECT app || '.' || name FROM main.django_migrations ORDER BY id DESC LIMIT 1",
    "SELECT max(version) FROM main._sqlx_migrations WHERE success",
    "SELECT migration_name FROM main._prisma_migrations WHERE rolled_back_at IS NULL AND finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1",
    "SELECT name FROM main.knex_migrations ORDER BY id DESC LIMIT 1",
    "SELECT version FROM main.flyway_schema_history WHERE version IS NOT NULL AND success ORDER BY installed_rank DESC LIMIT 1",
    "SELECT max(MigrationId) FROM main.__EFMigrationsHistory",
    "SELECT max(version) FROM main.refinery_schema_history",
    "SELECT max(version) FROM main.__diesel_schema_migrations",
    "SELECT version_id FROM main.goose_db_version WHERE is_applied ORDER BY id DESC LIMIT 1",
    "SELECT max(version) FROM main.seaql_migrations",
    "SELECT max(name) FROM main.SequelizeMeta",
    // Rails, golang-migrate, dbmate and Ecto share this name, so it comes last.
    "SELECT max(version) FROM main.schema_migrations",
];

/// No version of anything is longer.
const LONGEST_VERSION: i32 = 100_000;

/// The latest migration, as the tool's own table says it; none where no such table is known. Never a reason to fail a backup, and never one to run
/// what somebody else wrote: a view of that name can take all memory, or never end.
pub(super) fn migration_version(connection: &Connection) -> Option<String> {
    let before = connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VERSION).ok()?;
    let version = MIGRATIONS.iter().find_map(|query| {
        let is_table = "SELECT 1 FROM main.sqlite_schema WHERE type='table' AND rootpage > 0 AND name=?1 COLLATE NOCASE";
        if !connection.prepare_cached(is_table).and_then(|mut found| found.exists([table_of(query)])).ok()? {
            return None;
        }
        let value = connection.query_row(&format!("SELECT CAST(({query}) AS TEXT)"), [], |row| Ok(text(row.get_ref(0)?)));
        value.ok().filter(|value| !value.is_empty())
    });
    let restored = connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, before);
    restored.ok().and(version)
}

/// The table that one of these queries reads.
fn table_of(query: &str) -> &str {
    let name = query.split_once("main.").map_or("", |(_, rest)| rest);
    name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or(name)
}

/// Calls `take` with the first column of every row.
fn each(connection: &Connection, sql: &str, mut take: impl FnMut(String)) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(text(row.get_ref(0)?));
    }
    Ok(())
}

/// Names are UTF-8 unless someone wrote other bytes into the schema; those are shown as well as may be.
fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Null => String::new(),
    }
}

impl From<&Content> for std::result::Result<BTreeMap<String, Table>, String> {
    fn from(content: &Content) -> Self {
        content.suspect().map_or_else(|| Ok(content.tables.clone()), Err)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_else_wrote_is_not_run_to_learn_a_version() {
        let connection = Connection::open_in_memory().unwrap();
        // One that takes a gigabyte, one that never ends, and one that is no version.
        connection
            .execute_batch(
                "CREATE VIEW knex_migrations AS SELECT printf('%.*c', 900000000, 'x') AS name, 1 AS id;
                 CREATE VIEW schema_migrations AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT i AS version FROM n;
                 CREATE TABLE seaql_migrations(version AS (hex(zeroblob(1000000))), x); INSERT INTO seaql_migrations VALUES (1);",
            )
            .unwrap();
        assert_eq!(migration_version(&connection), None);
        connection.execute_batch("CREATE TABLE SequelizeMeta(name); INSERT INTO SequelizeMeta VALUES ('007-orders')").unwrap();
        assert_eq!(migration_version(&connection).as_deref(), Some("007-orders"));
        connection.execute("INSERT INTO SequelizeMeta VALUES (zeroblob(1000000))", []).unwrap();
        connection.query_row("SELECT length(hex(name)) FROM SequelizeMeta ORDER BY rowid DESC", [], |row| row.get::<_, i64>(0)).unwrap();
    }

    #[test]
    fn every_query_names_its_table() {
        for query in MIGRATIONS {
            let table = table_of(query);
            assert!(table.len() > 10 && query.contains(&format!("main.{table}")), "{query}: {table}");
        }
    }
}
