//! Putting an image at the place of a database that cannot be opened or is not there: as files, since there is no SQLite way left.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use rustix::fs::{Advice, CWD, RenameFlags, fadvise, renameat_with};
use sha2::{Digest, Sha256};

use super::scratch::beside;
use crate::{Error, Result};

/// The files that are one database. The main file goes first: were it to stay behind while its journal has gone, an opener would find an
/// older state; and beside nothing, SQLite throws a leftover -wal or -journal away.
const SET: [&str; 4] = ["", "-wal", "-journal", "-shm"];

/// Moves the whole set (the database, -wal, -shm, -journal) into `aside_dir`, durably, and only then puts a copy of the image at its place,
/// with the owner and mode of the old file; where there is none, with the owner of its folder and for that user only.
///
/// On a fault before the new database has its name the set is moved back, unless another file stands in its place by then: an old journal
/// beside a database that is not its own destroys that one. The error then names the folder in which all of it is kept.
pub fn replace_unopenable(live: &Path, image: &Path, aside_dir: &Path) -> Result<()> {
    let old = match fs::metadata(live) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io(live, error)),
    };
    let folder = live.parent().ok_or_else(|| Error::TargetUnusable { path: live.to_owned(), reason: "it has no folder".to_owned() })?;
    DirBuilder::new().recursive(true).mode(0o700).create(aside_dir).map_err(|error| Error::io(aside_dir, error))?;
    // The copy is made whole, durable and read back first: a full or failing disk is met here, while nothing has moved.
    let incoming = Incoming::copy(image, live, folder, old.as_ref())?;
    let mut moved = Vec::new();
    move_aside(live, aside_dir, &mut moved)
        .and_then(|()| sync_folder(aside_dir))
        .and_then(|()| sync_folder(folder))
        .and_then(|()| rename_without_replacing(&incoming.path, live))
        .map_err(|cause| put_back(&moved, live, aside_dir, cause))?;
    // The new database has its name: whatever this says, putting the old files beside it would be worse.
    sync_folder(folder)
}

/// The image beside its place, under another name; gone if it never got there.
struct Incoming {
    path: PathBuf,
}

impl Incoming {
    fn copy(image: &Path, live: &Path, folder: &Path, old: Option<&fs::Metadata>) -> Result<Self> {
        let path = beside(live, ".keepstone-incoming");
        // What a killed restore left under our own name; the database's lock keeps a living one out.
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(Error::io(&path, error));
        }
        let incoming = Self { path };
        let at = |error| Error::io(&incoming.path, error);
        let mut source = File::open(image).map_err(|error| Error::io(image, error))?;
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&incoming.path).map_err(at)?;
        let wanted = digest(&mut source, Some(&mut file)).map_err(at)?;
        let made = file.metadata().map_err(at)?;
        let (owner, mode) = if let Some(old) = old {
            ((old.uid(), old.gid()), old.mode() & 0o7777)
        } else {
            let folder = fs::metadata(folder).map_err(|error| Error::io(folder, error))?;
            // In a folder of this user's the group is what the system gave the file.
            (if folder.uid() == made.uid() { (made.uid(), made.gid()) } else { (folder.uid(), folder.gid()) }, 0o600)
        };
        if (made.uid(), made.gid()) != owner {
            fchown(&file, Some(owner.0), Some(owner.1)).map_err(at)?;
        }
        file.set_permissions(fs::Permissions::from_mode(mode)).map_err(at)?;
        file.sync_all().map_err(at)?;
        // From the disk, not from the cache, as far as the system follows advice.
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
        file.rewind().map_err(at)?;
        if digest(&mut file, None).map_err(at)? != wanted {
            return Err(Error::RestoreMismatch { detail: format!("{} reads back as something else", incoming.path.display()) });
        }
        Ok(incoming)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "an image that was not used could not be removed");
        }
    }
}

/// SHA-256 of the rest of a file, which is copied on the way if there is somewhere to.
fn digest(from: &mut File, mut to: Option<&mut File>) -> io::Result<[u8; 32]> {
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

fn move_aside(live: &Path, aside_dir: &Path, moved: &mut Vec<(PathBuf, PathBuf)>) -> Result<()> {
    let name = live.file_name().ok_or_else(|| Error::TargetUnusable { path: live.to_owned(), reason: "it has no name".to_owned() })?;
    for suffix in SET {
        let (from, to) = (beside(live, suffix), beside(&aside_dir.join(name), suffix));
        if !fs::exists(&from).map_err(|error| Error::io(&from, error))? {
            continue;
        }
        move_file(&from, &to)?;
        moved.push((from, to));
    }
    Ok(())
}

/// By rename, or over to another file system by a synced copy of which the original is the last to go.
fn move_file(from: &Path, to: &Path) -> Result<()> {
    match rename_without_replacing(from, to) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::CrossesDevices => {
            let copied = (|| -> io::Result<()> {
                let mut original = File::open(from)?;
                let meta = original.metadata()?;
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
                io::copy(&mut original, &mut file)?;
                let made = file.metadata()?;
                // So that a way back does not lock the application out; a user who may not give files away goes on without.
                if (made.uid(), made.gid()) != (meta.uid(), meta.gid()) {
                    let _ = fchown(&file, Some(meta.uid()), Some(meta.gid()));
                }
                file.set_permissions(fs::Permissions::from_mode(meta.mode() & 0o7777))?;
                file.sync_all()
            })();
            copied.map_err(|error| Error::io(to, error))?;
            sync_folder(to.parent().unwrap_or(to))?;
            fs::remove_file(from).map_err(|error| Error::io(from, error))
        }
        other => other,
    }
}

/// Moves back what was moved aside: the main file first and without replacing, and only where that succeeded what belongs beside it. Gives
/// back what the person is to hear.
pub(super) fn put_back(moved: &[(PathBuf, PathBuf)], live: &Path, aside_dir: &Path, cause: Error) -> Error {
    let Some((first, _)) = moved.first() else { return cause };
    let stuck = if first == live {
        moved.iter().try_for_each(|(from, to)| move_file(to, from).map_err(|error| error.to_string()))
    } else {
        // There was no main file: a journal that is alone belongs to nothing that is here, or that comes here meanwhile.
        Err("there was no database beside them".to_owned())
    };
    match stuck {
        Ok(()) => cause,
        Err(reason) => {
            let kept = aside_dir.display();
            tracing::error!(path = %live.display(), %kept, reason, "files of the database could not be put back");
            let reason = format!("{cause}; what was there is kept in {kept} and was not put back ({reason})");
            Error::TargetUnusable { path: live.to_owned(), reason }
        }
    }
}

fn rename_without_replacing(from: &Path, to: &Path) -> Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::EXIST) => Err(Error::TargetExists { path: to.to_owned() }),
        // File systems without the flag: a link does not replace either.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            fs::hard_link(from, to).and_then(|()| fs::remove_file(from)).map_err(|error| Error::io(to, error))
        }
        Err(errno) => Err(Error::io(from, errno.into())),
    }
}

fn sync_folder(folder: &Path) -> Result<()> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| Error::io(folder, error))
}
