//! Values as literals of SQL that SQLite reads as the very same ones.

use std::io::{self, Write};

use rusqlite::{Row, types::ValueRef};

use crate::{
    Result,
    export::{csv::hexadecimal, table::Column},
    sqlite::reading::Reading,
};

pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(super) fn value(row: &Row<'_>, at: usize, wide: Option<(Wide, usize)>, reals: &Reals<'_>, out: &mut dyn Write) -> io::Result<()> {
    match row.get_ref(at).map_err(io::Error::other)? {
        ValueRef::Null => out.write_all(b"NULL"),
        ValueRef::Integer(number) => write!(out, "{number}"),
        ValueRef::Real(number) => out.write_all(reals.literal(number)?.as_bytes()),
        ValueRef::Blob(bytes) => {
            out.write_all(b"X'")?;
            hexadecimal(bytes, out)?;
            out.write_all(b"'")
        }
        ValueRef::Text(bytes) => {
            let (plain, stored) = match wide {
                None => (is_plain(bytes), bytes),
                Some((wide, at)) => {
                    let stored = row.get_ref(at).map_err(io::Error::other)?.as_blob().unwrap_or(bytes);
                    (is_plain(bytes) && wide.writes(bytes, stored), stored)
                }
            };
            if plain { text_literal(bytes, out) } else { text_of_bytes(stored, out) }
        }
    }
}

/// How a database stores its text, where that is not UTF-8.
#[derive(Clone, Copy)]
pub(super) enum Wide {
    Little,
    Big,
}

impl Wide {
    pub(super) fn of(encoding: &str) -> Option<Self> {
        match encoding {
            "UTF-16le" => Some(Self::Little),
            "UTF-16be" => Some(Self::Big),
            _ => None,
        }
    }

    /// Whether SQLite makes the stored bytes again out of this UTF-8. It reads half a surrogate pair with what follows as one character, and
    /// writes U+FFFE and U+FFFF as U+FFFD.
    fn writes(self, utf8: &[u8], stored: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(utf8) else { return false };
        let bytes = |unit: u16| match self {
            Self::Little => unit.to_le_bytes(),
            Self::Big => unit.to_be_bytes(),
        };
        !text.contains(['\u{fffe}', '\u{ffff}']) && text.encode_utf16().flat_map(bytes).eq(stored.iter().copied())
    }
}

/// NUL would end the literal, a carriage return before the end of a line is dropped by the `sqlite3` command, and what is not UTF-8 (or was not
/// UTF-16) is no text of a script at all: these go as the bytes that are stored.
fn is_plain(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(['\0', '\r', '\u{fffd}']))
}

fn text_of_bytes(stored: &[u8], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"CAST(X'")?;
    hexadecimal(stored, out)?;
    out.write_all(b"' AS TEXT)")
}

fn text_literal(bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    out.write_all(b"'")?;
    for (number, part) in bytes.split(|&byte| byte == b'\'').enumerate() {
        if number > 0 {
            out.write_all(b"''")?;
        }
        out.write_all(part)?;
    }
    out.write_all(b"'")
}

/// What stands for a value that is left out. Each is another one, for the case that the column is unique.
pub(super) fn placeholder(column: &Column, number: u64) -> String {
    if !column.not_null && !column.key {
        return "NULL".to_owned();
    }
    let declared = column.declared_type.to_ascii_uppercase();
    let is = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    // <https://www.sqlite.org/datatype3.html#determination_of_column_affinity>
    if is(&["INT"]) {
        number.to_string()
    } else if is(&["CHAR", "CLOB", "TEXT"]) {
        format!("'left out {number}'")
    } else if is(&["BLOB"]) {
        format!("CAST('left out {number}' AS BLOB)")
    } else if is(&["REAL", "FLOA", "DOUB", "NUM", "DEC"]) {
        format!("{number}.0")
    } else {
        format!("'left out {number}'")
    }
}

/// Reals as literals that SQLite reads as the very same ones.
pub(super) struct Reals<'a> {
    read: std::cell::RefCell<rusqlite::Statement<'a>>,
}

impl<'a> Reals<'a> {
    pub(super) fn new(reading: &'a Reading<'_>) -> Result<Self> {
        let read = reading.connection.prepare("SELECT CAST(?1 AS REAL)").map_err(|error| reading.fault(error))?;
        Ok(Self { read: std::cell::RefCell::new(read) })
    }

    fn literal(&self, number: f64) -> io::Result<String> {
        if number.is_infinite() {
            return Ok(if number > 0.0 { "1e999" } else { "-1e999" }.to_owned());
        }
        for text in [format!("{number:?}"), format!("{number:.17e}")] {
            let read: f64 = self.read.borrow_mut().query_row([&text], |row| row.get(0)).map_err(io::Error::other)?;
            // The sign of a zero is no part of a literal that is negated.
            if read.to_bits() == number.to_bits() && !(number == 0.0 && number.is_sign_negative()) {
                return Ok(text);
            }
        }
        Ok(exactly(number))
    }
}

/// A real as a product of whole numbers and powers of two, each exact: `4503599627370497*1.0/9007199254740992`.
fn exactly(number: f64) -> String {
    const BITS: u32 = 53;
    let bits = number.to_bits();
    let (fraction, exponent) = (bits & ((1 << 52) - 1), i32::try_from(bits >> 52 & 0x7ff).unwrap_or(0));
    let (mantissa, mut exponent) = if exponent == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exponent - 1075) };
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let mut text = format!("({sign}{mantissa}*{sign}1.0*{sign}1.0");
    if mantissa == 0 {
        // -0.0 is the product of a zero and a negative number.
        return format!("(0.0*{sign}1.0)");
    }
    let operator = if exponent < 0 { '/' } else { '*' };
    exponent = exponent.abs();
    while exponent > 0 {
        let step = exponent.min(i32::try_from(BITS).unwrap_or(53));
        text.push(operator);
        text.push_str(&(1_u64 << step).to_string());
        exponent -= step;
    }
    text.push(')');
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_product_is_the_very_same_number(bits: u64) {
            let number = f64::from_bits(bits);
            prop_assume!(number.is_finite());
            let connection = rusqlite::Connection::open_in_memory().unwrap();
            let read: f64 = connection.query_row(&format!("SELECT {}", exactly(number)), [], |row| row.get(0)).unwrap();
            prop_assert_eq!(read.to_bits(), number.to_bits(), "{} as {}", number, exactly(number));
        }
    }
}
