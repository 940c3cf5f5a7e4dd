//! Who may open the file that takes a database's place: as the old one had it, with its access control list and other attributes.

use std::{
    fs::{self, File, Metadata, Permissions},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt, fchown},
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr, getxattr, listxattr},
    io::Errno,
};

use crate::{Error, Result};

/// As much as Linux lets a file have, names and values each.
const ATTRIBUTE_BYTES: usize = 64 << 10;
const ACL: &str = "system.posix_acl_access";
/// What tells of the content of a file, and would be false of another one.
const OF_CONTENT: [&str; 2] = ["security.ima", "security.evm"];

const SETGID: u32 = 0o2000;
const GROUP_WRITES: u32 = 0o020;
const ALL_WRITE: u32 = 0o002;

pub(super) enum Rights {
    Old {
        path: PathBuf,
        meta: Metadata,
    },
    /// Nobody knows whose it was: what its folder gives.
    OfFolder(Metadata),
}

impl Rights {
    pub(super) fn of(live: &Path, folder: &Path) -> Result<Self> {
        match fs::metadata(live) {
            Ok(meta) => Ok(Self::Old { path: live.to_owned(), meta }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::metadata(folder).map(Self::OfFolder).map_err(|error| Error::io(folder, error))
            }
            Err(error) => Err(Error::io(live, error)),
        }
    }

    /// Gives them to a file that was just made. What of the attributes it could not be given comes back.
    pub(super) fn give(&self, file: &File) -> io::Result<Vec<String>> {
        let made = file.metadata()?;
        let (owner, mode) = match self {
            Self::Old { meta, .. } => ((meta.uid(), meta.gid()), meta.mode() & 0o7777),
            Self::OfFolder(folder) => (owner_by(folder, &made), mode_by(folder)),
        };
        if (made.uid(), made.gid()) != owner {
            fchown(file, Some(owner.0), Some(owner.1))?;
        }
        if let Self::Old { .. } = self {
            // What the folder gives to every new file.
            let _ = fremovexattr(file, ACL);
        }
        file.set_permissions(Permissions::from_mode(mode))?;
        Ok(match self {
            Self::Old { path, .. } => give_attributes(path, file),
            Self::OfFolder(_) => Vec::new(),
        })
    }
}

/// In a folder of this user's, or that gives its group to what is made in it, the group is what the system gave the file.
fn owner_by(folder: &Metadata, made: &Metadata) -> (u32, u32) {
    if folder.mode() & GROUP_WRITES != 0 && folder.mode() & ALL_WRITE == 0 {
        (folder.uid(), folder.gid())
    } else if folder.uid() == made.uid() {
        (made.uid(), made.gid())
    } else {
        (folder.uid(), folder.gid())
    }
}

/// The owner's alone, unless the folder is a group's, too.
fn mode_by(folder: &Metadata) -> u32 {
    match folder.mode() {
        mode if mode & ALL_WRITE != 0 => 0o600,
        mode if mode & GROUP_WRITES != 0 => 0o660,
        mode if mode & SETGID != 0 => 0o640,
        _ => 0o600,
    }
}

/// Who will be able to open a database that is put where none is, for the person who confirms it.
pub(crate) fn of_new_file(folder: &Path) -> Option<String> {
    let folder = fs::metadata(folder).ok()?;
    let (uid, gid) = (folder.uid(), folder.gid());
    let group = match mode_by(&folder) {
        0o660 => format!(", and group {gid} may write it"),
        0o640 => format!(", and group {gid} may read it"),
        _ => ", and nobody else may open it".to_owned(),
    };
    Some(format!("Whose the database was is not known: the new file belongs to user {uid}, as its folder does{group}."))
}

/// By path: opening the old file and closing it again would drop locks that this process may have on it.
fn give_attributes(from: &Path, to: &File) -> Vec<String> {
    let mut names = vec![0; ATTRIBUTE_BYTES];
    let length = match listxattr(from, &mut names[..]) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => return Vec::new(),
        Err(errno) => return vec![format!("its attributes ({errno})")],
    };
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(std::ffi::OsStr::from_bytes);
    let mut lost = Vec::new();
    for name in names.filter(|name| !OF_CONTENT.iter().any(|known| name.to_str() == Some(*known))) {
        if let Err(errno) = give_attribute(from, to, name) {
            lost.push(format!("{} ({errno})", name.display()));
        }
    }
    lost
}

fn give_attribute(from: &Path, to: &File, name: &std::ffi::OsStr) -> rustix::io::Result<()> {
    let (mut wanted, mut has) = (vec![0; ATTRIBUTE_BYTES], vec![0; ATTRIBUTE_BYTES]);
    let length = getxattr(from, name, &mut wanted[..])?;
    let wanted = &wanted[..length];
    // Some are given by the system, and to be set by nobody.
    if fgetxattr(to, name, &mut has[..]).is_ok_and(|length| has[..length] == *wanted) {
        return Ok(());
    }
    fsetxattr(to, name, wanted, XattrFlags::empty())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use rustix::fs::setxattr;

    use super::*;

    /// `user::rw-,user:33:rw-,group::r--,mask::rw-,other::---` as Linux stores it (`linux/posix_acl_xattr.h`).
    fn acl() -> Vec<u8> {
        let nobody = u32::MAX;
        let entries = [(1_u16, 6_u16, nobody), (2, 6, 33), (4, 4, nobody), (0x10, 6, nobody), (0x20, 0, nobody)];
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, id) in entries {
            bytes.extend([&tag.to_le_bytes()[..], &rights.to_le_bytes(), &id.to_le_bytes()].concat());
        }
        bytes
    }

    #[test]
    fn a_list_of_who_may_open_it_and_other_attributes_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "").unwrap();
        fs::set_permissions(&old, Permissions::from_mode(0o640)).unwrap();
        let known = setxattr(&old, ACL, &acl(), XattrFlags::empty()).and(setxattr(&old, "user.shop", b"a note", XattrFlags::empty()));
        if known.is_err() {
            return; // a file system without them
        }
        let file = File::create_new(&new).unwrap();
        assert_eq!(Rights::of(&old, folder.path()).unwrap().give(&file).unwrap(), Vec::<String>::new());
        let mut found = [0; 100];
        let length = getxattr(&new, ACL, &mut found[..]).unwrap();
        assert_eq!(found[..length], acl());
        let length = getxattr(&new, "user.shop", &mut found[..]).unwrap();
        assert_eq!(&found[..length], b"a note");
        assert_eq!(fs::metadata(&new).unwrap().mode(), fs::metadata(&old).unwrap().mode());
    }

    #[test]
    fn a_folder_that_is_a_groups_gives_it_to_the_group() {
        let folder = tempfile::tempdir().unwrap();
        for (folder_mode, mode) in [(0o700, 0o600), (0o755, 0o600), (0o770, 0o660), (0o2770, 0o660), (0o2750, 0o640), (0o1777, 0o600)] {
            fs::set_permissions(folder.path(), Permissions::from_mode(folder_mode)).unwrap();
            let path = folder.path().join(format!("{folder_mode:o}"));
            let file = File::create_new(&path).unwrap();
            assert!(Rights::of(&folder.path().join("gone"), folder.path()).unwrap().give(&file).unwrap().is_empty());
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, mode, "{folder_mode:o}");
            let said = of_new_file(folder.path()).unwrap();
            assert_eq!(said.contains("group"), mode != 0o600, "{said}");
        }
    }
}
