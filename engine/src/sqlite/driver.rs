//! SQLite as the verbs see it: each of them calls what stands in the files beside this one.

use std::{
    collections::BTreeMap,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use keepstone_model::{
    backup::{Check, CheckName, CheckResult},
    database::Database,
    human,
    job::Step,
    metadata::{Form, Metadata, Table},
    restore::{RestorePlan, Target},
};

use super::{
    BUSY_WAIT, committed,
    inspect::ImageReport,
    live::live_state,
    location::path_of,
    open,
    scratch::Scratch,
    second_look::inspect_written,
    snapshot::{SnapshotOptions, snapshot},
};
use crate::{
    Error, Monitor, Result, Vault,
    archive::Archive,
    driver::{Driver, ImageOptions, Inside, Source},
    durable,
    export::{self, Asked, Exported, Sink},
    image::{ImageFacts, ImageSink, RestoreHasher},
    jobs::{Running, random},
    location::Location,
    postgres::Environment,
    proof::{Checks, verdict},
    restore::{self, Goal, Mark, RestoreReport},
    throttle::Stopwatch,
};

/// Left free beside a scratch copy, so that a check never fills the disk.
const SCRATCH_MARGIN_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct Sqlite;

impl Sqlite {
    fn options<'a>(source: &Source<'a>) -> SnapshotOptions<'a> {
        SnapshotOptions { spool_dir: source.staging, busy_wait: BUSY_WAIT, limits: source.database.snapshot }
    }
}

impl Driver for Sqlite {
    fn probe_new(&self, location: &Location, _: &Environment, wait: Duration) -> Result<()> {
        let Location::Sqlite(path) = location else { return Err(Error::Internal("a location of another engine".to_owned())) };
        open::probe(path, wait).map(drop)
    }

    fn probe(&self, _: &Vault, database: &Database, wait: Duration) -> Result<String> {
        let source = open::probe(&path_of(&database.location)?, wait)?;
        Ok(format!("{}, journal mode {}", human::bytes(source.page_count * u64::from(source.page_size)), source.journal_mode))
    }

    fn keep_admin(&self, _: &Vault, _: &Database, _: Option<&str>) -> Result<()> {
        Err(Error::Unsupported { what: "another user for restores of SQLite".to_owned() })
    }

    fn was_committed(&self, _: &Vault, database: &Database, mark: Mark) -> Result<bool> {
        match mark {
            Mark::Cookie(cookie) => committed::was_committed(&path_of(&database.location)?, cookie),
            Mark::Transaction(_) | Mark::Named(_) => Err(Error::Internal("the mark of a restore of another engine".to_owned())),
        }
    }

    fn test_restore(&self, running: &Running<'_>, database: &Database, archive: &Archive, monitor: &dyn Monitor) -> Result<Check> {
        restore::test_restore_sqlite(&running.staging, database, archive, monitor)
    }

    fn file(&self, database: &Database) -> Result<Option<PathBuf>> {
        path_of(&database.location).map(Some)
    }

    fn form(&self, _: &ImageOptions) -> Form {
        Form::Sqlite
    }

    fn snapshot(&self, source: &Source<'_>, _: &ImageOptions, sink: &mut dyn ImageSink, monitor: &dyn Monitor) -> Result<ImageFacts> {
        snapshot(&path_of(&source.database.location)?, &Self::options(source), sink, monitor)
    }

