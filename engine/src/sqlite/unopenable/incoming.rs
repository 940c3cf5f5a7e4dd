//! The image beside the place that it is to take, under a name that no other replacement has: whole, durable and read back before it counts.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::{Advice, fadvise};
use sha2::{Digest, Sha256};

use super::{Course, rights::Rights, seen::Seen};
use crate::{Error, Result, durable, sqlite::scratch::beside};

pub(super) type Hash = [u8; 32];

/// Gone when it is dropped, unless it got its place or is not ours any more.
pub(super) struct Incoming {
    pub(super) path: PathBuf,
    /// What was read back by the handle that it was written by, so of this very file, whatever comes to have its name.
    pub(super) seen: Seen,
    pub(super) hash: Hash,
    /// What of the old file's rights it could not be given.
    pub(super) rights_lost: Vec<String>,
    /// Whose file the name stands for.
    pub(super) holds: Holds,
}

#[derive(PartialEq, Eq)]
pub(super) enum Holds {
    Ours,
    /// What somebody put in the database's place at the last moment or wrote into it, and could not be given back.
    Foreign,
}

/// Until there is something to say of it.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

impl Incoming {
    /// A copy of the image. Whoever has the course of it hears of the name before there is a file.
    pub(super) fn copy(image: &Path, live: &Path, folder: &Path, course: &mut dyn Course) -> Result<Self> {
        let rights = Rights::of(live, folder)?;
        let path = new_name(live)?;
        course.begins(&path)?;
        let at = |error| Error::io(&path, error);
        let mut source = File::open(image).map_err(|error| Error::io(image, error))?;
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path).map_err(at)?;
        let unfinished = Unfinished(path.clone());
        let hash = digest(&mut source, Some(&mut file)).map_err(at)?;
        let rights_lost = rights.give(&file).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => {
                let reason = "this user may not give the new file the owner that the database has: run keepstone as that owner, or as root";
                Error::TargetUnusable { path: live.to_owned(), reason: reason.to_owned() }
            }
            _ => at(error),
        })?;
        file.sync_all().map_err(at)?;
        read_back(&mut file, &path, &hash)?;
        let seen = Seen::of(&file.metadata().map_err(at)?);
        std::mem::forget(unfinished);
        Ok(Self { path, seen, hash, rights_lost, holds: Holds::Ours })
    }

    /// Whether another file certainly has the place that this one was given. One that cannot be looked at is no finding.
    pub(super) fn is_displaced(&self, live: &Path) -> bool {
        Seen::if_there(live).is_ok_and(|now| !now.is_some_and(|now| self.seen.is(&now)))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.holds == Holds::Ours {
            remove(&self.path);
        }
    }
}

fn remove(path: &Path) {
    if let Err(error) = durable::remove(path) {
        tracing::warn!(path = %path.display(), %error, "an image that was not used could not be removed");
    }
}

/// A name that nothing else has, e.g. `shop.db.keepstone-incoming-3f0a91bc`: another vault may mean the same database at this moment.
fn new_name(live: &Path) -> Result<PathBuf> {
    let random = getrandom::u32().map_err(|fault| Error::Internal(format!("no randomness: {fault}")))?;
    Ok(beside(live, &format!(".keepstone-incoming-{random:08x}")))
}

/// Whether the disk gives back what was written to it; from the disk and not from the cache, as far as the system follows advice.
pub(super) fn read_back(file: &mut File, path: &Path, written: &Hash) -> Result<()> {
    let at = |error| Error::io(path, error);
    let _ = fadvise(&*file, 0, None, Advice::DontNeed);
    file.rewind().map_err(at)?;
    if digest(file, None).map_err(at)? == *written {
        return Ok(());
    }
    Err(Error::RestoreMismatch { detail: format!("{} reads back as something else", path.display()) })
}

/// SHA-256 of the rest of a file, which is copied on the way if there is somewhere to.
pub(super) fn digest(from: &mut File, mut to: Option<&mut File>) -> io::Result<Hash> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = match from.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize().into()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..length]);
        if let Some(to) = to.as_mut() {
            to.write_all(&buffer[..length])?;
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;

    #[test]
    fn what_reads_back_as_something_else_is_refused() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"what the disk kept").unwrap();
        file.rewind().unwrap();
        let kept = digest(&mut file, None).unwrap();
        read_back(&mut file, Path::new("image"), &kept).unwrap();
        let error = read_back(&mut file, Path::new("image"), &[7; 32]).unwrap_err();
        assert_eq!(error.code(), "restore_mismatch", "{error}");
    }
}
