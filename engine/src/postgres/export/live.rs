//! The export of a live database: tables, rows and script are of one snapshot.

use std::{cell::RefCell, ffi::OsString, io::BufReader};

use jiff::Timestamp;
use keepstone_model::{export::ExportFormat, id::DatabaseId, job::Step, metadata::Column};

use super::{
    EXCLUDED_TABLES_MAX, Known, chosen, pass,
    rows::{self, End},
};
use crate::{
    Error, Monitor, Result, Vault, databases,
    export::{
        Asked, Exported, Sink,
        table::Table,
        write,
        writing::{Rows, Value, Writing},
    },
    jobs::Workplace,
    postgres::{
        child::{Child, Tool},
        content,
        fault::Fault,
        names::quoted,
        open::{self, Connection},
        snapshot, tools,
    },
};

pub(super) fn export(vault: &Vault, id: &DatabaseId, asked: &Asked<'_>, sink: &mut Sink<'_>, monitor: &dyn Monitor) -> Result<Exported> {
    let database = databases::database(vault, id)?;
    let (location, environment) = open::reach(vault, &database)?;
    let mut connection = Connection::open(&location, &environment)?;
    let version = connection.version()?;
    open::refuse_missing_rights(&mut connection, version)?;
    // As pg_dump sets them, so that an export of a backup and one of the live database read alike.
    connection.run(
        "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET row_security = off; \
         SET search_path = ''; SET datestyle = ISO; SET intervalstyle = postgres; SET extra_float_digits = 3; SET bytea_output = hex; \
         BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    )?;
    let snapshot: String = connection.row("SELECT pg_export_snapshot()")?.get(0);
    let taken_at = Timestamp::now();
    let relations = content::relations(&mut connection)?;
    let made = if version.major >= 12 { generated(&mut connection)? } else { Vec::new() };
    let own = |schema: &str, table: &str, column: &Column| {
        !made.iter().any(|(of, name, made)| (of.as_str(), name.as_str(), made.as_str()) == (schema, table, column.name.as_str()))
    };
    let known: Vec<Known> = relations
        .into_iter()
        .map(|relation| {
            let columns = relation.columns.into_iter().filter(|column| own(&relation.schema, &relation.table, column)).collect();
            Known { schema: relation.schema, table: relation.table, columns }
        })
        .collect();
    let chosen = chosen(&known, asked)?;
    monitor.step(Step::Export);
    let tables: Vec<Table> = chosen.iter().map(|(_, table)| table.clone()).collect();
    let live = Live { known: &known, connection: RefCell::new(connection) };
    let writing = Writing::new(&live, asked, taken_at, tables.clone(), monitor);
    if asked.format != ExportFormat::Sql && !made.is_empty() {
        writing.warn("columns that the server makes of others (generated ones) are not in it".to_owned());
    }
    write(&writing, asked, sink, &|writing, out| {
        let workplace = Workplace::begin(vault)?;
        let client = tools::choose(&tools::clients(&environment), version, "pg_dump")?;
        let tool = Tool {
            client: &client,
            name: "pg_dump",
            location: Some(&location),
            staging: workplace.path(),
            home: environment.home.as_deref(),
        };
        let mut arguments: Vec<OsString> =
            ["--format=plain", "--encoding=UTF8", "--no-owner", "--no-acl", "--lock-wait-timeout=30000"].map(OsString::from).to_vec();
        arguments.push(format!("--snapshot={snapshot}").into());
        arguments.extend(unwished(&known, &chosen));
        let mut child = Child::start(&tool, &arguments, false)?;
        let mut script = child.stdout()?;
        let passed = pass(&mut script, asked.tables.is_empty(), writing, &tables, out);
        drop(script);
        if passed.is_err() {
            child.stop();
        }
        match (passed, child.end()?) {
            (Ok(()), Ok(())) => Ok(()),
            // A script that breaks off is the child's doing, which says why.
            (Ok(()), Err(detail)) => Err(snapshot::of_child(detail, &location.server()).into()),
            (Err(Error::Postgres(fault)), Err(detail)) if matches!(*fault, Fault::NotReadable { .. }) => {
                Err(snapshot::of_child(detail, &location.server()).into())
            }
            (Err(error), _) => Err(error),
        }
    })?;
    Ok(writing.finish())
}

/// The tables whose rows nobody asked for, as `pg_dump` is told of them: names in quotes are no patterns.
fn unwished(known: &[Known], chosen: &[(usize, Table)]) -> Vec<OsString> {
    let unwished = known.iter().enumerate().filter(|(index, _)| !chosen.iter().any(|(wished, _)| wished == index));
    unwished
        .take(EXCLUDED_TABLES_MAX)
        .map(|(_, table)| format!("--exclude-table-data={}.{}", quoted(&table.schema), quoted(&table.table)).into())
        .collect()
}

/// Columns that are computed of others, which COPY does not take: schema, table, column.
fn generated(connection: &mut Connection) -> Result<Vec<(String, String, String)>> {
    let rows = connection.rows(&format!(
        "SELECT n.nspname::text, c.relname::text, a.attname::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.attgenerated <> '' AND NOT a.attisdropped AND {}",
        content::OWN_RELATIONS
    ))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

struct Live<'a> {
    known: &'a [Known],
    connection: RefCell<Connection>,
}

impl Rows for Live<'_> {
    fn each(&self, table: &Table, writing: &Writing<'_>, take: &mut dyn FnMut(&[Value<'_>]) -> Result<()>) -> Result<Option<u64>> {
        let known = self.known.iter().find(|known| known.name() == table.name);
        let known = known.ok_or_else(|| Error::UnknownTable { name: table.name.clone() })?;
        let exported: Vec<Column> =
            table.exported().map(|column| Column { name: column.name.clone(), declared_type: column.declared_type.clone() }).collect();
        let columns: Vec<String> = exported.iter().map(|column| quoted(&column.name)).collect();
        let sql = format!("COPY (SELECT {} FROM ONLY {}.{}) TO STDOUT", columns.join(", "), quoted(&known.schema), quoted(&known.table));
        let mut connection = self.connection.borrow_mut();
        let (fault, server, cancel) = (connection.fault(), connection.location.server(), connection.canceller());
        let copy = connection.client.copy_out(&sql).map_err(fault)?;
        let lost = |error: std::io::Error| Fault::Lost { server: server.clone(), detail: error.to_string() }.into();
        let mut rows = rows::Rows::new(&exported, vec![true; exported.len()]);
        let read = rows.each(&mut BufReader::with_capacity(64 << 10, copy), End::Source, &lost, &mut |values, bytes| {
            take(values)?;
            writing.advance(bytes)
        });
        if read.is_err() {
            // Else the connection would wait for the rest of the table before it closes.
            cancel();
        }
        read.map(Some)
    }
}