    /// Reads the database once, through SQLite, as a snapshot does; writes nothing.
    fn equals(&self, source: &Source<'_>, archive: &Archive, monitor: &dyn Monitor) -> Result<bool> {
        let (expected_bytes, expected_hash) = (archive.metadata().original_size, &archive.metadata().restore_hash);
        let mut sink = Compare { expected_bytes, other_size: false, hasher: RestoreHasher::default() };
        match snapshot(&path_of(&source.database.location)?, &Self::options(source), &mut sink, monitor) {
            Ok(facts) if facts.suspect.is_some() => Ok(false),
            Ok(_) => Ok(!expected_hash.is_empty() && sink.hasher.finish() == *expected_hash),
            Err(_) if sink.other_size => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn tables(&self, _: &Vault, database: &Database) -> Result<BTreeMap<String, Table>> {
        Ok(live_state(&path_of(&database.location)?, BUSY_WAIT)?.schema)
    }

    fn export(&self, vault: &Vault, asked: &Asked<'_>, sink: &mut Sink<'_>, monitor: &dyn Monitor) -> Result<Exported> {
        export::sqlite::export(vault, asked, sink, monitor)
    }

    fn inner_checks(&self) -> &'static [CheckName] {
        &[CheckName::SqliteIntegrityCheck, CheckName::ForeignKeyCheck, CheckName::RowCounts]
    }

    fn inside<'a>(&self, metadata: &'a Metadata, _: Form, scratch_dir: &'a Path) -> Result<Result<Box<dyn Inside + 'a>, String>> {
        if durable::free_bytes(scratch_dir)? < metadata.original_size.saturating_add(SCRATCH_MARGIN_BYTES) {
            return Ok(Err(format!("no space for a scratch copy of {}", human::bytes(metadata.original_size))));
        }
        Ok(Ok(Box::new(Opened { folder: scratch_dir, copy: None, metadata })))
    }

    fn plan(
        &self,
        vault: &Vault,
        database: &Database,
        metadata: Option<&Metadata>,
        target: &Target,
        _: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Goal> {
        match (target, metadata) {
            (Target::Replace, Some(metadata)) => restore::plan_replace_sqlite(vault, database, metadata, warnings),
            (Target::InPlace, _) => Err(Error::Unsupported {
                what: "--in-place for SQLite, whose --replace writes the pages that differ in one transaction".to_owned(),
            }),
            _ => Err(Error::Unsupported { what: "restoring a backup of SQLite into a server".to_owned() }),
        }
    }

    fn restore(
        &self,
        running: &Running<'_>,
        plan: &RestorePlan,
        database: &Database,
        verify: bool,
        actor: &str,
        monitor: &dyn Monitor,
    ) -> Result<RestoreReport> {
        restore::replace_sqlite(running, plan, database, verify, actor, monitor)
    }
}

/// Hashes an image as a restore compares it; one of another size is not read at all.
struct Compare {
    expected_bytes: u64,
    other_size: bool,
    hasher: RestoreHasher,
}

impl ImageSink for Compare {
    fn begin(&mut self, size_bytes: u64) -> Result<()> {
        self.other_size = size_bytes != self.expected_bytes;
        if self.other_size { Err(Error::Internal("the image has another size than the backup".to_owned())) } else { Ok(()) }
    }

    fn write(&mut self, pages: &[u8]) -> Result<()> {
        self.hasher.update(pages);
        Ok(())
    }
}

/// A scratch copy that is opened and looked into; gone when this is, whatever happens. The folder may be one that others use, `/tmp` say: the copy
/// has a name of its own there, and no file that this did not make is ever opened or removed.
struct Opened<'a> {
    folder: &'a Path,
    copy: Option<Scratch>,
    metadata: &'a Metadata,
}

impl Opened<'_> {
    fn copy(&self) -> Result<&Path> {
        let copy = self.copy.as_ref().ok_or_else(|| Error::Internal("a copy that was not made is looked into".to_owned()))?;
        Ok(copy.path())
    }
}

impl Inside for Opened<'_> {
    fn take(&mut self, extract: &mut dyn FnMut(&mut (dyn Write + Send), &Path) -> Result<()>, _: &dyn Monitor) -> Result<()> {
        let (copy, file) = Scratch::create(self.folder, &format!("keepstone-{:08x}.sqlite", random()))?;
        let copy = self.copy.insert(copy);
        let mut sink = BufWriter::with_capacity(1 << 17, file);
        extract(&mut sink, copy.path())?;
        sink.flush().map_err(|error| Error::io(copy.path(), error))
    }

    fn look(&mut self, checks: &mut Checks, step: Step, monitor: &dyn Monitor) -> Result<()> {
        let metadata = self.metadata;
        let stopwatch = Stopwatch::begin(monitor);
        let report = match inspect_written(self.copy()?, &metadata.backup_hash, &metadata.table_counts, step, monitor) {
            Ok(report) => report,
            Err(error) => {
                let (result, detail) = verdict(error)?;
                checks.took(CheckName::SqliteIntegrityCheck, result, detail, stopwatch.worked());
                return Ok(());
            }
        };
        let took = report.took;
        match &report.integrity {
            Ok(()) => checks.took(CheckName::SqliteIntegrityCheck, CheckResult::Passed, remarked(&report), took.integrity),
            Err(damage) => checks.took(CheckName::SqliteIntegrityCheck, CheckResult::Failed, damage.clone(), took.integrity),
        }
        let (result, detail) = match &report.foreign_keys {
            Ok(()) => (CheckResult::Passed, String::new()),
            // The bytes are the source's, so the source has them too: SQLite enforces foreign keys only where the application asks for it.
            Err(violations) => (CheckResult::NotApplicable, format!("as in the source: {violations}")),
        };
        checks.took(CheckName::ForeignKeyCheck, result, detail, took.foreign_keys);
        checks.add_counts(counts(&report), metadata, took.counts);
        Ok(())
    }
}

/// What is told beside a check that passed; nothing where there is nothing to tell.
fn remarked(report: &ImageReport) -> String {
    let told = |what: &str, lines: &[String]| match lines {
        [] => None,
        [only] => Some(format!("{what}: {only}")),
        [first, rest @ ..] => Some(format!("{what}: {first}; and {} more", rest.len())),
    };
    let as_left = told("as the application left it", &report.remarks);
    let unseen = told("could not be examined, as only the application knows how", &report.not_examined);
    as_left.into_iter().chain(unseen).collect::<Vec<_>>().join("; ")
}

fn counts(report: &ImageReport) -> Result<BTreeMap<String, u64>, String> {
    match &report.schema {
        Ok(schema) => Ok(schema.iter().map(|(name, table)| (name.clone(), table.row_count)).collect()),
        Err(detail) => Err(format!("the schema cannot be read: {detail}")),
    }
}
