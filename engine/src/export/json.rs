//! A table as one JSON document: `{"table", "columns", "left_out", "rows": [{…}, …]}`, a row a line.
//!
//! What JSON cannot say is an object with one member, which no plain value ever is: `{"$integer": "9007199254740993"}` beyond ±2^53 (programs
//! that read numbers as doubles would change it), `{"$number": "1.00000000000000000001"}` for decimals of more than 15 digits, `{"$blob": "base64"}`,
//! `{"$text": "base64"}` for text that is not UTF-8, `{"$real": "inf"}`. A value that is a JSON document itself stands as it is.

use std::io::{self, Write};

use base64::{engine::general_purpose::STANDARD, write::EncoderWriter};
use serde_json::json;

use super::{
    table::Table,
    writing::{Value, Writing},
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
    let count = writing.each(table, &mut |values| {
        let mut write_row = || -> io::Result<()> {
            out.write_all(if first { b"\n{" } else { b",\n{" })?;
            first = false;
            for (column, (name, value)) in names.iter().zip(values).enumerate() {
                if column > 0 {
                    out.write_all(b", ")?;
                }
                write!(out, "{name}: ")?;
                write_value(*value, out)?;
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

fn write_value(value: Value<'_>, out: &mut dyn Write) -> io::Result<()> {
    match value {
        Value::Null => out.write_all(b"null"),
        Value::Boolean(truth) => write!(out, "{truth}"),
        Value::Integer(number) if number.unsigned_abs() > SAFE_INTEGER => write!(out, "{{\"$integer\": \"{number}\"}}"),
        Value::Integer(number) => write!(out, "{number}"),
        Value::Real(number) if number.is_finite() => serde_json::to_writer(out, &number).map_err(io::Error::from),
        Value::Real(number) => write!(out, "{{\"$real\": \"{number}\"}}"),
        Value::Number(number) if is_exact(number) => out.write_all(number.as_bytes()),
        Value::Number(number) => write!(out, "{{\"$number\": {}}}", json!(number)),
        // Where it breaks a line, that is between its parts: within a text it would be escaped.
        Value::Document(document) => out.write_all(document.replace(['\n', '\r'], " ").as_bytes()),
        Value::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => serde_json::to_writer(out, text).map_err(io::Error::from),
            Err(_) => packed("$text", bytes, out),
        },
        Value::Blob(bytes) => packed("$blob", bytes, out),
    }
}

/// Whether a decimal number is kept by programs that read numbers as doubles, and is one of JSON's at all.
fn is_exact(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let leads_with_zero = whole.len() > 1 && whole.starts_with('0');
    let ends_well = !digits.ends_with('.');
    !whole.is_empty() && is_number(whole) && is_number(fraction) && ends_well && !leads_with_zero && whole.len() + fraction.len() <= 15
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
