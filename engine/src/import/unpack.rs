//! A file of another system made into a plain SQLite image of our own: decrypted, unpacked, loaded, bounded in size; then compared with what
//! its metadata say, and looked into. The file itself is only read.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::read::MultiGzDecoder;
use keepstone_model::{
    coverage::LeftOut,
    human,
    import::{Content, Sidecar},
    job::Step,
    metadata::Form,
};
use sha2::{Digest, Sha256};

use super::{Password, cbc, dump, foreign_zip::ForeignZip, peek};
use crate::{
    Error, Monitor, Result,
    archive::Archive,
    durable,
    image::{ImageFacts, hex},
    keys, postgres,
    proof::create_private,
    sqlite::{inspect, pace::Pace, second_look::inspect_written},
    throttle::Stopwatch,
};

/// Left free beside what is unpacked.
const MARGIN_BYTES: u64 = 64 << 20;
/// How much of an encrypted file a password is tried on.
const TRIED_BYTES: usize = 64;

/// What a file was made into.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// SHA-256 of the plain image.
    pub(super) image_hash: String,
    /// SHA-256 of the file; none for an archive of Keepstone, which has hashes of its own.
    pub(super) stored_hash: Option<String>,
    /// What a person should know, a sentence each.
    pub(super) notes: Vec<String>,
    /// It was encrypted in a way that does not show who wrote it.
    pub(super) unauthenticated: bool,
    /// Its hash was compared with the one that its metadata name.
    pub(super) hash_compared: bool,
    pub(super) form: Form,
    /// What a dump of a server holds.
    pub(super) dumped: Option<ImageFacts>,
    /// What an archive says of what its dump does not tell: what was left out, and what is beside it.
    left_out: Option<LeftOut>,
    globals: Option<String>,
    pub(super) took: Took,
}

/// How long its parts took.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Took {
    /// Read, decrypted, unpacked and hashed in one pass.
    pub(super) unpacking: Duration,
    pub(super) look: Duration,
    pub(super) counts: Duration,
}

/// Unpacks `path` into the new file `image`. When this returns the image is a SQLite database that opened and passed its checks (one that is
/// `damaged_is_fine` only opened), or a whole dump of a server, and its hash, size and counts are those of the metadata, as far as they name
/// them.
pub(super) fn unpack(
    path: &Path,
    content: Content,
    sidecar: Option<&Sidecar>,
    passwords: &[Password],
    image: &Path,
    damaged_is_fine: bool,
    monitor: &dyn Monitor,
) -> Result<Unpacked> {
    let unpacking = Unpacking { path, image, monitor };
    let nothing = Sidecar::default();
    unpacking.checked(sidecar.unwrap_or(&nothing), damaged_is_fine, || match content {
        Content::Archive => {
            let known = passwords.iter().map(|password| keys::Password::new(password.text()));
            unpacking.archive(&Archive::open_with(path, &keys::Passwords::of(known))?)
        }
        Content::Zip => unpacking.zip(),
        _ => unpacking.file(content, passwords),
    })
}

/// The same with an archive that is open already.
pub(super) fn unpack_own(
    archive: &Archive,
    sidecar: &Sidecar,
    image: &Path,
    damaged_is_fine: bool,
    monitor: &dyn Monitor,
) -> Result<Unpacked> {
    let unpacking = Unpacking { path: archive.path(), image, monitor };
    unpacking.checked(sidecar, damaged_is_fine, || unpacking.archive(archive))
}

struct Unpacking<'a> {
    path: &'a Path,
    image: &'a Path,
    monitor: &'a dyn Monitor,
}

