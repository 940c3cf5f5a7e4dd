//! What a file is, by its first bytes; nothing of it is believed further than that.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use flate2::read::MultiGzDecoder;
use keepstone_model::import::Content;
use rustix::fs::OFlags;

use crate::{Error, Result};

pub(super) const SQLITE: &[u8; 16] = b"SQLite format 3\0";
pub(super) const GZIP: &[u8] = &[0x1f, 0x8b];
pub(super) const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const ZIP: &[u8] = b"PK\x03\x04";
const POSTGRES_CUSTOM: &[u8] = b"PGDMP";

/// How much of a script is looked at.
const HEAD_BYTES: u64 = 4096;

/// Opens a regular file that is no link, without waiting for a writer if it is a pipe.
pub(super) fn open(path: &Path) -> Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::SourceMissing { path: path.to_owned() },
        io::ErrorKind::PermissionDenied => Error::SourceUnreadable { path: path.to_owned() },
        _ => Error::io(path, error),
    })?;
    let found = file.metadata().map_err(|error| Error::io(path, error))?;
    if found.is_file() {
        return Ok(file);
    }
    Err(Error::NotImportable { path: path.to_owned(), code: "not_a_backup", reason: "it is not a regular file".to_owned() })
}

/// What the file is, once what packs it is taken off. `encrypted` is what its name says: there is nothing else to go by.
pub(super) fn peek(path: &Path, encrypted: bool) -> Result<Content> {
    let fault = |error| Error::io(path, error);
    let head = head(open(path)?).map_err(fault)?;
    if encrypted && !head.is_empty() {
        return Ok(Content::Encrypted);
    }
    // What cannot be unpacked is not known; the reason is for whoever unpacks the whole.
    let unpacked = if head.starts_with(GZIP) {
        self::head(MultiGzDecoder::new(open(path)?)).unwrap_or_default()
    } else if head.starts_with(ZSTD) {
        zstd::stream::read::Decoder::new(open(path)?).and_then(self::head).unwrap_or_default()
    } else {
        return Ok(content(&head));
    };
    Ok(match content(&unpacked) {
        Content::Empty | Content::Zip => Content::Unknown,
        other => other,
    })
}

fn head(stream: impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    stream.take(HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

pub(super) fn content(head: &[u8]) -> Content {
    if head.is_empty() {
        Content::Empty
    } else if head.starts_with(SQLITE) {
        Content::Sqlite
    } else if head.starts_with(ZIP) {
        Content::Zip
    } else if head.starts_with(POSTGRES_CUSTOM) {
        Content::PostgresCustom
    } else {
        script(head)
    }
}

/// A script says of which database it is: by what its tool writes at the beginning, or by words that only one of the two has.
fn script(head: &[u8]) -> Content {
    let text = String::from_utf8_lossy(head).to_ascii_uppercase();
    let text = text.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
    let postgres = [
        "-- POSTGRESQL DATABASE",
        "\\RESTRICT",
        "SET STATEMENT_TIMEOUT",
        "SET CLIENT_ENCODING",
        "PG_CATALOG.",
        "COPY PUBLIC.",
        "FROM STDIN;",
    ];
    if postgres.iter().any(|word| text.contains(word)) {
        return Content::PostgresDump;
    }
    // The first line that is no comment.
    let first =
        text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("--") && !line.starts_with("/*")).unwrap_or_default();
    let starts = ["PRAGMA", "BEGIN", "CREATE", "INSERT", "DROP"];
    if starts.iter().any(|word| first.starts_with(word)) { Content::SqliteDump } else { Content::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell() {
        let cases: [(&[u8], Content); 12] = [
            (b"SQLite format 3\0\x10\0", Content::Sqlite),
            (b"PGDMP\x01", Content::PostgresCustom),
            (b"--\n-- PostgreSQL database dump\n--\n", Content::PostgresDump),
            (b"\\restrict abc\n", Content::PostgresDump),
            (b"SET statement_timeout = 0;\n", Content::PostgresDump),
            (b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;", Content::SqliteDump),
            (b"\xef\xbb\xbf-- mine\n\nBEGIN;", Content::SqliteDump),
            (b"CREATE TABLE a(b);", Content::SqliteDump),
            (b"PK\x03\x04..", Content::Zip),
            (b"", Content::Empty),
            (b"SELECT 1;", Content::Unknown),
            (b"\0\0\0\0", Content::Unknown),
        ];
        for (head, expected) in cases {
            assert_eq!(content(head), expected, "{:?}", String::from_utf8_lossy(head));
        }
    }
}
