//! What outlives a crash: publishing, small files, folders and locks. Knows nothing of what the files hold.

use std::{
    fs::{DirBuilder, DirEntry, File, Metadata, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FlockOperation, RenameFlags},
    io::Errno,
};

use crate::{Error, Result};

/// Gives `staged` its name: renames without replacing (`TargetExists`), then fsyncs both folders. The content must be fsynced already.
///
/// If the process or the machine dies on the way, the file is under one name or the other, or (without `renameat2`) under both, whole in any
/// case: whoever cleans up looks at the target first.
pub fn publish(staged: &Path, target: &Path) -> Result<()> {
    let (from, to) = names_of(staged, target)?;
    match rustix::fs::renameat_with(CWD, staged, CWD, target, RenameFlags::NOREPLACE) {
        Ok(()) => to.sync()?,
        // NFS and some FUSE file systems.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => publish_by_link(staged, target, &to)?,
        Err(errno) => return Err(unpublished(target, errno)),
    }
    from.map_or(Ok(()), |from| from.sync())
}

/// Gives `staged` the name of a file that is there: a reader finds the old one or the new one, whole, whenever the process or the machine dies.
/// The content must be fsynced already.
pub fn replace(staged: &Path, target: &Path) -> Result<()> {
    let (from, to) = names_of(staged, target)?;
    std::fs::rename(staged, target).map_err(|source| Error::io(target, source))?;
    to.sync()?;
    from.map_or(Ok(()), |from| from.sync())
}

/// Moves a file that must not be lost to another folder, without replacing (`TargetExists`). Not by one rename, of which a disk may keep the half
/// that takes the old name away: first the new name is on disk, then the old one goes. Durable on return.
///
/// If it fails before the old name goes, the new one is taken back. If the process or the machine dies on the way, the file is under one name or
/// the other or both; a later call finishes a move of which both are there. Where links are not known it is [`publish`].
pub(crate) fn relocate(from: &Path, to: &Path) -> Result<()> {
    let (before, after) = (Names::of(from)?, Names::of(to)?);
    match rustix::fs::link(from, to) {
        Ok(()) => {}
        Err(Errno::EXIST) if is_one_file(from, to) => {}
        Err(Errno::EXIST) => return Err(Error::TargetExists { path: to.to_owned() }),
        // FAT and some network file systems; files of somebody else; as many links as there may be.
        Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::MLINK) => return publish(from, to),
        Err(errno) => return Err(Error::io(from, errno.into())),
    }
    let moved = after.sync().and_then(|()| std::fs::remove_file(from).map_err(|source| Error::io(from, source)));
    if let Err(error) = moved {
        // While the old name is there: the file itself must stay.
        if is_one_file(from, to) {
            drop(std::fs::remove_file(to));
        }
        return Err(error);
    }
    before.sync()
}

/// A link refuses an existing name too. Only once the new name is on disk may the old one go.
fn publish_by_link(staged: &Path, target: &Path, to: &Names) -> Result<()> {
    rustix::fs::link(staged, target).map_err(|errno| unpublished(target, errno))?;
    to.sync()?;
    std::fs::remove_file(staged).map_err(|source| Error::io(staged, source))
}

fn unpublished(target: &Path, errno: Errno) -> Error {
    match errno {
        Errno::EXIST => Error::TargetExists { path: target.to_owned() },
        errno => Error::io(target, errno.into()),
    }
}

/// Replaces a small file (0600) in one step: a reader sees the old bytes or the new ones, whenever the process dies. Durable on return.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = temporary_beside(path)?;
    let names = Names::of(path)?;
    let replaced = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        // Before the rename: else after a power cut the name may stand for an empty file.
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    })();
    if let Err(source) = replaced {
        // What cannot be removed now bears a name that no reader looks for.
        drop(std::fs::remove_file(&temporary));
        return Err(Error::io(path, source));
    }
    names.sync()
}

/// What a folder holds, all of it or the fault: a disk that fails in the middle of a list does not make it shorter.
pub(crate) fn entries(folder: &Path) -> Result<Vec<DirEntry>> {
    let all = std::fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    all.map_err(|source| Error::io(folder, source))
}

/// The same; nothing where there is no such folder.
pub(crate) fn entries_if_there(folder: &Path) -> Result<Vec<DirEntry>> {
    match entries(folder) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other,
    }
}

/// Whether there is a file of this name. What cannot be looked at is a fault, and not missing.
pub(crate) fn is_file(path: &Path) -> Result<bool> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(found.is_file()),
        Err(source) if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(source) => Err(Error::io(path, source)),
    }
}

/// Whether two places are on one disk, as far as they are there already. Unknown means yes.
pub(crate) fn on_one_disk(one: &Path, other: &Path) -> bool {
    let device = |path: &Path| path.ancestors().find_map(|path| std::fs::metadata(path).ok()).map(|found| found.dev());
    match (device(one), device(other)) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

/// Removes what processes that died in [`write`] left in a folder: temporary files of names that are `ours`. The caller holds the lock under
/// which files in this folder are written, so none is in use.
pub(crate) fn sweep(folder: &Path, ours: impl Fn(&str) -> bool) -> Result<()> {
    for entry in entries_if_there(folder)? {
        if entry.file_name().to_str().and_then(target_of_temporary).is_some_and(&ours) {
            std::fs::remove_file(entry.path()).map_err(|source| Error::io(entry.path(), source))?;
        }
    }
    Ok(())
}

/// Removes a file. One that is not there is gone already. Durable once its folder is synced.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(Error::io(path, source)),
        _ => Ok(()),
    }
}

