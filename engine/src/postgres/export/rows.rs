//! Rows as COPY writes them, a line each, made into values again: tabs between fields, `\N` for NULL, escapes for what would break a line.
//! <https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2>

use std::io::{self, BufRead};

use keepstone_model::metadata::Column;

use crate::{Result, export::writing::Value};

/// Longer than any row that a server takes.
const ROW_LIMIT_BYTES: u64 = 2 << 30;

/// What a column's type means for its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Boolean,
    Integer,
    Real,
    Number,
    Document,
    Blob,
    Text,
}

impl Kind {
    fn of(declared: &str) -> Self {
        match declared.split('(').next().unwrap_or_default().trim() {
            "boolean" => Self::Boolean,
            "smallint" | "integer" | "bigint" | "oid" => Self::Integer,
            "real" | "double precision" => Self::Real,
            "numeric" if !declared.ends_with("[]") => Self::Number,
            "json" | "jsonb" => Self::Document,
            "bytea" => Self::Blob,
            // Times are as ISO 8601 has them, arrays as `{1,2}`, all else as the server writes it.
            _ => Self::Text,
        }
    }
}

/// Reads the rows of one table.
pub(super) struct Rows {
    kinds: Vec<Kind>,
    /// Which of the fields are wanted.
    wanted: Vec<bool>,
    fields: Vec<Field>,
    line: Vec<u8>,
}

#[derive(Default)]
struct Field {
    null: bool,
    bytes: Vec<u8>,
}

/// How a table's data ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With the source.
    Source,
    /// With a line `\.`, as in a dump.
    Mark,
}

impl Rows {
    /// `wanted`: whether the column is exported.
    pub(super) fn new(columns: &[Column], wanted: Vec<bool>) -> Self {
        let kinds: Vec<Kind> = columns.iter().map(|column| Kind::of(&column.declared_type)).collect();
        let fields = kinds.iter().map(|_| Field::default()).collect();
        Self { kinds, wanted, fields, line: Vec::new() }
    }

