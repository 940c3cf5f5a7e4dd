//! Proving an archive: every check of it, in order, each with its result and time. Needs no vault; what becomes of the proof is the caller's.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Check, CheckName, CheckResult, Proof},
    database::Engine,
    human,
    job::Step,
    metadata::{Compression, Metadata},
};

use crate::{
    Error, Monitor, Result,
    archive::Archive,
    durable,
    jobs::ignore_missing,
    keys::Passwords,
    sqlite::inspect::{ImageReport, inspect_image},
};

/// Left free beside a scratch copy, so that a check never fills the disk.
const SCRATCH_MARGIN_BYTES: u64 = 64 * 1024 * 1024;

/// How much is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The stored bytes: hashes, decompression.
    Stored,
    /// And what is in them: a scratch copy is opened and looked into.
    Opened,
}

/// Checks an archive from its stored bytes to its rows. A check that fails is in the proof; an error is what kept the checks from being made
/// at all (cancelled, say).
/// An archive that none of the passwords opens is checked as far as its stored bytes.
pub(crate) fn prove(
    path: &Path,
    passwords: &Passwords,
    scratch_dir: &Path,
    depth: Depth,
    step: Step,
    monitor: &dyn Monitor,
) -> Result<(Option<Metadata>, Proof)> {
    let mut checks = Checks::default();
    let opened = checks.run(CheckName::FileExistence, || match Archive::open(path) {
        Ok(archive) => Ok((CheckResult::Passed, human::bytes(archive.size_bytes()), Some(archive))),
        Err(error) => verdict(error).map(|(result, detail)| (result, detail, None)),
    })?;
    let Some(mut archive) = opened else { return Ok((None, checks.proof())) };
    let begun = Instant::now();
    if let Err(error) = archive.unlock(passwords) {
        return locked(checks, &archive, error, begun, step, monitor);
    }
    let metadata = archive.metadata().clone();

    let scratch = Scratch { path: scratch_dir.join("scratch.sqlite") };
    let enough = durable::free_bytes(scratch_dir)? >= metadata.original_size.saturating_add(SCRATCH_MARGIN_BYTES);
    let copy = depth == Depth::Opened && enough;
    let whole = read_back(&mut checks, &archive, copy.then_some(&scratch), step, monitor)?;
    if !whole || depth == Depth::Stored || metadata.engine != Engine::Sqlite {
        return Ok((Some(metadata), checks.proof()));
    }
    if !copy {
        let detail = format!("no space for a scratch copy of {}", human::bytes(metadata.original_size));
        for name in [CheckName::SqliteIntegrityCheck, CheckName::ForeignKeyCheck, CheckName::RowCounts] {
            checks.add(name, CheckResult::CouldNotRun, &detail);
        }
        return Ok((Some(metadata), checks.proof()));
    }
    look_inside(&mut checks, &scratch.path, &metadata, monitor)?;
    Ok((Some(metadata), checks.proof()))
}

/// The checks of an archive that was not unlocked: its stored bytes are looked at all the same. A wrong password is no damage, so that check
/// could not run; metadata that was changed is.
fn locked(
    mut checks: Checks,
    archive: &Archive,
    error: Error,
    begun: Instant,
    step: Step,
    monitor: &dyn Monitor,
) -> Result<(Option<Metadata>, Proof)> {
    let (result, detail) = verdict(error)?;
    check_stored(&mut checks, archive, step, monitor)?;
    checks.took(CheckName::DecryptionTest, result, detail, begun);
    if result == CheckResult::CouldNotRun {
        for name in [CheckName::DecompressionTest, CheckName::SqliteIntegrityCheck, CheckName::ForeignKeyCheck, CheckName::RowCounts] {
            checks.add(name, CheckResult::CouldNotRun, "it is encrypted and no known password opens it");
        }
    }
    Ok((Some(archive.metadata().clone()), checks.proof()))
}

fn check_stored(checks: &mut Checks, archive: &Archive, step: Step, monitor: &dyn Monitor) -> Result<bool> {
    checks.run(CheckName::ChecksumValidation, || match archive.check_payload(step, monitor) {
        Ok(()) => Ok((CheckResult::Passed, format!("SHA-256 {}", archive.metadata().payload_hash), true)),
        Err(error) => verdict(error).map(|(result, detail)| (result, detail, false)),
    })
}

/// Reads the payload once: extraction compares every hash on its way. Only where it fails the stored bytes are read again by themselves, to
/// tell damage of the disk from a payload that was written wrong.
fn read_back(checks: &mut Checks, archive: &Archive, scratch: Option<&Scratch>, step: Step, monitor: &dyn Monitor) -> Result<bool> {
    let metadata = archive.metadata();
    let encrypted = metadata.encrypted;
    let decrypted = |checks: &mut Checks| {
        if encrypted {
            checks.add(CheckName::DecryptionTest, CheckResult::Passed, "every chunk fits its tag");
        } else {
            checks.add(CheckName::DecryptionTest, CheckResult::NotApplicable, "the archive is not encrypted");
        }
    };
    let begun = Instant::now();
    let Err(fault) = decompress(archive, scratch, step, monitor) else {
        checks.add(CheckName::ChecksumValidation, CheckResult::Passed, &format!("SHA-256 {}", metadata.payload_hash));
        decrypted(checks);
        let (result, detail) = match metadata.compression {
            Compression::None => (CheckResult::NotApplicable, "stored without compression; the bytes are the database's".to_owned()),
            _ => (CheckResult::Passed, format!("{} as they were read", human::bytes(metadata.original_size))),
        };
        checks.took(CheckName::DecompressionTest, result, detail, begun);
        return Ok(true);
    };
    let (result, detail) = verdict(fault)?;
    let stored = check_stored(checks, archive, step, monitor)?;
    if !encrypted {
        decrypted(checks);
    }
    if stored {
        // The stored bytes are the ones that were written: what was written is wrong.
        let name = if encrypted { CheckName::DecryptionTest } else { CheckName::DecompressionTest };
        checks.took(name, result, detail, begun);
    }
    Ok(false)
}

