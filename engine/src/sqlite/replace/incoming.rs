//! The image on its way in: checked against its hash and brought to the page size of the live database, before any lock is taken.

use std::{fs::File, os::unix::fs::FileExt, path::Path};

use rusqlite::{Connection, OpenFlags};

use super::ReplaceOptions;
use crate::{
    Error, Monitor, Result, Silent,
    image::RestoreHasher,
    sqlite::{
        content::{self, Content},
        fault, pages,
        pages::BATCH_BYTES,
        scratch::{Scratch, open_image},
        watch,
    },
};

/// <https://www.sqlite.org/fileformat2.html#the_database_header>
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// An image that fits the live database.
pub(super) struct Incoming {
    file: File,
    first_page: Vec<u8>,
    page_count: u64,
    /// The `restore_hash` that the live database must have before the commit.
    pub(super) expected_hash: String,
}

impl Incoming {
    pub(super) fn prepare(options: &ReplaceOptions<'_>, page_size: u32, monitor: &dyn Monitor) -> Result<Self> {
        let file = open(options.image)?;
        let mut image = Self::of(file, options.image)?;
        if hash(&image, Form::AsFile, options.image, monitor)? != options.restore_hash {
            return Err(Error::RestoreMismatch { detail: "the image is not what its backup says".to_owned() });
        }
        options.restore_hash.clone_into(&mut image.expected_hash);
        if image.page_size() != page_size {
            let scratch = vacuum(options.image, options.scratch_dir, page_size, monitor)?;
            // Open, the file outlives its name, which goes with `scratch`.
            image = Self::of(open(scratch.path())?, scratch.path())?;
            image.expected_hash = hash(&image, Form::AsFile, scratch.path(), monitor)?;
        }
        if image.state_page_count() {
            image.expected_hash = hash(&image, Form::AsWritten, options.image, monitor)?;
        }
        Ok(image)
    }

    fn of(file: File, path: &Path) -> Result<Self> {
        let not_a_database = || Error::RestoreMismatch { detail: "the image is not a SQLite database".to_owned() };
        let mut header = [0; 100];
        file.read_exact_at(&mut header, 0).map_err(|_| not_a_database())?;
        let page_size = page_size_of(&header);
        let size_bytes = file.metadata().map_err(|error| Error::io(path, error))?.len();
        if &header[..16] != MAGIC || !(512..=65536).contains(&page_size) || size_bytes % u64::from(page_size) != 0 {
            return Err(not_a_database());
        }
        let mut first_page = vec![0; page_size as usize];
        file.read_exact_at(&mut first_page, 0).map_err(|error| Error::io(path, error))?;
        Ok(Self { file, first_page, page_count: size_bytes / u64::from(page_size), expected_hash: String::new() })
    }

    pub(super) fn page_size(&self) -> u32 {
        page_size_of(&self.first_page)
    }

    pub(super) fn page_count(&self) -> u64 {
        self.page_count
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.page_count * u64::from(self.page_size())
    }

    pub(super) fn first_page(&self) -> &[u8] {
        &self.first_page
    }

    /// Fills the buffer with what is to stand at that place; both are whole pages.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        self.file
            .read_exact_at(buffer, offset)
            .map_err(|error| Error::RestoreMismatch { detail: format!("the image cannot be read: {error}") })?;
        if offset == 0 {
            buffer[..self.first_page.len()].copy_from_slice(&self.first_page);
        }
        Ok(())
    }

    /// Writers before SQLite 3.7 do not state the page count in the header, and readers know that by two counters that differ (24–27, 92–95).
    /// A commit makes them equal, so from then on the count must be right. Whether anything had to be changed.
    fn state_page_count(&mut self) -> bool {
        let stated = u32::from_be_bytes([self.first_page[28], self.first_page[29], self.first_page[30], self.first_page[31]]);
        let page_count = u32::try_from(self.page_count).unwrap_or(u32::MAX);
        self.first_page[28..32].copy_from_slice(&page_count.to_be_bytes());
        stated != page_count
    }
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| Error::io(path, error))
}

/// Bytes 16–17, big-endian; 1 stands for 65536.
fn page_size_of(header: &[u8]) -> u32 {
    match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65536,
        other => u32::from(other),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As the bytes are in the file.
    AsFile,
    /// With the first page as it will be written.
    AsWritten,
}

fn hash(image: &Incoming, form: Form, path: &Path, monitor: &dyn Monitor) -> Result<String> {
    let mut hasher = RestoreHasher::default();
    let mut buffer = vec![0; BATCH_BYTES];
    let mut offset = 0;
    while offset < image.size_bytes() {
        if monitor.cancelled() {
            return Err(Error::CancelledHere);
        }
        let want = usize::try_from(image.size_bytes() - offset).map_or(BATCH_BYTES, |left| left.min(BATCH_BYTES));
        match form {
            Form::AsFile => image.file.read_exact_at(&mut buffer[..want], offset).map_err(|error| Error::io(path, error))?,
            Form::AsWritten => image.read_at(&mut buffer[..want], offset)?,
        }
        hasher.update(&buffer[..want]);
        offset += want as u64;
    }
    Ok(hasher.finish())
}

/// Writes the content of the image anew in pages of another size. The bytes differ then, so tables and counts are compared before it is used.
fn vacuum(image: &Path, scratch_dir: &Path, page_size: u32, monitor: &dyn Monitor) -> Result<Scratch> {
    let (scratch, _empty_file_for_vacuum_to_fill) = Scratch::create(scratch_dir, "restore.vacuumed")?;
    // Opened as an ordinary file of ours: the limits for untrusted ones forbid VACUUM its attached target, and an immutable one keeps its
    // page size. The image has passed its hash.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(image, flags).map_err(fault::at(image))?;
    let into = scratch.path().to_string_lossy();
    watch::watched(&source, monitor, &watch::unlimited, || {
        source.execute_batch(&format!("PRAGMA page_size={page_size}")).map_err(fault::at(image))?;
        source.execute("VACUUM INTO ?1", [&into]).map(drop).map_err(|error| {
            if fault::is_sql(&error) {
                let reason =
                    format!("its page size is another one than the backup's, and VACUUM cannot convert it: {}", fault::detail(&error));
                return Error::TargetUnusable { path: image.to_owned(), reason };
            }
            fault::at(image)(error)
        })
    })?;
    let before = whole_content(&source, image, monitor)?;
    let converted = open_image(scratch.path())?;
    pages::begin_read(&converted, scratch.path())?;
    if before != whole_content(&converted, scratch.path(), monitor)? {
        return Err(Error::RestoreMismatch { detail: "the image lost something when it was brought to another page size".to_owned() });
    }
    Ok(scratch)
}

/// Every row, and what the tables count to.
fn whole_content(connection: &Connection, path: &Path, monitor: &dyn Monitor) -> Result<(String, String)> {
    watch::watched(connection, monitor, &watch::unlimited, || {
        let counted = Content::read(connection, path, &Silent)?;
        let hash = content::content_hash(connection).map_err(fault::at(path))?;
        Ok((format!("{:?} {:?}", counted.tables, counted.damage), hash))
    })
}
