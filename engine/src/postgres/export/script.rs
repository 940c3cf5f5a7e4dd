//! A script of `pg_dump`'s on its way into an export: statements as they are, the data of COPY without the columns that are left out, and, where
//! only some tables are wished for, only what these need. Loaded by psql it makes a database of its own.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    io::{self, Read, Write},
};

use crate::{
    Error, Result,
    export::{table::Table, writing::Writing},
    postgres::{
        declared::{self, DeclaredColumn},
        load::is_about_roles,
        names,
        plain::{self, Found, Piece},
    },
};

pub(super) struct Filter<'a> {
    /// By name.
    tables: BTreeMap<&'a str, &'a Table>,
    /// Every table is exported, and everything else, too.
    whole: bool,
    writing: &'a Writing<'a>,
    /// What CREATE TABLE says of the columns that are left out: type, and whether NULL may stand in them.
    declared: BTreeMap<(String, String), DeclaredColumn>,
    checked: Vec<String>,
    unfit: Vec<String>,
    /// The columns of the COPY that is under way, each with what stands in its place.
    fields: Vec<Option<DeclaredColumn>>,
    skipping: bool,
    row: u64,
    fault: RefCell<Option<Error>>,
}

impl<'a> Filter<'a> {
    pub(super) fn new(tables: &'a [Table], whole: bool, writing: &'a Writing<'a>) -> Self {
        Self {
            tables: tables.iter().map(|table| (table.name.as_str(), table)).collect(),
            whole,
            writing,
            declared: BTreeMap::new(),
            checked: Vec::new(),
            unfit: Vec::new(),
            fields: Vec::new(),
            skipping: false,
            row: 0,
            fault: RefCell::new(None),
        }
    }

    pub(super) fn pass(&mut self, script: &mut dyn Read, out: &mut dyn Write) -> Result<Found> {
        let read = plain::read(script, &mut |piece| {
            self.piece(piece, out).map_err(|error| {
                // What the sink says is the sink's, not the script's.
                let said = io::Error::other(error.to_string());
                *self.fault.borrow_mut() = Some(error);
                said
            })
        });
        match self.fault.take() {
            Some(fault) => Err(fault),
            None => read.map_err(super::unreadable),
        }
    }

