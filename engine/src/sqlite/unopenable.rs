//! Putting an image at the place of a database that cannot be opened or is not there: as files, since there is no SQLite way left.
//!
//! A kill at any point leaves the old database in its place, or the new one, and never none: an application that started then would make an empty one.
//! Nor does a new database ever stand beside an old journal or log, which SQLite would play into it. No single step does both, as the set is up to
//! four names. So, each durable before the next:
//!
//! 1. The whole set gets a second name aside (a link; a copy where there are no links): from here on nothing can be lost.
//! 2. The side files lose their name beside the database. What stands there now is the old main file alone, which is what SQLite could not open;
//!    it is not the old state, but the only one between that destroys neither. Most such databases have no side files, and skip this.
//! 3. Old and new main file change names in one step (`RENAME_EXCHANGE`, or a rename over the old one, which has its other name).
//!
//! Whoever dies before 3 is followed by `give_back`, which undoes 1 and 2; after 3 it is done. `restore/aside.rs` has the note that says so.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Advice, CWD, RenameFlags, fadvise, renameat_with},
    io::Errno,
};
use sha2::{Digest, Sha256};

use super::{holders::SIDES, open::identity, scratch::beside};
use crate::{Error, Result, durable};

/// Puts a copy of the image in the database's place, with the owner and mode of the old file; where there is none, with the owner of its folder and
/// for that user only. The whole set (the database, -wal, -shm, -journal) is kept in `aside_dir`, durably.
///
/// `confirm` is asked when all that takes time is done, and before anything of the database is touched, with the identity
/// (`device:inode`) of the file that will stand there; what it refuses is refused. On a fault before
/// the new database has its name everything is as it was, unless another file stands there by then: the error then names the folder in which all of
/// it is kept.
pub fn replace_unopenable(live: &Path, image: &Path, aside_dir: &Path, confirm: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
    let folder = live.parent().ok_or_else(|| Error::TargetUnusable { path: live.to_owned(), reason: "it has no folder".to_owned() })?;
    DirBuilder::new().recursive(true).mode(0o700).create(aside_dir).map_err(|error| Error::io(aside_dir, error))?;
    // The copy is made whole, durable and read back first: a full or failing disk is met here, while nothing has moved.
    let mut incoming = Incoming::copy(image, live, folder, present(live)?.as_ref())?;
    confirm(&identity(&incoming.path)?)?;
    let old = present(live)?.map(|_| identity(live)).transpose()?;
    let set = keep(live, aside_dir)?;
    take_sides_away(live, folder, &set)
        .and_then(|()| put_in_place(&mut incoming, live, old.as_deref()))
        .map_err(|cause| put_back(live, aside_dir, old.as_deref(), cause))?;
    // The new database has its name: whatever this says, putting the old files beside it would be worse.
    durable::sync_dir(folder)
}

/// Removes the image that a killed replacement left beside the database, or the second name of the old one: both are elsewhere, too.
pub(crate) fn remove_incoming(live: &Path) -> Result<()> {
    durable::remove(&beside(live, INCOMING))
}

/// Whether there is a file of a database, its own or one beside it.
pub(crate) fn is_any_there(live: &Path) -> bool {
    SIDES.iter().any(|side| beside(live, side).symlink_metadata().is_ok())
}

/// How large the files of a database are.
pub(crate) fn set_bytes(live: &Path) -> u64 {
    SIDES.iter().filter_map(|side| fs::metadata(beside(live, side)).ok()).map(|found| found.len()).sum()
}

const INCOMING: &str = ".keepstone-incoming";

fn present(live: &Path) -> Result<Option<fs::Metadata>> {
    match fs::metadata(live) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(live, error)),
    }
}

/// The image beside its place, under another name; gone if it never got there.
struct Incoming {
    path: PathBuf,
    /// Whose file the name stands for.
    holds: Holds,
}

#[derive(PartialEq, Eq)]
enum Holds {
    Ours,
    /// What somebody put in the database's place at the last moment, and could not be given back.
    Foreign,
}

