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
//! 4. What came away is looked at: had somebody written to it since it was confirmed, or opened it, they change names again.
//!
//! Whoever dies before 3 is followed by `give_back`, which undoes 1 and 2; after it, it is done. `restore/aside.rs` has the note that says so.
//! Another vault may mean the same database: the image has a name of its own, and steps 1 to 4 are taken under a lock that both see.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};
use sha2::{Digest, Sha256};

use super::{
    fault,
    holders::{SIDES, open_elsewhere},
    open::{Access, Live},
    pages::{self, Geometry, Method},
    scratch::beside,
    watch,
};
use crate::{
    Error, Result, Silent,
    guard::{self, Guard},
};

mod incoming;
mod kept;
mod rights;
mod seen;

use incoming::{Hash, Holds, Incoming};
pub(crate) use kept::{give_back, kept_at};
use kept::{keep, rename_without_replacing, take_sides_away};
pub(crate) use rights::of_new_file;
pub(crate) use seen::Seen;

/// Who a replacement asks on its way. What is refused is refused.
pub(crate) trait Course {
    /// The image is to be written under this name, at which there is nothing yet.
    fn begins(&mut self, incoming: &Path) -> Result<()>;

    /// All that takes time is done, and nothing of the database is touched yet: what stands there, if anything, and what is to take its place.
    fn confirm(&mut self, old: Option<&Seen>, incoming: &Seen) -> Result<()>;

    /// The old file lost its place, or is about to, and has this name: from now on nobody opens it who has not by now.
    fn carried_off(&mut self, old: &Path) -> Result<()>;
}

/// What is known of a database that took its place.
#[derive(Debug)]
pub(crate) struct Placed {
    hash: Hash,
    /// Where what was there is kept, if anything was.
    pub(crate) kept: PathBuf,
    /// What of the old file's rights the new one could not be given.
    pub(crate) rights_lost: Vec<String>,
}

impl Placed {
    /// Whether what SQLite reads there now is the image, byte for byte. Where somebody wrote to it meanwhile it is not.
    pub(crate) fn is_equal(&self, live: &Path) -> Result<bool> {
        if Method::available() != Method::Dbpage {
            return Ok(true); // what was read back before, by the handle of this very file
        }
        let live = Live::open(live, Access::Read)?;
        live.watched(&Silent, &watch::unlimited, || {
            live.begin_read(super::BUSY_WAIT)?;
            let geometry = Geometry::read(&live.connection).map_err(fault::at(&live.path))?;
            let mut hasher = Sha256::new();
            let mut take = |pages: &[u8]| {
                hasher.update(pages);
                Ok(())
            };
            pages::stream(&live.connection, &live.path, (geometry.page_size, geometry.page_count), &mut take)?;
            pages::rollback(&live.connection);
            Ok(Hash::from(hasher.finalize()) == self.hash)
        })
    }
}

/// Puts a copy of the image in the database's place, with the owner, mode and attributes of the old file; where there is none, with what its folder
/// gives. The whole set (the database, -wal, -shm, -journal) is kept in `aside_dir`, durably; where it cannot be copied there, beside the database.
///
/// On a fault everything is as it was. Where it could not be brought back to that, or the new database has its name already, the fault is `Unsure`, and
/// names the folder in which all that was there is kept.
pub(crate) fn replace_unopenable(live: &Path, image: &Path, aside_dir: &Path, course: &mut dyn Course) -> Result<Placed> {
    let folder = live.parent().ok_or_else(|| Error::TargetUnusable { path: live.to_owned(), reason: "it has no folder".to_owned() })?;
    DirBuilder::new().recursive(true).mode(0o700).create(aside_dir).map_err(|error| Error::io(aside_dir, error))?;
    // The copy is made whole, durable and read back first: a full or failing disk is met here, while nothing has moved.
    let mut incoming = Incoming::copy(image, live, folder, course)?;
    let _alone = alone(live, folder)?;
    // Before it is confirmed: what is written from here on is noticed.
    let old = Seen::if_there(live)?;
    course.confirm(old.as_ref(), &incoming.seen)?;
    let set = keep(live, aside_dir, old.as_ref())?;
    // Now, for a handle that is not to be had later would be told as a replacement that failed.
    let names = File::open(folder).map_err(|error| put_back(live, aside_dir, old.as_ref(), Error::io(folder, error)))?;
    take_sides_away(live, folder, &set)
        .and_then(|()| put_in_place(&mut incoming, live, old.as_ref(), course))
        .map_err(|cause| put_back(live, aside_dir, old.as_ref(), cause))?;
    // The new database has its name: whatever this says, putting the old files beside it would be worse.
    names.sync_all().map_err(|error| {
        let what = format!("the backup stands in the place of {}, and it is not known whether the disk keeps that", live.display());
        unsure(kept_in(what, &set.kept), Error::io(folder, error))
    })?;
    Ok(Placed { hash: incoming.hash, kept: set.kept, rights_lost: std::mem::take(&mut incoming.rights_lost) })
}

/// Whether there is a file of a database, its own or one beside it.
pub(crate) fn is_any_there(live: &Path) -> bool {
    SIDES.iter().any(|side| beside(live, side).symlink_metadata().is_ok())
}

