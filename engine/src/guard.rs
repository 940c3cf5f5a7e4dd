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
/// How long a look at the head of an archive may take.
const A_LOOK: Duration = Duration::from_millis(50);

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

/// [`try_flock`] on an archive that nobody is to be reading. Who only looks at its head, as every plan of a cleanup does, is waited for.
pub(crate) fn try_lease(archive: &Path) -> Result<Option<File>> {
    let until = Instant::now() + A_LOOK;
    loop {
        match try_flock(archive)? {
            None if Instant::now() < until => std::thread::sleep(Duration::from_millis(2)),
            outcome => return Ok(outcome),
        }
    }
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;

    #[test]
    fn who_looks_for_a_moment_does_not_count_as_a_reader() {
        let archive = tempfile::NamedTempFile::new().unwrap();
        let shared = || {
            let file = File::open(archive.path()).unwrap();
            flock(&file, FlockOperation::NonBlockingLockShared).unwrap();
            file
        };
        let looks = shared();
        let waits = std::thread::spawn({
            let path = archive.path().to_owned();
            move || try_lease(&path).unwrap().is_some()
        });
        std::thread::sleep(Duration::from_millis(10));
        drop(looks);
        assert!(waits.join().unwrap());
        let _reads = shared();
        assert!(try_lease(archive.path()).unwrap().is_none(), "who goes on reading does");
    }
}
