//! What a restore plan needs to know of a live database: what it is bound to, what it would replace, and who is at it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use keepstone_model::metadata::Table;

use super::{
    content::{self, Relation},
    location::Location,
    names::literal,
    open::Connection,
    settings::Environment,
};
use crate::Result;

/// So long rows are counted for a plan; from then on the planner's estimates do.
const COUNT_FOR: Duration = Duration::from_secs(20);

/// A live database as of one moment.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) oid: u32,
    pub(super) schema_hash: String,
    pub(super) tables: BTreeMap<String, Table>,
    /// Tables whose rows are estimates.
    pub(super) estimated: u64,
    pub(super) size_bytes: u64,
}

/// Reads the state in one transaction; nothing is changed.
pub(super) fn state(location: &Location, environment: &Environment) -> Result<State> {
    let mut connection = Connection::open(location, environment)?;
    connection.run("SET search_path = ''; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")?;
    let row = connection.row("SELECT oid, pg_database_size(oid) FROM pg_database WHERE datname = current_database()")?;
    let size: i64 = row.get(1);
    let oid: u32 = row.get(0);
    let relations = content::relations(&mut connection)?;
    let (counts, estimated) = count_for_a_while(&mut connection, &relations);
    Ok(State {
        oid,
        schema_hash: content::schema_hash(&relations),
        tables: content::tables(&relations, &counts),
        estimated,
        size_bytes: size.unsigned_abs(),
    })
}

/// A table that takes too long, or that this role may not read, is estimated.
fn count_for_a_while(connection: &mut Connection, relations: &[Relation]) -> (Vec<u64>, u64) {
    let began = Instant::now();
    let mut estimated = 0;
    let counts = relations
        .iter()
        .map(|relation| {
            let left = COUNT_FOR.saturating_sub(began.elapsed());
            let exact = (|| {
                if left.is_zero() {
                    return None;
                }
                connection.run(&format!("SAVEPOINT one; SET LOCAL statement_timeout = {}", left.as_millis().max(1))).ok()?;
                let counted = content::count(connection, &[relation], &|| false).ok().and_then(|counts| counts.first().copied());
                connection.run("ROLLBACK TO SAVEPOINT one").ok()?;
                counted
            })();
            exact.unwrap_or_else(|| {
                estimated += 1;
                relation.estimated_rows.unwrap_or(0)
            })
        })
        .collect();
    (counts, estimated)
}

/// Who is connected to a database, as `application (user)`, the most first; asked of any database of its server.
pub(super) fn sessions(connection: &mut Connection, database: &str) -> Result<Vec<(String, u64)>> {
    let rows = connection.rows(&format!(
        "SELECT coalesce(nullif(application_name, ''), 'an application') || coalesce(' (' || usename || ')', ''), count(*) FROM pg_stat_activity \
         WHERE datname = {} AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND application_name <> '{}' GROUP BY 1 ORDER BY 2 DESC, 1",
        literal(database),
        super::APPLICATION_NAME
    ))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get::<_, i64>(1).unsigned_abs())).collect())
}

/// What keeps a database from getting another name, besides sessions: a sentence each.
pub(super) fn obstacles(connection: &mut Connection, database: &str) -> Result<Vec<String>> {
    let name = literal(database);
    let mut obstacles = Vec::new();
    for (sql, what) in [
        (format!("SELECT count(*) FROM pg_prepared_xacts WHERE database = {name}"), "prepared transactions are open in it"),
        (format!("SELECT count(*) FROM pg_replication_slots WHERE database = {name}"), "replication slots follow it"),
        (
            format!(
                "SELECT count(*) FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE s.subenabled AND d.datname = {name}"
            ),
            "subscriptions replicate into it",
        ),
    ] {
        let count: i64 = connection.row(&sql)?.get(0);
        if count > 0 {
            obstacles.push(format!("{count} {what}"));
        }
    }
    Ok(obstacles)
}
