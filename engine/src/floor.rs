//! The application's disk is never filled: what an archive or a check takes of it ends where too little would be left for the application. What is
//! needed before a restore begins is summed up here, too. A disk of the vault's own may be filled to the last byte.

use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use keepstone_model::{
    backup::{Check, CheckResult, Proof},
    database::Database,
    job::{Progress, Step},
    metadata::Metadata,
};

use crate::{
    Error, Monitor, Result, Throttle, driver, durable,
    keys::Passwords,
    proof::{Depth, prove},
};

/// So many bytes stay free beside a live database, as its settings say (64 MiB).
pub(crate) fn floor_bytes(database: &Database) -> u64 {
    database.snapshot.free_bytes()
}

/// Watches over the disk that a live database shares with what is written.
#[derive(Debug)]
pub(crate) struct Floor {
    live: PathBuf,
    min_free_bytes: u64,
}

impl Floor {
    /// None where `folder` is on another disk than the database, or that is a server's.
    pub(crate) fn between(database: &Database, folder: &Path) -> Result<Option<Self>> {
        let live = driver::of(database.engine).file(database)?.filter(|live| is_one_disk(live, folder));
        Ok(live.map(|live| Self { live, min_free_bytes: floor_bytes(database) }))
    }

    /// `DiskFloor` if no more than `wanted_bytes` can be written. What cannot be asked is no reason.
    pub(crate) fn look(&self, wanted_bytes: u64) -> Result<()> {
        match durable::free_bytes(self.folder()) {
            Ok(free) if free < wanted_bytes.saturating_add(self.min_free_bytes) => Err(self.reached()),
            _ => Ok(()),
        }
    }

    fn folder(&self) -> &Path {
        self.live.parent().unwrap_or(Path::new("/"))
    }

    fn reached(&self) -> Error {
        Error::DiskFloor { path: self.folder().to_owned(), floor_bytes: self.min_free_bytes }
    }
}

/// Does what takes so much room: `DiskFloor` if that is not there, or is used by others before it is done.
pub(crate) fn above<T>(
    floor: Option<&Floor>,
    wanted_bytes: u64,
    monitor: &dyn Monitor,
    work: impl FnOnce(&dyn Monitor) -> Result<T>,
) -> Result<T> {
    let Some(floor) = floor else { return work(monitor) };
    floor.look(wanted_bytes)?;
    let above = Above::new(Some(floor), monitor);
    match work(&above) {
        Err(Error::CancelledHere | Error::Cancelled { .. }) if above.was_reached() && !monitor.cancelled() => Err(floor.reached()),
        other => other,
    }
}

/// Cancels what it follows when the floor is reached.
struct Above<'a> {
    floor: Option<&'a Floor>,
    monitor: &'a dyn Monitor,
    reached: AtomicBool,
}

impl<'a> Above<'a> {
    fn new(floor: Option<&'a Floor>, monitor: &'a dyn Monitor) -> Self {
        Self { floor, monitor, reached: AtomicBool::new(false) }
    }

    /// Whether that is what ended it.
    fn was_reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }
}

impl Monitor for Above<'_> {
    fn step(&self, step: Step) {
        self.monitor.step(step);
    }

    fn progress(&self, progress: &Progress) {
        self.monitor.progress(progress);
    }

    fn log(&self, line: &str) {
        self.monitor.log(line);
    }

    fn cancelled(&self) -> bool {
        if self.floor.is_some_and(|floor| floor.look(0).is_err()) {
            self.reached.store(true, Ordering::Relaxed);
        }
        self.was_reached() || self.monitor.cancelled()
    }

    fn stopping(&self) -> bool {
        self.monitor.stopping()
    }

    fn throttle(&self) -> Option<&Throttle> {
        self.monitor.throttle()
    }
}

/// A proof whose scratch copy would leave the application too little room goes without one: what is in the archive could not be looked at.
pub(crate) fn prove_above(
    floor: Option<&Floor>,
    archive: &Path,
    passwords: &Passwords,
    scratch: &Path,
    depth: Depth,
    step: Step,
    monitor: &dyn Monitor,
) -> Result<(Option<Metadata>, Proof)> {
    let above = Above::new(floor, monitor);
    match prove(archive, passwords, scratch, depth, step, &above) {
        Err(Error::CancelledHere | Error::Cancelled { .. }) if above.was_reached() && !monitor.cancelled() => {}
        other => return other,
    }
    let (metadata, mut proof) = prove(archive, passwords, scratch, Depth::Stored, step, monitor)?;
    let checks = metadata.as_ref().map_or(&[][..], |metadata| driver::of(metadata.engine).inner_checks());
    let detail = "a scratch copy would leave the application too little space";
    proof.checks.extend(checks.iter().map(|&name| Check {
        name,
        result: CheckResult::CouldNotRun,
        detail: detail.to_owned(),
        elapsed_ms: 0,
    }));
    Ok((metadata, proof))
}

/// Whether two places are on one disk; of one that is not there yet its folder counts. Unknown means yes.
pub(crate) fn is_one_disk(one: &Path, other: &Path) -> bool {
    match (device(one), device(other)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

fn device(path: &Path) -> Option<u64> {
    path.ancestors().find_map(|path| std::fs::metadata(path).ok()).map(|found| found.dev())
}

/// What a restore needs on a disk, and what is free there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) needed_bytes: u64,
    pub(crate) free_bytes: u64,
}

impl Need {
    /// By how much it does not fit.
    fn lacks_bytes(self) -> u64 {
        self.needed_bytes.saturating_sub(self.free_bytes)
    }
}

/// Whether the vault and the live database share a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disks {
    One,
    Two,
}

/// One disk needs the sum of both; of two the one is told that lacks more, or, where neither does, the vault's.
pub(crate) fn needed(disks: Disks, vault: Need, live: Need) -> Need {
    match disks {
        Disks::One => {
            Need { needed_bytes: vault.needed_bytes.saturating_add(live.needed_bytes), free_bytes: vault.free_bytes.min(live.free_bytes) }
        }
        Disks::Two if live.lacks_bytes() > vault.lacks_bytes() => live,
        Disks::Two => vault,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
