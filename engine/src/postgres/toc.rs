//! The custom format of `pg_dump`, read from its first byte to its last: header, table of contents, and every block of data that it names.
//! Believes nothing: what it cannot follow is an error, what it is asked to hold in memory is bounded. Pure; needs no tool of PostgreSQL.
//!
//! The format is PostgreSQL's own (`src/bin/pg_dump/pg_backup_archiver.c`, `pg_backup_custom.c`), of versions 1.12 (9.x) to 1.16 (17 and 18).

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read},
};

use super::{
    declared::{self, Declared},
    names, plain,
};

/// What the table of contents may take of memory. A database of 100,000 tables needs 100 MB.
const CONTENTS_LIMIT_BYTES: u64 = 1 << 30;
const ENTRIES_LIMIT: i64 = 20_000_000;
/// How the data of a table ends.
const END_OF_COPY: &[u8] = b"\\.\n\n\n";

/// What a dump holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// Of the format, e.g. 1.14.
    pub format: (u8, u8),
    /// The database's name at the dump.
    pub database: String,
    /// Of the server and of `pg_dump`, as they call themselves.
    pub server_version: String,
    pub dump_version: String,
    /// Of its text; empty where it does not say.
    pub encoding: String,
    pub entries: Vec<Entry>,
    /// The tables that it makes.
    pub(super) declared: Vec<Declared>,
    /// By the entry's number.
    pub blocks: BTreeMap<i64, Block>,
    /// How the blocks are compressed within: where they are, their rows cannot be counted here.
    pub packing: Packing,
    /// The bytes of a number.
    pub int_bytes: usize,
    /// The whole dump, in bytes.
    pub size_bytes: u64,
}

/// One thing that a restore makes or fills.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    pub number: i64,
    /// e.g. `TABLE`, `TABLE DATA`, `INDEX`.
    pub kind: String,
    pub name: String,
    pub schema: String,
    pub owner: String,
    pub has_data: bool,
    /// The statement that loads the data, for `TABLE DATA`.
    pub copy: String,
    /// To whom rights are given, for `ACL` and `DEFAULT ACL`.
    pub grantees: Vec<String>,
    /// The statements that make it, of what belongs to the database itself or is bound to roles; else empty.
    pub definition: String,
}

impl Entry {
    /// Of the database itself, not of what is in it.
    pub(super) fn is_of_the_database(&self) -> bool {
        match self.kind.as_str() {
            "DATABASE" | "DATABASE PROPERTIES" => true,
            "ACL" | "COMMENT" | "SECURITY LABEL" => self.name.starts_with("DATABASE "),
            _ => false,
        }
    }

    /// The roles without which it cannot be made, whoever owns it: those that a policy is for, and that of a user mapping.
    pub(super) fn bound_to(&self) -> Vec<String> {
        let word = match self.kind.as_str() {
            "POLICY" => "to",
            "USER MAPPING" => "for",
            _ => return Vec::new(),
        };
        bound(&self.definition, word)
    }
}

/// How data is compressed within a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Packing {
    #[default]
    None,
    Zlib,
    Lz4,
    Zstd,
}

/// The data of one entry, as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Block {
    /// Where its pieces begin in the dump.
    pub at: u64,
    pub bytes: u64,
    /// Of a table whose data is not compressed within the dump.
    pub rows: Option<u64>,
    /// Of a block of large objects.
    pub objects: Option<u64>,
}

impl Contents {
    /// The rows of every table whose data is in the dump, by the name it has in metadata. None where they cannot be counted.
    pub fn counts(&self) -> Option<BTreeMap<String, u64>> {
        let tables = self.entries.iter().filter(|entry| entry.kind == "TABLE DATA");
        tables.map(|entry| Some((names::shown(&entry.schema, &entry.name), self.blocks.get(&entry.number)?.rows?))).collect()
    }

    /// Every role that a restore with its owners and rights needs.
    pub fn roles(&self) -> BTreeSet<String> {
        let of = |entry: &Entry| std::iter::once(entry.owner.clone()).chain(entry.grantees.clone()).collect::<Vec<_>>();
        self.entries.iter().flat_map(of).filter(|role| !role.is_empty()).collect()
    }

    pub fn large_objects(&self) -> u64 {
        self.blocks.values().filter_map(|block| block.objects).sum()
    }

