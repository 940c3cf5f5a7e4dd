//! Reads an archive, strictly: every byte around the payload is the one that the writer would have written, or the archive is damaged. The
//! payload itself is read by `payload`.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use keepstone_model::{
    job::Step,
    metadata::{Compression, FORMAT_VERSION, Form, Metadata},
};
use rustix::{
    fs::{Advice, FlockOperation, OFlags},
    io::Errno,
};
use serde::Deserialize;

use super::{
    METADATA_ENTRY, METADATA_LIMIT_BYTES, consistency,
    directory::{self, Found},
    layout::{Entry, Layout},
    payload::{Hashed, Place, Stored, Took},
    sealed::{self, Locked},
};
use crate::{
    Error, Monitor, Result,
    keys::{DataKey, Key, Passwords},
};

/// An archive whose frame and metadata were found whole. While it lives it holds a shared lease (flock) on the file, so that nothing deletes
/// it.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    pub(super) file: File,
    size_bytes: u64,
    pub(super) payload: Place,
    pub(super) payload_entry: &'static str,
    form: Form,
    pub(super) metadata: Metadata,
    /// Of an encrypted archive: what is sealed.
    pub(super) locked: Option<Locked>,
    key: Option<DataKey>,
}

const COMPRESSIONS: [Compression; 3] = [Compression::Zstd, Compression::Gzip, Compression::None];

/// Outermost, after any name of a payload.
const ENCRYPTED_ENDING: &str = ".enc";

/// What every format version says of itself, and by what its metadata is read.
#[derive(Deserialize)]
struct Preface {
    format_version: u64,
    #[serde(default)]
    encrypted: bool,
}

impl Archive {
    /// Opens an archive and checks everything but the payload. `ArchiveMissing`, `ArchiveCorrupt`, `ArchiveTooNew` (a newer format, of which
    /// nothing but the version is read). An encrypted one is locked then: of its metadata only the readable fields
    /// are there, and nothing vouches for them until [`Archive::unlock`] has.
    pub fn open(path: &Path) -> Result<Self> {
        // A change of password puts another file in its place, at most now and then; a second look finds that one.
        for _ in 0..3 {
            if let Some(archive) = Self::open_once(path)? {
                return Ok(archive);
            }
        }
        Err(missing(path))
    }

    /// Opens it, and unlocks it if it is encrypted: `WrongPassword` if none of these passwords opens it.
    pub fn open_with(path: &Path, passwords: &Passwords) -> Result<Self> {
        let mut archive = Self::open(path)?;
        archive.unlock(passwords)?;
        Ok(archive)
    }

    /// None: the name stands for another file by now.
    fn open_once(path: &Path) -> Result<Option<Self>> {
        // Not to wait for a writer if it is a pipe.
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(nonblocking).open(path).map_err(|source| missing_or(path, source))?;
        let status = file.metadata().map_err(|source| Error::io(path, source))?;
        if !status.is_file() {
            return Err(Error::ArchiveCorrupt { path: path.to_owned(), detail: "it is not a regular file".to_owned() });
        }
        lease(&file, path)?;
        // Between open and lease a deletion may have come and gone: then the lease is on a file that has no name any more.
        let named = std::fs::metadata(path).map_err(|source| missing_or(path, source))?;
        if (named.dev(), named.ino()) != (status.dev(), status.ino()) {
            return Ok(None);
        }
        let size_bytes = status.len();
        let Parts { payload, payload_entry, form, metadata, locked } = Reading { path, file: &file, size_bytes }.whole()?;
        Ok(Some(Self { path: path.to_owned(), file, size_bytes, payload, payload_entry, form, metadata, locked, key: None }))
    }

    /// Whether it is encrypted and was not unlocked.
    pub fn is_locked(&self) -> bool {
        self.locked.is_some() && self.key.is_none()
    }

