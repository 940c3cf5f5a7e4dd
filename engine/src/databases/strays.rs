//! Archives that do not lie where their names say: put back flat, in another kind's folder, twice, or under the name that a copying program gave
//! them. A rebuild moves those into their place of which it is sure whose they are, and names every other one; doctor says the same beforehand.

use std::{
    fs,
    path::{Path, PathBuf},
};

use keepstone_model::{
    database::Database,
    id::{BackupId, DatabaseId},
};

use crate::{Error, Result, Vault, archive::Archive, durable, layout::NOTES};

/// A file that bears a backup's id and does not lie where the archive of that name belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stray {
    pub(crate) id: BackupId,
    pub(crate) path: PathBuf,
    named: Named,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// `<id>.zip`.
    Exactly,
    /// As a copy of it, or a piece of one, is called: `<id> (copy).zip`, `.<id>.zip.Xy12Ab`.
    Like,
}

/// What is to become of a stray.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// By its own words it is a backup of this database under this id, and its place is free: a rebuild moves it there.
    Belongs,
    /// It stays: why, and what to do.
    Stays(String),
    /// The same, and nobody knows what is in it.
    Unreadable(String),
}

/// What lies in a folder other than the archives that belong there. Folders that cannot be looked into are told.
#[derive(Debug, Default)]
pub(crate) struct Below {
    pub(crate) strays: Vec<Stray>,
    /// Notes that do not lie where those of that backup belong.
    notes: Vec<(BackupId, PathBuf)>,
    pub(crate) unread: Vec<String>,
}

/// Anywhere below the folder of a database.
pub(crate) fn of_database(vault: &Vault, id: &DatabaseId) -> Below {
    let mut found = Below::default();
    walk(vault, &vault.database_dir(id), &mut found);
    found
}

