//! Proving an archive: every check of it, in order, each with its result and time. Needs no vault; what becomes of the proof is the caller's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Write},
    path::Path,
    time::Duration,
};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Check, CheckName, CheckResult, Proof},
    human,
    job::Step,
    metadata::{Compression, Metadata},
};

use crate::{
    Error, Monitor, Result,
    archive::{Archive, Took},
    driver::{self, Inside},
    keys::Passwords,
    throttle::Stopwatch,
};

/// How much is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The stored bytes: hashes, decompression.
    Stored,
    /// And what is in them: a scratch copy is opened and looked into, or the dump read to its end.
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
    let opened = checks.run(monitor, CheckName::FileExistence, || match Archive::open(path) {
        Ok(archive) => Ok((CheckResult::Passed, human::bytes(archive.size_bytes()), Some(archive))),
        Err(error) => verdict(error).map(|(result, detail)| (result, detail, None)),
    })?;
    let Some(mut archive) = opened else { return Ok((None, checks.proof())) };
    let stopwatch = Stopwatch::begin(monitor);
    let unlocked = archive.unlock(passwords);
    let unlocking = stopwatch.worked();
    if let Err(error) = unlocked {
        return locked(checks, &archive, error, unlocking, step, monitor);
    }
    let metadata = archive.metadata();

    let driver = driver::of(metadata.engine);
    // Asked before it is read back: what looks inside takes the image in as it comes.
    let mut inside = match depth {
        Depth::Stored => None,
        Depth::Opened => Some(driver.inside(metadata, archive.form(), scratch_dir)?),
    };
    let taker = inside.as_mut().and_then(|inside| inside.as_mut().ok());
    let whole = match taker {
        Some(taker) => read_back(&mut checks, &archive, unlocking, Some(taker.as_mut()), step, monitor)?,
        None => read_back(&mut checks, &archive, unlocking, None, step, monitor)?,
    };
    match inside {
        Some(Ok(mut inside)) if whole => inside.look(&mut checks, step, monitor)?,
        Some(Err(detail)) if whole => {
            for name in driver.inner_checks() {
                checks.add(*name, CheckResult::CouldNotRun, &detail);
            }
        }
        _ => {}
    }
    Ok((Some(metadata.clone()), checks.proof()))
}

/// The checks of an archive that was not unlocked: its stored bytes are looked at all the same. A wrong password is no damage, so that check
/// could not run; metadata that was changed is.
fn locked(
    mut checks: Checks,
    archive: &Archive,
    error: Error,
    unlocking: Duration,
    step: Step,
    monitor: &dyn Monitor,
) -> Result<(Option<Metadata>, Proof)> {
    let (result, detail) = verdict(error)?;
    check_stored(&mut checks, archive, step, monitor)?;
    checks.took(CheckName::DecryptionTest, result, detail, unlocking);
    if result == CheckResult::CouldNotRun {
        let inner = driver::of(archive.metadata().engine).inner_checks();
        for name in [CheckName::DecompressionTest].iter().chain(inner) {
            checks.add(*name, CheckResult::CouldNotRun, "it is encrypted and no known password opens it");
        }
    }
    Ok((Some(archive.metadata().clone()), checks.proof()))
}

fn check_stored(checks: &mut Checks, archive: &Archive, step: Step, monitor: &dyn Monitor) -> Result<bool> {
    checks.run(monitor, CheckName::ChecksumValidation, || match archive.check_payload(step, monitor) {
        Ok(()) => Ok((CheckResult::Passed, format!("SHA-256 {}", archive.metadata().payload_hash), true)),
        Err(error) => verdict(error).map(|(result, detail)| (result, detail, false)),
    })
}

