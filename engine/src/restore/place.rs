//! The place of a live SQLite database that is to be replaced: whether SQLite can write over what stands there, and where it cannot, whether a file can
//! be put there.

use std::path::Path;

use rustix::{
    fs::{Access, AtFlags, CWD, accessat},
    io::Errno,
};

use crate::{
    Error, Result,
    sqlite::{
        self,
        live::{LiveState, live_state},
    },
};

/// What is replaced as files, as there is nothing that SQLite could write through. A lock, a missing permission or a failing disk is none of these. A
/// format that SQLite does not know may be a newer one's: whoever confirms it has read that.
pub(super) fn cannot_be_opened(error: &Error) -> bool {
    matches!(
        error,
        Error::SourceMissing { .. }
            | Error::SourceEmpty { .. }
            | Error::NotADatabase { .. }
            | Error::SourceCorrupt { .. }
            | Error::SourceFormat { .. }
    )
}

/// The live database, as SQLite can write over it.
pub(super) fn state_to_replace(live: &Path) -> Result<LiveState> {
    // SQLite would tell it as a matter of rights, or of side files.
    if live.parent().is_some_and(|folder| accessat(CWD, folder, Access::WRITE_OK, AtFlags::EACCESS) == Err(Errno::ROFS)) {
        unusable(live, READ_ONLY_DISK)?;
    }
    let state = live_state(live, sqlite::BUSY_WAIT)?;
    if state.only_to_be_read { Err(Error::SourceFormat { path: live.to_owned() }) } else { Ok(state) }
}

/// Refuses one that this user cannot write to, before anything of it is begun.
pub(super) fn refuse_read_only(live: &Path) -> Result<()> {
    match accessat(CWD, live, Access::WRITE_OK, AtFlags::EACCESS) {
        Ok(()) => Ok(()),
        Err(Errno::ROFS) => unusable(live, READ_ONLY_DISK),
        Err(Errno::PERM) => unusable(live, "it is marked as immutable: `chattr -i` takes that back"),
        Err(_) => unusable(live, "this user may not write it: run keepstone as its owner"),
    }
}

const READ_ONLY_DISK: &str = "its disk is mounted read-only: mend that first (the system's log says why it is)";

/// Refuses a place that a file cannot be put in.
pub(super) fn refuse_for_file(live: &Path) -> Result<()> {
    if live.is_dir() {
        return unusable(live, "a folder stands there, and the database was a file: move it elsewhere, or back to where it was");
    }
    let Some(folder) = live.parent().filter(|folder| folder.is_dir()) else {
        return unusable(live, "its folder is not there: mount its disk, or make the folder with the owner that it had");
    };
    match accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS) {
        Ok(()) => Ok(()),
        Err(Errno::ROFS) => unusable(live, READ_ONLY_DISK),
        Err(Errno::PERM) => {
            unusable(live, "a new file is put in its place, and its folder is marked as immutable: `chattr -i` takes that back")
        }
        Err(_) => unusable(live, "a new file is put in its place, and this user may not write its folder: run keepstone as its owner"),
    }
}

fn unusable(live: &Path, reason: &str) -> Result<()> {
    Err(Error::TargetUnusable { path: live.to_owned(), reason: reason.to_owned() })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_place_without_a_folder_or_with_one_in_it_is_refused_with_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        refuse_for_file(&root.path().join("shop.db")).unwrap();
        let refused = |path: &str| refuse_for_file(&root.path().join(path)).unwrap_err();
        let gone = refused("vol/shop.db");
        assert!(gone.code() == "target_unusable" && gone.to_string().contains("mount its disk"), "{gone}");
        fs::create_dir(root.path().join("folder.db")).unwrap();
        assert!(refused("folder.db").to_string().contains("a folder stands there"));
    }
}