/// In the backups folder, but in no folder that a database can have.
pub(crate) fn of_no_database(vault: &Vault) -> Result<Below> {
    let mut found = Below::default();
    for entry in durable::entries(vault.backups_dir())? {
        let name = entry.file_name();
        if name.to_str().is_none_or(|name| name.parse::<DatabaseId>().is_err()) {
            look(vault, &entry, &mut found);
        }
    }
    found.strays.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Hidden folders are the trash, what jobs are about, and the snapshots that file systems show; links lead to what lies elsewhere.
fn walk(vault: &Vault, folder: &Path, found: &mut Below) {
    match durable::entries_if_there(folder) {
        Ok(entries) => entries.iter().for_each(|entry| look(vault, entry, found)),
        Err(error) => found.unread.push(error.to_string()),
    }
    found.strays.sort_by(|a, b| a.path.cmp(&b.path));
}

fn look(vault: &Vault, entry: &fs::DirEntry, found: &mut Below) {
    let (path, name) = (entry.path(), entry.file_name());
    let name = name.to_string_lossy();
    match entry.file_type() {
        Ok(is) if is.is_dir() => {
            if !name.starts_with('.') && name != "lost+found" {
                walk(vault, &path, found);
            }
        }
        Ok(_) => {
            if let Some(id) = name.strip_suffix(NOTES).and_then(|id| id.parse().ok()) {
                if path != vault.notes_path(&id) {
                    found.notes.push((id, path));
                }
            } else if let Some((id, named)) = id_in(&name)
                && (named == Named::Like || path != vault.archive_path(&id))
            {
                found.strays.push(Stray { id, path, named });
            }
        }
        Err(cause) => found.unread.push(Error::io(&path, cause).to_string()),
    }
}

/// The id of a backup in the name of a file that may be its archive.
fn id_in(name: &str) -> Option<(BackupId, Named)> {
    const PIECES: [&str; 8] = ["part", "partial", "filepart", "tmp", "temp", "bak", "old", "crdownload"];
    if let Some(id) = name.strip_suffix(".zip").and_then(|stem| stem.parse().ok()) {
        return Some((id, Named::Exactly));
    }
    let (_, end) = name.rsplit_once('.')?;
    let may_be = end == "zip" || name.contains(".zip.") && (name.starts_with('.') || PIECES.contains(&end));
    let word = |word: &str| -> Option<BackupId> {
        // A number may hang on it: `<id>-1`.
        let shorter = || word.get(..word.rfind('_')? + 5);
        word.parse().ok().or_else(|| shorter()?.parse().ok())
    };
    let of_ids = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    may_be.then(|| name.split(|c| !of_ids(c)).find_map(word)).flatten().map(|id| (id, Named::Like))
}

impl Stray {
    /// Where it lies, from the backups folder on.
    pub(crate) fn place(&self, vault: &Vault) -> String {
        within(vault, &self.path)
    }

    /// Whether it bears the very name of an archive.
    pub(crate) fn is_named_exactly(&self) -> bool {
        self.named == Named::Exactly
    }

    /// What is to become of it, by what it says of itself. `of`: the database in whose folder it lies, if it lies in one.
    pub(crate) fn verdict(&self, vault: &Vault, of: Option<&Database>) -> Verdict {
        self.judged(vault, of).unwrap_or_else(|error| Verdict::Unreadable(error.to_string()))
    }

    fn judged(&self, vault: &Vault, of: Option<&Database>) -> Result<Verdict> {
        let stays = |why: String| Ok(Verdict::Stays(why));
        if fs::symlink_metadata(&self.path).map_err(|error| Error::io(&self.path, error))?.is_symlink() {
            return stays(format!("it is a link: put the file itself into {}", self.folder(vault)));
        }
        let opened = Archive::open(&self.path);
        if let (Named::Like, Err(error)) = (self.named, &opened) {
            let why = format!("it may be what a copy that broke off left ({error}): copy it again, or remove it");
            return Ok(Verdict::Unreadable(why));
        }
        let archive = opened?;
        let metadata = archive.metadata();
        if metadata.backup_id != self.id {
            return stays(format!(
                "it is the archive of {0}: call it {0}.zip, in {1}",
                metadata.backup_id,
                folder_of(vault, &metadata.backup_id)
            ));
        }
        if let Some(of) = of
            && metadata.database == of.id
            && metadata.database_uid != of.uid
        {
            return stays(of_another(&metadata.database_uid.to_string(), &self.path));
        }
        let place = vault.archive_path(&self.id);
        if fs::symlink_metadata(&place).is_ok() {
            return match durable::hold_the_same(&self.path, &place) {
                // A move died on its way.
                Ok(true) if self.named == Named::Exactly && durable::is_one_file(&self.path, &place) => Ok(Verdict::Belongs),
                Ok(true) => stays(format!("it is a second copy of {}: nobody needs it here", within(vault, &place))),
                Ok(false) if self.named == Named::Exactly && Archive::open(&place).is_err() => stays(format!(
                    "{} cannot be read, and this one can: move that one away, and this one into its place",
                    within(vault, &place)
                )),
                Ok(false) => {
                    stays(format!("{} is another file, and is the one that counts: see which of them is sound", within(vault, &place)))
                }
                Err(error) => Err(error),
            };
        }
        if durable::is_file(&vault.trash_path(&self.id))? {
            return stays(format!("that backup is in the trash: `keepstone trash put-back {}`; nobody needs this file here", self.id));
        }
        let near = of.is_some_and(|of| {
            let folder = vault.database_dir(&of.id);
            let parent = self.path.parent();
            metadata.database == of.id
                && (parent == Some(&folder) || parent.is_some_and(|parent| is_of_kind(parent) && parent.parent() == Some(&folder)))
        });
        match self.named {
            Named::Exactly if near => Ok(Verdict::Belongs),
            Named::Exactly => stays(format!("it belongs in {}: move it there, with its notes", self.folder(vault))),
            Named::Like => stays(format!("call it {}.zip, in {}", self.id, self.folder(vault))),
        }
    }

    /// Whether it may be all that there is of a backup of this database.
    fn is_missed(&self, vault: &Vault, of: &Database) -> bool {
        let is_elsewhere = [vault.archive_path(&self.id), vault.trash_path(&self.id)].iter().any(|path| fs::symlink_metadata(path).is_ok());
        let is_others = || Archive::open(&self.path).is_ok_and(|archive| archive.metadata().database_uid != of.uid);
        self.id.database() == of.id && !is_elsewhere && !is_others()
    }

    fn folder(&self, vault: &Vault) -> String {
        folder_of(vault, &self.id)
    }

    /// Moves it into its place, its notes first: a process that dies on the way leaves no archive without what was said of it. Nothing is replaced;
    /// notes that are there stay. Durable on return.
    fn put_in_place(&self, vault: &Vault) -> Result<()> {
        let (place, notes) = (vault.archive_path(&self.id), vault.notes_path(&self.id));
        vault.make_dir(place.parent().unwrap_or_else(|| Path::new("/")))?;
        let beside = self.path.with_file_name(format!("{}{NOTES}", self.id));
        if durable::is_file(&beside)? {
            match relocate(&beside, &notes) {
                Err(Error::TargetExists { .. }) => {
                    tracing::warn!(path = %beside.display(), "there are notes in their place already; these stay");
                }
                moved => moved?,
            }
        }
        relocate(&self.path, &place)
    }
}

/// The same for notes alone: their archive is in its place, or in the trash, and has none.
fn bring_to_its_archive(vault: &Vault, id: &BackupId, from: &Path) -> Result<()> {
    let to = vault.notes_path(id);
    let has_archive = durable::is_file(&vault.archive_path(id))? || durable::is_file(&vault.trash_path(id))?;
    // Gone with their archive, a moment ago.
    if !has_archive || !durable::is_file(from)? || durable::is_file(&to)? && !durable::is_one_file(from, &to) {
        return Ok(());
    }
    vault.make_dir(to.parent().unwrap_or_else(|| Path::new("/")))?;
    relocate(from, &to)
}

/// Whoever put it there may not have waited for the disk.
fn relocate(from: &Path, to: &Path) -> Result<()> {
    fs::File::open(from).and_then(|file| file.sync_all()).map_err(|error| Error::io(from, error))?;
    durable::relocate(from, to)
}

fn is_of_kind(folder: &Path) -> bool {
    folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.parse::<keepstone_model::id::Kind>().is_ok())
}

