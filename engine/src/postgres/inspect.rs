//! Looking into a dump, of either form: what it holds and whether it is whole. Needs no server and no tool.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Write},
    path::Path,
    time::Duration,
};

use crossbeam_channel::{Sender, bounded};
use keepstone_model::{
    backup::{CheckName, CheckResult},
    job::Step,
    metadata::{Form, Metadata},
};

use super::{plain, snapshot::Chunks, toc};
use crate::{
    Error, Monitor, Result,
    archive::Archive,
    driver::Inside,
    proof::Checks,
    throttle::{self, Timed},
};

/// What a dump was found to hold.
#[derive(Debug, Clone)]
pub(super) struct Inspected {
    /// By the table's name in metadata; none where the dump's own compression hides them.
    pub(super) counts: Option<BTreeMap<String, u64>>,
    /// None where the form does not tell.
    pub(super) large_objects: Option<u64>,
    /// A sentence's worth.
    pub(super) words: String,
    /// Every role that a restore with its owners and rights needs.
    pub(super) roles: BTreeSet<String>,
}

/// Reads a dump to its end. `begun` hears of every table whose data begins.
pub(super) fn read(form: Form, dump: &mut dyn Read, begun: &mut dyn FnMut(String)) -> io::Result<Inspected> {
    if form == Form::Sql {
        let found = plain::read(dump, &mut |piece| {
            if let plain::Piece::Copy(statement) = piece {
                begun(statement.split_whitespace().nth(1).unwrap_or_default().to_owned());
            }
            Ok(())
        })?;
        if !found.complete {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it lacks the line that pg_dump writes last"));
        }
        let words = format!(
            "{} statements, {} tables with data, by pg_dump {} of a server {}",
            found.statements,
            found.counts.len(),
            found.dump_version,
            found.server_version
        );
        return Ok(Inspected { counts: Some(found.counts), large_objects: None, words, roles: found.roles });
    }
    let contents = toc::read(dump, &mut |entry| {
        if entry.kind == "TABLE DATA" {
            begun(super::names::shown(&entry.schema, &entry.name));
        }
    })?;
    let large_objects = Some(contents.large_objects());
    Ok(Inspected { counts: contents.counts(), large_objects, words: contents.words(), roles: contents.roles() })
}

/// The table of contents of an archive's dump.
pub(super) fn entries(archive: &Archive, monitor: &dyn Monitor) -> Result<Vec<toc::Entry>> {
    let (chunks, dump) = bounded::<Vec<u8>>(8);
    std::thread::scope(|scope| {
        // It ends when it has the contents, and with that the extraction.
        let reading = scope.spawn(move || toc::contents(&mut Chunks { source: dump, now: Vec::new(), at: 0 }));
        let mut sink = Sending(chunks);
        let extracted = archive.extract(&mut sink, Path::new("the dump"), Step::Write, monitor);
        drop(sink);
        match (reading.join(), extracted) {
            (Ok(Ok(contents)), _) => Ok(contents.entries),
            (_, Err(error)) => Err(error),
            (Ok(Err(error)), Ok(())) => Err(Error::ArchiveCorrupt { path: archive.path().to_owned(), detail: error.to_string() }),
            (Err(_), Ok(())) => Err(Error::Internal("a thread panicked".to_owned())),
        }
    })
}

/// Streams a dump through a reader on another thread, to its last byte whatever the reader finds, and says how long that worked. None: the reader
/// panicked.
fn reading<T: Send>(
    extract: &mut dyn FnMut(&mut (dyn Write + Send), &Path) -> Result<()>,
    monitor: &dyn Monitor,
    read: impl FnOnce(&mut Timed<'_, Chunks>) -> T + Send,
) -> (Result<()>, Option<(T, Duration)>) {
    let (chunks, dump) = bounded::<Vec<u8>>(8);
    std::thread::scope(|scope| {
        let clock = throttle::clock(monitor);
        let reading = scope.spawn(move || {
            let (began, waited) = (clock.now(), Cell::default());
            let mut dump = Timed::new(Chunks { source: dump, now: Vec::new(), at: 0 }, &*clock, &waited);
            let found = read(&mut dump);
            let took = clock.now().saturating_sub(began).saturating_sub(waited.get());
            // The bytes are all to be hashed, whatever they are.
            drop(io::copy(&mut dump, &mut io::sink()));
            (found, took)
        });
        let mut sink = Sending(chunks);
        let extracted = extract(&mut sink, Path::new("the dump"));
        drop(sink);
        (extracted, reading.join().ok())
    })
}

/// A dump that is looked into while it is read back.
#[derive(Debug)]
pub(super) struct Look<'a> {
    pub(super) metadata: &'a Metadata,
    pub(super) form: Form,
    /// And how long that took.
    pub(super) found: Option<(io::Result<Inspected>, Duration)>,
}

impl Inside for Look<'_> {
    fn take(&mut self, extract: &mut dyn FnMut(&mut (dyn Write + Send), &Path) -> Result<()>, monitor: &dyn Monitor) -> Result<()> {
        let form = self.form;
        let (extracted, found) = reading(extract, monitor, |dump| read(form, dump, &mut |_| ()));
        self.found = found;
        extracted
    }

    fn look(&mut self, checks: &mut Checks, _: Step, _: &dyn Monitor) -> Result<()> {
        let (found, took) = self.found.take().ok_or_else(|| Error::Internal("a dump was not read".to_owned()))?;
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                checks.took(CheckName::DumpContents, CheckResult::Failed, error.to_string(), took);
                return Ok(());
            }
        };
        checks.took(CheckName::DumpContents, CheckResult::Passed, found.words, took);
        match found.counts {
            // One reading is both.
            Some(counts) => checks.add_counts(Ok(of_backup(counts, self.metadata)), self.metadata, took),
            None => checks.add(
                CheckName::RowCounts,
                CheckResult::NotApplicable,
                "the dump is compressed within, so its rows are not counted here",
            ),
        }
        Ok(())
    }
}

/// Only the tables that were counted: extensions have tables of their own, of which a dump holds what was added.
pub(super) fn of_backup(mut counts: BTreeMap<String, u64>, metadata: &Metadata) -> BTreeMap<String, u64> {
    counts.retain(|table, _| metadata.table_counts.contains_key(table));
    counts
}

/// What is written goes to another thread.
struct Sending(Sender<Vec<u8>>);

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map_err(|_| io::Error::other("the reader of the dump ended early"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
