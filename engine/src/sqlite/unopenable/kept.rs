//! The files of a database on their way aside and back: each has its second name, or its copy, before it loses the first.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, RenameFlags, renameat_with},
    io::Errno,
};

use super::{
    incoming::{digest, read_back},
    is_any_there,
    seen::Seen,
    used_meanwhile,
};
use crate::{
    Error, Result, durable,
    sqlite::{holders::SIDES, scratch::beside},
};

/// The names under which a set may be kept, of which its side files' are made: in the vault, or beside the database where it could not be brought there.
fn stems(live: &Path, aside_dir: &Path) -> Result<[PathBuf; 2]> {
    let name = live.file_name().ok_or_else(|| Error::TargetUnusable { path: live.to_owned(), reason: "it has no name".to_owned() })?;
    let time = aside_dir.file_name().unwrap_or_default().to_string_lossy();
    Ok([aside_dir.join(name), beside(live, &format!(".keepstone-kept-{time}"))])
}

/// The name beside the database that a set is kept under, if it is not in the vault.
pub(crate) fn kept_at(live: &Path, aside_dir: &Path) -> Option<PathBuf> {
    let [_, at_hand] = stems(live, aside_dir).ok()?;
    is_any_there(&at_hand).then_some(at_hand)
}

/// What was kept, and where.
pub(super) struct Set {
    files: Vec<(PathBuf, Seen)>,
    /// The folder in the vault, or the name beside the database that all of its files begin with.
    pub(super) kept: PathBuf,
}

/// Step 1. What is aside already is never written over. The main file must be the one that was seen.
pub(super) fn keep(live: &Path, aside_dir: &Path, old: Option<&Seen>) -> Result<Set> {
    let [in_vault, at_hand] = stems(live, aside_dir)?;
    match keep_all(live, &in_vault, old, keep_file) {
        Ok(files) => Ok(Set { files, kept: aside_dir.to_owned() }),
        Err(error @ (Error::StalePlan { .. } | Error::TargetExists { .. })) => Err(error),
        // A page that cannot be read, or no room where the vault is: a second name on the same disk needs neither.
        Err(error) => match keep_all(live, &at_hand, old, link) {
            Ok(files) => {
                tracing::warn!(path = %at_hand.display(), %error, "what was there could not be brought to the vault, and is kept beside the database");
                Ok(Set { files, kept: at_hand })
            }
            Err(_) => Err(error),
        },
    }
}

fn keep_all(live: &Path, stem: &Path, old: Option<&Seen>, how: fn(&Path, &Path) -> Result<()>) -> Result<Vec<(PathBuf, Seen)>> {
    let (mut made, mut files) = (Vec::new(), Vec::new());
    let mut all = || {
        for side in SIDES {
            let (from, to) = (beside(live, side), beside(stem, side));
            let found = Seen::if_there(&from)?;
            if side.is_empty() && found.as_ref() != old {
                return Err(used_meanwhile());
            }
            if let Some(found) = found {
                how(&from, &to)?;
                made.push(to);
                files.push((from, found));
            }
        }
        durable::sync_parent(stem)
    };
    let outcome = all();
    if outcome.is_err() {
        for path in &made {
            if let Err(error) = durable::remove(path) {
                tracing::warn!(path = %path.display(), %error, "a copy of a file that was not moved could not be removed");
            }
        }
    }
    outcome.map(|()| files)
}

fn link(from: &Path, to: &Path) -> Result<()> {
    fs::hard_link(from, to).map_err(|error| Error::io(to, error))
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

/// A copy has its name only when it is whole, durable and read back: it may be all that is left.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let part = beside(to, ".part");
    durable::remove(&part)?;
    let copied = (|| {
        let at = |error| Error::io(&part, error);
        let mut original = File::open(from).map_err(|error| Error::io(from, error))?;
        let meta = original.metadata().map_err(|error| Error::io(from, error))?;
        let mut file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&part).map_err(at)?;
        let hash = digest(&mut original, Some(&mut file)).map_err(at)?;
        let made = file.metadata().map_err(at)?;
        // So that a way back does not lock the application out; a user who may not give files away goes on without.
        if (made.uid(), made.gid()) != (meta.uid(), meta.gid()) {
            let _ = fchown(&file, Some(meta.uid()), Some(meta.gid()));
        }
        file.set_permissions(fs::Permissions::from_mode(meta.mode() & 0o7777)).map_err(at)?;
        file.sync_all().map_err(at)?;
        read_back(&mut file, &part, &hash)
    })();
    copied.and_then(|()| rename_without_replacing(&part, to)).inspect_err(|_| {
        let _ = durable::remove(&part); // the fault before is what there is to tell
    })
}

/// Step 2. A side file that somebody made or wrote to meanwhile is not the one that was kept: the database is in use then, and nothing more is done.
pub(super) fn take_sides_away(live: &Path, folder: &Path, set: &Set) -> Result<()> {
    let kept: Vec<_> = set.files.iter().filter(|(path, _)| path != live).collect();
    for (side, what) in &kept {
        if Seen::if_there(side)?.as_ref() == Some(what) {
            durable::remove(side)?;
        }
    }
    if !kept.is_empty() {
        durable::sync_dir(folder)?;
    }
    if SIDES[1..].iter().any(|side| beside(live, side).exists()) { Err(used_meanwhile()) } else { Ok(()) }
}

/// Undoes what a replacement began: `old` is the database that stood, and stands, in its place. Side files go back beside it, and only while nobody
/// wrote to it: an old journal beside a database that is not its own destroys that one. Then what was kept goes. May be called again after it died.
pub(crate) fn give_back(live: &Path, aside_dir: &Path, old: Option<&Seen>) -> std::result::Result<(), String> {
    let stems = stems(live, aside_dir).map_err(|error| error.to_string())?;
    stems.iter().try_for_each(|stem| give_back_from(stem, live, old))
}

fn give_back_from(stem: &Path, live: &Path, old: Option<&Seen>) -> std::result::Result<(), String> {
    let is_kept = |path: &Path| fs::exists(path).map_err(|error| error.to_string());
    for side in SIDES {
        durable::remove(&beside(&beside(stem, side), ".part")).map_err(|error| error.to_string())?;
    }
    let Some(old) = old else {
        // There was no main file: a journal that is alone belongs to nothing that is here, or that comes here meanwhile.
        for side in SIDES {
            if is_kept(&beside(stem, side))? {
                return Err("there was no database beside them".to_owned());
            }
        }
        return Ok(());
    };
    let Some(now) = Seen::at(live).ok().filter(|now| old.is(now)) else {
        return Err("another file is in the database's place".to_owned());
    };
    for side in &SIDES[1..] {
        let (at, kept) = (beside(live, side), beside(stem, side));
        if !is_kept(&kept)? {
            continue;
        }
        if is_kept(&at)? {
            if !durable::hold_the_same(&at, &kept).map_err(|error| error.to_string())? {
                return Err(format!("another {} is there by now", at.display()));
            }
            durable::remove(&kept).map_err(|error| error.to_string())?;
        } else if old.is_untouched(&now) {
            move_file(&kept, &at).map_err(|error| error.to_string())?;
        } else {
            return Err("somebody wrote to the database".to_owned());
        }
    }
    let synced = live.parent().map_or(Ok(()), durable::sync_dir);
    synced.and_then(|()| durable::remove(stem)).map_err(|error| error.to_string())
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

pub(super) fn rename_without_replacing(from: &Path, to: &Path) -> Result<()> {
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