fn look_inside(checks: &mut Checks, image: &Path, metadata: &Metadata, monitor: &dyn Monitor) -> Result<()> {
    let report = checks.run(CheckName::SqliteIntegrityCheck, || match inspect_image(image, monitor) {
        Ok(report) => {
            let (result, detail) = match &report.integrity {
                Ok(()) => (CheckResult::Passed, String::new()),
                Err(damage) => (CheckResult::Failed, damage.clone()),
            };
            Ok((result, detail, Some(report)))
        }
        Err(error) => verdict(error).map(|(result, detail)| (result, detail, None)),
    })?;
    let Some(report) = report else { return Ok(()) };
    match &report.foreign_keys {
        Ok(()) => checks.add(CheckName::ForeignKeyCheck, CheckResult::Passed, ""),
        // The bytes are the source's, so the source has them too: SQLite enforces foreign keys only where the application asks for it.
        Err(violations) => checks.add(CheckName::ForeignKeyCheck, CheckResult::NotApplicable, &format!("as in the source: {violations}")),
    }
    let (result, detail) = compare_counts(&report, metadata);
    checks.add(CheckName::RowCounts, result, &detail);
    Ok(())
}

/// The rows of the copy against those that were counted in the snapshot's own transaction.
fn compare_counts(report: &ImageReport, metadata: &Metadata) -> (CheckResult, String) {
    let schema = match &report.schema {
        Ok(schema) => schema,
        Err(detail) => return (CheckResult::Failed, format!("the schema cannot be read: {detail}")),
    };
    let names: std::collections::BTreeSet<&String> = schema.keys().chain(metadata.table_counts.keys()).collect();
    let differing: Vec<String> = names
        .into_iter()
        .filter_map(|name| {
            let (found, counted) = (schema.get(name).map(|table| table.row_count), metadata.table_counts.get(name).copied());
            let said = |count: Option<u64>| count.map_or("no such table".to_owned(), |count| format!("{count} rows"));
            (found != counted).then(|| format!("{name}: {}, at the backup {}", said(found), said(counted)))
        })
        .collect();
    if differing.is_empty() {
        (CheckResult::Passed, format!("{} rows in {} tables", metadata.total_records, metadata.table_counts.len()))
    } else {
        (CheckResult::Failed, differing.join("; "))
    }
}

fn decompress(archive: &Archive, scratch: Option<&Scratch>, step: Step, monitor: &dyn Monitor) -> Result<()> {
    let Some(scratch) = scratch else {
        return archive.extract(&mut io::sink(), archive.path(), step, monitor);
    };
    fs::remove_file(&scratch.path).or_else(ignore_missing).map_err(|error| Error::io(&scratch.path, error))?;
    let file = create_private(&scratch.path)?;
    let mut sink = BufWriter::with_capacity(1 << 20, file);
    archive.extract(&mut sink, &scratch.path, step, monitor)?;
    sink.flush().map_err(|error| Error::io(&scratch.path, error))
}

/// A new file that only this user may read.
pub(crate) fn create_private(path: &Path) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| Error::io(path, error))
}

/// What a fault means for a check: damage fails it, trouble of the machine keeps it from being made, a wish to cancel ends everything.
fn verdict(error: Error) -> Result<(CheckResult, String)> {
    match error {
        Error::CancelledHere | Error::Cancelled { .. } => Err(error),
        Error::ArchiveMissing { .. }
        | Error::ArchiveCorrupt { .. }
        | Error::NotADatabase { .. }
        | Error::SourceFormat { .. }
        | Error::SourceCorrupt { .. } => Ok((CheckResult::Failed, error.to_string())),
        other => Ok((CheckResult::CouldNotRun, other.to_string())),
    }
}

/// A scratch copy; gone when this is, whatever happens.
struct Scratch {
    path: PathBuf,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for suffix in ["", "-journal", "-wal", "-shm"] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            if let Err(error) = fs::remove_file(&path).or_else(ignore_missing) {
                tracing::warn!(path = %path.display(), %error, "a scratch copy could not be removed");
            }
        }
    }
}

#[derive(Default)]
struct Checks(Vec<Check>);

impl Checks {
    fn run<T>(&mut self, name: CheckName, check: impl FnOnce() -> Result<(CheckResult, String, T)>) -> Result<T> {
        let begun = Instant::now();
        let (result, detail, value) = check()?;
        self.took(name, result, detail, begun);
        Ok(value)
    }

    fn took(&mut self, name: CheckName, result: CheckResult, detail: String, begun: Instant) {
        self.0.push(Check { name, result, detail, elapsed_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX) });
    }

    fn add(&mut self, name: CheckName, result: CheckResult, detail: &str) {
        self.0.push(Check { name, result, detail: detail.to_owned(), elapsed_ms: 0 });
    }

    fn proof(self) -> Proof {
        Proof { checked_at: Timestamp::now(), checks: self.0 }
    }
}
