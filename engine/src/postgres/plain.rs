//! Plain SQL as `pg_dump` writes it, taken apart into statements and the data of COPY. Whoever loads it sends each to the server as it is:
//! no psql reads it, so no line of it can be a command of psql's (`\!` there is a shell); one that looks like such a command is refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, BufRead, BufReader, Read},
};

use growing::{Growing, is_word};
pub(super) use named::{Copied, copied, identifier, qualified};

use super::{load, names, toc};

mod growing;
mod named;

/// A statement that is longer is refused: it is held in memory.
const LONGEST_BYTES: usize = 256 << 20;
/// The last words of every dump that came to its end.
const COMPLETE: &[u8] = b"-- PostgreSQL database dump complete";
const COMPLETE_CLUSTER: &[u8] = b"-- PostgreSQL database cluster dump complete";

/// A piece of a script, in its order.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Without its semicolon.
    Statement(&'a str),
    /// A `COPY … FROM stdin`, whose data follows.
    Copy(&'a str),
    /// Some whole lines of data, or a part of a long one.
    Data(&'a [u8]),
    EndOfData,
}

/// What a script was found to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Found {
    pub(super) statements: u64,
    /// The rows of every COPY, by the table's name in metadata.
    pub(super) counts: BTreeMap<String, u64>,
    /// Whether `pg_dump` wrote its last line.
    pub(super) complete: bool,
    /// From the comments at the beginning; empty where they are not there.
    pub(super) server_version: String,
    pub(super) dump_version: String,
    pub(super) size_bytes: u64,
    /// Where the data of every COPY begins.
    pub(super) blocks: Vec<Block>,
    /// Statements that bring rows without COPY.
    pub(super) inserts: u64,
    /// To whom things and rights are given.
    pub(super) roles: BTreeSet<String>,
    /// How often it changes the database: `pg_dump --create` does so once.
    connects: u64,
}

/// The data of a COPY.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Block {
    pub(super) statement: String,
    /// From the beginning of the script.
    pub(super) at: u64,
}