/// A new file that only this user may read; `TargetExists` if there is one of that name.
pub fn create_private(path: &Path) -> Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => Error::TargetExists { path: path.to_owned() },
        _ => Error::io(path, source),
    })
}

/// Makes a folder and its missing parents (0700), durably. One that exists is left as it is.
pub fn make_dir(path: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => sync_dir(parent(path)),
        Err(source) if source.kind() == io::ErrorKind::NotFound && parent(path) != path => {
            make_dir(parent(path))?;
            // Another process may have been quicker by now; that is as good.
            make_dir(path)
        }
        Err(_) if path.is_dir() => Ok(()),
        Err(source) => Err(Error::io(path, source)),
    }
}

/// What an unprivileged process may still write on the file system of `path`.
pub fn free_bytes(path: &Path) -> Result<u64> {
    let status = rustix::fs::statvfs(path).map_err(|errno| Error::io(path, errno.into()))?;
    Ok(status.f_bavail.saturating_mul(status.f_frsize))
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
    _file: File,
}

/// Takes the lock of a lock file (made with mode 0600 if it is not there) without waiting. `None`: another holds it.
pub fn try_lock(path: &Path, mode: LockMode) -> Result<Option<Lock>> {
    let failed = |source| Error::io(path, source);
    let operation = match mode {
        LockMode::Shared => FlockOperation::NonBlockingLockShared,
        LockMode::Exclusive => FlockOperation::NonBlockingLockExclusive,
    };
    loop {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
        match rustix::fs::flock(&file, operation) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(failed(errno.into())),
        }
        // A holder may remove its lock file: a lock on a file without a name keeps nobody out, so the one that has the name is what counts.
        let held = file.metadata().map_err(failed)?;
        match std::fs::metadata(path) {
            Ok(named) if identity(&named) == identity(&held) => return Ok(Some(Lock { _file: file })),
            Ok(_) => {}
            Err(source) if source.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed(source)),
        }
    }
}

fn identity(meta: &Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

pub(crate) fn is_one_file(one: &Path, other: &Path) -> bool {
    let of = |path: &Path| std::fs::symlink_metadata(path).map(|meta| identity(&meta));
    matches!((of(one), of(other)), (Ok(one), Ok(other)) if one == other)
}

/// Whether two files hold the same bytes; at once, where both names are of one file.
pub(crate) fn hold_the_same(one: &Path, other: &Path) -> Result<bool> {
    let open = |path: &Path| File::open(path).and_then(|file| Ok((file.metadata()?, file))).map_err(|source| Error::io(path, source));
    let ((one_meta, one_file), (other_meta, other_file)) = (open(one)?, open(other)?);
    if identity(&one_meta) == identity(&other_meta) {
        return Ok(true);
    }
    if one_meta.len() != other_meta.len() {
        return Ok(false);
    }
    let (mut one_block, mut other_block) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    for at in (0..one_meta.len()).step_by(1 << 16) {
        let length = usize::try_from((one_meta.len() - at).min(1 << 16)).unwrap_or(1 << 16);
        one_file.read_exact_at(&mut one_block[..length], at).map_err(|source| Error::io(one, source))?;
        other_file.read_exact_at(&mut other_block[..length], at).map_err(|source| Error::io(other, source))?;
        if one_block[..length] != other_block[..length] {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The folder that a path's name stands in.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// A folder that is about to get or lose a name: one that cannot be opened is met before that, while nothing is done.
struct Names<'a> {
    path: &'a Path,
    folder: File,
}

impl<'a> Names<'a> {
    /// Of the folder that a path's name stands in.
    fn of(path: &'a Path) -> Result<Self> {
        let path = parent(path);
        Ok(Self { path, folder: File::open(path).map_err(|source| Error::io(path, source))? })
    }

    /// Makes the names durable, and that names are gone.
    fn sync(&self) -> Result<()> {
        self.folder.sync_all().map_err(|source| Error::io(self.path, source))
    }
}

/// The folders that a file moves between: the first none where it stays in one.
fn names_of<'a>(staged: &'a Path, target: &'a Path) -> Result<(Option<Names<'a>>, Names<'a>)> {
    let from = (parent(staged) != parent(target)).then(|| Names::of(staged)).transpose()?;
    Ok((from, Names::of(target)?))
}

/// Makes the names in a folder durable, and that names are gone.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|source| Error::io(path, source))
}

/// The same for the folder that a path's name stands in.
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    sync_dir(parent(path))
}

/// Which file a temporary one was to become, by the name that [`temporary_beside`] gave it.
fn target_of_temporary(name: &str) -> Option<&str> {
    let (target, random) = name.strip_prefix('.')?.strip_suffix(".tmp")?.rsplit_once('.')?;
    (random.len() == 8 && random.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(target)
}

/// A name in the same folder that nothing else has, e.g. `.shop.json.3f0a91bc.tmp`.
fn temporary_beside(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| Error::io(path, io::ErrorKind::InvalidInput.into()))?;
    let random = getrandom::u32().map_err(|fault| Error::Internal(format!("no randomness: {fault}")))?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{random:08x}.tmp"));
    Ok(parent(path).join(temporary))
}

#[cfg(test)]
mod tests;
