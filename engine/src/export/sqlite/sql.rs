//! A database as one SQL script that `sqlite3` loads into an equal one: same schema, same typed rows, same rowids, same sequences. What `.dump`
//! does for virtual tables is done here, too: their own tables as they are, and their entry in the schema written directly.
//!
//! A column that is left out stays in its table: it is NULL, and `left out N` (or N, by its type) where NULL cannot be.

use std::io::{self, Write};

use rusqlite::types::ValueRef;

use super::{
    literals::{Reals, Wide, literal, placeholder, value},
    rows,
    shape::{is_shadow_of, text},
};
use crate::{
    Result,
    export::{
        table::{Column, Table, TableKind},
        writing::Writing,
    },
    sqlite::{content::quoted, reading::Reading},
};

pub(super) fn write(writing: &Writing<'_>, reading: &Reading<'_>, out: &mut dyn Write) -> Result<()> {
    let script = Script { writing, reading, whole: writing.tables.len() == all_tables(reading)? };
    let left_whole: Vec<&Table> =
        writing.tables.iter().filter(|table| table.kind == TableKind::Virtual && !table.left_out().is_empty()).collect();
    for table in &left_whole {
        writing.warn(format!(
            "the virtual table {} is left out whole: its own tables hold what looks sensitive ({}), under other names",
            table.name,
            table.left_out().join(", ")
        ));
    }
    let gone = |name: &str, kind: TableKind| {
        left_whole.iter().any(|of| of.name == name || (kind == TableKind::Shadow && is_shadow_of(name, &of.name)))
    };
    let tables: Vec<&Table> = writing.tables.iter().filter(|table| !gone(&table.name, table.kind)).collect();
    script.head(&tables, out)?;
    for table in &tables {
        script.table(table, out)?;
    }
    script.sequences(&tables, out)?;
    script.statistics(&tables, out)?;
    script.rest(&tables, out)?;
    let writable = if tables.iter().any(|table| table.kind == TableKind::Virtual) { "PRAGMA writable_schema=OFF;\n" } else { "" };
    writeln!(out, "{writable}COMMIT;").map_err(|error| writing.io(error))
}

fn all_tables(reading: &Reading<'_>) -> Result<usize> {
    let count = "SELECT count(*) FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let count: i64 = reading.connection.query_row(count, [], |row| row.get(0)).map_err(|error| reading.fault(error))?;
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

struct Script<'a> {
    writing: &'a Writing<'a>,
    reading: &'a Reading<'a>,
    /// Every table is exported: then the views are, too.
    whole: bool,
}