    /// What may keep the script from being loaded as it is.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.checked.is_empty() {
            warnings.push(format!("{} a CHECK over what was left out, which may refuse what stands in its place", has(&self.checked)));
        }
        if !self.unfit.is_empty() {
            warnings.push(format!("{} left out, may not be NULL, and nothing is known that fits its type", is(&self.unfit)));
        }
        warnings
    }

    fn piece(&mut self, piece: Piece<'_>, out: &mut dyn Write) -> Result<()> {
        let io = |error| self.writing.io(error);
        match piece {
            Piece::Statement(statement) if is_about_roles(statement) => Ok(()),
            Piece::Statement(statement) => {
                self.learn(statement);
                if self.whole || self.serves(statement) { writeln!(out, "{statement};\n").map_err(io) } else { Ok(()) }
            }
            Piece::Copy(statement) => {
                let copied = plain::copied(statement).unwrap_or_else(|| plain::Copied {
                    schema: String::new(),
                    table: String::new(),
                    columns: Vec::new(),
                });
                let name = names::shown(&copied.schema, &copied.table);
                let table = self.tables.get(name.as_str()).copied();
                // Tables of extensions are in a whole script, and in no list of tables.
                self.skipping = table.is_none() && !self.whole;
                self.row = 0;
                self.fields = copied.columns.iter().map(|column| self.stand_in(table, &name, column)).collect();
                if self.skipping { Ok(()) } else { writeln!(out, "{statement};").map_err(io) }
            }
            _ if self.skipping => Ok(()),
            Piece::Data(line) => {
                self.row += 1;
                if self.fields.iter().all(Option::is_none) { out.write_all(line) } else { self.line(line, out) }.map_err(io)?;
                self.writing.advance(line.len())
            }
            Piece::EndOfData => out.write_all(b"\\.\n\n\n").map_err(io),
        }
    }

    /// What stands for a column's values, if it is left out.
    fn stand_in(&mut self, table: Option<&Table>, name: &str, column: &str) -> Option<DeclaredColumn> {
        let left_out = table.is_some_and(|table| table.columns.iter().any(|known| known.left_out && known.name == column));
        left_out.then(|| {
            let declared = self.declared.get(&(name.to_owned(), column.to_owned())).cloned().unwrap_or_default();
            if declared.not_null && placeholder(&declared.declared_type, 1).is_none() {
                self.unfit.push(format!("{name}.{column}"));
            }
            declared
        })
    }

    fn line(&self, line: &[u8], out: &mut dyn Write) -> io::Result<()> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let mut fields = self.fields.iter();
        for (index, field) in line.split(|byte| *byte == b'\t').enumerate() {
            if index > 0 {
                out.write_all(b"\t")?;
            }
            // A row that has more fields than columns hides nothing: what is not known is not let out.
            match fields.next() {
                Some(None) => out.write_all(field)?,
                Some(Some(DeclaredColumn { declared_type, not_null: true, .. })) => {
                    let text = placeholder(declared_type, self.row).unwrap_or_else(|| format!("left out {}", self.row));
                    out.write_all(text.as_bytes())?;
                }
                Some(Some(_)) | None => out.write_all(b"\\N")?,
            }
        }
        out.write_all(b"\n")
    }

    /// Remembers what a statement says of the columns that are left out.
    fn learn(&mut self, statement: &str) {
        let Some(declared) = declared::table(statement) else { return };
        let Some(table) = self.tables.get(declared.name.as_str()) else { return };
        let left_out = table.left_out();
        let over = |check: &String| left_out.iter().any(|column| check.contains(column.as_str()));
        if declared.checks.iter().any(over) {
            self.checked.push(declared.name.clone());
        }
        for column in declared.columns.into_iter().filter(|column| left_out.contains(&column.name)) {
            self.declared.insert((declared.name.clone(), column.name.clone()), column);
        }
    }

    /// Whether the wished tables need a statement: settings, kinds of things that columns are made of, and what is said of the tables themselves.
    fn serves(&self, statement: &str) -> bool {
        let upper: String = statement.chars().take(200).collect::<String>().to_ascii_uppercase();
        let words: Vec<&str> = upper.split_whitespace().take(3).collect();
        let known = |text: Option<&str>| {
            text.and_then(plain::qualified)
                .is_some_and(|(schema, table, _)| self.tables.contains_key(names::shown(&schema, &table).as_str()))
        };
        let after = |word: &str| upper.find(word).and_then(|at| statement.get(at + word.len()..));
        match words.as_slice() {
            ["SET", ..] | ["CREATE", "SCHEMA" | "EXTENSION" | "TYPE" | "DOMAIN" | "COLLATION", ..] => true,
            ["SELECT", ..] => upper.contains("SET_CONFIG"),
            ["CREATE", "TABLE", ..] => known(after("CREATE TABLE ")),
            ["CREATE", "UNLOGGED", ..] => known(after("CREATE UNLOGGED TABLE ")),
            ["CREATE", "INDEX", ..] | ["CREATE", "UNIQUE", "INDEX"] => known(after(" ON ONLY ").or_else(|| after(" ON "))),
            ["ALTER", "TABLE", ..] => {
                let of = after("ALTER TABLE ONLY ").or_else(|| after("ALTER TABLE "));
                // Not what names something that is not here: another table, or a sequence.
                let references = statement.split_once(" REFERENCES ").map(|(_, rest)| rest);
                let elsewhere = ["nextval(", " ATTACH PARTITION ", " INHERIT ", " TRIGGER "].iter().any(|word| statement.contains(word));
                known(of) && references.is_none_or(|rest| known(Some(rest))) && !elsewhere
            }
            _ => false,
        }
    }
}

fn has(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "has" } else { "have" })
}

fn is(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

/// What stands for a value that may not be NULL: another one in each row, for the case that the column is unique.
fn placeholder(declared_type: &str, row: u64) -> Option<String> {
    let (name, length) = declared_type.split_once('(').map_or((declared_type, None), |(name, rest)| (name, rest.split([')', ',']).next()));
    if declared_type.ends_with("[]") {
        return Some("{}".to_owned());
    }
    Some(match name.trim() {
        "text" => format!("left out {row}"),
        "character varying" | "character" | "bpchar" => {
            let full = format!("left out {row}");
            let room = length.and_then(|length| length.parse::<usize>().ok());
            if room.is_none_or(|room| full.len() <= room) { full } else { row.to_string() }
        }
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" | "oid" | "money" => row.to_string(),
        "boolean" => "f".to_owned(),
        "bytea" => format!("\\\\x{row:016x}"),
        "uuid" => format!("00000000-0000-0000-0000-{row:012x}"),
        "json" | "jsonb" => format!("{{\"left out\": {row}}}"),
        "date" => "1970-01-01".to_owned(),
        name if name.starts_with("timestamp") => "1970-01-01 00:00:00".to_owned(),
        _ => return None,
    })
}
