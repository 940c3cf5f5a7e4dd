//! Whether the path of a live database is the name that its application uses. SQLite keeps the log, its index and the journal beside the name by which a file
//! was opened: by another name of the same file they are not seen, and neither is what was committed last
//! (<https://www.sqlite.org/howtocorrupt.html>, 2.4).

use std::{
    fs::{self, Metadata},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::Path,
    thread,
    time::Duration,
};

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};

use super::{
    holders::{SIDES, lock_on_file_alone},
    pages,
    scratch::{beside, open_immutable},
};
use crate::{Error, Result};

/// Refuses a file of which there may be another name. One that is no database at all has no log either, and is told as such.
pub(super) fn only_one(path: &Path, found: &Metadata) -> Result<()> {
    let what = if found.nlink() > 1 {
        format!("it is one of {} hard links to its file, of inode {}", found.nlink(), found.ino())
    } else if is_mount(path) {
        "it is a single file that was mounted by itself".to_owned()
    } else {
        return Ok(());
    };
    match open_immutable(path).and_then(|connection| pages::begin_read(&connection, path)) {
        Err(error @ Error::NotADatabase { .. }) => Err(error),
        _ => Err(Error::SourceSecondName { path: path.to_owned(), what }),
    }
}

/// Whether something is mounted at this very path.
fn is_mount(path: &Path) -> bool {
    if let Ok(seen) = statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS)
        && seen.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT)
    {
        return seen.stx_attributes.contains(StatxAttributes::MOUNT_ROOT);
    }
    // Linux before 5.8.
    let (Ok(mounts), Ok(path)) = (fs::read("/proc/self/mountinfo"), path.canonicalize()) else { return false };
    lists(&mounts, &path)
}

/// The fifth field of a line is the place of a mount, with blanks, line ends and backslashes in octal, see proc(5).
fn lists(mounts: &[u8], path: &Path) -> bool {
    let mut escaped = Vec::new();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => escaped.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            other => escaped.push(other),
        }
    }
    mounts.split(|byte| *byte == b'\n').any(|line| line.split(|byte| *byte == b' ').nth(4) == Some(&escaped[..]))
}

/// A WAL database that has no log here. Who has it open has the file locked and its log beside it: where that is not here, it is elsewhere.
pub(super) fn log_is_not_elsewhere(path: &Path) -> Result<()> {
    /// Its log is made just after the lock, and removed just before it is given back.
    const LOOKS: usize = 3;
    const BETWEEN: Duration = Duration::from_millis(20);
    let mut holder = None;
    for look in 0..LOOKS {
        if look > 0 {
            thread::sleep(BETWEEN);
        }
        let has_sides = || SIDES[1..].iter().any(|side| beside(path, side).exists());
        holder = lock_on_file_alone(path).filter(|_| !has_sides());
        if holder.is_none() {
            return Ok(());
        }
    }
    holder.map_or(Ok(()), |who| {
        let what = format!("{who} has it open in WAL mode, and its -wal is not beside this name");
        Err(Error::SourceSecondName { path: path.to_owned(), what })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_one_by_its_own_path_only() {
        assert!(is_mount(Path::new("/proc")) && !is_mount(Path::new("/proc/self/status")) && !is_mount(Path::new("/nowhere")));
    }

    #[test]
    fn a_mount_is_found_in_the_list_of_old_systems() {
        let mounts = b"22 1 0:20 / / rw - overlay o rw\n36 22 8:1 /srv/a\\040b.db /data/a\\040b.db rw master:1 - ext4 /dev/sda1 rw\n";
        assert!(lists(mounts, Path::new("/data/a b.db")));
        assert!(!lists(mounts, Path::new("/srv/a b.db")) && !lists(mounts, Path::new("/data")));
    }
}
