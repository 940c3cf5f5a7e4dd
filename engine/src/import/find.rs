//! Which files under a path are backups, and what can be told of each before it is read: name, first bytes, metadata beside it. Only looks;
//! what becomes of them is `keepstone_model::import::plan`'s.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use keepstone_model::{
    id::Kind,
    import::{
        Content, kind_of,
        name::{Name, name},
        plan::{ArchiveFacts, FoundFile, Refusal},
    },
};

use super::{foreign_zip::ForeignZip, own, peek, sidecar};
use crate::{Error, Monitor, Result, Vault, archive::Archive, databases, layout, location::Location};

/// A folder that has more files or is deeper is no folder of backups.
const MOST_FILES: usize = 100_000;
const DEEPEST: usize = 12;

/// `device` and `inode` of a file.
type Identity = (u64, u64);

/// Files that are never opened: the live databases of the vault. Closing one would drop the locks that SQLite holds on it in this process.
pub(super) struct Untouchable {
    live: HashMap<Identity, String>,
    /// Folders of this vault's own archives.
    own: Vec<PathBuf>,
}

impl Untouchable {
    pub(super) fn none() -> Self {
        Self { live: HashMap::new(), own: Vec::new() }
    }

    pub(super) fn of(vault: &Vault) -> Result<Self> {
        let mut untouchable = Self::none();
        for database in databases::databases(vault)? {
            // A server's database is no file.
            let Location::Sqlite(path) = Location::of(&database.location, &vault.surroundings().get())? else { continue };
            match fs::metadata(&path) {
                Ok(found) => {
                    untouchable.live.insert((found.dev(), found.ino()), format!("it is the live database {}", database.id));
                }
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied) => {}
                Err(error) => return Err(Error::io(&path, error)),
            }
            untouchable.own.push(vault.database_dir(&database.id));
        }
        untouchable.own.extend([vault.staging_root(), vault.trash_dir()]);
        Ok(untouchable)
    }
}

/// A file and where it is.
pub(super) struct Found {
    pub(super) file: FoundFile,
    pub(super) path: PathBuf,
    /// Why it could not be looked at, as [`FoundFile::unreadable`] says in words.
    pub(super) fault: Option<Error>,
}

impl Found {
    fn new(path: &Path, file: FoundFile) -> Self {
        Self { file, path: path.to_owned(), fault: None }
    }

    fn unreadable(path: &Path, file: FoundFile, fault: Error) -> Self {
        let reason = match &fault {
            Error::SourceUnreadable { path: unread } if unread == path => "this user may not read it".to_owned(),
            Error::NotImportable { reason, .. } => reason.clone(),
            other => other.to_string(),
        };
        let unreadable = Some(Refusal { code: fault.code().to_owned(), reason });
        Self { file: FoundFile { unreadable, ..file }, path: path.to_owned(), fault: Some(fault) }
    }
}

/// Everything under `root` that is called like a backup, a database or a dump; `root` itself whatever it is called.
pub(super) fn find(root: &Path, untouchable: &Untouchable, monitor: &dyn Monitor) -> Result<Vec<Found>> {
    let root = root.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::SourceMissing { path: root.to_owned() },
        _ => Error::io(root, error),
    })?;
    if untouchable.own.iter().any(|own| own.canonicalize().is_ok_and(|own| root.starts_with(own))) {
        let message = format!("{} is of this vault: its backups are there already", root.display());
        return Err(Error::Invalid { field: "path", message });
    }
    let mut walk = Walk { root: root.clone(), untouchable, monitor, names: Vec::new(), links: Vec::new(), seen: 0 };
    if root.is_dir() {
        walk.folder(&root, 0)?;
    } else {
        let file_name = root.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = name(&file_name).unwrap_or_else(|| unnamed(&file_name));
        walk.names.push((root.clone(), name));
    }
    walk.look()
}

/// A file that was named by a person is looked at whatever it is called.
fn unnamed(file_name: &str) -> Name {
    let encrypted = Path::new(file_name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("enc"));
    Name {
        layout: keepstone_model::import::Layout::File,
        app: None,
        kind: None,
        moment: keepstone_model::import::moment::find(file_name),
        latest: false,
        corrupted: false,
        encrypted,
        stem: file_name.to_owned(),
    }
}

