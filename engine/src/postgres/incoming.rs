//! A dump that another system made: what it holds, as far as a dump tells, and its way into an archive. Needs no server.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::Path,
};

use keepstone_model::{
    coverage::{LeftOut, Rows, TablePattern},
    job::Step,
    metadata::{Form, PostgresSource, Source, Table},
};

use super::{
    declared::{self, Declared},
    names,
    plain::{self, Piece},
    toc,
    tools::Version,
};
use crate::{
    Error, Monitor, Result,
    image::{ImageFacts, ImageSink, stream_file},
};

/// Looks through a dump from its first byte to its last. A fault of the dump is `InvalidData` or `UnexpectedEof` with a sentence.
pub(crate) fn look(form: Form, dump: &Path) -> io::Result<ImageFacts> {
    let mut file = File::open(dump)?;
    let size_bytes = file.metadata()?.len();
    let found = if form == Form::Sql { script(&mut file)? } else { custom(&mut file)? };
    let Found { declared, mut counts, database, server_version, client_version, encoding, roles, large_objects, left_out } = found;
    counts.extend(left_out.iter().flat_map(|left_out| &left_out.tables).map(|table| (table.clone(), 0)));
    let declared: BTreeMap<String, Declared> = declared.into_iter().map(|table| (table.name.clone(), table)).collect();
    let table = |(name, row_count): (String, u64)| {
        let columns = declared.get(&name).map(Declared::as_metadata).unwrap_or_default();
        (name, Table { columns, row_count })
    };
    let version = |text: &str| Version::of_words(&format!("(PostgreSQL) {text}"));
    let postgres = PostgresSource {
        database,
        server_version_num: version(&server_version).map(|version| version.major * 10_000 + version.minor).unwrap_or_default(),
        server_version: first_word(&server_version),
        client_version: first_word(&client_version),
        roles,
        large_objects,
        ..PostgresSource::default()
    };
    Ok(ImageFacts {
        size_bytes,
        source: Source { encoding, method: "import".to_owned(), postgres: Some(postgres), ..Source::default() },
        schema: counts.into_iter().map(table).collect(),
        schema_version: 0,
        migration_version: None,
        suspect: None,
        left_out,
        globals: None,
    })
}

/// Streams such a dump as if it were a snapshot of `origin`.
pub(crate) fn stream(
    facts: &ImageFacts,
    dump: &Path,
    origin: &Path,
    sink: &mut dyn ImageSink,
    monitor: &dyn Monitor,
) -> Result<ImageFacts> {
    let size_bytes = stream_file(dump, Step::Snapshot, sink, monitor)?;
    if size_bytes != facts.size_bytes {
        return Err(Error::Internal("an unpacked dump changed its length".to_owned()));
    }
    let mut facts = facts.clone();
    facts.source.location = origin.display().to_string();
    Ok(facts)
}

#[derive(Default)]
struct Found {
    declared: Vec<Declared>,
    /// Of the tables whose rows can be counted.
    counts: BTreeMap<String, u64>,
    database: String,
    server_version: String,
    client_version: String,
    encoding: String,
    roles: Vec<String>,
    large_objects: u64,
    /// Where a dump makes tables and says nothing of their rows: it was told to leave them out.
    left_out: Option<LeftOut>,
}

/// What was left out of a dump that says so.
fn left_out(tables: Vec<String>, all: bool) -> Option<LeftOut> {
    if tables.is_empty() {
        return None;
    }
    let patterns = || tables.iter().filter_map(|table| TablePattern::new(table).ok()).collect();
    let rows = if all { Rows::None } else { Rows::Except(patterns()) };
    Some(LeftOut { large_objects: all, rows, tables, references: Vec::new() })
}

fn script(file: &mut File) -> io::Result<Found> {
    let mut declared = Vec::new();
    let mut encoding = "UTF8".to_owned();
    let found = plain::read(file, &mut |piece| {
        if let Piece::Statement(statement) = piece {
            declared.extend(declared::table(statement));
            if let Some(set) = client_encoding(statement) {
                set.clone_into(&mut encoding);
            }
        }
        Ok(())
    })?;
    if !found.complete {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "it lacks the line that pg_dump writes last: it was cut, or another tool made it",
        ));
    }
    if !matches!(encoding.as_str(), "UTF8" | "SQL_ASCII") {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("its text is in {encoding}, and a script is taken in UTF8 only")));
    }
    // Rows of INSERT statements are not counted, and none is better than half of them.
    let counts = if found.inserts > 0 { BTreeMap::new() } else { found.counts };
    Ok(Found {
        declared,
        counts,
        server_version: found.server_version,
        client_version: found.dump_version,
        encoding,
        roles: found.roles.into_iter().collect(),
        ..Found::default()
    })
}

fn custom(file: &mut File) -> io::Result<Found> {
    let contents = toc::read(file, &mut |_| ())?;
    let counts = match contents.counts() {
        Some(counts) => counts,
        None => counted(file, &contents)?,
    };
    let with_data: BTreeSet<String> =
        contents.entries.iter().filter(|entry| entry.kind == "TABLE DATA").map(|entry| names::shown(&entry.schema, &entry.name)).collect();
    // Also of a table without a row there is such an entry.
    let lacks = |table: &&Declared| !table.partitioned && !with_data.contains(&table.name);
    Ok(Found {
        left_out: left_out(contents.declared.iter().filter(lacks).map(|table| table.name.clone()).collect(), with_data.is_empty()),
        counts,
        roles: contents.roles().into_iter().collect(),
        large_objects: contents.large_objects(),
        declared: contents.declared,
        database: contents.database,
        server_version: contents.server_version,
        client_version: contents.dump_version,
        encoding: if contents.encoding.is_empty() { "UTF8".to_owned() } else { contents.encoding },
    })
}

/// The rows of what is compressed within, read once more. None where one brings them by INSERT, or in a way that is not read here.
fn counted(file: &mut File, contents: &toc::Contents) -> io::Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    for entry in contents.entries.iter().filter(|entry| entry.kind == "TABLE DATA") {
        let Some(block) = contents.blocks.get(&entry.number) else { continue };
        if entry.copy.is_empty() || contents.packing == toc::Packing::Lz4 {
            return Ok(BTreeMap::new());
        }
        file.seek(SeekFrom::Start(block.at))?;
        let (mut data, mut line, mut rows) = (BufReader::with_capacity(256 << 10, toc::data(&mut *file, contents)?), Vec::new(), 0);
        loop {
            line.clear();
            if data.read_until(b'\n', &mut line)? == 0 {
                let what = format!("the data of table \"{}\" breaks off", entry.name);
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
            }
            if line == b"\\.\n" {
                break;
            }
            rows += 1;
        }
        counts.insert(names::shown(&entry.schema, &entry.name), rows);
    }
    Ok(counts)
}

/// What `SET client_encoding = '…'` sets.
pub(super) fn client_encoding(statement: &str) -> Option<&str> {
    let rest = statement.trim_start().strip_prefix("SET client_encoding")?.trim_start();
    let rest = rest.strip_prefix('=').or_else(|| rest.strip_prefix("TO "))?.trim();
    Some(rest.trim_end_matches(';').trim_matches('\''))
}

fn first_word(text: &str) -> String {
    text.split_whitespace().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_read_as_pg_dump_writes_it() {
        for (statement, encoding) in
            [("SET client_encoding = 'UTF8'", Some("UTF8")), ("SET client_encoding TO 'LATIN1';", Some("LATIN1")), ("SET x = 'UTF8'", None)]
        {
            assert_eq!(client_encoding(statement), encoding);
        }
    }
}