    /// e.g. "412 entries, 12 tables with data, by `pg_dump` 15.8 of a server 15.8".
    pub fn words(&self) -> String {
        format!(
            "{} entries, {} with data, by pg_dump {} of a server {}",
            self.entries.len(),
            self.blocks.len(),
            first_word(&self.dump_version),
            first_word(&self.server_version)
        )
    }
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or("?")
}

/// Reads a dump to its end. A fault of the dump is `InvalidData` (or `UnexpectedEof`) with a sentence; what the source says is passed on.
/// `begun` hears of every table whose data begins.
pub fn read(dump: &mut dyn Read, begun: &mut dyn FnMut(&Entry)) -> io::Result<Contents> {
    let mut reader = Reader { dump: io::BufReader::with_capacity(256 << 10, dump), done_bytes: 0, held_bytes: 0, int_bytes: 4 };
    let mut contents = reader.contents()?;
    reader.blocks(&mut contents, begun)?;
    contents.size_bytes = reader.done_bytes;
    let lacking = contents.entries.iter().find(|entry| entry.has_data && !contents.blocks.contains_key(&entry.number));
    match lacking {
        Some(entry) => Err(damage(format!("the data of {} \"{}\" is not in it", entry.kind.to_lowercase(), entry.name))),
        None => Ok(contents),
    }
}

/// The table of contents alone, which comes first.
pub fn contents(dump: &mut dyn Read) -> io::Result<Contents> {
    Reader { dump: io::BufReader::with_capacity(256 << 10, dump), done_bytes: 0, held_bytes: 0, int_bytes: 4 }.contents()
}

/// The data of a table again: `dump` stands at its block. What is compressed within is unpacked.
pub fn data<'a>(dump: impl Read + 'a, contents: &Contents) -> io::Result<Box<dyn Read + 'a>> {
    let reader =
        Reader { dump: io::BufReader::with_capacity(256 << 10, dump), done_bytes: 0, held_bytes: 0, int_bytes: contents.int_bytes };
    let pieces = Pieces { reader, left: 0, over: false };
    Ok(match contents.packing {
        Packing::None => Box::new(pieces),
        Packing::Zlib => Box::new(flate2::read::ZlibDecoder::new(pieces)),
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::new(pieces)?),
        Packing::Lz4 => return Err(damage("its data is compressed with lz4, which is not read here")),
    })
}

/// The pieces of a block as one stream.
struct Pieces<R> {
    reader: Reader<R>,
    left: u64,
    over: bool,
}

impl<R: Read> Read for Pieces<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.over {
            self.left = self.reader.length()?;
            self.over = self.left == 0;
        }
        let length = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        self.reader.fill(&mut buffer[..length])?;
        self.left -= length as u64;
        Ok(length)
    }
}

struct Reader<R> {
    dump: io::BufReader<R>,
    done_bytes: u64,
    /// What the contents take of memory.
    held_bytes: u64,
    int_bytes: usize,
}

