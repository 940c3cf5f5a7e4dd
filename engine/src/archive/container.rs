//! The zip that an archive is, written with the `zip` crate: payload entry, then `metadata.json`, both stored. Not what is in them.

use std::{
    cell::{Cell, RefCell},
    io::{self, Seek, SeekFrom, Write},
};

use zip::{CompressionMethod, DateTime, System, ZipWriter, write::SimpleFileOptions};

use super::METADATA_ENTRY;

/// A zip that is being written.
pub(super) struct Container<W: Write + Seek> {
    /// None once it is finished.
    zip: Option<ZipWriter<Target<W>>>,
}

/// Fixed times and modes: the bytes depend on the content only.
fn options() -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(true)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o600)
        .system(System::Unix)
}

impl<W: Write + Seek> Container<W> {
    /// Begins the payload entry at the beginning of an empty file.
    pub(super) fn begin(file: W, payload_entry: &str) -> io::Result<Self> {
        let target = Target { inner: file, position: 0, end: 0, dead: Cell::new(false), fault: RefCell::new(None) };
        let mut container = Self { zip: Some(ZipWriter::new(target)) };
        container.with(|zip| Ok(zip.start_file(payload_entry, options())?))?;
        Ok(container)
    }

    /// The next bytes of the payload.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with(|zip| zip.write_all(bytes))
    }

    /// Ends the payload, writes the metadata and the directory, and gives the file back: complete, not yet fsynced.
    pub(super) fn finish(mut self, metadata: &[u8]) -> io::Result<W> {
        self.with(|zip| Ok(zip.start_file(METADATA_ENTRY, options())?))?;
        self.with(|zip| zip.write_all(metadata))?;
        let zip = self.zip.take().expect("only finish takes it");
        let target = zip.finish()?;
        match target.fault.take() {
            Some(fault) => Err(fault),
            None => Ok(target.inner),
        }
    }

    /// Does something with the zip and tells the file's own fault before what the zip made of it.
    fn with(&mut self, act: impl FnOnce(&mut ZipWriter<Target<W>>) -> io::Result<()>) -> io::Result<()> {
        let zip = self.zip.as_mut().expect("only finish takes it");
        let result = act(zip);
        match zip.get_ref().and_then(|target| target.fault.take()) {
            Some(fault) => Err(fault),
            None => result,
        }
    }
}

/// A zip given up midway: `ZipWriter` would write a directory for it now, and to stderr if it could not.
impl<W: Write + Seek> Drop for Container<W> {
    fn drop(&mut self) {
        if let Some(target) = self.zip.as_ref().and_then(ZipWriter::get_ref) {
            target.dead.set(true);
        }
    }
}

/// A file that never fails towards the zip: the first fault is kept for [`Container`], and from then on nothing is written. `ZipWriter`
/// answers a failed write with more writes, and a failed ending with a line on stderr.
struct Target<W> {
    inner: W,
    position: u64,
    end: u64,
    dead: Cell<bool>,
    fault: RefCell<Option<io::Error>>,
}

impl<W> Target<W> {
    fn die_of(&self, fault: io::Error) {
        self.dead.set(true);
        *self.fault.borrow_mut() = Some(fault);
    }
}

impl<W: Write> Write for Target<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.dead.get()
            && let Err(fault) = self.inner.write_all(bytes)
        {
            self.die_of(fault);
        }
        self.position += bytes.len() as u64;
        self.end = self.end.max(self.position);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W: Seek> Seek for Target<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        let position = position.ok_or(io::ErrorKind::InvalidInput)?;
        if position != self.position
            && !self.dead.get()
            && let Err(fault) = self.inner.seek(SeekFrom::Start(position))
        {
            self.die_of(fault);
        }
        self.position = position;
        Ok(position)
    }
}
