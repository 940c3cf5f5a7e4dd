//! Proving an archive: every check of it, in order, each with its result and time. Needs no vault; what becomes of the proof is the caller's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    path::Path,
    time::Instant,
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
    archive::Archive,
    driver::{self, Inside},
    keys::Passwords,
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

    let driver = driver::of(metadata.engine);
    // Asked before it is read back: what looks inside takes the image in as it comes.
    let mut inside = match depth {
        Depth::Stored => None,
        Depth::Opened => Some(driver.inside(&metadata, archive.form(), scratch_dir)?),
    };
    let taker = inside.as_mut().and_then(|inside| inside.as_mut().ok());
    let whole = match taker {
        Some(taker) => read_back(&mut checks, &archive, Some(taker.as_mut()), step, monitor)?,
        None => read_back(&mut checks, &archive, None, step, monitor)?,
    };
    match inside {
        Some(Ok(mut inside)) if whole => inside.look(&mut checks, monitor)?,
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
    begun: Instant,
    step: Step,
    monitor: &dyn Monitor,
) -> Result<(Option<Metadata>, Proof)> {
    let (result, detail) = verdict(error)?;
    check_stored(&mut checks, archive, step, monitor)?;
    checks.took(CheckName::DecryptionTest, result, detail, begun);
    if result == CheckResult::CouldNotRun {
        let inner = driver::of(archive.metadata().engine).inner_checks();
        for name in [CheckName::DecompressionTest].iter().chain(inner) {
            checks.add(*name, CheckResult::CouldNotRun, "it is encrypted and no known password opens it");
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
fn read_back(
    checks: &mut Checks,
    archive: &Archive,
    inside: Option<&mut (dyn Inside + '_)>,
    step: Step,
    monitor: &dyn Monitor,
) -> Result<bool> {
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
    let Err(fault) = decompress(archive, inside, step, monitor) else {
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

fn decompress(archive: &Archive, inside: Option<&mut (dyn Inside + '_)>, step: Step, monitor: &dyn Monitor) -> Result<()> {
    match inside {
        None => archive.extract(&mut io::sink(), archive.path(), step, monitor),
        Some(inside) => inside.take(&mut |sink, sink_path| archive.extract(sink, sink_path, step, monitor)),
    }
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
    pub(crate) fn run<T>(&mut self, name: CheckName, check: impl FnOnce() -> Result<(CheckResult, String, T)>) -> Result<T> {
        let begun = Instant::now();
        let (result, detail, value) = check()?;
        self.took(name, result, detail, begun);
        Ok(value)
    }

    pub(crate) fn took(&mut self, name: CheckName, result: CheckResult, detail: String, begun: Instant) {
        self.0.push(Check { name, result, detail, elapsed_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX) });
    }

    pub(crate) fn add(&mut self, name: CheckName, result: CheckResult, detail: &str) {
        self.0.push(Check { name, result, detail: detail.to_owned(), elapsed_ms: 0 });
    }

    /// The rows that were found against those that were counted in the snapshot's own transaction; or why they cannot be told.
    pub(crate) fn add_counts(&mut self, found: Result<BTreeMap<String, u64>, String>, metadata: &Metadata) {
        let (result, detail) = match found {
            Err(detail) => (CheckResult::Failed, detail),
            Ok(found) => compare_counts(&found, metadata),
        };
        self.add(CheckName::RowCounts, result, &detail);
    }

    fn proof(self) -> Proof {
        Proof { checked_at: Timestamp::now(), checks: self.0 }
    }
}

fn compare_counts(found: &BTreeMap<String, u64>, metadata: &Metadata) -> (CheckResult, String) {
    let differing = differing_counts(found, &metadata.table_counts);
    if differing.is_empty() {
        (CheckResult::Passed, format!("{} rows in {} tables", metadata.total_records, metadata.table_counts.len()))
    } else {
        (CheckResult::Failed, differing.join("; "))
    }
}

/// The tables that hold another number of rows than at the backup, a few words each.
pub(crate) fn differing_counts(found: &BTreeMap<String, u64>, counted: &BTreeMap<String, u64>) -> Vec<String> {
    let names: BTreeSet<&String> = found.keys().chain(counted.keys()).collect();
    let said = |count: Option<&u64>| count.map_or("no such table".to_owned(), |count| format!("{count} rows"));
    names
        .into_iter()
        .filter(|name| found.get(*name) != counted.get(*name))
        .map(|name| format!("{name}: {}, at the backup {}", said(found.get(name)), said(counted.get(name))))
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
