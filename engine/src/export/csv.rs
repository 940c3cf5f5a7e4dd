//! A table as CSV (RFC 4180, UTF-8, CRLF), the first line with the names of the columns.
//!
//! NULL is nothing at all, an empty text is `""`. A text that a spreadsheet would take for a formula gets a `'` before it, and so does one that
//! has such a `'` already, so that it can be taken off again; numbers never do. Blobs are `\x` and hexadecimal digits.

use std::io::{self, Write};

use super::{
    table::Table,
    writing::{Value, Writing},
};
use crate::Result;

pub(super) fn table(writing: &Writing<'_>, table: &Table, out: &mut dyn Write) -> Result<()> {
    let fault = |error| writing.io(error);
    let columns: Vec<_> = table.exported().collect();
    let mut head = || -> io::Result<()> {
        for (number, column) in columns.iter().enumerate() {
            if number > 0 {
                out.write_all(b",")?;
            }
            text(column.name.as_bytes(), out)?;
        }
        out.write_all(b"\r\n")
    };
    head().map_err(fault)?;
    let mut not_text = 0_u64;
    let count = writing.each(table, &mut |values| {
        let mut write_row = || -> io::Result<()> {
            for (column, value) in values.iter().enumerate() {
                if column > 0 {
                    out.write_all(b",")?;
                }
                match *value {
                    // A line of nothing would be no row to some readers.
                    Value::Null if values.len() == 1 => out.write_all(b"NULL")?,
                    Value::Null => {}
                    Value::Boolean(truth) => write!(out, "{truth}")?,
                    Value::Integer(number) => write!(out, "{number}")?,
                    Value::Real(number) => write!(out, "{number:?}")?,
                    Value::Number(number) => out.write_all(number.as_bytes())?,
                    Value::Document(document) => text(document.as_bytes(), out)?,
                    Value::Text(bytes) => {
                        let readable = String::from_utf8_lossy(bytes);
                        not_text += u64::from(matches!(readable, std::borrow::Cow::Owned(_)));
                        text(readable.as_bytes(), out)?;
                    }
                    Value::Blob(bytes) => {
                        out.write_all(b"\\x")?;
                        hexadecimal(bytes, out)?;
                    }
                }
            }
            out.write_all(b"\r\n")
        };
        write_row().map_err(fault)
    })?;
    if not_text > 0 {
        writing.warn(format!(
            "{not_text} values of {} are not UTF-8: what could not be read of them is U+FFFD (JSON and SQL have it whole)",
            table.name
        ));
    }
    if let Some(count) = count {
        writing.exported(table, count);
    }
    Ok(())
}

/// A text as a field: always quoted, so that it is never taken for NULL.
pub fn text(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(if starts_a_formula(bytes) { b"\"'" } else { b"\"" })?;
    for (number, part) in bytes.split(|&byte| byte == b'"').enumerate() {
        if number > 0 {
            out.write_all(b"\"\"")?;
        }
        out.write_all(part)?;
    }
    out.write_all(b"\"")
}

/// <https://owasp.org/www-community/attacks/CSV_Injection>: the signs that begin a formula, also behind spaces, also in their wide forms.
fn starts_a_formula(bytes: &[u8]) -> bool {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\'');
    let start = bytes.iter().position(|byte| !blank(byte)).map_or(&[][..], |at| &bytes[at..]);
    matches!(start.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n' | b'|' | b'%'))
        || ["＝", "＋", "－", "＠"].iter().any(|sign| start.starts_with(sign.as_bytes()))
}

pub(super) fn hexadecimal(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut buffer = [0; 8192];
    for chunk in bytes.chunks(buffer.len() / 2) {
        for (pair, byte) in buffer.chunks_exact_mut(2).zip(chunk) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        out.write_all(&buffer[..chunk.len() * 2])?;
    }
    Ok(())
}
