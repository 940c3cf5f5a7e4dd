//! A file of another system restored directly: into a new file, without a vault, checked as an import is.

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::Instant,
};

use keepstone_model::{
    import::{Content, Layout},
    job::Step,
};
use serde::Serialize;

use super::{
    Password,
    find::{Untouchable, find},
    unpack::unpack,
};
use crate::{
    Error, Monitor, Result, durable,
    jobs::{ignore_missing, random},
    sqlite::pace::millis,
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
    find(path, &Untouchable::none(), &crate::Silent)
        .is_ok_and(|found| found.first().is_some_and(|found| found.file.untouchable.is_none() && !own(found.file.content)))
}

/// Restores such a file into a new one, which has its name only when it is whole, checked and durable. Nothing else is changed.
pub fn restore_foreign(file: &Path, target: &Path, passwords: &[Password], monitor: &dyn Monitor) -> Result<ForeignRestore> {
    let begun = Instant::now();
    let target = std::path::absolute(target).map_err(|error| Error::io(target, error))?;
    if target.symlink_metadata().is_ok() {
        return Err(Error::TargetExists { path: target });
    }
    let found = find(file, &Untouchable::none(), monitor)?;
    let found = found.first().ok_or_else(|| Error::SourceMissing { path: file.to_owned() })?;
    if let Some(reason) = &found.file.untouchable {
        return Err(Error::NotImportable { path: file.to_owned(), code: "in_use", reason: reason.clone() });
    }
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

/// Gone when this is, unless it was given another name.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0).or_else(ignore_missing) {
            tracing::warn!(path = %self.0.display(), %error, "a temporary file could not be removed");
        }
    }
}