    /// Finds the password that opens it, and the rest of the metadata. Does nothing where nothing is encrypted. `WrongPassword` if there is
    /// none; `ArchiveCorrupt` if one opens it and the metadata is not what was written with it.
    pub fn unlock(&mut self, passwords: &Passwords) -> Result<()> {
        if !self.is_locked() {
            return Ok(());
        }
        match passwords.open(&self.metadata.slots)? {
            Some(opened) => self.unlock_with(opened.key),
            None => Err(Error::WrongPassword { path: self.path.clone(), tried: passwords.count() }),
        }
    }

    pub(crate) fn unlock_with(&mut self, key: DataKey) -> Result<()> {
        let corrupt = |detail: String| Error::ArchiveCorrupt { path: self.path.clone(), detail };
        let Some(locked) = &self.locked else { return Ok(()) };
        let metadata = locked
            .open(&key)
            .ok_or_else(|| corrupt("the password opens it, but its metadata was changed or belongs to another archive".to_owned()))?;
        consistency::check(&metadata, self.form, self.payload_entry, self.payload.size_bytes).map_err(corrupt)?;
        self.metadata = metadata;
        self.key = Some(key);
        Ok(())
    }

    /// Once it is unlocked.
    pub(crate) fn data_key(&self) -> Option<&DataKey> {
        self.key.as_ref()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole file, in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Device and inode: what tells this file from another of the same name.
    pub(crate) fn identity(&self) -> Result<(u64, u64)> {
        let status = self.file.metadata().map_err(|source| Error::io(&self.path, source))?;
        Ok((status.dev(), status.ino()))
    }

    /// What the plain image is.
    pub fn form(&self) -> Form {
        self.form
    }

    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Checks the stored payload bytes against `payload_hash`. Progress is in payload bytes.
    pub fn check_payload(&self, step: Step, monitor: &dyn Monitor) -> Result<()> {
        self.stored(None).check(step, monitor)
    }

    /// Streams the plain image into `sink`, never more than the declared size, and checks `payload_hash`, size, `backup_hash` and
    /// `restore_hash` on the way: what the sink got is only to be trusted once this returned `Ok`. Progress is in image bytes. `sink_path`
    /// is named where the sink fails. A locked archive is refused with `WrongPassword`.
    pub fn extract(&self, sink: &mut (dyn Write + Send), sink_path: &Path, step: Step, monitor: &dyn Monitor) -> Result<()> {
        self.extract_timed(sink, sink_path, step, monitor).map(drop)
    }

    /// The same, with how long its parts took.
    pub(crate) fn extract_timed(&self, sink: &mut (dyn Write + Send), sink_path: &Path, step: Step, monitor: &dyn Monitor) -> Result<Took> {
        if self.is_locked() {
            return Err(Error::WrongPassword { path: self.path.clone(), tried: 0 });
        }
        let key = self.key.as_ref().map(DataKey::payload_key);
        self.stored(key.as_ref()).extract(sink, sink_path, Hashed::StoredAndImage, step, monitor)
    }

    /// The same for a caller that compares the hash of what became of the image with `backup_hash`: only the sizes are checked on the way.
    pub(crate) fn extract_unhashed(
        &self,
        sink: &mut (dyn Write + Send),
        sink_path: &Path,
        step: Step,
        monitor: &dyn Monitor,
    ) -> Result<()> {
        if self.is_locked() {
            return Err(Error::WrongPassword { path: self.path.clone(), tried: 0 });
        }
        let key = self.key.as_ref().map(DataKey::payload_key);
        self.stored(key.as_ref()).extract(sink, sink_path, Hashed::Nothing, step, monitor).map(drop)
    }

    fn stored<'a>(&'a self, key: Option<&'a Key>) -> Stored<'a> {
        Stored { path: &self.path, file: &self.file, place: self.payload, form: self.form, metadata: &self.metadata, key }
    }
}

/// An archive is read rarely and whole: keeping it would only push the application's pages out of memory.
impl Drop for Archive {
    fn drop(&mut self) {
        // Advice only: nothing depends on it.
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
    }
}

fn missing(path: &Path) -> Error {
    let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Error::ArchiveMissing { id, path: path.to_owned() }
}

fn missing_or(path: &Path, source: io::Error) -> Error {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => missing(path),
        _ => Error::io(path, source),
    }
}