fn damage(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

impl<R: Read> Reader<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.dump.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                io::Error::new(io::ErrorKind::UnexpectedEof, format!("it ends after {} bytes, in the midst of something", self.done_bytes))
            }
            _ => error,
        })?;
        self.done_bytes += buffer.len() as u64;
        Ok(())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.fill(&mut byte)?;
        Ok(byte[0])
    }

    /// None at the end of the dump.
    fn byte_or_end(&mut self) -> io::Result<Option<u8>> {
        let mut byte = [0];
        loop {
            match self.dump.read(&mut byte) {
                Ok(0) => return Ok(None),
                Ok(_) => {
                    self.done_bytes += 1;
                    return Ok(Some(byte[0]));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A sign, then the bytes of the number, the lowest first.
    fn int(&mut self) -> io::Result<i64> {
        let negative = match self.byte()? {
            0 => false,
            1 => true,
            other => return Err(damage(format!("a number begins with {other}"))),
        };
        let mut bytes = [0; 8];
        let length = self.int_bytes;
        self.fill(&mut bytes[..length])?;
        let value = i64::try_from(u64::from_le_bytes(bytes)).map_err(|_| damage("a number is too large"))?;
        Ok(if negative { -value } else { value })
    }

    fn length(&mut self) -> io::Result<u64> {
        u64::try_from(self.int()?).map_err(|_| damage("a length is negative"))
    }

    /// None where the dump says none.
    fn text(&mut self) -> io::Result<Option<String>> {
        let length = self.int()?;
        let Ok(length) = u64::try_from(length) else { return Ok(None) };
        self.held_bytes = self.held_bytes.saturating_add(length).saturating_add(32);
        if self.held_bytes > CONTENTS_LIMIT_BYTES {
            return Err(damage("its table of contents is larger than any that is known"));
        }
        // Grown as it comes: a length alone reserves nothing.
        let mut bytes = Vec::new();
        let mut left = length;
        let mut buffer = [0; 4096];
        while left > 0 {
            let want = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
            self.fill(&mut buffer[..want])?;
            bytes.extend_from_slice(&buffer[..want]);
            left -= want as u64;
        }
        // Names are in the database's encoding, which may be any.
        Ok(Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())))
    }

    fn word(&mut self) -> io::Result<String> {
        Ok(self.text()?.unwrap_or_default())
    }

    fn contents(&mut self) -> io::Result<Contents> {
        let mut magic = [0; 5];
        self.fill(&mut magic)?;
        if &magic != b"PGDMP" {
            return Err(damage("it is no dump of PostgreSQL's custom format"));
        }
        let format = (self.byte()?, self.byte()?);
        let _revision = self.byte()?;
        if format.0 != 1 || !(12..=16).contains(&format.1) {
            return Err(damage(format!("its format {}.{} is not known", format.0, format.1)));
        }
        self.int_bytes = usize::from(self.byte()?);
        let offset_bytes = usize::from(self.byte()?);
        if !(1..=8).contains(&self.int_bytes) || !(1..=8).contains(&offset_bytes) {
            return Err(damage("its numbers have a size that no machine has"));
        }
        if self.byte()? != 1 {
            return Err(damage("it is of another of pg_dump's formats"));
        }
        let packing = match (format.1 >= 15).then(|| self.byte()).transpose()? {
            None if self.int()? == 0 => Packing::None,
            None | Some(1) => Packing::Zlib,
            Some(0) => Packing::None,
            Some(2) => Packing::Lz4,
            Some(3) => Packing::Zstd,
            Some(other) => return Err(damage(format!("its data is compressed in a way {other} that is not known"))),
        };
        for _ in 0..7 {
            // When it was made, in a clock without a zone: the metadata says it better.
            self.int()?;
        }
        let (database, server_version, dump_version) = (self.word()?, self.word()?, self.word()?);
        let count = self.int()?;
        if !(0..=ENTRIES_LIMIT).contains(&count) {
            return Err(damage(format!("its table of contents has {count} entries")));
        }
        let mut contents =
            Contents { format, database, server_version, dump_version, packing, int_bytes: self.int_bytes, ..Contents::default() };
        for _ in 0..count {
            let (entry, definition) = self.entry(format.1, offset_bytes)?;
            match entry.kind.as_str() {
                "ENCODING" => super::incoming::client_encoding(&definition).unwrap_or_default().clone_into(&mut contents.encoding),
                "TABLE" => contents.declared.extend(declared::table(&definition)),
                _ => {}
            }
            contents.entries.push(entry);
        }
        Ok(contents)
    }

    /// With the statement that makes it.
    fn entry(&mut self, minor: u8, offset_bytes: usize) -> io::Result<(Entry, String)> {
        let number = self.int()?;
        let has_data = self.int()? != 0;
        let _table_oid = self.text()?;
        let _oid = self.text()?;
        let (name, kind) = (self.word()?, self.word()?);
        let _section = self.int()?;
        let definition = self.word()?;
        let _drop = self.text()?;
        let (copy, schema) = (self.word()?, self.word()?);
        let _tablespace = self.text()?;
        if minor >= 14 {
            let _access_method = self.text()?;
        }
        if minor >= 16 {
            let _kind_of_relation = self.int()?;
        }
        let owner = self.word()?;
        let _with_oids = self.text()?;
        while self.text()?.is_some() {}
        let _state_of_offset = self.byte()?;
        let mut offset = [0; 8];
        self.fill(&mut offset[..offset_bytes])?;
        let grantees = if kind.ends_with("ACL") { grantees(&definition) } else { Vec::new() };
        let mut entry = Entry { number, kind, name, schema, owner, has_data, copy, grantees, definition: String::new() };
        if entry.is_of_the_database() || matches!(entry.kind.as_str(), "POLICY" | "USER MAPPING") {
            entry.definition.clone_from(&definition);
        }
        Ok((entry, definition))
    }

    fn blocks(&mut self, contents: &mut Contents, begun: &mut dyn FnMut(&Entry)) -> io::Result<()> {
        let with_data: BTreeMap<i64, usize> =
            contents.entries.iter().enumerate().filter(|(_, entry)| entry.has_data).map(|(index, entry)| (entry.number, index)).collect();
        while let Some(sort) = self.byte_or_end()? {
            let number = self.int()?;
            let Some(entry) = with_data.get(&number).map(|index| &contents.entries[*index]) else {
                return Err(damage(format!("it holds data of an entry {number} that its table of contents does not name")));
            };
            begun(entry);
            let at = self.done_bytes;
            let block = match sort {
                1 => self.table(contents.packing != Packing::None, entry)?,
                3 => self.large_objects()?,
                other => return Err(damage(format!("it holds a block of the unknown sort {other}"))),
            };
            if contents.blocks.insert(number, Block { at, ..block }).is_some() {
                return Err(damage(format!("it holds the data of entry {number} twice")));
            }
        }
        Ok(())
    }

    fn table(&mut self, compressed: bool, entry: &Entry) -> io::Result<Block> {
        let mut tail = Vec::new();
        let (mut lines, mut copied) = (0_u64, 0_u64);
        let bytes = self.chunks(&mut |chunk| {
            if !compressed {
                lines += newlines(chunk);
                copied += chunk.len() as u64;
                tail.extend_from_slice(&chunk[chunk.len().saturating_sub(END_OF_COPY.len())..]);
                let over = tail.len().saturating_sub(END_OF_COPY.len());
                tail.drain(..over);
            }
        })?;
        if compressed || entry.copy.is_empty() {
            return Ok(Block { bytes, ..Block::default() });
        }
        // Line feeds in values are written as `\n`, so every row is a line.
        if tail != END_OF_COPY {
            return Err(damage(format!("the data of table \"{}\" breaks off after {copied} bytes", entry.name)));
        }
        Ok(Block { bytes, rows: Some(lines.saturating_sub(3)), ..Block::default() })
    }

    fn large_objects(&mut self) -> io::Result<Block> {
        let mut block = Block { objects: Some(0), ..Block::default() };
        while self.int()? != 0 {
            block.bytes += self.chunks(&mut |_| ())?;
            block.objects = block.objects.map(|objects| objects + 1);
        }
        Ok(block)
    }

    /// Pieces, each after its length, until one of length 0.
    fn chunks(&mut self, take: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
        let mut total = 0;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let mut left = self.length()?;
            if left == 0 {
                return Ok(total);
            }
            total += left;
            while left > 0 {
                let want = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
                self.fill(&mut buffer[..want])?;
                take(&buffer[..want]);
                left -= want as u64;
            }
        }
    }
}

