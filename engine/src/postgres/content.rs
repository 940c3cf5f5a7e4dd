//! What a database holds: tables, columns, counts, extensions, where its migrations stand. Everything is read within the transaction that is
//! open on the connection.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
};

use keepstone_model::metadata::{Column, PostgresSource, Table};
use sha2::{Digest, Sha256};

use super::{
    names::{quoted, shown},
    open::Connection,
};
use crate::{Error, Monitor, Result, image::hex};

/// Of `pg_class c` joined with `pg_namespace n`: the application's own, as `pg_dump` takes them. What belongs to an extension is made by it.
pub(super) const OWN_RELATIONS: &str = "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND c.relpersistence <> 't' \
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')";

/// A table that holds rows of its own.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) schema: String,
    pub(super) table: String,
    pub(super) columns: Vec<Column>,
    /// By the planner's statistics; none where it was never looked at.
    pub(super) estimated_rows: Option<u64>,
    pub(super) size_bytes: u64,
}

impl Relation {
    pub(super) fn name(&self) -> String {
        shown(&self.schema, &self.table)
    }

    fn count_sql(&self) -> String {
        format!("SELECT count(*) FROM ONLY {}.{}", quoted(&self.schema), quoted(&self.table))
    }
}

/// Every table that holds rows of its own; of a partitioned one those are its parts.
pub(super) fn relations(connection: &mut Connection) -> Result<Vec<Relation>> {
    let rows = connection.rows(&format!(
        "SELECT n.nspname::text, c.relname::text, c.reltuples::float8, \
                (SELECT coalesce(array_agg(a.attname::text ORDER BY a.attnum), '{{}}') FROM pg_attribute a \
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
                (SELECT coalesce(array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum), '{{}}') FROM pg_attribute a \
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), \
                c.relpages::bigint * current_setting('block_size')::bigint \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND {OWN_RELATIONS} ORDER BY 1, 2"
    ))?;
    let relation = |row: &postgres::Row| {
        let (names, types): (Vec<String>, Vec<String>) = (row.get(3), row.get(4));
        let estimate: f64 = row.get(2);
        let pages_bytes: i64 = row.get(5);
        Relation {
            schema: row.get(0),
            table: row.get(1),
            columns: names.into_iter().zip(types).map(|(name, declared_type)| Column { name, declared_type }).collect(),
            // Before 14 an unknown number was 0.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative, and an estimate")]
            estimated_rows: (estimate >= 0.0).then_some(estimate as u64),
            size_bytes: pages_bytes.unsigned_abs(),
        }
    };
    Ok(rows.iter().map(relation).collect())
}

/// Counts the rows of each, in the order given.
pub(super) fn count(connection: &mut Connection, relations: &[&Relation], cancelled: &dyn Fn() -> bool) -> Result<Vec<u64>> {
    let mut counts = Vec::with_capacity(relations.len());
    for relation in relations {
        if cancelled() {
            return Err(Error::CancelledHere);
        }
        let count: i64 = connection.row(&relation.count_sql())?.get(0);
        counts.push(count.unsigned_abs());
    }
    Ok(counts)
}

/// Does something on a connection of another thread's, which ends early if the person wants no more of it.
pub(super) fn watched<T: Send>(
    connection: &mut Connection,
    monitor: &dyn Monitor,
    work: impl FnOnce(&mut Connection) -> Result<T> + Send,
) -> Result<T> {
    let cancel = connection.canceller();
    let (over, told) = (AtomicBool::new(false), AtomicBool::new(false));
    let result = std::thread::scope(|scope| {
        let working = scope.spawn(|| {
            let result = work(connection);
            over.store(true, Ordering::SeqCst);
            result
        });
        let mut asked = 0_u32;
        while !over.load(Ordering::SeqCst) && !working.is_finished() {
            std::thread::sleep(std::time::Duration::from_millis(20));
            asked += 1;
            if asked.is_multiple_of(5) && monitor.cancelled() {
                told.store(true, Ordering::SeqCst);
                cancel();
            }
        }
        working.join().unwrap_or_else(|_| Err(Error::Internal("a thread panicked".to_owned())))
    });
    match result {
        Err(_) if told.load(Ordering::SeqCst) => Err(Error::CancelledHere),
        result => result,
    }
}

