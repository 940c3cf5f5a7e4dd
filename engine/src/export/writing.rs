//! An export while it is written: what every form of it shares. Rows are read and written one at a time.

use std::{cell::RefCell, io, path::Path};

use jiff::Timestamp;
use keepstone_model::job::Step;
use rusqlite::{Row, types::ValueRef};

use super::{
    ExportSource, ExportedTable,
    shape::{Column, Table},
};
use crate::{
    Error, Monitor, Result,
    sqlite::{content::quoted, pace::Pace, reading::Reading},
};

pub(super) struct Writing<'a> {
    pub(super) reading: &'a Reading<'a>,
    pub(super) source: &'a ExportSource,
    pub(super) taken_at: Timestamp,
    pub(super) tables: Vec<Table>,
    /// What is named where the sink fails.
    pub(super) sink_path: &'a Path,
    pace: Pace<'a>,
    done: RefCell<Done>,
}

#[derive(Default)]
struct Done {
    tables: Vec<ExportedTable>,
    warnings: Vec<String>,
}

impl<'a> Writing<'a> {
    pub(super) fn new(
        reading: &'a Reading<'a>,
        source: &'a ExportSource,
        taken_at: Timestamp,
        tables: Vec<Table>,
        sink_path: &'a Path,
        monitor: &'a dyn Monitor,
    ) -> Self {
        // How much the rows are is not known before they are read.
        let pace = Pace::new(monitor, Step::Export, 0);
        Self { reading, source, taken_at, tables, sink_path, pace, done: RefCell::default() }
    }

    /// The table of an export that has exactly one.
    pub(super) fn only_table(&self) -> Option<&Table> {
        self.tables.first()
    }

    /// What came of it: tables and warnings.
    pub(super) fn finish(self) -> (Vec<ExportedTable>, Vec<String>) {
        let done = self.done.into_inner();
        (done.tables, done.warnings)
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        self.done.borrow().warnings.clone()
    }

    pub(super) fn warn(&self, warning: String) {
        self.done.borrow_mut().warnings.push(warning);
    }

    /// Writes a table down as exported.
    pub(super) fn exported(&self, table: &Table, row_count: u64) {
        let done = ExportedTable { name: table.name.clone(), row_count, left_out: table.left_out() };
        self.done.borrow_mut().tables.push(done);
    }

    pub(super) fn io(&self, error: io::Error) -> Error {
        // A browser that went away is a person who wants no more of it.
        if error.kind() == io::ErrorKind::BrokenPipe { Error::CancelledHere } else { Error::io(self.sink_path, error) }
    }

    /// Calls `take` with every row of a query. None: only the application could read it (its module or function is not known here), which is
    /// a warning and no end.
    pub(super) fn rows(&self, table: &str, sql: &str, take: &mut dyn FnMut(&Row<'_>) -> Result<()>) -> Result<Option<u64>> {
        let unreadable = |error: rusqlite::Error| {
            if Reading::is_sql(&error) {
                self.warn(format!("table {table} is left out, only its application can read it: {}", Reading::detail(&error)));
                Ok(None)
            } else {
                Err(self.reading.fault(error))
            }
        };
        let mut statement = match self.reading.connection.prepare(sql) {
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
                Err(error) => return Err(self.reading.fault(error)),
            };
            take(row)?;
            count += 1;
            let bytes = (0..columns).map(|column| row.get_ref(column).map_or(0, size)).sum();
            self.pace.advance(bytes)?;
        }
    }
}

fn size(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Null => 1,
        ValueRef::Integer(_) | ValueRef::Real(_) => 8,
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
    }
}

/// `SELECT` of some columns of a table.
pub(super) fn select<'a>(table: &Table, columns: impl Iterator<Item = &'a Column>) -> String {
    let columns: Vec<String> = columns.map(|column| quoted(&column.name)).collect();
    let columns = if columns.is_empty() { "NULL".to_owned() } else { columns.join(", ") };
    format!("SELECT {columns} FROM main.{}", quoted(&table.name))
}
