//! Files that came over the network to be imported: they lie in a folder of their own until they are, or until a day has passed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::{Error, Result, Vault, durable, image::hex, jobs::ignore_missing};

/// What nobody imported goes after this long.
const LIFETIME: Duration = Duration::from_secs(24 * 3600);
const LONGEST_NAME: usize = 200;
const MOST_FILES: usize = 200;
const FREE_BYTES: u64 = 128 << 20;

/// The folder of one upload while it comes in. Dropped before [`Upload::keep`] it is gone.
#[derive(Debug)]
pub struct Upload {
    folder: PathBuf,
    token: String,
    files: usize,
    kept: bool,
}

impl Upload {
    /// Makes the folder; what is left of older uploads goes.
    pub fn begin(vault: &Vault) -> Result<Self> {
        sweep_uploads(vault);
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|error| Error::Internal(format!("no randomness: {error}")))?;
        let token = hex(&bytes);
        let folder = root(vault).join(&token);
        durable::make_dir(&folder)?;
        Ok(Self { folder, token, files: 0, kept: false })
    }

    /// Where a file of this name is to be written: the last part of the name alone, whatever the sender made of it.
    pub fn place(&mut self, name: &str) -> Result<PathBuf> {
        let refused = |message: String| Err(Error::Invalid { field: "files", message });
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        if name.is_empty() || name.starts_with('.') || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            return refused(format!("\"{}\" is no name of a backup's file", name.chars().take(40).collect::<String>().escape_debug()));
        }
        self.files += 1;
        if self.files > MOST_FILES {
            return refused(format!("more than {MOST_FILES} files at once: put them into a folder on the server instead"));
        }
        let path = self.folder.join(name);
        if path.symlink_metadata().is_ok() {
            return refused(format!("two files are called {name}"));
        }
        Ok(path)
    }

    /// Whether there is room for more.
    pub fn check_room(&self) -> Result<()> {
        if durable::free_bytes(&self.folder)? < FREE_BYTES {
            return Err(Error::NoSpace { path: self.folder.clone() });
        }
        Ok(())
    }

    /// It is whole; gives back what it is asked for by.
    pub fn keep(mut self) -> Result<String> {
        if self.files == 0 {
            return Err(Error::Invalid { field: "files", message: "choose at least one file".to_owned() });
        }
        self.kept = true;
        Ok(std::mem::take(&mut self.token))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept {
            remove(&self.folder);
        }
    }
}

/// The folder of an upload that was kept.
pub fn uploaded(vault: &Vault, token: &str) -> Result<PathBuf> {
    let folder = root(vault).join(token);
    let known = token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()) && folder.is_dir();
    if known { Ok(folder) } else { Err(Error::Invalid { field: "upload", message: "what was uploaded is not there any more".to_owned() }) }
}

/// Removes an upload that was imported; any other path is left alone.
pub(super) fn done(vault: &Vault, path: &Path) {
    if path.parent() == Some(&root(vault)) {
        remove(path);
    }
}

/// Removes what nobody imported in time; whoever serves uploads calls it at its start, too. A file time from the future is a clock that was wrong: then nothing is known, and it stays.
pub fn sweep_uploads(vault: &Vault) {
    for entry in fs::read_dir(root(vault)).into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|found| found.modified()).ok();
        let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if age.is_some_and(|age| age > LIFETIME) {
            remove(&entry.path());
        }
    }
}

fn remove(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder).or_else(ignore_missing) {
        tracing::warn!(path = %folder.display(), %error, "an upload could not be removed");
    }
}

fn root(vault: &Vault) -> PathBuf {
    vault.data_dir().join("incoming")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn an_upload_stays_in_its_folder() {
        let f = testing::vault();
        let mut upload = Upload::begin(&f.vault).unwrap();
        let folder = upload.folder.clone();
        for (name, last) in [("../../etc/shop.db", "shop.db"), ("C:\\old\\a b.db", "a b.db"), ("ünï.sql", "ünï.sql")] {
            let place = upload.place(name).unwrap();
            assert_eq!(place, folder.join(last));
            fs::write(place, "x").unwrap();
        }
        for name in ["", "..", ".hidden", "a/", "a\nb", "shop.db", &"x".repeat(201)] {
            assert_eq!(upload.place(name).unwrap_err().code(), "invalid", "{name:?}");
        }
        let token = upload.keep().unwrap();
        assert_eq!(uploaded(&f.vault, &token).unwrap(), folder);
        for other in ["", "..", "../uploads", &"a".repeat(32), &token[..31]] {
            assert!(uploaded(&f.vault, other).is_err(), "{other}");
        }
        done(&f.vault, f.vault.data_dir());
        done(&f.vault, &folder);
        assert!(!folder.exists() && f.vault.data_dir().exists());
        // One that was broken off leaves nothing.
        let mut broken = Upload::begin(&f.vault).unwrap();
        fs::write(broken.place("a.db").unwrap(), "half").unwrap();
        drop(broken);
        assert!(Upload::begin(&f.vault).unwrap().keep().is_err());
        assert_eq!(fs::read_dir(root(&f.vault)).unwrap().count(), 0);
    }
}