pub(super) fn tables(relations: &[Relation], counts: &[u64]) -> BTreeMap<String, Table> {
    let table = |(relation, count): (&Relation, &u64)| (relation.name(), Table { columns: relation.columns.clone(), row_count: *count });
    relations.iter().zip(counts).map(table).collect()
}

/// SHA-256 of the tables with their columns and types: what a restore's plan is bound to.
pub(super) fn schema_hash(relations: &[Relation]) -> String {
    let mut hasher = Sha256::new();
    for relation in relations {
        hasher.update(relation.name());
        for column in &relation.columns {
            hasher.update([0]);
            hasher.update(&column.name);
            hasher.update([1]);
            hasher.update(&column.declared_type);
        }
        hasher.update([2]);
    }
    hex(&hasher.finalize())
}

/// What the server says of the database, and its encoding.
pub(super) fn describe(connection: &mut Connection) -> Result<(PostgresSource, String)> {
    let row = connection.row(
        "SELECT d.datname::text, current_setting('server_version'), current_setting('server_version_num')::int, pg_database_size(d.oid), \
                pg_get_userbyid(d.datdba)::text, d.datcollate::text, d.datctype::text, pg_encoding_to_char(d.encoding)::text, \
                CASE to_jsonb(d) ->> 'datlocprovider' WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE '' END, \
                coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', ''), \
                (SELECT coalesce(array_agg(e.extname || ' ' || e.extversion ORDER BY e.extname), '{}') FROM pg_extension e), \
                (SELECT count(*) FROM pg_largeobject_metadata) \
         FROM pg_database d WHERE d.datname = current_database()",
    )?;
    let (version, size, objects): (i32, i64, i64) = (row.get(2), row.get(3), row.get(11));
    let source = PostgresSource {
        database: row.get(0),
        server_version: row.get(1),
        server_version_num: version.unsigned_abs(),
        client_version: String::new(),
        database_size_bytes: size.unsigned_abs(),
        owner: row.get(4),
        collate: row.get(5),
        ctype: row.get(6),
        locale_provider: row.get(8),
        locale: row.get(9),
        extensions: row.get(10),
        roles: Vec::new(),
        large_objects: objects.unsigned_abs(),
    };
    Ok((source, row.get(7)))
}

/// The table that a migration tool keeps, and what of it is the latest; `%` stands for the table.
const MIGRATIONS: [(&str, &str); 10] = [
    ("alembic_version", "SELECT max(version_num) FROM %"),
    ("django_migrations", "SELECT app || '.' || name FROM % ORDER BY id DESC LIMIT 1"),
    ("_sqlx_migrations", "SELECT max(version) FROM % WHERE success"),
    ("flyway_schema_history", "SELECT version FROM % WHERE success ORDER BY installed_rank DESC LIMIT 1"),
    ("__EFMigrationsHistory", "SELECT max(\"MigrationId\") FROM %"),
    ("refinery_schema_history", "SELECT max(version) FROM %"),
    ("__diesel_schema_migrations", "SELECT max(version) FROM %"),
    ("seaql_migrations", "SELECT max(version) FROM %"),
    ("SequelizeMeta", "SELECT max(name) FROM %"),
    // Rails, golang-migrate, dbmate and Ecto share this name, so it comes last.
    ("schema_migrations", "SELECT max(version) FROM %"),
];

/// The latest migration, as the tool's own table says it. Never a reason to fail a backup.
pub(super) fn migration_version(connection: &mut Connection, relations: &[Relation]) -> Option<String> {
    MIGRATIONS.iter().find_map(|(table, query)| {
        let relation = relations.iter().find(|relation| relation.table == *table)?;
        let of = format!("{}.{}", quoted(&relation.schema), quoted(&relation.table));
        // A table that only bears the name must not end the transaction.
        connection.run("SAVEPOINT migrations").ok()?;
        let said = connection.row(&format!("SELECT ({})::text", query.replace('%', &of)));
        let ended = connection.run("ROLLBACK TO SAVEPOINT migrations; RELEASE SAVEPOINT migrations");
        let value = said.ok().and_then(|row| row.get::<_, Option<String>>(0));
        ended.ok().and(value).filter(|value| !value.is_empty())
    })
}
