//! Who else has the files of a database open, as far as this user may see: the open files of every process, and the locks that the system lists.
//! Nothing of the database is opened for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustix::fs::{major, minor};

use super::scratch::beside;
use crate::error::LockedBy;

pub(super) const SIDES: [&str; 4] = ["", "-wal", "-journal", "-shm"];

/// Other processes that have one of the database's files open, e.g. "process 4711 (shop)". A file that was removed counts by the name that it had:
/// who holds it goes on writing to what nobody finds any more. Of another user's process only its locks are seen, which every connection in WAL mode
/// and every transaction has.
pub(crate) fn open_elsewhere(path: &Path) -> Vec<String> {
    let files: Vec<(u64, u64)> = SIDES.iter().filter_map(|side| identity(&beside(path, side))).collect();
    let removed: Vec<PathBuf> = SIDES.iter().map(|side| beside(&beside(path, side), " (deleted)")).collect();
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let mut found: BTreeMap<u32, &str> = lock_holders(&locks, &files).into_iter().map(|pid| (pid, "")).collect();
    for pid in fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| number(&entry.file_name())) {
        match held_by(pid, &files, &removed) {
            Some(Held::Standing) => drop(found.insert(pid, "")),
            Some(Held::Removed) => drop(found.entry(pid).or_insert(", which writes to a removed file of it")),
            None => {}
        }
    }
    found.remove(&std::process::id());
    found.into_iter().map(|(pid, how)| format!("{}{how}", named(pid))).collect()
}

/// Another process that has a lock on the file itself, not on those beside it.
pub(super) fn lock_on_file_alone(path: &Path) -> Option<String> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    lock_holders(&locks, &[identity(path)?]).into_iter().find(|pid| *pid != std::process::id()).map(named)
}

/// Who has a lock on one of the database's files.
pub(super) fn locked_by(path: &Path) -> LockedBy {
    let files: Vec<(u64, u64)> = SIDES.iter().filter_map(|side| identity(&beside(path, side))).collect();
    // A system that does not list locks says nothing about them.
    let Ok(locks) = fs::read_to_string("/proc/locks") else { return LockedBy::Unknown };
    // What this process holds is mostly what it got before it had to wait.
    let others: BTreeSet<u32> = lock_holders(&locks, &files).into_iter().filter(|pid| *pid != std::process::id()).collect();
    if others.is_empty() {
        return LockedBy::Nobody;
    }
    LockedBy::Processes(others.into_iter().map(named).collect::<Vec<_>>().join(", "))
}

/// `device`, `inode`: what a file is, whatever its name.
fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn number(name: &OsString) -> Option<u32> {
    name.to_str()?.parse().ok()
}

fn named(pid: u32) -> String {
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim()),
        // Of another container.
        Err(_) => "a process that cannot be seen from here".to_owned(),
    }
}

enum Held {
    Standing,
    Removed,
}

fn held_by(pid: u32, files: &[(u64, u64)], removed: &[PathBuf]) -> Option<Held> {
    let mut held = None;
    for handle in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        let handle = handle.path();
        if identity(&handle).is_some_and(|file| files.contains(&file)) {
            return Some(Held::Standing);
        }
        if fs::read_link(&handle).is_ok_and(|name| removed.contains(&name)) {
            held = Some(Held::Removed);
        }
    }
    held
}

/// The processes that hold or wait for a POSIX lock on one of these files, by the lines of `/proc/locks` (proc(5)), e.g.
/// `1: POSIX  ADVISORY  READ 4711 08:02:131090 128 128`.
fn lock_holders(locks: &str, files: &[(u64, u64)]) -> Vec<u32> {
    let of_these = |place: &str| {
        let mut parts = place.split(':');
        let mut hexadecimal = || u32::from_str_radix(parts.next()?, 16).ok();
        let (Some(on_major), Some(on_minor)) = (hexadecimal(), hexadecimal()) else { return false };
        let inode = parts.next().and_then(|inode| inode.parse::<u64>().ok());
        files.iter().any(|(device, number)| (major(*device), minor(*device), Some(*number)) == (on_major, on_minor, inode))
    };
    let holder = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().filter(|word| *word != "->").collect();
        match words[..] {
            [_, "POSIX", _, _, pid, place, ..] if of_these(place) => pid.parse().ok(),
            _ => None,
        }
    };
    locks.lines().filter_map(holder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locks_that_the_system_lists_are_told_by_file() {
        let device = rustix::fs::makedev(8, 0x12);
        let locks = "1: POSIX  ADVISORY  READ  4711 08:12:131090 128 128\n\
                     1: -> POSIX  ADVISORY  WRITE 4712 08:12:131090 1073741824 1073741825\n\
                     2: FLOCK  ADVISORY  WRITE 4713 08:12:131090 0 EOF\n\
                     3: POSIX  ADVISORY  WRITE 4714 08:12:131091 0 EOF\n\
                     4: POSIX  ADVISORY  WRITE 4715 08:13:131090 0 EOF\n\
                     5: OFDLCK ADVISORY  READ  -1 08:12:131090 0 0\n\
                     nonsense\n";
        assert_eq!(lock_holders(locks, &[(device, 131_090), (device, 1)]), [4711, 4712]);
        assert!(lock_holders(locks, &[]).is_empty());
    }
}