/// The roles after `TO` and `FROM` and `FOR ROLE` in the statements of an ACL, but for PUBLIC.
pub(super) fn grantees(definition: &str) -> Vec<String> {
    let mut roles = Vec::new();
    for line in definition.lines() {
        for word in [" TO ", " FROM ", " FOR ROLE ", " SET SESSION AUTHORIZATION "] {
            let Some((_, rest)) = line.rsplit_once(word) else { continue };
            let role = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split('"').next().map(str::to_owned),
                None => rest.split([';', ' ']).next().map(str::to_owned),
            };
            roles.extend(role.filter(|role| !role.is_empty() && role != "PUBLIC"));
        }
    }
    roles
}

/// The names in a list of roles: after `TO` in `CREATE POLICY name ON table FOR command TO role, … USING (…)`, after `FOR` in `CREATE USER MAPPING FOR`.
fn bound(definition: &str, word: &str) -> Vec<String> {
    // What stands before is walked through name by name: a quoted one may hold anything, and one that is such a word is quoted.
    let mut rest = definition.trim_start();
    loop {
        let Some((name, after)) = plain::identifier(rest) else { return Vec::new() };
        let is_quoted = rest.starts_with('"');
        rest = after.trim_start_matches('.').trim_start();
        match name.as_str() {
            _ if is_quoted => {}
            name if name == word => break,
            // From here on there are expressions.
            "using" | "with" => return Vec::new(),
            _ => {}
        }
    }
    let mut roles = Vec::new();
    while let Some((role, after)) = plain::identifier(rest) {
        let is_quoted = rest.starts_with('"');
        roles.extend((is_quoted || !matches!(role.as_str(), "public" | "current_user" | "session_user" | "current_role")).then_some(role));
        match after.trim_start().strip_prefix(',') {
            Some(more) => rest = more.trim_start(),
            None => break,
        }
    }
    roles
}

#[expect(clippy::naive_bytecount, reason = "it is vectorised as it stands, and a crate for it is not worth its weight")]
fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests;