impl Unpacking<'_> {
    fn checked(&self, sidecar: &Sidecar, damaged_is_fine: bool, unpack: impl FnOnce() -> Result<Unpacked>) -> Result<Unpacked> {
        let stopwatch = Stopwatch::begin(self.monitor);
        let mut unpacked = unpack()?;
        unpacked.took.unpacking = stopwatch.worked();
        self.compare(sidecar, &mut unpacked)?;
        if unpacked.form == Form::Sqlite {
            let took = self.look_inside(sidecar, &unpacked.image_hash, damaged_is_fine)?;
            (unpacked.took.look, unpacked.took.counts) = (took.integrity, took.counts);
        } else {
            let stopwatch = Stopwatch::begin(self.monitor);
            let found = self.look_into_dump(unpacked.form, sidecar)?;
            unpacked.dumped = Some(ImageFacts {
                left_out: unpacked.left_out.clone().or(found.left_out.clone()),
                globals: unpacked.globals.clone(),
                ..found
            });
            // One reading is both.
            let took = stopwatch.worked();
            (unpacked.took.look, unpacked.took.counts) = (took, took);
        }
        Ok(unpacked)
    }

    fn refused(&self, code: &'static str, reason: impl Into<String>) -> Error {
        Error::NotImportable { path: self.path.to_owned(), code, reason: reason.into() }
    }

    /// A fault of the bytes that come in; one of the disk that they come from is told as it is.
    fn unreadable(&self, error: io::Error) -> Error {
        if self.monitor.cancelled() {
            return Error::CancelledHere;
        }
        match error.kind() {
            io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::Unsupported
            | io::ErrorKind::Other => self.refused("damaged", format!("it cannot be unpacked: {error}")),
            _ => Error::io(self.path, error),
        }
    }

    fn archive(&self, archive: &Archive) -> Result<Unpacked> {
        if self.room()? < archive.metadata().original_size {
            return Err(Error::NoSpace { path: self.folder() });
        }
        let mut sink = BufWriter::with_capacity(1 << 20, create_private(self.image)?);
        archive.extract(&mut sink, self.image, Step::Verify, self.monitor)?;
        sink.flush().map_err(|error| Error::io(self.image, error))?;
        Ok(Unpacked {
            image_hash: archive.metadata().backup_hash.clone(),
            stored_hash: None,
            notes: Vec::new(),
            unauthenticated: false,
            hash_compared: false,
            form: archive.form(),
            dumped: None,
            left_out: archive.metadata().left_out.clone(),
            globals: archive.metadata().globals.clone(),
            took: Took::default(),
        })
    }

    fn zip(&self) -> Result<Unpacked> {
        let mut zip = ForeignZip::open(self.path)?;
        let mut stream = Progressing::new(zip.database().map_err(|error| self.unreadable(error))?, 0, self.monitor);
        let mut head = Vec::new();
        (&mut stream).take(16).read_to_end(&mut head).map_err(|error| self.unreadable(error))?;
        if head != peek::SQLITE {
            return Err(self.refused("not_a_backup", "what is in it is no SQLite database"));
        }
        let image_hash = self.copy(&mut head.chain(stream))?;
        let (notes, form) = (Vec::new(), Form::Sqlite);
        Ok(Unpacked {
            image_hash,
            stored_hash: None,
            notes,
            unauthenticated: false,
            hash_compared: false,
            form,
            dumped: None,
            left_out: None,
            globals: None,
            took: Took::default(),
        })
    }

    fn file(&self, content: Content, passwords: &[Password]) -> Result<Unpacked> {
        let mut file = peek::open(self.path)?;
        let before = file.metadata().map_err(|error| Error::io(self.path, error))?;
        let mut notes = Vec::new();
        let unauthenticated = content == Content::Encrypted;
        let key = match content {
            Content::Encrypted => {
                notes
                    .push("its encryption has no proof of authenticity: what it says may have been changed by who had the file".to_owned());
                Some(self.key(&mut file, passwords)?)
            }
            _ => None,
        };
        let mut stored = Hashing { inner: Progressing::new(file, before.len(), self.monitor), hasher: Sha256::new() };
        let (image_hash, form) = match key {
            None => self.packed(&mut stored)?,
            Some(key) => {
                let mut plain = cbc::Decrypting::begin(&mut stored, &key).map_err(|error| self.unreadable(error))?;
                self.packed(&mut plain)?
            }
        };
        // What follows the end of what was unpacked counts for the hash, too.
        io::copy(&mut stored, &mut io::sink()).map_err(|error| self.unreadable(error))?;
        let after = fs::metadata(self.path).map_err(|error| Error::io(self.path, error))?;
        if (after.len(), after.modified().ok()) != (before.len(), before.modified().ok()) {
            return Err(self.refused("in_use", "it changed while it was read"));
        }
        let stored_hash = Some(hex(&stored.hasher.finalize()));
        Ok(Unpacked {
            image_hash,
            stored_hash,
            notes,
            unauthenticated,
            hash_compared: false,
            form,
            dumped: None,
            left_out: None,
            globals: None,
            took: Took::default(),
        })
    }

    /// The key of the first password that opens the file, by what it begins with then.
    fn key(&self, file: &mut File, passwords: &[Password]) -> Result<cbc::Key> {
        let mut beginning = Vec::new();
        peek::open(self.path)?.take(TRIED_BYTES as u64).read_to_end(&mut beginning).map_err(|error| Error::io(self.path, error))?;
        let length = file.metadata().map_err(|error| Error::io(self.path, error))?.len();
        if length < 48 || length % 16 != 0 {
            return Err(
                self.refused("damaged", format!("{length} bytes are no file of this encryption: it was cut, or is of another kind"))
            );
        }
        passwords
            .iter()
            .find_map(|password| cbc::Key::find(&beginning, password.text()))
            .ok_or_else(|| Error::WrongPassword { path: self.path.to_owned(), tried: passwords.len() })
    }

    /// Takes off gzip or zstd, if there is any, and makes the image of what is left.
    fn packed(&self, stream: &mut dyn Read) -> Result<(String, Form)> {
        let mut head = Vec::new();
        (&mut *stream).take(4).read_to_end(&mut head).map_err(|error| self.unreadable(error))?;
        if head.starts_with(peek::GZIP) {
            let mut plain = MultiGzDecoder::new((&head[..]).chain(stream));
            return self.plain(&mut plain);
        }
        if head.starts_with(peek::ZSTD) {
            let mut decoder = zstd::stream::read::Decoder::new((&head[..]).chain(stream)).map_err(|error| self.unreadable(error))?;
            decoder.window_log_max(27).map_err(|error| self.unreadable(error))?;
            return self.plain(&mut decoder);
        }
        self.plain(&mut (&head[..]).chain(stream))
    }

    fn plain(&self, stream: &mut dyn Read) -> Result<(String, Form)> {
        let mut head = Vec::new();
        (&mut *stream).take(4096).read_to_end(&mut head).map_err(|error| self.unreadable(error))?;
        match peek::content(&head) {
            Content::Sqlite => Ok((self.copy(&mut (&head[..]).chain(stream))?, Form::Sqlite)),
            Content::SqliteDump => {
                drop(create_private(self.image)?);
                dump::run(&mut (&head[..]).chain(stream), self.image, self.path, self.room()?, self.monitor)?;
                Ok((self.hash_of_image()?, Form::Sqlite))
            }
            content @ (Content::PostgresDump | Content::PostgresCustom) => {
                let form = if content == Content::PostgresDump { Form::Sql } else { Form::Dump };
                let full = || Error::NoSpace { path: self.folder() };
                Ok((self.copy_up_to(self.room()?, &mut (&head[..]).chain(stream), &full)?.0, form))
            }
            Content::Empty => Err(self.refused("empty", "it holds nothing")),
            _ => Err(self.refused("not_a_backup", "it holds neither a database of SQLite nor a dump of one or of PostgreSQL")),
        }
    }

    /// Copies a plain image, no further than its own header says it goes and the disk has room.
    fn copy(&self, stream: &mut dyn Read) -> Result<String> {
        let mut header = Vec::new();
        (&mut *stream).take(100).read_to_end(&mut header).map_err(|error| self.unreadable(error))?;
        let declared = match declared(&header) {
            Declared::NoHeader => return Err(self.refused("damaged", "its header is no SQLite database's")),
            Declared::Nothing => None,
            Declared::Bytes(bytes) => Some(bytes),
        };
        let room = self.room()?;
        // A header that does not say, or says less than there is (SQLite lets a file have a tail), is not cut to the byte.
        let limit = declared.map_or(room, |declared| room.min(declared.saturating_mul(2).saturating_add(MARGIN_BYTES)));
        if declared.is_some_and(|declared| declared > room) {
            return Err(Error::NoSpace { path: self.folder() });
        }
        let too_large = || {
            if limit == room {
                return Error::NoSpace { path: self.folder() };
            }
            self.refused("too_large", "it unpacks to far more than its header says")
        };
        let (hash, length) = self.copy_up_to(limit, &mut (&header[..]).chain(stream), &too_large)?;
        if declared.is_some_and(|declared| declared > length) {
            return Err(self.refused("damaged", format!("it was cut: {} of {}", human::bytes(length), human::bytes(declared.unwrap_or(0)))));
        }
        Ok(hash)
    }

    /// Copies so many bytes at most; their hash, and how many there were.
    fn copy_up_to(&self, limit: u64, source: &mut dyn Read, too_large: &dyn Fn() -> Error) -> Result<(String, u64)> {
        let mut sink = BufWriter::with_capacity(1 << 20, create_private(self.image)?);
        let mut hasher = Sha256::new();
        let (mut block, mut length) = (vec![0; 256 << 10], 0_u64);
        loop {
            let count = source.read(&mut block).map_err(|error| self.unreadable(error))?;
            if count == 0 {
                break;
            }
            length += count as u64;
            if length > limit {
                return Err(too_large());
            }
            hasher.update(&block[..count]);
            sink.write_all(&block[..count]).map_err(|error| Error::io(self.image, error))?;
        }
        sink.flush().map_err(|error| Error::io(self.image, error))?;
        Ok((hex(&hasher.finalize()), length))
    }

    /// A dump of a server: whole, and with the rows that its metadata name.
    fn look_into_dump(&self, form: Form, sidecar: &Sidecar) -> Result<ImageFacts> {
        self.monitor.step(Step::Check);
        let facts = postgres::incoming::look(form, self.image).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData if error.to_string().contains("command for psql") => {
                self.refused("unsafe_script", error.to_string())
            }
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => self.refused("damaged", error.to_string()),
            _ => Error::io(self.image, error),
        })?;
        let counts = facts.table_counts();
        let differs = sidecar.table_counts.iter().find(|(table, count)| counts.get(*table).is_some_and(|found| found != *count));
        if let Some((table, count)) = differs {
            let found = counts.get(table).copied().unwrap_or_default();
            return Err(self.refused("counts_differ", format!("its metadata say that {table} has {count} rows, and there are {found}")));
        }
        Ok(facts)
    }

    fn hash_of_image(&self) -> Result<String> {
        let mut file = File::open(self.image).map_err(|error| Error::io(self.image, error))?;
        let mut hasher = Sha256::new();
        let mut block = vec![0; 256 << 10];
        loop {
            match file.read(&mut block).map_err(|error| Error::io(self.image, error))? {
                0 => return Ok(hex(&hasher.finalize())),
                count => hasher.update(&block[..count]),
            }
        }
    }

    fn folder(&self) -> PathBuf {
        self.image.parent().unwrap_or(self.image).to_owned()
    }

    /// What may be written at most.
    fn room(&self) -> Result<u64> {
        Ok(durable::free_bytes(&self.folder())?.saturating_sub(MARGIN_BYTES))
    }

    /// The hash that the metadata name, which may be of the plain database or of the file.
    fn compare(&self, sidecar: &Sidecar, unpacked: &mut Unpacked) -> Result<()> {
        let Some(checksum) = sidecar.checksum.as_deref() else {
            unpacked.notes.push("nothing names its hash".to_owned());
            return Ok(());
        };
        if checksum.len() != 64 || !checksum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            unpacked.notes.push("the hash in its metadata is no SHA-256, and was not compared".to_owned());
            return Ok(());
        }
        if checksum == unpacked.image_hash || Some(checksum) == unpacked.stored_hash.as_deref() {
            unpacked.hash_compared = true;
            return Ok(());
        }
        Err(self.refused("checksum_mismatch", "its bytes are not the ones whose hash its metadata name"))
    }

    fn look_inside(&self, sidecar: &Sidecar, image_hash: &str, damaged_is_fine: bool) -> Result<inspect::Took> {
        self.monitor.step(Step::Check);
        let report = inspect_written(self.image, image_hash, &sidecar.table_counts, Step::Check, self.monitor)?;
        let schema = match (&report.integrity, &report.schema) {
            (Err(detail), _) | (Ok(()), Err(detail)) if !damaged_is_fine => {
                return Err(self.refused("damaged", format!("the database in it is damaged: {detail}")));
            }
            (_, Err(_)) => return Ok(report.took),
            (_, Ok(schema)) => schema,
        };
        let differs = sidecar.table_counts.iter().find(|(table, count)| schema.get(*table).map(|found| found.row_count) != Some(**count));
        if let Some((table, count)) = differs
            && !damaged_is_fine
        {
            let found = schema.get(table).map_or("no such table".to_owned(), |found| format!("{} rows", found.row_count));
            return Err(self.refused("counts_differ", format!("its metadata say that {table} has {count} rows, and there is {found}")));
        }
        Ok(report.took)
    }
}