fn within(vault: &Vault, path: &Path) -> String {
    path.strip_prefix(vault.backups_dir()).unwrap_or(path).display().to_string()
}

fn folder_of(vault: &Vault, id: &BackupId) -> String {
    within(vault, vault.archive_path(id).parent().unwrap_or_else(|| Path::new("")))
}

/// What is said of an archive of a database that has the same id, and is not the one whose folder it is.
pub(super) fn of_another(uid: &str, path: &Path) -> String {
    let path = path.display();
    format!(
        "it is of another database of that name (uid {uid}): `keepstone restore --path {path}` restores it; move it away if nobody needs it here"
    )
}

/// What came of the strays of a database.
#[derive(Debug, Default)]
pub(super) struct TakenIn {
    /// Those that were moved into their place, each with where it lay.
    pub(super) moved: Vec<String>,
    /// Those that were left where they are, each with why and what to do.
    pub(super) left: Vec<String>,
    /// Backups of this database, by the names of those that were left, that are in no other place.
    pub(super) without: Vec<BackupId>,
}

/// Moves into their place the archives of which that is certain. The caller holds the lock of the backups folder.
pub(super) fn take_in(vault: &Vault, database: &Database) -> TakenIn {
    let Below { strays, notes, unread } = of_database(vault, &database.id);
    let mut taken = TakenIn { left: unread, ..TakenIn::default() };
    for stray in strays {
        let place = stray.place(vault);
        let why = match stray.verdict(vault, Some(database)) {
            Verdict::Belongs => match stray.put_in_place(vault) {
                Ok(()) => {
                    tracing::info!(from = %stray.path.display(), "moved an archive into its place");
                    taken.moved.push(format!("{place}, which is in {} now", stray.folder(vault)));
                    continue;
                }
                Err(error) => {
                    taken.without.push(stray.id.clone());
                    format!("it belongs in {}, and could not be moved there: {error}", stray.folder(vault))
                }
            },
            Verdict::Stays(why) | Verdict::Unreadable(why) => {
                if stray.is_missed(vault, database) {
                    taken.without.push(stray.id.clone());
                }
                why
            }
        };
        taken.left.push(format!("{place}: {why}"));
    }
    for (id, from) in notes.iter().filter(|(id, _)| id.database() == database.id) {
        match bring_to_its_archive(vault, id, from) {
            Ok(()) => {}
            Err(error) => taken.left.push(format!("{}: these notes could not be moved to their archive: {error}", within(vault, from))),
        }
    }
    taken
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
