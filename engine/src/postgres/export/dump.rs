//! The export of a backup: its dump is unpacked into a scratch file, checked by its hashes on the way, and read there.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use keepstone_model::{
    id::BackupId,
    job::Step,
    metadata::{Column, Form, Metadata},
};

use super::{
    Known, chosen, pass,
    rows::{self, End},
    unreadable,
};
use crate::{
    Error, Monitor, Result, Vault,
    archive::Archive,
    export::{
        Asked, Exported, Sink, archive_of,
        table::Table,
        unpacked, write,
        writing::{Rows, Value, Writing},
    },
    jobs::Workplace,
    postgres::{
        child::{Child, Tool},
        fault::Fault,
        plain::{self, Copied},
        plan, snapshot, toc,
        tools::Version,
    },
};

pub(super) fn export(vault: &Vault, id: &BackupId, asked: &Asked<'_>, sink: &mut Sink<'_>, monitor: &dyn Monitor) -> Result<Exported> {
    let archive = archive_of(vault, id)?;
    let workplace = Workplace::begin(vault)?;
    let path = unpacked(&archive, &workplace, monitor)?;
    let dump = Dump::read(&path, &archive)?;
    let chosen = chosen(&dump.known, asked)?;
    let tables: Vec<Table> = chosen.into_iter().map(|(_, table)| table).collect();
    monitor.step(Step::Export);
    let writing = Writing::new(&dump, asked, archive.metadata().created_at, tables.clone(), monitor);
    write(&writing, asked, sink, &|writing, out| {
        let whole = asked.tables.is_empty();
        if archive.form() == Form::Sql {
            let mut script = File::open(&path).map_err(|error| Error::io(&path, error))?;
            return pass(&mut script, whole, writing, &tables, out);
        }
        dump.as_script(vault, archive.metadata(), workplace.path(), &mut |script| pass(script, whole, writing, &tables, out))
    })?;
    Ok(writing.finish())
}

/// A dump, and where the rows of its tables are.
struct Dump {
    path: PathBuf,
    known: Vec<Known>,
    /// In the order of `known`.
    at: Vec<u64>,
    /// Of the custom format.
    contents: Option<toc::Contents>,
}

impl Dump {
    fn read(path: &Path, archive: &Archive) -> Result<Self> {
        let mut file = File::open(path).map_err(|error| Error::io(path, error))?;
        let metadata = archive.metadata();
        let mut dump = Self { path: path.to_owned(), known: Vec::new(), at: Vec::new(), contents: None };
        let mut copies: Vec<(Copied, u64)> = Vec::new();
        let not_understood = || unreadable(io::Error::new(io::ErrorKind::InvalidData, "the name of a table is not understood"));
        if archive.form() == Form::Sql {
            let found = plain::read(&mut file, &mut |_| Ok(())).map_err(unreadable)?;
            // What is left out is taken out of the data of COPY, where it is a column.
            if found.inserts > 0 {
                return Err(Fault::NotReadable { detail: "they are INSERT statements".to_owned() }.into());
            }
            for block in &found.blocks {
                copies.push((plain::copied(&block.statement).ok_or_else(not_understood)?, block.at));
            }
        } else {
            // A dump is in its database's encoding, and nothing here makes it another.
            let encoding = &metadata.source.encoding;
            if !matches!(encoding.as_str(), "" | "UTF8" | "SQL_ASCII") {
                return Err(Fault::NotReadable { detail: format!("they are in {encoding}") }.into());
            }
            let contents = toc::read(&mut file, &mut |_| ()).map_err(unreadable)?;
            for entry in contents.entries.iter().filter(|entry| entry.kind == "TABLE DATA") {
                if entry.has_data && entry.copy.is_empty() {
                    return Err(Fault::NotReadable { detail: "they are INSERT statements".to_owned() }.into());
                }
                if let Some(block) = contents.blocks.get(&entry.number) {
                    let copied = plain::copied(&entry.copy).ok_or_else(not_understood)?;
                    copies.push((Copied { schema: entry.schema.clone(), table: entry.name.clone(), ..copied }, block.at));
                }
            }
            dump.contents = Some(contents);
        }
        for (copied, at) in copies {
            let known = known(copied, metadata);
            // Extensions have tables of their own.
            if metadata.table_counts.is_empty() || metadata.table_counts.contains_key(&known.name()) {
                dump.known.push(known);
                dump.at.push(at);
            }
        }
        Ok(dump)
    }

    /// Gives `take` a dump of the custom format as the script that `pg_restore` makes of it; no server takes part.
    fn as_script(
        &self,
        vault: &Vault,
        metadata: &Metadata,
        staging: &Path,
        take: &mut dyn FnMut(&mut dyn Read) -> Result<()>,
    ) -> Result<()> {
        let environment = vault.surroundings().get();
        let client = plan::client(&environment, metadata, Version { major: 0, minor: 0 })?;
        let tool = Tool { client: &client, name: "pg_restore", location: None, staging, home: environment.home.as_deref() };
        let mut arguments: Vec<OsString> = ["--file=-", "--no-owner", "--no-acl"].map(OsString::from).to_vec();
        arguments.push(self.path.clone().into());
        let mut child = Child::start(&tool, &arguments, false)?;
        let mut script = child.stdout()?;
        let taken = take(&mut script);
        drop(script);
        if taken.is_err() {
            child.stop();
        }
        match (taken, child.end()?) {
            (Ok(()), Ok(())) => Ok(()),
            (Ok(()), Err(detail)) => Err(snapshot::of_child(detail, "pg_restore").into()),
            (Err(error), _) => Err(error),
        }
    }
}

fn known(copied: Copied, metadata: &Metadata) -> Known {
    let Copied { schema, table, columns } = copied;
    let declared = metadata.schema.get(&super::names::shown(&schema, &table));
    let declared: BTreeMap<&str, &str> =
        declared.into_iter().flat_map(|table| &table.columns).map(|column| (column.name.as_str(), column.declared_type.as_str())).collect();
    let column = |name: String| Column { declared_type: declared.get(name.as_str()).copied().unwrap_or_default().to_owned(), name };
    Known { schema, table, columns: columns.into_iter().map(column).collect() }
}

impl Rows for Dump {
    fn each(&self, table: &Table, writing: &Writing<'_>, take: &mut dyn FnMut(&[Value<'_>]) -> Result<()>) -> Result<Option<u64>> {
        let found = self.known.iter().zip(&self.at).find(|(known, _)| known.name() == table.name);
        let (known, at) = found.ok_or_else(|| Error::UnknownTable { name: table.name.clone() })?;
        let mut file = File::open(&self.path).map_err(|error| Error::io(&self.path, error))?;
        file.seek(SeekFrom::Start(*at)).map_err(|error| Error::io(&self.path, error))?;
        let data: Box<dyn Read> = match &self.contents {
            Some(contents) => toc::data(file, contents).map_err(unreadable)?,
            None => Box::new(file),
        };
        let wanted = table.columns.iter().map(|column| !column.left_out).collect();
        let mut rows = rows::Rows::new(&known.columns, wanted);
        rows.each(&mut BufReader::with_capacity(64 << 10, data), End::Mark, &unreadable, &mut |values, bytes| {
            take(values)?;
            writing.advance(bytes)
        })
        .map(Some)
    }
}