    /// Calls `take` with every row and the bytes that it had. How many there were.
    pub(super) fn each(
        &mut self,
        source: &mut dyn BufRead,
        end: End,
        fault: &dyn Fn(io::Error) -> crate::Error,
        take: &mut dyn FnMut(&[Value<'_>], usize) -> Result<()>,
    ) -> Result<u64> {
        let mut count = 0;
        loop {
            self.line.clear();
            io::Read::take(&mut *source, ROW_LIMIT_BYTES).read_until(b'\n', &mut self.line).map_err(fault)?;
            let Some(line) = self.line.strip_suffix(b"\n") else {
                return match (self.line.is_empty(), end) {
                    (true, End::Source) => Ok(count),
                    _ => Err(fault(damage("it breaks off in the midst of a table's data"))),
                };
            };
            if end == End::Mark && line == b"\\." {
                return Ok(count);
            }
            split(line, &mut self.fields).map_err(fault)?;
            let mut values = Vec::with_capacity(self.fields.len());
            for ((field, kind), _) in self.fields.iter_mut().zip(&self.kinds).zip(&self.wanted).filter(|(_, wanted)| **wanted) {
                values.push(value(*kind, field).map_err(fault)?);
            }
            count += 1;
            take(&values, self.line.len())?;
        }
    }
}

fn damage(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A line into its fields, their escapes undone.
fn split(line: &[u8], fields: &mut [Field]) -> io::Result<()> {
    let mut parts = line.split(|byte| *byte == b'\t');
    for field in fields.iter_mut() {
        let part = parts.next().ok_or_else(|| damage("a row has fewer fields than its table has columns"))?;
        field.bytes.clear();
        field.null = part == b"\\N";
        if !field.null {
            unescape(part, &mut field.bytes);
        }
    }
    let left = parts.next();
    // Of a table without columns a row is an empty line.
    if left.is_some_and(|left| !(fields.is_empty() && left.is_empty())) {
        return Err(damage("a row has more fields than its table has columns"));
    }
    Ok(())
}

fn unescape(part: &[u8], out: &mut Vec<u8>) {
    let mut rest = part;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        let escaped = rest.get(at + 1).copied().unwrap_or(b'\\');
        out.push(match escaped {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            other => other,
        });
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// What does not fit its type is the text that it is.
fn value(kind: Kind, field: &mut Field) -> io::Result<Value<'_>> {
    if field.null {
        return Ok(Value::Null);
    }
    if kind == Kind::Blob {
        return decode_hex(&mut field.bytes).map(|()| Value::Blob(&field.bytes));
    }
    let bytes = &field.bytes;
    let text = std::str::from_utf8(bytes).ok();
    Ok(match (kind, text) {
        (Kind::Boolean, Some("t")) => Value::Boolean(true),
        (Kind::Boolean, Some("f")) => Value::Boolean(false),
        (Kind::Integer, Some(text)) => text.parse().map_or(Value::Text(bytes), Value::Integer),
        (Kind::Real, Some(text)) => text.parse().map_or(Value::Text(bytes), Value::Real),
        (Kind::Number, Some(text)) => Value::Number(text),
        (Kind::Document, Some(text)) => Value::Document(text),
        _ => Value::Text(bytes),
    })
}

/// `\x00ff` into its bytes, in place.
fn decode_hex(bytes: &mut Vec<u8>) -> io::Result<()> {
    let digits = bytes.strip_prefix(b"\\x").ok_or_else(|| damage("a bytea is not written in hexadecimal digits"))?;
    let decoded: Option<Vec<u8>> = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    *bytes = decoded.ok_or_else(|| damage("a bytea is not written in hexadecimal digits"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(types: &[&str], data: &str, end: End) -> Result<(Vec<String>, u64)> {
        let columns: Vec<Column> =
            types.iter().map(|declared| Column { name: "c".to_owned(), declared_type: (*declared).to_owned() }).collect();
        let mut rows = Rows::new(&columns, vec![true; columns.len()]);
        let mut seen = Vec::new();
        let count = rows.each(&mut data.as_bytes(), end, &|error| crate::Error::io("x", error), &mut |values, _| {
            seen.push(format!("{values:?}"));
            Ok(())
        })?;
        Ok((seen, count))
    }

    #[test]
    fn values_are_what_their_types_say() {
        let types = ["bigint", "boolean", "double precision", "numeric(20,2)", "jsonb", "bytea", "text", "integer[]"];
        let (seen, count) = read(
            &types,
            "-5\tt\tNaN\t12.50\t{\"a\": \"b\\\\nc\"}\t\\\\x00ff\ta\\tb\\nc\\\\\t{1,2}\n\\N\tf\t1e-07\tNaN\t\\N\t\\\\x\t\\N\t\\N\n\\.\n\n\n",
            End::Mark,
        )
        .unwrap();
        assert_eq!(count, 2);
        assert_eq!(
            seen,
            [
                format!(
                    "{:?}",
                    [
                        Value::Integer(-5),
                        Value::Boolean(true),
                        Value::Real(f64::NAN),
                        Value::Number("12.50"),
                        Value::Document("{\"a\": \"b\\nc\"}"),
                        Value::Blob(&[0, 255]),
                        Value::Text(b"a\tb\nc\\"),
                        Value::Text(b"{1,2}")
                    ]
                ),
                format!(
                    "{:?}",
                    [
                        Value::Null,
                        Value::Boolean(false),
                        Value::Real(1e-7),
                        Value::Number("NaN"),
                        Value::Null,
                        Value::Blob(&[]),
                        Value::Null,
                        Value::Null
                    ]
                ),
            ]
        );
    }

    #[test]
    fn what_is_no_row_of_the_table_is_refused() {
        for (types, data, end) in [
            (&["text"][..], "a\tb\n", End::Source),
            (&["text", "text"], "a\n", End::Source),
            (&["text"], "a", End::Source),
            (&["text"], "a\n", End::Mark),
            (&["bytea"], "\\\\x0\n", End::Source),
        ] {
            assert!(read(types, data, end).is_err(), "{data}");
        }
        assert_eq!(read(&[], "\n\n", End::Source).unwrap().1, 2);
    }
}