impl Incoming {
    fn copy(image: &Path, live: &Path, folder: &Path, old: Option<&fs::Metadata>) -> Result<Self> {
        let path = beside(live, INCOMING);
        // What a killed restore left under our own name; the database's lock keeps a living one out.
        durable::remove(&path)?;
        let incoming = Self { path, holds: Holds::Ours };
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
        if self.holds == Holds::Ours
            && let Err(error) = durable::remove(&self.path)
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

/// Where a file of the set is kept.
fn kept(live: &Path, aside_dir: &Path, side: &str) -> Result<PathBuf> {
    let name = live.file_name().ok_or_else(|| Error::TargetUnusable { path: live.to_owned(), reason: "it has no name".to_owned() })?;
    Ok(beside(&aside_dir.join(name), side))
}

/// Step 1. What is aside already is never written over. Gives back what the files are that were kept.
fn keep(live: &Path, aside_dir: &Path) -> Result<Vec<(PathBuf, String)>> {
    let (mut made, mut set) = (Vec::new(), Vec::new());
    let mut keep_all = || {
        for side in SIDES {
            let (from, to) = (beside(live, side), kept(live, aside_dir, side)?);
            if fs::exists(&from).map_err(|error| Error::io(&from, error))? {
                let what = identity(&from)?;
                keep_file(&from, &to)?;
                made.push(to);
                set.push((from, what));
            }
        }
        durable::sync_dir(aside_dir)
    };
    let outcome = keep_all();
    if outcome.is_err() {
        for path in &made {
            if let Err(error) = durable::remove(path) {
                tracing::warn!(path = %path.display(), %error, "a copy of a file that was not moved could not be removed");
            }
        }
    }
    outcome.map(|()| set)
}

fn keep_file(from: &Path, to: &Path) -> Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Error::TargetExists { path: to.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(Error::io(to, error)),
        // Another file system, or one without links, or somebody else's file: Linux links none that one may not write to.
        Err(_) => copy(from, to),
    }
}

/// A copy has its name only when it is whole and durable.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let part = beside(to, ".part");
    durable::remove(&part)?;
    let copied = (|| -> io::Result<()> {
        let mut original = File::open(from)?;
        let meta = original.metadata()?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        io::copy(&mut original, &mut file)?;
        let made = file.metadata()?;
        // So that a way back does not lock the application out; a user who may not give files away goes on without.
        if (made.uid(), made.gid()) != (meta.uid(), meta.gid()) {
            let _ = fchown(&file, Some(meta.uid()), Some(meta.gid()));
        }
        file.set_permissions(fs::Permissions::from_mode(meta.mode() & 0o7777))?;
        file.sync_all()
    })();
    copied.map_err(|error| Error::io(&part, error)).and_then(|()| rename_without_replacing(&part, to)).inspect_err(|_| {
        let _ = durable::remove(&part); // the fault before is what there is to tell
    })
}

/// Step 2. A side file that somebody made meanwhile is not the one that was kept: the database is in use then, and nothing more is done.
fn take_sides_away(live: &Path, folder: &Path, set: &[(PathBuf, String)]) -> Result<()> {
    let kept: Vec<_> = set.iter().filter(|(path, _)| path != live).collect();
    for (side, what) in &kept {
        if identity(side).ok().as_ref() == Some(what) {
            durable::remove(side)?;
        }
    }
    if !kept.is_empty() {
        durable::sync_dir(folder)?;
    }
    if SIDES[1..].iter().any(|side| beside(live, side).exists()) { Err(used_meanwhile()) } else { Ok(()) }
}

fn used_meanwhile() -> Error {
    Error::StalePlan { reason: "somebody began to use the database at this moment".to_owned() }
}

