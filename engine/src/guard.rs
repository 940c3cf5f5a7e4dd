//! Short locks on folders, for changes of a few files that must not cross: opening a vault, notes, the trash. Not the locks of jobs.

use std::{
    fs::File,
    io,
    path::Path,
    time::{Duration, Instant},
};

use rustix::fs::{FlockOperation, flock};

use crate::{Error, Result};

/// How long another's short change is waited for.
const WAIT: Duration = Duration::from_secs(10);

/// A held lock; dropping it, or the death of the process, releases it.
#[derive(Debug)]
pub(crate) struct Guard {
    _folder: File,
}

/// Locks a folder against other short changes in it, in this process and any other.
pub(crate) fn lock_dir(path: &Path) -> Result<Guard> {
    let until = Instant::now() + WAIT;
    loop {
        match try_lock_dir(path)? {
            Some(guard) => return Ok(guard),
            None if Instant::now() >= until => {
                let held = io::Error::new(io::ErrorKind::WouldBlock, "another process holds its lock");
                return Err(Error::io(path, held));
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// The same without waiting. `None`: another holds it.
pub(crate) fn try_lock_dir(path: &Path) -> Result<Option<Guard>> {
    Ok(try_flock(path)?.map(|folder| Guard { _folder: folder }))
}

/// An exclusive flock on what is there already, without waiting; unlike a lock file it is never made. `None`: another holds it.
pub(crate) fn try_flock(path: &Path) -> Result<Option<File>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(errno) => Err(Error::io(path, errno.into())),
    }
}
