//! An export while it is written: what every form of it shares. Rows are read and written one at a time, from whichever engine.

use std::{cell::RefCell, io, path::Path};

use jiff::Timestamp;
use keepstone_model::job::Step;

use super::{Asked, ExportSource, Exported, ExportedTable, table::Table};
use crate::{Error, Monitor, Result, sqlite::pace::Pace};

/// A value as its engine has it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    /// A decimal number of any length, or what stands in its place (`NaN`).
    Number(&'a str),
    Text(&'a [u8]),
    /// A JSON document.
    Document(&'a str),
    Blob(&'a [u8]),
}

impl Value<'_> {
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Self::Null | Self::Boolean(_) => 1,
            Self::Integer(_) | Self::Real(_) => 8,
            Self::Number(text) | Self::Document(text) => text.len(),
            Self::Text(bytes) | Self::Blob(bytes) => bytes.len(),
        }
    }
}

/// Where the rows come from.
pub(crate) trait Rows {
    /// Calls `take` with every row of a table: the values of the columns that are exported, in their order. None: only the application could
    /// read it, which is a warning and no end.
    fn each(&self, table: &Table, writing: &Writing<'_>, take: &mut dyn FnMut(&[Value<'_>]) -> Result<()>) -> Result<Option<u64>>;
}

pub(crate) struct Writing<'a> {
    rows: &'a dyn Rows,
    pub(super) source: &'a ExportSource,
    pub(super) taken_at: Timestamp,
    pub(super) tables: Vec<Table>,
    /// Whether a person named the tables.
    named: bool,
    /// What is named where the sink fails.
    sink_path: &'a Path,
    pace: Pace<'a>,
    done: RefCell<Exported>,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(rows: &'a dyn Rows, asked: &'a Asked<'a>, taken_at: Timestamp, tables: Vec<Table>, monitor: &'a dyn Monitor) -> Self {
        // How much the rows are is not known before they are read.
        let pace = Pace::new(monitor, Step::Export, 0);
        Self {
            rows,
            source: asked.source,
            taken_at,
            tables,
            named: !asked.tables.is_empty(),
            sink_path: asked.sink_path,
            pace,
            done: RefCell::default(),
        }
    }

    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter()
    }

    pub(crate) fn is_named(&self) -> bool {
        self.named
    }

    /// Whether a table was read to its end.
    pub(super) fn is_exported(&self, table: &Table) -> bool {
        self.done.borrow().tables.iter().any(|done| done.name == table.name)
    }

    /// The table of an export that has exactly one.
    pub(super) fn only_table(&self) -> Option<&Table> {
        self.tables.first()
    }

    /// What came of it.
    pub(crate) fn finish(self) -> Exported {
        self.done.into_inner()
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        self.done.borrow().warnings.clone()
    }

    pub(crate) fn warn(&self, warning: String) {
        self.done.borrow_mut().warnings.push(warning);
    }

    /// Writes a table down as exported.
    pub(crate) fn exported(&self, table: &Table, row_count: u64) {
        let done = ExportedTable { name: table.name.clone(), row_count, left_out: table.left_out() };
        self.done.borrow_mut().tables.push(done);
    }

    pub(crate) fn io(&self, error: io::Error) -> Error {
        // A browser that went away is a person who wants no more of it.
        if error.kind() == io::ErrorKind::BrokenPipe { Error::CancelledHere } else { Error::io(self.sink_path, error) }
    }

    pub(super) fn each(&self, table: &Table, take: &mut dyn FnMut(&[Value<'_>]) -> Result<()>) -> Result<Option<u64>> {
        self.rows.each(table, self, take)
    }

    /// Some more bytes were read. `CancelledHere` if the person wants no more of it.
    pub(crate) fn advance(&self, bytes: usize) -> Result<()> {
        self.pace.advance(bytes)
    }

    /// What a script says first: of what it is, and what is not in it. Names are escaped, so that none ends its comment.
    pub(crate) fn comments<'t>(&self, tables: impl Iterator<Item = &'t Table>, out: &mut dyn io::Write) -> io::Result<()> {
        let of = match self.source {
            ExportSource::Database(id) => format!("database {id}"),
            ExportSource::Backup(id) => format!("backup {id}"),
        };
        writeln!(out, "-- {of} as of {}, exported by keepstone {}", self.taken_at, env!("CARGO_PKG_VERSION"))?;
        for table in tables {
            for column in table.columns.iter().filter(|column| column.left_out) {
                writeln!(out, "-- left out, as it looks sensitive: {:?} of {:?}", column.name, table.name)?;
            }
        }
        Ok(())
    }
}
