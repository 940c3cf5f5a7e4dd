//! Folders to work in outside of a vault, where no later start puts away what a killed process left: whoever makes the next one beside them does, since
//! what is left may be the plain image of an encrypted backup. Work inside a vault has `jobs::running`.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use crate::{Error, Result};

/// By holding this file in it a process says that the folder is in use, and by having made it that the folder is one of these.
const LOCK: &str = "keepstone.lock";
const OTHERS_MAY: u32 = 0o077;

/// A folder for nobody but this process, which goes with the value.
#[derive(Debug)]
pub struct ScratchFolder {
    path: PathBuf,
    lock: Option<File>,
}

impl ScratchFolder {
    /// A new one in `root`, under this prefix and a name that nobody else has. What killed processes of this user left under the prefix is removed.
    pub fn make(root: &Path, prefix: &str) -> Result<Self> {
        sweep(root, prefix);
        loop {
            let random = getrandom::u64().map_err(|fault| Error::Internal(format!("no randomness: {fault}")))?;
            let path = root.join(format!("{prefix}{random:016x}"));
            // Fails if somebody has made it before.
            DirBuilder::new().mode(0o700).create(&path).map_err(|error| Error::io(&path, error))?;
            let file = path.join(LOCK);
            let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file).inspect(|lock| {
                // A file system that knows no locks gives none to who sweeps either.
                let _ = lock.lock();
            });
            match made {
                // Between its making and its lock somebody may have swept it away.
                Ok(lock) if file.exists() => return Ok(Self { path, lock: Some(lock) }),
                Ok(_) => {}
                Err(error) => {
                    let _ = fs::remove_dir_all(&path); // the fault is what there is to tell
                    return Err(Error::io(&file, error));
                }
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        let removed = fs::remove_dir_all(&self.path);
        // Until then nobody else removes it.
        drop(self.lock.take());
        if let Err(error) = removed {
            tracing::warn!(%error, path = %self.path.display(), "a folder to work in could not be removed");
        }
    }
}

/// Removes what nobody holds of this user's. What cannot be looked at or removed stays.
fn sweep(root: &Path, prefix: &str) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let path = entry.path();
        if !entry.file_name().to_string_lossy().starts_with(prefix) || !is_own(&path) {
            continue;
        }
        let Ok(lock) = OpenOptions::new().write(true).open(path.join(LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            match fs::remove_dir_all(&path) {
                Ok(()) => tracing::info!(path = %path.display(), "what a process left that was killed was removed"),
                Err(error) => tracing::warn!(%error, path = %path.display(), "what a process left that was killed could not be removed"),
            }
        }
    }
}

/// Whether it is a folder that this user made, and nobody else may look into.
fn is_own(path: &Path) -> bool {
    fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & OTHERS_MAY == 0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_a_killed_process_left_goes_and_nothing_else_does() {
        let root = tempfile::tempdir().unwrap();
        let held = ScratchFolder::make(root.path(), "keepstone-").unwrap();
        let mut left = ScratchFolder::make(root.path(), "keepstone-").unwrap();
        fs::write(left.path().join("image.sqlite"), "the plain rows").unwrap();
        let died = left.path().to_owned();
        drop(left.lock.take());
        std::mem::forget(left);
        // Somebody else's: without our file, readable by others, under another name, and a file.
        for (name, mode) in [("keepstone-backup", 0o700), ("keepstone-shared", 0o755), ("other-1", 0o700)] {
            fs::create_dir(root.path().join(name)).unwrap();
            fs::set_permissions(root.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
            if name != "keepstone-backup" {
                fs::write(root.path().join(name).join(LOCK), "").unwrap();
            }
        }
        fs::write(root.path().join("keepstone-notes.txt"), "").unwrap();
        let next = ScratchFolder::make(root.path(), "keepstone-").unwrap();
        assert!(!died.exists() && held.path().exists() && next.path().exists());
        drop((held, next));
        let mut names: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, ["keepstone-backup", "keepstone-notes.txt", "keepstone-shared", "other-1"]);
    }
}
