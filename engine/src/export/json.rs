//! A table as one JSON document: `{"table", "columns", "left_out", "rows": [{…}, …]}`, a row a line.
//!
//! What JSON cannot say is an object with one member, which no plain value ever is: `{"$integer": "9007199254740993"}` beyond ±2^53 (programs
//! that read numbers as doubles would change it), `{"$blob": "base64"}`, `{"$text": "base64"}` for text that is not UTF-8, `{"$real": "inf"}`.

use std::io::{self, Write};

use base64::{engine::general_purpose::STANDARD, write::EncoderWriter};
use rusqlite::types::ValueRef;
use serde_json::json;

use super::{
    shape::Table,
    writing::{Writing, select},
};
use crate::Result;

/// The largest whole number up to which a double holds every one.
const SAFE_INTEGER: u64 = 1 << 53;

pub(super) fn table(writing: &Writing<'_>, table: &Table, out: &mut dyn Write) -> Result<()> {
    let fault = |error| writing.io(error);
    let columns: Vec<_> = table.exported().map(|column| json!({ "name": column.name, "type": column.declared_type })).collect();
    let head = |out: &mut dyn Write| -> io::Result<()> {
        write!(out, "{{\"table\": {}, \"columns\": {}", json!(table.name), json!(columns))?;
        write!(out, ", \"left_out\": {}, \"rows\": [", json!(table.left_out()))
    };
    head(out).map_err(fault)?;
    let names: Vec<String> = table.exported().map(|column| json!(column.name).to_string()).collect();
    let mut first = true;
    let count = writing.rows(&table.name, &select(table, table.exported()), &mut |row| {
        let mut write_row = || -> io::Result<()> {
            out.write_all(if first { b"\n{" } else { b",\n{" })?;
            first = false;
            for (column, name) in names.iter().enumerate() {
                if column > 0 {
                    out.write_all(b", ")?;
                }
                write!(out, "{name}: ")?;
                value(row.get_ref(column).map_err(io::Error::other)?, out)?;
            }
            out.write_all(b"}")
        };
        write_row().map_err(fault)
    })?;
    out.write_all(b"\n]}\n").map_err(fault)?;
    if let Some(count) = count {
        writing.exported(table, count);
    }
    Ok(())
}

fn value(value: ValueRef<'_>, out: &mut dyn Write) -> io::Result<()> {
    match value {
        ValueRef::Null => out.write_all(b"null"),
        ValueRef::Integer(number) if number.unsigned_abs() > SAFE_INTEGER => write!(out, "{{\"$integer\": \"{number}\"}}"),
        ValueRef::Integer(number) => write!(out, "{number}"),
        ValueRef::Real(number) if number.is_finite() => serde_json::to_writer(out, &number).map_err(io::Error::from),
        ValueRef::Real(number) => write!(out, "{{\"$real\": \"{number}\"}}"),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => serde_json::to_writer(out, text).map_err(io::Error::from),
            Err(_) => packed("$text", bytes, out),
        },
        ValueRef::Blob(bytes) => packed("$blob", bytes, out),
    }
}

/// Base64 as it goes, so that a value of a gigabyte costs no second one.
fn packed(what: &str, bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{{\"{what}\": \"")?;
    let mut encoder = EncoderWriter::new(&mut *out, &STANDARD);
    encoder.write_all(bytes)?;
    encoder.finish()?;
    drop(encoder);
    out.write_all(b"\"}")
}
