//! Putting an image at the place of a database that cannot be opened: as files, since there is no SQLite way left.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::scratch::beside;
use crate::{Error, Result};

/// The files that are one database. The main file goes first: were it to stay behind while its journal has gone, an opener would find an
/// older state; and beside nothing, SQLite throws a leftover -wal or -journal away.
const SET: [&str; 4] = ["", "-wal", "-journal", "-shm"];

/// Moves the whole set (the database, -wal, -shm, -journal) into `aside_dir`, durably, and only then puts a copy of the image at its place,
/// with the owner and mode of the old file. On a fault the set is moved back.
pub fn replace_unopenable(live: &Path, image: &Path, aside_dir: &Path) -> Result<()> {
    let old = fs::metadata(live).map_err(|error| Error::io(live, error))?;
    let folder = live.parent().ok_or_else(|| Error::TargetUnusable { path: live.to_owned(), reason: "it has no folder".to_owned() })?;
    DirBuilder::new().recursive(true).mode(0o700).create(aside_dir).map_err(|error| Error::io(aside_dir, error))?;
    // The copy is made whole and durable first: a full disk is met here, while nothing has moved.
    let incoming = Incoming::copy(image, live, &old)?;
    let mut moved = Vec::new();
    let outcome = move_aside(live, aside_dir, &mut moved)
        .and_then(|()| sync_folder(aside_dir))
        .and_then(|()| sync_folder(folder))
        .and_then(|()| rename_without_replacing(&incoming.path, live))
        .and_then(|()| sync_folder(folder));
    if outcome.is_err() {
        put_back(&moved);
    }
    outcome
}

/// The image beside its place, under another name; gone if it never got there.
struct Incoming {
    path: PathBuf,
}

impl Incoming {
    fn copy(image: &Path, live: &Path, old: &fs::Metadata) -> Result<Self> {
        let incoming = Self { path: beside(live, ".keepstone-incoming") };
        let at = |error| Error::io(&incoming.path, error);
        let mut source = File::open(image).map_err(|error| Error::io(image, error))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&incoming.path).map_err(at)?;
        io::copy(&mut source, &mut file).map_err(at)?;
        let made = file.metadata().map_err(at)?;
        if (made.uid(), made.gid()) != (old.uid(), old.gid()) {
            chown(&incoming.path, Some(old.uid()), Some(old.gid())).map_err(at)?;
        }
        file.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777)).map_err(at)?;
        file.sync_all().map_err(at)?;
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
                let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
                io::copy(&mut File::open(from)?, &mut file)?;
                file.sync_all()
            })();
            copied.map_err(|error| Error::io(to, error))?;
            sync_folder(to.parent().unwrap_or(to))?;
            fs::remove_file(from).map_err(|error| Error::io(from, error))
        }
        other => other,
    }
}

fn put_back(moved: &[(PathBuf, PathBuf)]) {
    for (from, to) in moved.iter().rev() {
        if let Err(error) = move_file(to, from) {
            tracing::error!(path = %to.display(), %error, "a file of the database could not be put back");
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