/// Step 3.
fn put_in_place(incoming: &mut Incoming, live: &Path, old: Option<&str>) -> Result<()> {
    let Some(old) = old else { return rename_without_replacing(&incoming.path, live) };
    let exchange = || renameat_with(CWD, &incoming.path, CWD, live, RenameFlags::EXCHANGE);
    match exchange() {
        // The old one's second name is with our own, and goes with it.
        Ok(()) if identity(&incoming.path)? == old => Ok(()),
        Ok(()) => {
            if let Err(errno) = exchange() {
                tracing::error!(path = %incoming.path.display(), %errno, "what stood in the database's place is kept under this name");
                incoming.holds = Holds::Foreign;
            }
            Err(used_meanwhile())
        }
        // File systems that do not know it: a rename goes over in one step, too.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            if identity(live)? != old {
                return Err(used_meanwhile());
            }
            fs::rename(&incoming.path, live).map_err(|error| Error::io(live, error))
        }
        Err(errno) => Err(Error::io(live, errno.into())),
    }
}

/// Everything as it was; or the folder that has it, for the person to hear.
fn put_back(live: &Path, aside_dir: &Path, old: Option<&str>, cause: Error) -> Error {
    match give_back(live, aside_dir, old) {
        Ok(()) => cause,
        Err(reason) => {
            let kept = aside_dir.display();
            tracing::error!(path = %live.display(), %kept, reason, "files of the database could not be put back");
            let reason = format!("{cause}; what was there is kept in {kept} and was not put back ({reason})");
            Error::TargetUnusable { path: live.to_owned(), reason }
        }
    }
}

/// Undoes what a replacement began: `old` is the database that stood, and stands, in its place. Side files go back beside it, and only there: an old
/// journal beside a database that is not its own destroys that one. Then what was kept goes. May be called again after it died.
pub(crate) fn give_back(live: &Path, aside_dir: &Path, old: Option<&str>) -> std::result::Result<(), String> {
    let place = |side| kept(live, aside_dir, side).map_err(|error| error.to_string());
    let is_kept = |path: &Path| fs::exists(path).map_err(|error| error.to_string());
    for side in SIDES {
        durable::remove(&beside(&place(side)?, ".part")).map_err(|error| error.to_string())?;
    }
    let Some(old) = old else {
        // There was no main file: a journal that is alone belongs to nothing that is here, or that comes here meanwhile.
        for side in SIDES {
            if is_kept(&place(side)?)? {
                return Err("there was no database beside them".to_owned());
            }
        }
        return Ok(());
    };
    if identity(live).ok().as_deref() != Some(old) {
        return Err("another file is in the database's place".to_owned());
    }
    for side in &SIDES[1..] {
        let (at, kept) = (beside(live, side), place(side)?);
        if !is_kept(&kept)? {
            continue;
        }
        if !is_kept(&at)? {
            move_file(&kept, &at).map_err(|error| error.to_string())?;
        } else if durable::hold_the_same(&at, &kept).map_err(|error| error.to_string())? {
            durable::remove(&kept).map_err(|error| error.to_string())?;
        } else {
            return Err(format!("another {} is there by now", at.display()));
        }
    }
    live.parent()
        .map_or(Ok(()), durable::sync_dir)
        .and_then(|()| durable::remove(&place("").map_err(Error::Internal)?))
        .map_err(|error| error.to_string())
}

/// By rename, or over to another file system by a synced copy of which the original is the last to go.
fn move_file(from: &Path, to: &Path) -> Result<()> {
    match rename_without_replacing(from, to) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::CrossesDevices => {
            copy(from, to)?;
            durable::sync_dir(to.parent().unwrap_or(to))?;
            durable::remove(from)
        }
        other => other,
    }
}

fn rename_without_replacing(from: &Path, to: &Path) -> Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(Error::TargetExists { path: to.to_owned() }),
        // File systems without the flag: a link does not replace either.
        Err(Errno::INVAL | Errno::NOSYS) => {
            fs::hard_link(from, to).and_then(|()| fs::remove_file(from)).map_err(|error| Error::io(to, error))
        }
        Err(errno) => Err(Error::io(from, errno.into())),
    }
}