/// Reads a script to its end. A fault of the script is `InvalidData` with a sentence; what `take` or the source says is passed on.
pub(super) fn read(script: &mut dyn Read, take: &mut dyn FnMut(Piece<'_>) -> io::Result<()>) -> io::Result<Found> {
    Reader { script: BufReader::with_capacity(256 << 10, script), line: 1, size_bytes: 0, backslashes: false, found: Found::default() }
        .whole(take)
}

struct Reader<R> {
    script: BufReader<R>,
    line: u64,
    size_bytes: u64,
    /// Whether every text knows escapes: `SET standard_conforming_strings = off`.
    backslashes: bool,
    found: Found,
}

impl<R: Read> Reader<R> {
    fn damage(&self, what: &str) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, format!("{what} (line {})", self.line))
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.script.fill_buf()?.first().copied())
    }

    fn next(&mut self) -> io::Result<Option<u8>> {
        let Some(byte) = self.peek()? else { return Ok(None) };
        self.script.consume(1);
        self.size_bytes += 1;
        self.line += u64::from(byte == b'\n');
        Ok(Some(byte))
    }

    fn push(&self, growing: &mut Growing, byte: u8) -> io::Result<()> {
        if growing.text.len() >= LONGEST_BYTES {
            return Err(self.damage("a statement is longer than 256 MB"));
        }
        growing.text.push(byte);
        Ok(())
    }

    fn whole(mut self, take: &mut dyn FnMut(Piece<'_>) -> io::Result<()>) -> io::Result<Found> {
        let mut growing = Growing::default();
        while let Some(byte) = self.next()? {
            match byte {
                b'\0' => return Err(self.damage("it holds a zero byte")),
                b'\\' => self.command(&growing)?,
                b'-' if self.peek()? == Some(b'-') => self.comment()?,
                b'/' if self.peek()? == Some(b'*') => {
                    self.block_comment()?;
                    self.push(&mut growing, b' ')?;
                }
                b'\'' => {
                    let escapes = self.backslashes || growing.is_escape_prefix();
                    self.push(&mut growing, byte)?;
                    self.quoted(&mut growing, b'\'', escapes)?;
                }
                b'"' => {
                    self.push(&mut growing, byte)?;
                    self.quoted(&mut growing, b'"', false)?;
                    growing.other("");
                }
                b'$' if !growing.text.last().is_some_and(|last| is_word(*last)) => {
                    self.push(&mut growing, byte)?;
                    self.dollar(&mut growing)?;
                }
                b';' if growing.begun && growing.ends() => {
                    let is_copy = growing.first() == "COPY" && growing.words == ["FROM", "STDIN"];
                    self.found.inserts += u64::from(growing.first() == "INSERT");
                    let may_name_roles = matches!(growing.first(), "GRANT" | "REVOKE" | "ALTER" | "SET");
                    let statement = self.text(std::mem::take(&mut growing.text))?;
                    growing = Growing::default();
                    self.found.statements += 1;
                    if is_copy {
                        self.rest_of_line()?;
                        self.found.blocks.push(Block { statement: statement.trim().to_owned(), at: self.size_bytes });
                        take(Piece::Copy(statement.trim()))?;
                        let rows = self.data(take)?;
                        if let Some(table) = table_of(&statement) {
                            *self.found.counts.entry(table).or_default() += rows;
                        }
                    } else {
                        self.backslashes = strings(&statement).unwrap_or(self.backslashes);
                        if may_name_roles && load::is_about_roles(&statement) {
                            self.found.roles.extend(toc::grantees(&statement));
                        }
                        take(Piece::Statement(statement.trim()))?;
                    }
                }
                b';' if !growing.begun => {}
                byte if byte.is_ascii_whitespace() => {
                    if growing.begun {
                        self.push(&mut growing, byte)?;
                    }
                }
                byte if is_word(byte) => self.word(&mut growing, byte)?,
                byte => {
                    match byte {
                        b'(' => growing.depth += 1,
                        b')' => growing.depth = growing.depth.saturating_sub(1),
                        _ => {}
                    }
                    growing.begun = true;
                    if growing.depth == 0 && byte != b')' {
                        growing.other("");
                    }
                    self.push(&mut growing, byte)?;
                }
            }
        }
        if growing.begun {
            return Err(self.damage("it ends in the midst of a statement"));
        }
        self.found.size_bytes = self.size_bytes;
        Ok(self.found)
    }

    fn text(&self, text: Vec<u8>) -> io::Result<String> {
        String::from_utf8(text).map_err(|_| self.damage("it is not UTF-8"))
    }

    fn word(&mut self, growing: &mut Growing, first: u8) -> io::Result<()> {
        let from = growing.text.len();
        self.push(growing, first)?;
        while self.peek()?.is_some_and(is_word) {
            if let Some(byte) = self.next()? {
                self.push(growing, byte)?;
            }
        }
        let length = growing.text.len() - from;
        // No word of SQL that matters here is longer.
        let word = if length <= 16 { String::from_utf8_lossy(&growing.text[from..]).to_ascii_uppercase() } else { String::new() };
        growing.begun = true;
        growing.word(&word);
        Ok(())
    }

    /// Only what `pg_dump` itself writes for psql, and only where it writes it; it means nothing to a server.
    fn command(&mut self, growing: &Growing) -> io::Result<()> {
        let mut line = Vec::new();
        while self.peek()?.is_some_and(|byte| byte != b'\n') && line.len() < 256 {
            line.extend(self.next()?);
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut words = line.split_ascii_whitespace();
        let word = words.next();
        if word == Some("connect") && !growing.begun && self.found.connects == 0 {
            // Whoever loads it is in the database that it is meant for.
            self.found.connects = 1;
            return Ok(());
        }
        let known = matches!(word, Some("restrict" | "unrestrict"));
        let key = words.next().is_some_and(|key| key.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if growing.begun || !known || !key || words.next().is_some() {
            let shown: String = line.chars().take(40).filter(|char| !char.is_control()).collect();
            return Err(self.damage(&format!("it holds a command for psql: \\{shown}")));
        }
        Ok(())
    }

    fn comment(&mut self) -> io::Result<()> {
        let mut line = vec![b'-'];
        while let Some(byte) = self.next()? {
            if byte == b'\n' {
                break;
            }
            if line.len() < 256 {
                line.push(byte);
            }
        }
        let line = line.trim_ascii_end();
        let after = |words: &str| line.strip_prefix(words.as_bytes()).map(|rest| String::from_utf8_lossy(rest).trim().to_owned());
        self.found.complete |= line == COMPLETE || line == COMPLETE_CLUSTER;
        if let Some(version) = after("-- Dumped from database version") {
            self.found.server_version = version;
        }
        if let Some(version) = after("-- Dumped by pg_dump version") {
            self.found.dump_version = version;
        }
        Ok(())
    }

    fn block_comment(&mut self) -> io::Result<()> {
        let (mut depth, mut before) = (0_u64, b'/');
        while let Some(byte) = self.next()? {
            match (before, byte) {
                (b'/', b'*') => depth += 1,
                (b'*', b'/') if depth == 1 => return Ok(()),
                (b'*', b'/') => depth -= 1,
                _ => {
                    before = byte;
                    continue;
                }
            }
            before = 0;
        }
        Err(self.damage("it ends in the midst of a comment"))
    }

    /// Up to and with the closing quote. What is doubled closes and opens again, which comes to the same.
    fn quoted(&mut self, growing: &mut Growing, quote: u8, escapes: bool) -> io::Result<()> {
        growing.begun = true;
        while let Some(byte) = self.next()? {
            self.push(growing, byte)?;
            if byte == quote {
                return Ok(());
            }
            if escapes
                && byte == b'\\'
                && let Some(next) = self.next()?
            {
                self.push(growing, next)?;
            }
        }
        Err(self.damage("it ends in the midst of a text"))
    }

    /// After a `$`: a text between `$tag$` and the same again, or a parameter.
    fn dollar(&mut self, growing: &mut Growing) -> io::Result<()> {
        growing.begun = true;
        let mut tag = vec![b'$'];
        while self.peek()?.is_some_and(|byte| is_word(byte) && byte != b'$') {
            tag.extend(self.next()?);
        }
        for byte in &tag[1..] {
            self.push(growing, *byte)?;
        }
        if self.peek()? != Some(b'$') || tag.get(1).is_some_and(u8::is_ascii_digit) {
            return Ok(());
        }
        self.next()?;
        self.push(growing, b'$')?;
        tag.push(b'$');
        let from = growing.text.len();
        while let Some(byte) = self.next()? {
            self.push(growing, byte)?;
            if byte == b'$' && growing.text.len() - from >= tag.len() && growing.text.ends_with(&tag) {
                return Ok(());
            }
        }
        Err(self.damage("it ends in the midst of a text"))
    }

    fn rest_of_line(&mut self) -> io::Result<()> {
        loop {
            match self.next()? {
                Some(b'\n') => return Ok(()),
                Some(byte) if byte.is_ascii_whitespace() => {}
                Some(_) => return Err(self.damage("something follows a COPY on its line")),
                None => return Err(self.damage("it ends before the data of a COPY")),
            }
        }
    }

    /// The lines up to `\.`; how many there are.
    fn data(&mut self, take: &mut dyn FnMut(Piece<'_>) -> io::Result<()>) -> io::Result<u64> {
        let mut rows = 0;
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut self.script).take(LONGEST_BYTES as u64).read_until(b'\n', &mut line)?;
            self.size_bytes += read as u64;
            if line.last() != Some(&b'\n') {
                return Err(self.damage("it ends in the midst of the data of a COPY, or a row is longer than 256 MB"));
            }
            self.line += 1;
            if line == b"\\.\n" || line == b"\\.\r\n" {
                take(Piece::EndOfData)?;
                return Ok(rows);
            }
            rows += 1;
            take(Piece::Data(&line))?;
        }
    }
}

/// Whether a statement says that texts know escapes, or that they do not.
fn strings(statement: &str) -> Option<bool> {
    let value = statement.trim().strip_prefix("SET standard_conforming_strings")?.trim_start();
    let value = value.strip_prefix('=').or_else(|| value.strip_prefix("TO "))?;
    Some(matches!(value.trim(), "off" | "'off'" | "false"))
}

/// The name in `COPY name (…) FROM stdin`, as metadata has it.
fn table_of(statement: &str) -> Option<String> {
    copied(statement).map(|copied| names::shown(&copied.schema, &copied.table))
}

#[cfg(test)]
mod tests;