/// A deletion holds its exclusive lock for a rename; nothing holds one for longer.
const LEASE_PATIENCE: Duration = Duration::from_secs(5);

/// Takes the shared lease. On a file system without flock there is none: whoever wants to delete there cannot lock either, and so must not.
fn lease(file: &File, path: &Path) -> Result<()> {
    let began = Instant::now();
    loop {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockShared) {
            Ok(()) | Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) if began.elapsed() < LEASE_PATIENCE => std::thread::sleep(Duration::from_millis(20)),
            Err(errno) => return Err(Error::io(path, errno.into())),
        }
    }
}

/// What stands in a file that is an archive.
struct Parts {
    payload: Place,
    payload_entry: &'static str,
    form: Form,
    metadata: Metadata,
    locked: Option<Locked>,
}

/// A file that may be an archive.
struct Reading<'a> {
    path: &'a Path,
    file: &'a File,
    size_bytes: u64,
}

impl Reading<'_> {
    fn corrupt(&self, detail: impl Into<String>) -> Error {
        Error::ArchiveCorrupt { path: self.path.to_owned(), detail: detail.into() }
    }

    /// First the format version, by a way that later versions keep open; then every byte.
    fn whole(&self) -> Result<Parts> {
        let found = self.entries()?;
        let Some(last) = found.last().filter(|last| last.name == METADATA_ENTRY.as_bytes() && last.method == 0) else {
            return Err(self.corrupt("it does not end with its metadata"));
        };
        let text = self.metadata_text(last)?;
        let unreadable = |fault: serde_json::Error| self.corrupt(format!("its metadata cannot be read: {fault}"));
        let preface: Preface = serde_json::from_slice(&text).map_err(unreadable)?;
        if preface.format_version > u64::from(FORMAT_VERSION) {
            // The number is only shown.
            let found = u32::try_from(preface.format_version).unwrap_or(u32::MAX);
            return Err(Error::ArchiveTooNew { path: self.path.to_owned(), found, known: FORMAT_VERSION });
        }
        let [payload, last] = found.as_slice() else {
            return Err(self.corrupt(format!("it has {} entries instead of 2", found.len())));
        };
        let (form, payload_entry) = self.payload_entry(&payload.name, &preface)?;
        let layout = Layout::of(
            Entry { name: payload_entry, size_bytes: payload.size_bytes, crc: payload.crc },
            Entry { name: METADATA_ENTRY, size_bytes: last.size_bytes, crc: last.crc },
        );
        self.same(&layout)?;
        let payload = Place { start: layout.payload_start(), size_bytes: payload.size_bytes, crc: payload.crc };
        let fits = |metadata: &Metadata, locked: bool| {
            let checked = if locked { consistency::check_readable } else { consistency::check };
            checked(metadata, form, payload_entry, payload.size_bytes).map_err(|reason| self.corrupt(reason))
        };
        if preface.encrypted {
            let locked = sealed::read(&text).map_err(|reason| self.corrupt(reason))?;
            let metadata = locked.metadata.clone();
            fits(&metadata, true)?;
            return Ok(Parts { payload, payload_entry, form, metadata, locked: Some(locked) });
        }
        let metadata: Metadata = serde_json::from_slice(&text).map_err(unreadable)?;
        fits(&metadata, false)?;
        Ok(Parts { payload, payload_entry, form, metadata, locked: None })
    }

    fn entries(&self) -> Result<Vec<Found>> {
        let ends = self.bytes(self.size_bytes.saturating_sub(directory::ENDS_BYTES), self.size_bytes.min(directory::ENDS_BYTES))?;
        let start = directory::directory_start(&ends).ok_or_else(|| self.corrupt("it does not end as a zip does"))?;
        let length = self.size_bytes.checked_sub(start).filter(|&length| length <= directory::DIRECTORY_LIMIT_BYTES);
        let length = length.ok_or_else(|| self.corrupt("its directory is not where it should be"))?;
        let found = directory::entries(&self.bytes(start, length)?).ok_or_else(|| self.corrupt("its directory is damaged"))?;
        // No entry reaches beyond the file, so that sums of sizes and offsets below cannot overflow.
        let fits = |entry: &Found| entry.offset <= self.size_bytes && entry.size_bytes <= self.size_bytes;
        if found.iter().all(fits) { Ok(found) } else { Err(self.corrupt("its directory names bytes that it does not have")) }
    }

    /// The text of `metadata.json`, by its CRC the one that was written.
    fn metadata_text(&self, entry: &Found) -> Result<Vec<u8>> {
        if entry.size_bytes > METADATA_LIMIT_BYTES {
            return Err(self.corrupt(format!("its metadata has {} bytes", entry.size_bytes)));
        }
        let header = directory::local_header_bytes(&self.bytes(entry.offset, directory::LOCAL_BYTES)?);
        let header = header.ok_or_else(|| self.corrupt("its metadata is not where it should be"))?;
        let text = self.bytes(entry.offset + header, entry.size_bytes)?;
        let mut crc = flate2::Crc::new();
        crc.update(&text);
        if crc.sum() == entry.crc { Ok(text) } else { Err(self.corrupt("its metadata does not fit its CRC")) }
    }

    /// The payload's name, as the constant that it must be, and what it says of the image.
    fn payload_entry(&self, name: &[u8], preface: &Preface) -> Result<(Form, &'static str)> {
        let plain = name.strip_suffix(ENCRYPTED_ENDING.as_bytes());
        let wanted = plain.unwrap_or(name);
        let all = Form::ALL.into_iter().flat_map(|form| COMPRESSIONS.map(|compression| (form, compression)));
        let Some((form, compression)) = all.into_iter().find(|(form, compression)| form.entry(*compression).as_bytes() == wanted) else {
            return Err(self.corrupt(format!("its payload is called {:?}", String::from_utf8_lossy(name))));
        };
        if preface.encrypted != plain.is_some() {
            return Err(self.corrupt(format!("its payload is called {:?}, and its metadata says otherwise", String::from_utf8_lossy(name))));
        }
        Ok((form, if preface.encrypted { form.entry_encrypted(compression) } else { form.entry(compression) }))
    }

    /// Compares all that is neither payload nor metadata with what the writer would have written.
    fn same(&self, layout: &Layout) -> Result<()> {
        if layout.size_bytes() != self.size_bytes {
            return Err(self.corrupt(format!("it has {} bytes instead of {}", self.size_bytes, layout.size_bytes())));
        }
        let parts = [
            ("the payload's header", 0, &layout.head),
            ("the metadata's header", layout.middle_start(), &layout.middle),
            ("its directory", layout.tail_start(), &layout.tail),
        ];
        for (what, start, expected) in parts {
            if self.bytes(start, expected.len() as u64)? != *expected {
                return Err(self.corrupt(format!("{what} is damaged")));
            }
        }
        Ok(())
    }

    /// Some bytes of the file, never more than it has.
    fn bytes(&self, start: u64, length: u64) -> Result<Vec<u8>> {
        let within = start.checked_add(length).is_some_and(|end| end <= self.size_bytes);
        let length = usize::try_from(length).ok().filter(|_| within).ok_or_else(|| self.corrupt("it is too short"))?;
        let mut bytes = vec![0; length];
        match self.file.read_exact_at(&mut bytes, start) {
            Ok(()) => Ok(bytes),
            Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => Err(self.corrupt("it was cut while it was read")),
            Err(fault) => Err(Error::io(self.path, fault)),
        }
    }
}