struct Walk<'a> {
    root: PathBuf,
    untouchable: &'a Untouchable,
    monitor: &'a dyn Monitor,
    names: Vec<(PathBuf, Name)>,
    links: Vec<(PathBuf, Name)>,
    seen: usize,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, depth: usize) -> Result<()> {
        // The data directory of another vault: only its archives are meant.
        let vault = folder.join("vault.toml").is_file();
        let mut entries: Vec<_> =
            fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>).map_err(|error| Error::io(folder, error))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if self.monitor.cancelled() {
                return Err(Error::CancelledHere);
            }
            self.seen += 1;
            if self.seen > MOST_FILES {
                let message = format!("{} holds more than {MOST_FILES} files: name the folder of the backups itself", self.root.display());
                return Err(Error::Invalid { field: "path", message });
            }
            let (path, file_name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            let kind = entry.file_type().map_err(|error| Error::io(&path, error))?;
            if kind.is_dir() {
                let skipped =
                    file_name.starts_with('.') || file_name == "corrupted" || file_name == "metadata" || (vault && file_name != "backups");
                let own = self.untouchable.own.iter().any(|own| own.canonicalize().is_ok_and(|own| own == path));
                if !skipped && !own && depth < DEEPEST {
                    self.folder(&path, depth + 1)?;
                }
            } else if let Some(name) = name(&file_name).filter(|_| !vault) {
                if kind.is_symlink() {
                    self.links.push((path, name));
                } else if kind.is_file() {
                    self.names.push((path, name));
                }
            }
        }
        Ok(())
    }

    /// Looks at what was named: files first, so that a link finds what it points to.
    fn look(mut self) -> Result<Vec<Found>> {
        let mut found: Vec<Found> = Vec::new();
        let mut known: HashMap<Identity, String> = HashMap::new();
        for (path, name) in std::mem::take(&mut self.names) {
            if self.monitor.cancelled() {
                return Err(Error::CancelledHere);
            }
            found.extend(self.file(&path, name, &mut known));
        }
        let shown: HashSet<PathBuf> = found.iter().map(|found| found.path.clone()).collect();
        for (path, name) in std::mem::take(&mut self.links) {
            let target = path.canonicalize().unwrap_or_default();
            let link_to = if shown.contains(&target) { self.shown(&target) } else { "what lies outside of the folder".to_owned() };
            let file = FoundFile { link_to: Some(link_to), ..self.bare(&path, name, 0, None) };
            found.push(Found::new(&path, file));
        }
        Ok(found)
    }

    fn file(&self, path: &Path, name: Name, known: &mut HashMap<Identity, String>) -> Option<Found> {
        let status = match fs::symlink_metadata(path) {
            Ok(status) => status,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => return Some(Found::unreadable(path, self.bare(path, name, 0, None), Error::io(path, error))),
        };
        let modified = status.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        let mut file = self.bare(path, name, status.len(), modified);
        let identity = (status.dev(), status.ino());
        if let Some(first) = known.get(&identity) {
            // Two names of one file.
            file.link_to = Some(first.clone());
            return Some(Found::new(path, file));
        }
        known.insert(identity, file.path.clone());
        let looked = match self.untouchable.live.get(&identity).cloned().map_or_else(|| in_use(path), |live| Ok(Some(live))) {
            Ok(None) => look_at(path, &mut file),
            Ok(untouchable) => {
                file.untouchable = untouchable;
                Ok(())
            }
            Err(error) => Err(error),
        };
        Some(match looked {
            Ok(()) => Found::new(path, file),
            Err(fault) => Found::unreadable(path, file, fault),
        })
    }

    fn bare(&self, path: &Path, name: Name, size_bytes: u64, modified_at: Option<Timestamp>) -> FoundFile {
        let folder = path.parent().and_then(Path::file_name).and_then(|folder| folder.to_str());
        FoundFile {
            path: self.shown(path),
            name,
            content: Content::Unknown,
            folder_kind: folder.and_then(kind_of).filter(|kind| *kind != Kind::Imported),
            sidecar: None,
            size_bytes,
            modified_at,
            link_to: None,
            untouchable: None,
            unreadable: None,
            archive: None,
        }
    }

    fn shown(&self, path: &Path) -> String {
        let inside = path.strip_prefix(&self.root).ok().filter(|inside| !inside.as_os_str().is_empty());
        let shown = inside.unwrap_or_else(|| Path::new(path.file_name().unwrap_or_default()));
        shown.to_string_lossy().into_owned()
    }
}

/// A database with a journal or a log beside it is one that something works on, or a part of one.
fn in_use(path: &Path) -> Result<Option<String>> {
    for suffix in ["-wal", "-journal"] {
        let mut side = path.as_os_str().to_owned();
        side.push(suffix);
        match fs::metadata(&side) {
            Ok(side) if side.len() > 0 => {
                return Ok(Some(format!("a {suffix} file lies beside it: it is in use, or only a part of a database")));
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io(Path::new(&side), error)),
            _ => {}
        }
    }
    Ok(None)
}

fn look_at(path: &Path, file: &mut FoundFile) -> Result<()> {
    file.content = peek::peek(path, file.name.encrypted)?;
    if file.content != Content::Zip {
        file.sidecar = sidecar::of_file(path, &file.name)?;
        return Ok(());
    }
    match Archive::open(path) {
        Ok(archive) => own(path, &archive, file)?,
        // Of Keepstone for certain, and not to be read by this version.
        Err(error @ (Error::ArchiveTooNew { .. } | Error::Unsupported { .. })) => return Err(error),
        Err(error) => {
            let mut zip = ForeignZip::open(path)?;
            let text = zip.metadata().unwrap_or_default();
            if text.windows(16).any(|window| window == b"\"format_version\"") {
                return Err(error);
            }
            file.sidecar = sidecar::parse(&text);
            if file.sidecar.is_none() {
                return Err(Error::NotImportable {
                    path: path.to_owned(),
                    code: "damaged",
                    reason: "its metadata cannot be read".to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// What an archive and the notes beside it say, as far as no password is needed for it.
fn own(path: &Path, archive: &Archive, file: &mut FoundFile) -> Result<()> {
    let metadata = archive.metadata();
    let beside = own::notes_beside(path, &metadata.backup_id)?;
    file.content = Content::Archive;
    file.archive = Some(ArchiveFacts {
        id: metadata.backup_id.to_string(),
        kind: metadata.backup_type,
        created_at: metadata.created_at,
        database: metadata.database.clone(),
        database_uid: metadata.database_uid.clone(),
    });
    file.sidecar = Some(own::sidecar(metadata, &beside));
    Ok(())
}

/// Whether a file is the catalog of a vault, which is no backup of anybody's database.
pub(super) fn is_catalog(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == layout::CATALOG) && path.with_file_name("vault.toml").is_file()
}
