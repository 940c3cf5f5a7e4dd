//! A second look at damage in files that this program wrote itself. SQLite calls a sector corrupt that the disk does not give (see
//! [`fault::is_damage`](super::fault::is_damage)), and a scratch disk that fails says nothing of a backup or a source: damage is only what is seen
//! again in bytes that are proven to be the ones that were written.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead},
    path::Path,
};

use keepstone_model::job::Step;
use rustix::fs::{Advice, fadvise};
use sha2::{Digest, Sha256};

use super::inspect::{ImageReport, inspect_during};
use crate::{
    Error, Monitor, Result,
    direct::{DirectReader, Requests},
    image::hex,
    priority::Priority,
};

/// [`inspect_image`](super::inspect::inspect_image) of a file into which an image of this SHA-256 was written, with so many rows in its tables. Whatever is not as it should be is
/// looked at twice, and the file is read back after each look: one that does not give back what was written to it is an I/O error, and what was found
/// in it says nothing of the image.
pub(crate) fn inspect_written(
    image: &Path,
    hash: &str,
    counts: &BTreeMap<String, u64>,
    step: Step,
    monitor: &dyn Monitor,
) -> Result<ImageReport> {
    let first = inspect_during(image, step, monitor)?;
    if first.is_as_written(counts) {
        return Ok(first);
    }
    reads_back(image, Some(hash), monitor)?;
    let mut second = inspect_during(image, step, monitor)?;
    if !second.is_as_written(counts) {
        // A disk that fails now and then may have done so again.
        reads_back(image, Some(hash), monitor)?;
    }
    second.took.integrity += first.took.integrity;
    second.took.foreign_keys += first.took.foreign_keys;
    second.took.counts += first.took.counts;
    Ok(second)
}

/// Reads a file of our own from end to end, from the disk where that can be done, and compares it with the SHA-256 of what was written to it if that is
/// known. What is read of it next comes from the disk, too.
pub(super) fn reads_back(path: &Path, hash: Option<&str>, monitor: &dyn Monitor) -> Result<()> {
    let fault = |error: io::Error| Error::io(path, error);
    let file = File::open(path).map_err(fault)?;
    file.sync_data().map_err(fault)?;
    // Advice: where it is not taken, memory is what everybody reads.
    let _ = fadvise(&file, 0, None, Advice::DontNeed);
    let mut reader = DirectReader::new(&file, 0, Requests::Large).map_err(fault)?;
    let mut hasher = Sha256::new();
    loop {
        if monitor.cancelled() {
            return Err(Error::CancelledHere);
        }
        Priority::Low.give_way();
        let count = match reader.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => {
                hasher.update(bytes);
                bytes.len()
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(fault(error)),
        };
        reader.consume(count);
        if let Some(throttle) = monitor.throttle() {
            throttle.account(count as u64, &|| monitor.cancelled());
        }
    }
    match hash {
        Some(hash) if hex(&hasher.finalize()) != hash => Err(fault(io::Error::other("its disk does not give back what was written to it"))),
        _ => Ok(()),
    }
}