/// How many bytes a header says that its database has.
enum Declared {
    NoHeader,
    /// An old SQLite wrote it last.
    Nothing,
    Bytes(u64),
}

/// <https://www.sqlite.org/fileformat2.html#in_header_database_size>
fn declared(header: &[u8]) -> Declared {
    let at = |from: usize| header.get(from..from + 4).map(|bytes| bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)));
    let (Some(page_size), Some(pages), Some(changes), Some(valid_for)) = (at(16), at(28), at(24), at(92)) else {
        return Declared::NoHeader;
    };
    // The first two of the four bytes.
    let page_size = match page_size >> 16 {
        1 => 65_536,
        size if size.is_power_of_two() && size >= 512 => size,
        _ => return Declared::NoHeader,
    };
    if pages > 0 && changes == valid_for { Declared::Bytes(pages * page_size) } else { Declared::Nothing }
}

/// Tells how far reading is, and ends it when the person wants no more.
struct Progressing<'a, R> {
    inner: R,
    pace: Pace<'a>,
    monitor: &'a dyn Monitor,
}

impl<'a, R> Progressing<'a, R> {
    fn new(inner: R, total_bytes: u64, monitor: &'a dyn Monitor) -> Self {
        Self { inner, pace: Pace::new(monitor, Step::Verify, total_bytes), monitor }
    }
}

impl<R: Read> Read for Progressing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(throttle) = self.monitor.throttle() {
            throttle.account(count as u64, &|| self.monitor.cancelled());
        }
        self.pace.advance(count).map_err(|_| io::Error::other("cancelled"))?;
        Ok(count)
    }
}

struct Hashing<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
