//! A file of another system restored directly: into a new file, without a vault, checked as an import is.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use keepstone_model::{
    backup::{Check, CheckName, CheckResult, Proof},
    human,
    import::{Content, Layout},
    job::Step,
    metadata::Form,
};
use serde::Serialize;

use super::{
    Password,
    find::{Found, Untouchable, find},
    unpack::unpack,
};
use crate::{
    Error, Monitor, Result, durable, jobs::random, proof::told_ms, sqlite::pace::millis, temporary::Temporary, throttle::Stopwatch,
};

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForeignRestore {
    pub path: PathBuf,
    pub layout: Layout,
    pub size_bytes: u64,
    /// SHA-256 of what was written.
    pub backup_hash: String,
    pub notes: Vec<String>,
    pub elapsed_ms: u64,
}

/// Whether a file is none of Keepstone's own archives, as far as its first bytes and its directory say. One that is called a zip and does not
/// begin as anything known may be a damaged archive: the strict reader says so, and no importer guesses.
pub fn is_foreign(path: &Path) -> bool {
    let zip = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("zip"));
    let own = |content| content == Content::Archive || (zip && content == Content::Unknown);
    find(path, &Untouchable::none(), &crate::Silent).is_ok_and(|found| {
        found.first().is_some_and(|found| found.file.untouchable.is_none() && found.fault.is_none() && !own(found.file.content))
    })
}

/// How what is in such a file is called as a file of its own: `sqlite`, or `sql` and `dump` of PostgreSQL.
pub fn ending_of(path: &Path) -> &'static str {
    let found = find(path, &Untouchable::none(), &crate::Silent).ok();
    match found.as_ref().and_then(|found| found.first()).map(|found| found.file.content) {
        Some(Content::PostgresDump) => Form::Sql.ending(),
        Some(Content::PostgresCustom) => Form::Dump.ending(),
        _ => Form::Sqlite.ending(),
    }
}

/// The only file of a search, if it may be read and can be.
fn touchable(found: Vec<Found>, file: &Path) -> Result<Found> {
    let found = found.into_iter().next().ok_or_else(|| Error::SourceMissing { path: file.to_owned() })?;
    if let Some(reason) = &found.file.untouchable {
        return Err(Error::NotImportable { path: file.to_owned(), code: "in_use", reason: reason.clone() });
    }
    match found {
        Found { fault: Some(fault), .. } => Err(fault),
        found => Ok(found),
    }
}

/// Restores such a file into a new one, which has its name only when it is whole, checked and durable. Nothing else is changed.
pub fn restore_foreign(file: &Path, target: &Path, passwords: &[Password], monitor: &dyn Monitor) -> Result<ForeignRestore> {
    let begun = Instant::now();
    let target = std::path::absolute(target).map_err(|error| Error::io(target, error))?;
    if target.symlink_metadata().is_ok() {
        return Err(Error::TargetExists { path: target });
    }
    let found = find(file, &Untouchable::none(), monitor)?;
    let found = touchable(found, file)?;
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temporary = Temporary(target.with_file_name(format!(".{name}.{:08x}.tmp", random())));
    if let Some(folder) = target.parent() {
        durable::make_dir(folder)?;
    }
    monitor.step(Step::Verify);
    let unpacked =
        unpack(&found.path, found.file.content, found.file.sidecar.as_ref(), passwords, &temporary.0, found.file.name.corrupted, monitor)?;
    let written = File::open(&temporary.0).map_err(|error| Error::io(&temporary.0, error))?;
    written.sync_all().map_err(|error| Error::io(&temporary.0, error))?;
    let size_bytes = written.metadata().map_err(|error| Error::io(&temporary.0, error))?.len();
    drop(written);
    durable::publish(&temporary.0, &target)?;
    Ok(ForeignRestore {
        path: target,
        layout: found.file.name.layout,
        size_bytes,
        backup_hash: unpacked.image_hash,
        notes: unpacked.notes,
        elapsed_ms: millis(begun.elapsed()),
    })
}

/// What a look into a file of another system found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForeignCheck {
    pub layout: Layout,
    /// Of the plain database.
    pub size_bytes: u64,
    /// SHA-256 of the plain database.
    pub backup_hash: String,
    pub proof: Proof,
    pub notes: Vec<String>,
}

/// Checks such a file as an import would, and writes nothing but a scratch copy in `scratch`, which goes again. A file that does not pass is the
/// fault that says why.
pub fn verify_foreign(file: &Path, passwords: &[Password], scratch: &Path, monitor: &dyn Monitor) -> Result<ForeignCheck> {
    let stopwatch = Stopwatch::begin(monitor);
    let found = find(file, &Untouchable::none(), monitor)?;
    let found = touchable(found, file)?;
    let finding = stopwatch.worked();
    let image = Temporary(scratch.join(format!("keepstone-{:08x}.sqlite", random())));
    monitor.step(Step::Verify);
    let sidecar = found.file.sidecar.as_ref();
    let unpacked = unpack(&found.path, found.file.content, sidecar, passwords, &image.0, found.file.name.corrupted, monitor)?;
    let size_bytes = std::fs::metadata(&image.0).map_err(|error| Error::io(&image.0, error))?.len();
    let counted = sidecar.is_some_and(|sidecar| !sidecar.table_counts.is_empty());
    let lower = |end: &str| found.path.to_string_lossy().to_ascii_lowercase().contains(end);
    let packed = lower(".gz") || lower(".zst") || lower(".zip");
    let mut checks = Vec::new();
    let mut add = |name: CheckName, made: bool, took: Duration, detail: &str| {
        let (result, took) = if made { (CheckResult::Passed, took) } else { (CheckResult::NotApplicable, Duration::ZERO) };
        checks.push(Check { name, result, detail: detail.to_owned(), elapsed_ms: told_ms(took) });
    };
    let took = unpacked.took;
    let hashed = if unpacked.hash_compared { "equal to what its metadata say" } else { "nothing names its hash" };
    let decrypted = if unpacked.unauthenticated { "it opens; nothing vouches for who wrote it" } else { "it is not encrypted" };
    add(CheckName::FileExistence, true, finding, &human::bytes(found.file.size_bytes));
    add(CheckName::ChecksumValidation, unpacked.hash_compared, took.unpacking, hashed);
    add(CheckName::DecryptionTest, unpacked.unauthenticated, took.unpacking, decrypted);
    add(CheckName::DecompressionTest, packed, took.unpacking, if packed { "whole" } else { "it is not packed" });
    let inner = if unpacked.form == Form::Sqlite { CheckName::SqliteIntegrityCheck } else { CheckName::DumpContents };
    let words = unpacked
        .dumped
        .as_ref()
        .and_then(|facts| facts.source.postgres.as_ref())
        .map(|source| format!("whole, by pg_dump {} of a server {}", source.client_version, source.server_version));
    add(inner, true, took.look, words.as_deref().unwrap_or_default());
    add(CheckName::RowCounts, counted, took.counts, if counted { "equal to what its metadata say" } else { "nothing names its counts" });
    Ok(ForeignCheck {
        layout: found.file.name.layout,
        size_bytes,
        backup_hash: unpacked.image_hash,
        proof: Proof { checked_at: Timestamp::now(), checks },
        notes: unpacked.notes,
    })
}