/// How large the files of a database are.
pub(crate) fn set_bytes(live: &Path) -> u64 {
    SIDES.iter().filter_map(|side| fs::metadata(beside(live, side)).ok()).map(|found| found.len()).sum()
}

/// A lock on the database's folder, which every vault that means a database in it sees. Where a file system knows none for folders it goes without:
/// names and looks are safe alone.
fn alone(live: &Path, folder: &Path) -> Result<Option<Guard>> {
    match guard::lock_dir(folder) {
        Ok(guard) => Ok(Some(guard)),
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::WouldBlock => {
            Err(Error::StalePlan { reason: format!("a database beside {} is being replaced at this moment", live.display()) })
        }
        Err(error) => {
            tracing::debug!(folder = %folder.display(), %error, "the folder of a database cannot be locked");
            Ok(None)
        }
    }
}

fn used_meanwhile() -> Error {
    Error::StalePlan { reason: "somebody began to use the database at this moment".to_owned() }
}

/// Steps 3 and 4.
fn put_in_place(incoming: &mut Incoming, live: &Path, old: Option<&Seen>, course: &mut dyn Course) -> Result<()> {
    let Some(old) = old else { return rename_without_replacing(&incoming.path, live) };
    if Seen::at(&incoming.path)? != incoming.seen {
        incoming.holds = Holds::Foreign;
        return Err(Error::RestoreMismatch { detail: format!("{} is another file by now", incoming.path.display()) });
    }
    match exchange(incoming, live) {
        // The old one's second name is with our own, and goes with it.
        Ok(()) => untouched(&incoming.path, old, course).map_err(|cause| change_back(incoming, live, cause)),
        // File systems that do not know it: a rename goes over in one step, too.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            untouched(live, old, course)?;
            renameat_with(CWD, &incoming.path, CWD, live, RenameFlags::empty()).map_err(|errno| not_to_be_replaced(live, errno))
        }
        Err(errno) => Err(not_to_be_replaced(live, errno)),
    }?;
    if incoming.is_displaced(live) { Err(used_meanwhile()) } else { Ok(()) }
}

fn exchange(incoming: &Incoming, live: &Path) -> rustix::io::Result<()> {
    renameat_with(CWD, &incoming.path, CWD, live, RenameFlags::EXCHANGE)
}

/// What the system says of a file whose name it does not give to another one, in words that say what to do.
fn not_to_be_replaced(live: &Path, errno: Errno) -> Error {
    let reason = match errno {
        Errno::BUSY => {
            "it is a mount of its own, as a single file that is given to a container is, and no other file can take its name: restore into a new file \
             (--to), and copy that over it while the application is stopped"
        }
        Errno::PERM | Errno::ACCESS => {
            "the system lets no other file take its name: it is marked as immutable (`lsattr` shows that), or is another user's in a folder where \
             only owners replace files"
        }
        errno => return Error::io(live, errno.into()),
    };
    Error::TargetUnusable { path: live.to_owned(), reason: reason.to_owned() }
}

/// Whether what has this name is the file that was confirmed, as it was.
fn untouched(path: &Path, old: &Seen, course: &mut dyn Course) -> Result<()> {
    if Seen::at(path)? != *old {
        return Err(used_meanwhile());
    }
    course.carried_off(path)?;
    // Who had it open may have written just before that was seen.
    if Seen::at(path)? == *old { Ok(()) } else { Err(used_meanwhile()) }
}

/// Gives the old file its place again. Somebody may have begun with the new one meanwhile: that is not ours to remove then.
fn change_back(incoming: &mut Incoming, live: &Path, cause: Error) -> Error {
    let path = incoming.path.display().to_string();
    if incoming.is_displaced(live) {
        tracing::error!(path, "what stood in the database's place is kept under this name");
        incoming.holds = Holds::Foreign;
        return cause;
    }
    if let Err(errno) = exchange(incoming, live) {
        tracing::error!(path, %errno, "what stood in the database's place is kept under this name");
        incoming.holds = Holds::Foreign;
        return unsure(format!("the backup stands in the place of {} and could not be taken away again ({errno})", live.display()), cause);
    }
    if !Seen::at(&incoming.path).is_ok_and(|now| now == incoming.seen) || !open_elsewhere(&incoming.path).is_empty() {
        tracing::error!(path, "what somebody began with in the database's place is kept under this name");
        incoming.holds = Holds::Foreign;
    }
    cause
}

/// Everything as it was; or the folder that has it, for the person to hear.
fn put_back(live: &Path, aside_dir: &Path, old: Option<&Seen>, cause: Error) -> Error {
    let Err(reason) = give_back(live, aside_dir, old) else { return cause };
    let kept = kept_at(live, aside_dir).unwrap_or_else(|| aside_dir.to_owned());
    tracing::error!(path = %live.display(), kept = %kept.display(), reason, "files of the database could not be put back");
    match cause {
        // It says already what stands there.
        Error::Unsure { what, cause } => unsure(kept_in(what, &kept), *cause),
        cause => unsure(kept_in(format!("not all of {} could be put back ({reason})", live.display()), &kept), cause),
    }
}

fn kept_in(what: String, kept: &Path) -> String {
    format!("{what}; what was there is kept in {}", kept.display())
}

fn unsure(what: String, cause: Error) -> Error {
    Error::Unsure { what, cause: Box::new(cause) }
}
