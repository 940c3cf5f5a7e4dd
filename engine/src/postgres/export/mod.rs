//! Exports of PostgreSQL: of a live database in one snapshot, or of a backup's dump, without a server. Rows come as COPY writes them, from
//! either; SQL is what `pg_dump` writes, with what is left out taken out of its data.

mod dump;
mod live;
mod rows;
mod script;

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
};

use keepstone_model::metadata;

use super::{fault::Fault, names};
use crate::{
    Error, Monitor, Result, Vault,
    export::{
        Asked, ExportSource, Exported, Sink,
        table::{Column, Table},
        writing::Writing,
    },
};

/// So many tables are named to `pg_dump` as those whose rows it need not bring.
const EXCLUDED_TABLES_MAX: usize = 2000;

pub(super) fn export(vault: &Vault, asked: &Asked<'_>, sink: &mut Sink<'_>, monitor: &dyn Monitor) -> Result<Exported> {
    match asked.source {
        ExportSource::Database(id) => live::export(vault, id, asked, sink, monitor),
        ExportSource::Backup(id) => dump::export(vault, id, asked, sink, monitor),
    }
}

/// A table with rows, of which a script or a server knows.
#[derive(Debug, Clone, Default)]
struct Known {
    schema: String,
    table: String,
    columns: Vec<metadata::Column>,
}

impl Known {
    fn name(&self) -> String {
        names::shown(&self.schema, &self.table)
    }

    fn is_called(&self, wished: &str) -> bool {
        wished == self.name() || wished == format!("{}.{}", self.schema, self.table)
    }
}

/// Those that are wished for, as tables of an export. Its index in `known` goes with each.
fn chosen(known: &[Known], asked: &Asked<'_>) -> Result<Vec<(usize, Table)>> {
    if let Some(unknown) = asked.tables.iter().find(|wished| !known.iter().any(|table| table.is_called(wished))) {
        return Err(Error::UnknownTable { name: unknown.clone() });
    }
    let wished = |table: &Known| asked.tables.is_empty() || asked.tables.iter().any(|wished| table.is_called(wished));
    let column = |column: &metadata::Column| Column {
        name: column.name.clone(),
        declared_type: column.declared_type.clone(),
        left_out: (asked.left_out)(&column.name),
        ..Column::default()
    };
    let table = |table: &Known| Table { name: table.name(), columns: table.columns.iter().map(column).collect(), ..Table::default() };
    Ok(known.iter().enumerate().filter(|(_, known)| wished(known)).map(|(index, known)| (index, table(known))).collect())
}

/// Passes a script of `pg_dump`'s on, without what is left out.
fn pass(script: &mut dyn Read, whole: bool, writing: &Writing<'_>, tables: &[Table], out: &mut dyn Write) -> Result<()> {
    writing.comments(tables.iter(), out).map_err(|error| writing.io(error))?;
    let mut filter = script::Filter::new(tables, whole, writing);
    let found = filter.pass(script, out)?;
    if !found.complete {
        return Err(Fault::NotReadable { detail: "the script breaks off".to_owned() }.into());
    }
    for warning in filter.warnings() {
        writing.warn(warning);
    }
    let counts: &BTreeMap<String, u64> = &found.counts;
    for table in tables {
        // A part that a partitioned table's rows went into is a table of its own.
        writing.exported(table, counts.get(&table.name).copied().unwrap_or(0));
    }
    Ok(())
}

/// What reading a dump says, as a fault of it.
fn unreadable(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => Fault::NotReadable { detail: error.to_string() }.into(),
        _ => Error::io("the dump", error),
    }
}