impl Script<'_> {
    fn head(&self, tables: &[&Table], out: &mut dyn Write) -> Result<()> {
        let (writing, reading) = (self.writing, self.reading);
        let mut head = || -> io::Result<()> {
            writing.comments(tables.iter().copied(), out)?;
            writeln!(out, "PRAGMA foreign_keys=OFF;\nPRAGMA ignore_check_constraints=ON;\nPRAGMA encoding='{}';", reading.encoding)?;
            writeln!(out, "PRAGMA page_size={};\nPRAGMA auto_vacuum={};\nBEGIN TRANSACTION;", reading.page_size, reading.auto_vacuum)?;
            if reading.user_version != 0 {
                writeln!(out, "PRAGMA user_version={};", reading.user_version)?;
            }
            if reading.application_id != 0 {
                writeln!(out, "PRAGMA application_id={};", reading.application_id)?;
            }
            if tables.iter().any(|table| table.kind == TableKind::Virtual) {
                writeln!(out, "PRAGMA writable_schema=ON;")?;
            }
            Ok(())
        };
        head().map_err(|error| writing.io(error))
    }

    fn table(&self, table: &Table, out: &mut dyn Write) -> Result<()> {
        let writing = self.writing;
        let sql = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?1";
        let sql = self.reading.connection.query_row(sql, [&table.name], |row| text(row, 0));
        let sql = sql.map_err(|error| self.reading.fault(error))?;
        if table.kind == TableKind::Virtual {
            let name = literal(&table.name);
            writeln!(out, "INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)VALUES('table',{name},{name},0,{});", literal(&sql))
                .map_err(|error| writing.io(error))?;
            let count = format!("SELECT count(*) FROM main.{}", quoted(&table.name));
            // Its rows are in its own tables; where its module is not known here, they cannot be counted.
            let count = self.reading.connection.query_row(&count, [], |row| row.get::<_, u64>(0)).unwrap_or(0);
            writing.exported(table, count);
            return Ok(());
        }
        statement(&sql, out).map_err(|error| writing.io(error))?;
        let count = self.rows(table, out)?;
        if table.kind == TableKind::Ordinary
            && let Some(count) = count
        {
            writing.exported(table, count);
        }
        Ok(())
    }

    fn rows(&self, table: &Table, out: &mut dyn Write) -> Result<Option<u64>> {
        let writing = self.writing;
        let columns: Vec<&Column> = table.columns.iter().filter(|column| !column.generated).collect();
        let wide = Wide::of(&self.reading.encoding);
        let mut wanted: Vec<String> = table.rowid.iter().map(|&alias| alias.to_owned()).collect();
        wanted.extend(columns.iter().map(|column| if column.left_out { "NULL".to_owned() } else { quoted(&column.name) }));
        let values = wanted.len();
        if wide.is_some() {
            // The text as it is stored: in UTF-8 it may say less.
            let raw = |name: &String| format!("CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) END");
            wanted.extend(wanted.iter().map(raw).collect::<Vec<_>>());
        }
        let named: Vec<String> =
            table.rowid.iter().map(|&alias| alias.to_owned()).chain(columns.iter().map(|column| quoted(&column.name))).collect();
        let head = format!("INSERT INTO {}({})VALUES(", quoted(&table.name), named.join(","));
        let sql = format!("SELECT {} FROM main.{}", wanted.join(", "), quoted(&table.name));
        let left_out: Vec<Option<&Column>> =
            table.rowid.iter().map(|_| None).chain(columns.iter().map(|&column| column.left_out.then_some(column))).collect();
        let mut number = 0_u64;
        let reals = Reals::new(self.reading)?;
        let count = rows(self.reading, writing, &table.name, &sql, &mut |row| {
            number += 1;
            let mut write_row = || -> io::Result<()> {
                out.write_all(head.as_bytes())?;
                for at in 0..values {
                    if at > 0 {
                        out.write_all(b",")?;
                    }
                    match left_out.get(at).copied().flatten() {
                        Some(column) => out.write_all(placeholder(column, number).as_bytes())?,
                        None => value(row, at, wide.map(|wide| (wide, at + values)), &reals, out)?,
                    }
                }
                out.write_all(b");\n")
            };
            write_row().map_err(|error| writing.io(error))
        })?;
        Ok(count)
    }

    /// What AUTOINCREMENT remembers. The table is SQLite's own, and is there once any table with AUTOINCREMENT was.
    fn sequences(&self, tables: &[&Table], out: &mut dyn Write) -> Result<()> {
        let writing = self.writing;
        if !self.has("sqlite_sequence")? {
            return Ok(());
        }
        let fault = |error| writing.io(error);
        // Where none of its tables is there any more, SQLite has to be brought to make it.
        let any = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%'";
        let any = self.reading.connection.prepare(any).and_then(|mut statement| statement.exists([]));
        if self.whole && !any.map_err(|error| self.reading.fault(error))? {
            writeln!(out, "CREATE TABLE \"sequences again\"(id INTEGER PRIMARY KEY AUTOINCREMENT);\nDROP TABLE \"sequences again\";")
                .map_err(fault)?;
        } else if !self.whole && !self.any_autoincrement(tables)? {
            return Ok(());
        }
        writeln!(out, "DELETE FROM sqlite_sequence;").map_err(fault)?;
        rows(self.reading, writing, "sqlite_sequence", "SELECT name, seq FROM main.sqlite_sequence ORDER BY rowid", &mut |row| {
            let name = text(row, 0).map_err(|error| self.reading.fault(error))?;
            if !self.whole && !tables.iter().any(|table| table.name.eq_ignore_ascii_case(&name)) {
                return Ok(());
            }
            let seq = match row.get_ref(1).map_err(|error| self.reading.fault(error))? {
                ValueRef::Integer(number) => number.to_string(),
                ValueRef::Text(bytes) => literal(&String::from_utf8_lossy(bytes)),
                _ => "NULL".to_owned(),
            };
            writeln!(out, "INSERT INTO sqlite_sequence(name,seq)VALUES({},{seq});", literal(&name)).map_err(fault)
        })?;
        Ok(())
    }

    fn any_autoincrement(&self, tables: &[&Table]) -> Result<bool> {
        let sql = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?1 AND sql LIKE '%AUTOINCREMENT%'";
        for table in tables {
            let found = self.reading.connection.prepare_cached(sql).and_then(|mut statement| statement.exists([&table.name]));
            if found.map_err(|error| self.reading.fault(error))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What ANALYZE found out, as far as every SQLite takes it.
    fn statistics(&self, tables: &[&Table], out: &mut dyn Write) -> Result<()> {
        let writing = self.writing;
        if !self.has("sqlite_stat1")? {
            return Ok(());
        }
        let fault = |error| writing.io(error);
        writeln!(out, "ANALYZE sqlite_schema;").map_err(fault)?;
        rows(self.reading, writing, "sqlite_stat1", "SELECT tbl, idx, stat FROM main.sqlite_stat1", &mut |row| {
            let field = |column: usize| match row.get_ref(column)? {
                ValueRef::Null => Ok("NULL".to_owned()),
                _ => text(row, column).map(|text| literal(&text)),
            };
            let name = text(row, 0).map_err(|error| self.reading.fault(error))?;
            if !tables.iter().any(|table| table.name.eq_ignore_ascii_case(&name)) {
                return Ok(());
            }
            let fields = [0, 1, 2].into_iter().map(field).collect::<rusqlite::Result<Vec<_>>>();
            let fields = fields.map_err(|error| self.reading.fault(error))?;
            writeln!(out, "INSERT INTO sqlite_stat1(tbl,idx,stat)VALUES({});", fields.join(",")).map_err(fault)
        })?;
        Ok(())
    }

    /// Indexes, views and triggers, in their order.
    fn rest(&self, tables: &[&Table], out: &mut dyn Write) -> Result<()> {
        let writing = self.writing;
        let sql = "SELECT type, tbl_name, sql FROM main.sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY rowid";
        rows(self.reading, writing, "sqlite_schema", sql, &mut |row| {
            let read = |column| text(row, column).map_err(|error| self.reading.fault(error));
            let (kind, of, sql) = (read(0)?, read(1)?, read(2)?);
            let on_exported = tables.iter().any(|table| table.name.eq_ignore_ascii_case(&of));
            let on_view = kind == "view" || (kind == "trigger" && !writing.tables.iter().any(|table| table.name.eq_ignore_ascii_case(&of)));
            if on_exported || (self.whole && on_view) {
                statement(&sql, out).map_err(|error| writing.io(error))?;
            }
            Ok(())
        })?;
        Ok(())
    }

    fn has(&self, table: &str) -> Result<bool> {
        let connection = self.reading.connection;
        let found =
            connection.prepare("SELECT 1 FROM main.sqlite_schema WHERE name = ?1").and_then(|mut statement| statement.exists([table]));
        found.map_err(|error| self.reading.fault(error))
    }
}

/// On a line of its own the semicolon ends the statement, whatever its last line is.
fn statement(sql: &str, out: &mut dyn Write) -> io::Result<()> {
    let last = sql.lines().last().unwrap_or_default();
    if last.contains("--") { writeln!(out, "{sql}\n;") } else { writeln!(out, "{sql};") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_behind_a_comment() {
        let mut out = Vec::new();
        statement("CREATE VIEW v AS SELECT 1 -- one", &mut out).unwrap();
        statement("CREATE VIEW v AS SELECT 1", &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "CREATE VIEW v AS SELECT 1 -- one\n;\nCREATE VIEW v AS SELECT 1;\n");
    }
}
