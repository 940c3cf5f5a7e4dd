//! Exports of SQLite: of a live database in one transaction, or of a backup's scratch copy.

mod literals;
mod shape;
mod source;
mod sql;

use keepstone_model::export::ExportFormat;
use rusqlite::{Row, types::ValueRef};

use self::shape::Shape;
use super::{
    Asked, Exported, Sink,
    table::{Column, Table},
    write,
    writing::{Rows, Value, Writing},
};
use crate::{
    Error, Monitor, Result, Vault,
    sqlite::{content::quoted, reading::Reading},
};

pub(crate) fn export(vault: &Vault, asked: &Asked<'_>, sink: &mut Sink<'_>, monitor: &dyn Monitor) -> Result<Exported> {
    source::read(vault, asked.source, monitor, &mut |reading, taken_at| {
        monitor.step(keepstone_model::job::Step::Export);
        let Shape { tables, unknown } = shape::read(reading, asked.format, asked.tables, asked.left_out)?;
        let writing = Writing::new(reading, asked, taken_at, tables, monitor);
        for (table, why) in &unknown {
            unreadable(&writing, table, why)?;
        }
        for table in writing.tables().filter(|table| asked.format != ExportFormat::Sql && !table.unknown().is_empty()) {
            let (name, columns) = (&table.name, table.unknown().join(", "));
            writing.warn(format!("of table {name} what only its application computes is left out: {columns}"));
        }
        write(&writing, asked, sink, &|writing, out| sql::write(writing, reading, out))?;
        Ok(writing.finish())
    })
}

impl Rows for Reading<'_> {
    fn each(&self, table: &Table, writing: &Writing<'_>, take: &mut dyn FnMut(&[Value<'_>]) -> Result<()>) -> Result<Option<u64>> {
        let columns = table.exported().count();
        rows(self, writing, &table.name, &select(table, table.exported()), &mut |row| {
            let values: rusqlite::Result<Vec<Value<'_>>> = (0..columns).map(|column| row.get_ref(column).map(value)).collect();
            take(&values.map_err(|error| self.fault(error))?)
        })
    }
}

fn value(value: ValueRef<'_>) -> Value<'_> {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Integer(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) => Value::Text(bytes),
        ValueRef::Blob(bytes) => Value::Blob(bytes),
    }
}

/// A table that only its application can read is left out with a warning; where a person asked for it, an empty file must not pass for it.
fn unreadable(writing: &Writing<'_>, table: &str, why: &str) -> Result<()> {
    if writing.is_named() {
        let message = format!("table {table} cannot be exported, only its application can read it: {why}");
        return Err(Error::Invalid { field: "tables", message });
    }
    writing.warn(format!("table {table} is left out, only its application can read it: {why}"));
    Ok(())
}

/// Calls `take` with every row of a query. None: only the application could read it (its module or function is not known here), which is
/// a warning and no end.
fn rows(
    reading: &Reading<'_>,
    writing: &Writing<'_>,
    table: &str,
    sql: &str,
    take: &mut dyn FnMut(&Row<'_>) -> Result<()>,
) -> Result<Option<u64>> {
    let unreadable = |error: rusqlite::Error| {
        if Reading::is_sql(&error) {
            unreadable(writing, table, &Reading::detail(&error)).map(|()| None)
        } else {
            Err(reading.fault(error))
        }
    };
    let mut statement = match reading.connection.prepare(sql) {
        Ok(statement) => statement,
        Err(error) => return unreadable(error),
    };
    let columns = statement.column_count();
    let mut rows = match statement.query([]) {
        Ok(rows) => rows,
        Err(error) => return unreadable(error),
    };
    let mut count = 0;
    loop {
        let row = match rows.next() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Some(count)),
            Err(error) if count == 0 => return unreadable(error),
            Err(error) => return Err(reading.fault(error)),
        };
        take(row)?;
        count += 1;
        writing.advance((0..columns).map(|column| row.get_ref(column).map_or(0, |raw| value(raw).size_bytes())).sum())?;
    }
}

/// `SELECT` of some columns of a table.
fn select<'a>(table: &Table, columns: impl Iterator<Item = &'a Column>) -> String {
    let columns: Vec<String> = columns.map(|column| quoted(&column.name)).collect();
    let columns = if columns.is_empty() { "NULL".to_owned() } else { columns.join(", ") };
    format!("SELECT {columns} FROM main.{}", quoted(&table.name))
}
