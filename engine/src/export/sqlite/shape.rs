//! Which tables an export has, and which of their columns. Read in the transaction that is exported.

use keepstone_model::export::ExportFormat;
use rusqlite::{Row, types::ValueRef};

use crate::{
    Error, Result,
    export::table::{Column, Table, TableKind},
    sqlite::{content::quoted, content_hash::rowid_alias, reading::Reading},
};

/// The tables of an export.
pub(super) struct Shape {
    /// In the order in which the schema has them. For JSON and CSV those that a person sees; for SQL what makes them up, too.
    pub(super) tables: Vec<Table>,
    /// Tables whose columns only their application knows, each with the reason.
    pub(super) unknown: Vec<(String, String)>,
}

pub(super) fn read(reading: &Reading<'_>, format: ExportFormat, wished: &[String], left_out: &dyn Fn(&str) -> bool) -> Result<Shape> {
    let fault = |error| reading.fault(error);
    let mut statement = reading
        .connection
        .prepare(
            "SELECT l.name, l.type, l.wr FROM temp.pragma_table_list l JOIN main.sqlite_schema s ON s.type = 'table' AND s.name = l.name
             WHERE l.schema = 'main' AND l.type IN ('table', 'virtual', 'shadow') AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
             ORDER BY s.rowid",
        )
        .map_err(fault)?;
    let mut listed = Vec::new();
    let mut rows = statement.query([]).map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        let kind = match text(row, 1).map_err(fault)?.as_str() {
            "virtual" => TableKind::Virtual,
            "shadow" => TableKind::Shadow,
            _ => TableKind::Ordinary,
        };
        listed.push((text(row, 0).map_err(fault)?, kind, row.get::<_, bool>(2).map_err(fault)?));
    }
    drop(rows);
    let known = |name: &str| listed.iter().any(|(table, kind, _)| table.eq_ignore_ascii_case(name) && *kind != TableKind::Shadow);
    if let Some(unknown) = wished.iter().find(|name| !known(name)) {
        return Err(Error::UnknownTable { name: unknown.clone() });
    }
    let is_wished = |name: &str, kind: TableKind| match kind {
        _ if wished.is_empty() => true,
        TableKind::Shadow => wished.iter().any(|of| is_shadow_of(name, of)),
        _ => wished.iter().any(|wish| wish.eq_ignore_ascii_case(name)),
    };
    let (mut tables, mut unknown) = (Vec::new(), Vec::new());
    for (name, kind, without_rowid) in &listed {
        if is_wished(name, *kind) && (*kind != TableKind::Shadow || format == ExportFormat::Sql) {
            match table(reading, name, *kind, *without_rowid, left_out) {
                Ok(table) => tables.push(table),
                Err(error) if *kind == TableKind::Virtual && Reading::is_sql(&error) => {
                    unknown.push((name.clone(), Reading::detail(&error)));
                }
                Err(error) => return Err(fault(error)),
            }
        }
    }
    if format == ExportFormat::Sql {
        // What a virtual table keeps in its own tables bears other names there: with one column of it goes all of it.
        let telling: Vec<String> =
            tables.iter().filter(|t| t.kind == TableKind::Virtual && !t.left_out().is_empty()).map(|t| t.name.clone()).collect();
        for table in tables.iter_mut().filter(|t| t.kind == TableKind::Shadow && telling.iter().any(|of| is_shadow_of(&t.name, of))) {
            table.columns.iter_mut().for_each(|column| column.left_out = true);
        }
    }
    Ok(Shape { tables, unknown })
}

/// A virtual table's own tables are called `<its name>_<something>`.
pub(super) fn is_shadow_of(name: &str, of: &str) -> bool {
    let head = name.as_bytes().get(..of.len());
    head.is_some_and(|head| head.eq_ignore_ascii_case(of.as_bytes())) && name.as_bytes().get(of.len()) == Some(&b'_')
}

fn table(
    reading: &Reading<'_>,
    name: &str,
    kind: TableKind,
    without_rowid: bool,
    left_out: &dyn Fn(&str) -> bool,
) -> rusqlite::Result<Table> {
    // Hidden columns (1) are arguments of virtual tables; generated ones are 2 and 3.
    let mut statement = reading.connection.prepare_cached(
        "SELECT name, type, \"notnull\", pk, hidden FROM temp.pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid",
    )?;
    let mut columns = statement
        .query_map([name], |row| {
            let name = text(row, 0)?;
            Ok(Column {
                left_out: left_out(&name),
                name,
                declared_type: text(row, 1)?,
                not_null: row.get(2)?,
                key: row.get::<_, i64>(3)? > 0,
                generated: row.get::<_, i64>(4)? > 1,
                unknown: false,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    if columns.iter().any(|column| column.left_out) {
        // It may be made of what is left out.
        columns.iter_mut().filter(|column| column.generated).for_each(|column| column.left_out = true);
    }
    // One that is computed when it is read may need a function of the application; the others are there all the same.
    for column in columns.iter_mut().filter(|column| column.generated) {
        let select = format!("SELECT {} FROM main.{}", quoted(&column.name), quoted(name));
        column.unknown = reading.connection.prepare(&select).is_err_and(|error| Reading::is_sql(&error));
    }
    let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
    let rowid =
        if without_rowid || kind == TableKind::Virtual || has_rowid_column(reading, name, &columns)? { None } else { rowid_alias(&names) };
    Ok(Table { name: name.to_owned(), kind, columns, rowid })
}

/// Whether a column is the rowid by another name: a single `INTEGER PRIMARY KEY` that needs no index of its own (one with DESC does).
/// <https://www.sqlite.org/lang_createtable.html#rowids_and_the_integer_primary_key>
fn has_rowid_column(reading: &Reading<'_>, name: &str, columns: &[Column]) -> rusqlite::Result<bool> {
    let mut keys = columns.iter().filter(|column| column.key);
    let (Some(key), None) = (keys.next(), keys.next()) else { return Ok(false) };
    if !key.declared_type.eq_ignore_ascii_case("INTEGER") {
        return Ok(false);
    }
    let indexed =
        reading.connection.prepare_cached("SELECT 1 FROM temp.pragma_index_list(?1, 'main') WHERE origin = 'pk'")?.exists([name])?;
    Ok(!indexed)
}

/// Names are UTF-8 unless someone wrote other bytes into the schema; then SQLite could not be asked for them either.
pub(super) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        _ => String::new(),
    })
}