/// Reads the payload once: extraction compares every hash on its way. Only where it fails the stored bytes are read again by themselves, to
/// tell damage of the disk from a payload that was written wrong.
fn read_back(
    checks: &mut Checks,
    archive: &Archive,
    unlocking: Duration,
    inside: Option<&mut (dyn Inside + '_)>,
    step: Step,
    monitor: &dyn Monitor,
) -> Result<bool> {
    let metadata = archive.metadata();
    let not_encrypted = |checks: &mut Checks| {
        checks.add(CheckName::DecryptionTest, CheckResult::NotApplicable, "the archive is not encrypted");
    };
    let stopwatch = Stopwatch::begin(monitor);
    let fault = match decompress(archive, inside, step, monitor) {
        Ok(took) => {
            checks.took(CheckName::ChecksumValidation, CheckResult::Passed, format!("SHA-256 {}", metadata.payload_hash), took.stored);
            if metadata.encrypted {
                let detail = "every chunk fits its tag".to_owned();
                checks.took(CheckName::DecryptionTest, CheckResult::Passed, detail, unlocking + took.decryption);
            } else {
                not_encrypted(checks);
            }
            if metadata.compression == Compression::None {
                let detail = "stored without compression; the bytes are the database's";
                checks.add(CheckName::DecompressionTest, CheckResult::NotApplicable, detail);
            } else {
                let detail = format!("{} as they were read", human::bytes(metadata.original_size));
                checks.took(CheckName::DecompressionTest, CheckResult::Passed, detail, took.decompression);
            }
            return Ok(true);
        }
        Err(fault) => fault,
    };
    let tried = stopwatch.worked();
    let (result, detail) = verdict(fault)?;
    let stored = check_stored(checks, archive, step, monitor)?;
    if !metadata.encrypted {
        not_encrypted(checks);
    }
    if stored {
        // The stored bytes are the ones that were written: what was written is wrong.
        let name = if metadata.encrypted { CheckName::DecryptionTest } else { CheckName::DecompressionTest };
        checks.took(name, result, detail, tried);
    }
    Ok(false)
}

fn decompress(archive: &Archive, inside: Option<&mut (dyn Inside + '_)>, step: Step, monitor: &dyn Monitor) -> Result<Took> {
    let mut took = Took::default();
    let mut extract = |sink: &mut (dyn Write + Send), sink_path: &Path| {
        took = archive.extract_timed(sink, sink_path, step, monitor)?;
        Ok(())
    };
    match inside {
        None => extract(&mut io::sink(), archive.path())?,
        Some(inside) => inside.take(&mut extract, monitor)?,
    }
    Ok(took)
}

/// A new file that only this user may read.
pub(crate) fn create_private(path: &Path) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| Error::io(path, error))
}

/// What a fault means for a check: damage fails it, trouble of the machine keeps it from being made, a wish to cancel ends everything.
pub(crate) fn verdict(error: Error) -> Result<(CheckResult, String)> {
    match error {
        Error::CancelledHere | Error::Cancelled { .. } => Err(error),
        Error::ArchiveMissing { .. }
        | Error::ArchiveCorrupt { .. }
        | Error::NotADatabase { .. }
        | Error::SourceFormat { .. }
        | Error::SourceCorrupt { .. }
        | Error::VerificationFailed { .. } => Ok((CheckResult::Failed, error.to_string())),
        other => Ok((CheckResult::CouldNotRun, other.to_string())),
    }
}

/// The checks of one archive, in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct Checks(Vec<Check>);

impl Checks {
    pub(crate) fn run<T>(
        &mut self,
        monitor: &dyn Monitor,
        name: CheckName,
        check: impl FnOnce() -> Result<(CheckResult, String, T)>,
    ) -> Result<T> {
        let stopwatch = Stopwatch::begin(monitor);
        let (result, detail, value) = check()?;
        self.took(name, result, detail, stopwatch.worked());
        Ok(value)
    }

    pub(crate) fn took(&mut self, name: CheckName, result: CheckResult, detail: String, time: Duration) {
        self.0.push(Check { name, result, detail, elapsed_ms: told_ms(time) });
    }

    /// One for which nothing was done.
    pub(crate) fn add(&mut self, name: CheckName, result: CheckResult, detail: &str) {
        self.took(name, result, detail.to_owned(), Duration::ZERO);
    }

    /// The rows that were found against those that were counted in the snapshot's own transaction; or why they cannot be told.
    pub(crate) fn add_counts(&mut self, found: Result<BTreeMap<String, u64>, String>, metadata: &Metadata, time: Duration) {
        let (result, detail) = match found {
            Err(detail) => (CheckResult::Failed, detail),
            Ok(found) => compare_counts(&found, metadata),
        };
        self.took(CheckName::RowCounts, result, detail, time);
    }

    fn proof(self) -> Proof {
        Proof { checked_at: Timestamp::now(), checks: self.0 }
    }
}

/// Rounded up: none at all is told only where nothing was done.
pub(crate) fn told_ms(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn compare_counts(found: &BTreeMap<String, u64>, metadata: &Metadata) -> (CheckResult, String) {
    let differing = differing_counts(found, &metadata.table_counts);
    if differing.is_empty() {
        (
            CheckResult::Passed,
            format!("{} in {}", human::counted(metadata.total_records, "row"), human::counted(metadata.table_counts.len(), "table")),
        )
    } else {
        (CheckResult::Failed, differing.join("; "))
    }
}

/// The tables that hold another number of rows than at the backup, a few words each.
pub(crate) fn differing_counts(found: &BTreeMap<String, u64>, counted: &BTreeMap<String, u64>) -> Vec<String> {
    let names: BTreeSet<&String> = found.keys().chain(counted.keys()).collect();
    let said = |count: Option<&u64>| count.map_or("no such table".to_owned(), |count| human::counted(*count, "row"));
    names
        .into_iter()
        .filter(|name| found.get(*name) != counted.get(*name))
        .map(|name| format!("{name}: {}, at the backup {}", said(found.get(name)), said(counted.get(name))))
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
