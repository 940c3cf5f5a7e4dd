//! What outlives a crash: publishing, small files, folders and locks. Knows nothing of what the files hold.

use std::path::Path;

use crate::Result;

/// Gives `staged` its name: renames without replacing (`TargetExists`), then fsyncs both folders. The content must be fsynced already.
pub fn publish(_staged: &Path, _target: &Path) -> Result<()> {
    todo!()
}

/// Replaces a small file (0600) in one step: a reader sees the old bytes or the new ones, whenever the process dies. Durable on return.
pub fn write(_path: &Path, _bytes: &[u8]) -> Result<()> {
    todo!()
}

/// Makes a folder and its missing parents (0700), durably. One that exists is left as it is.
pub fn make_dir(_path: &Path) -> Result<()> {
    todo!()
}

/// What an unprivileged process may still write on the file system of `path`.
pub fn free_bytes(_path: &Path) -> Result<u64> {
    todo!()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Any number of holders, none of them exclusive.
    Shared,
    Exclusive,
}

/// A held flock; dropping it, or the death of the process, releases it.
#[derive(Debug)]
pub struct Lock {
    _file: std::fs::File,
}

/// Takes the lock of a lock file (made with mode 0600 if it is not there) without waiting. `None`: another holds it.
pub fn try_lock(_path: &Path, _mode: LockMode) -> Result<Option<Lock>> {
    todo!()
}
