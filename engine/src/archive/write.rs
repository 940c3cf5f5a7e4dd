//! Writes an archive: takes in an image, ends with its metadata, makes the file durable. Not its name, nor when it is published.

use std::{
    fs::{File, OpenOptions},
    mem,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use keepstone_model::{
    human,
    metadata::{CIPHER, Compression, Form, Metadata},
};

use super::{
    BLOCK_BYTES, METADATA_ENTRY, METADATA_LIMIT_BYTES,
    codec::Codec,
    consistency,
    container::Container,
    layout::{Entry, Layout},
    pipeline::Pipeline,
    pool::{Lent, Pool},
    sealed,
};
use crate::{
    Error, Result,
    direct::{DirectFile, Requests},
    image::ImageSink,
    keys::{DataKey, Stretched},
    priority::Priority,
};

/// Metadata that is larger is written without spaces.
const IN_LINES_BYTES: usize = 8 << 20;

/// What the image is, and how the payload is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteOptions {
    pub form: Form,
    pub compression: Compression,
    /// zstd 1–19 or gzip 1–9; none: the default of the compression.
    pub level: Option<i32>,
    /// Of the threads that hash, compress, encrypt and write.
    pub priority: Priority,
}

/// What is known of the payload once its last byte is written. Hashes are SHA-256 in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadFacts {
    /// The plain image, in bytes.
    pub original_size_bytes: u64,
    /// The payload entry, in bytes.
    pub compressed_size_bytes: u64,
    /// Of the plain image.
    pub backup_hash: String,
    /// Of the plain image with the header bytes that SQLite itself changes zeroed; of a dump as it is.
    pub restore_hash: String,
    /// Of the payload entry.
    pub payload_hash: String,
}

/// A complete, durable archive that has no name of its own yet.
#[derive(Debug, Clone)]
pub struct Written {
    pub metadata: Metadata,
    /// The whole file, in bytes.
    pub archive_size_bytes: u64,
}

/// Takes in an image and makes an archive of it. Dropping it midway stops its threads and leaves an unfinished file.
#[derive(Debug)]
pub struct ArchiveWriter {
    path: PathBuf,
    payload_entry: &'static str,
    form: Form,
    /// The archive's own key, and what it is wrapped with.
    encryption: Option<(DataKey, Vec<Arc<Stretched>>)>,
    pipeline: Pipeline,
    /// What `begin` announced, if it did.
    expected_bytes: Option<u64>,
    received_bytes: u64,
    memory: Pool,
    /// The block that is being filled.
    block: Lent,
}

impl ArchiveWriter {
    /// Begins a new archive file (mode 0600; one that exists is refused). The file is the caller's to remove if this goes wrong.
    pub fn create(path: &Path, options: &WriteOptions) -> Result<Self> {
        Self::begin_file(path, options, None)
    }

    /// The same, encrypted: any one of these passwords will open it.
    pub fn create_encrypted(path: &Path, options: &WriteOptions, passwords: &[Arc<Stretched>]) -> Result<Self> {
        if passwords.is_empty() {
            return Err(Error::Internal("an archive that no password would open".to_owned()));
        }
        Self::begin_file(path, options, Some((DataKey::random()?, passwords.to_vec())))
    }

    fn begin_file(path: &Path, options: &WriteOptions, encryption: Option<(DataKey, Vec<Arc<Stretched>>)>) -> Result<Self> {
        let codec = Codec::of(options)?;
        let payload_entry = match encryption {
            None => options.form.entry(options.compression),
            Some(_) => options.form.entry_encrypted(options.compression),
        };
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => Error::TargetExists { path: path.to_owned() },
            _ => Error::io(path, source),
        })?;
        let requests = match options.priority {
            Priority::Low => Requests::Small,
            Priority::Normal => Requests::Large,
        };
        let container = Container::begin(DirectFile::new(file, requests), payload_entry).map_err(|source| Error::io(path, source))?;
        let payload_key = encryption.as_ref().map(|(key, _)| key.payload_key());
        let pipeline = Pipeline::start(path, container, codec, options.form, payload_key, options.priority)?;
        let memory = Pool::new();
        Ok(Self {
            path: path.to_owned(),
            payload_entry,
            form: options.form,
            encryption,
            pipeline,
            expected_bytes: None,
            received_bytes: 0,
            block: memory.empty(),
            memory,
        })
    }

    /// Ends the archive with the metadata that `metadata` makes of the payload's facts (what it says of encryption is filled in here). When this returns the file is complete, its length
    /// is checked, it was fsynced once, and it is out of the page cache, so that reading it back reads the disk. A failed fsync is an error
    /// and voids the file.
    pub fn finish(mut self, metadata: &mut dyn FnMut(&PayloadFacts) -> Metadata) -> Result<Written> {
        let received = self.received_bytes;
        match self.expected_bytes {
            Some(expected) if received != expected => {
                return Err(Error::Internal(format!("an image of {expected} bytes ended after {received}")));
            }
            None if received == 0 => return Err(Error::Internal("an archive was finished before it began".to_owned())),
            _ => {}
        }
        if !self.block.is_empty() {
            let last = mem::replace(&mut self.block, self.memory.empty());
            self.pipeline.push(last)?;
        }
        let payload = self.pipeline.finish()?;
        let facts = PayloadFacts {
            original_size_bytes: received,
            compressed_size_bytes: payload.size_bytes,
            backup_hash: payload.image.backup,
            restore_hash: payload.image.restore,
            payload_hash: payload.stored_hash,
        };
        let metadata = metadata(&facts);
        let (text, metadata) = match &self.encryption {
            None => (plain_text(&metadata)?, metadata),
            Some((key, passwords)) => {
                let slots = passwords.iter().map(|with| key.wrap(with)).collect::<Result<Vec<_>>>()?;
                sealed::write(metadata, CIPHER, key, slots)?
            }
        };
        consistency::check(&metadata, self.form, self.payload_entry, facts.compressed_size_bytes)
            .map_err(|reason| Error::Internal(format!("the metadata does not fit its archive: {reason}")))?;
        if text.len() as u64 > METADATA_LIMIT_BYTES {
            return Err(Error::Unsupported { what: format!("a schema that takes {} to describe", human::bytes(text.len() as u64)) });
        }
        let file = payload.container.finish(&text).and_then(DirectFile::into_file).map_err(|source| Error::io(&self.path, source))?;
        let archive_size_bytes =
            settle(&file, &facts, self.payload_entry, text.len() as u64).map_err(|source| Error::io(&self.path, source))?;
        Ok(Written { metadata, archive_size_bytes })
    }
}

/// In lines for people, as long as there are so many that a person might read them.
fn plain_text(metadata: &Metadata) -> Result<Vec<u8>> {
    let written = serde_json::to_vec_pretty(metadata).and_then(|text| match text.len() {
        ..=IN_LINES_BYTES => Ok(text),
        _ => serde_json::to_vec(metadata),
    });
    let mut text = written.map_err(|fault| Error::Internal(format!("metadata: {fault}")))?;
    text.push(b'\n');
    Ok(text)
}

/// Checks the length and makes the file durable. One fsync, never a second: after a failed one the kernel may have dropped the very pages
/// that it could not write, and would answer the next with success.
fn settle(file: &File, facts: &PayloadFacts, payload_entry: &str, metadata_bytes: u64) -> std::io::Result<u64> {
    let payload = Entry { name: payload_entry, size_bytes: facts.compressed_size_bytes, crc: 0 };
    let layout = Layout::of(payload, Entry { name: METADATA_ENTRY, size_bytes: metadata_bytes, crc: 0 });
    let (expected, found) = (layout.size_bytes(), file.metadata()?.len());
    if found != expected {
        return Err(std::io::Error::other(format!("{found} bytes were written instead of {expected}")));
    }
    file.sync_all()?;
    // Advice only: where it is not taken, reading back may read memory instead of the disk.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
    Ok(found)
}

impl ImageSink for ArchiveWriter {
    fn begin(&mut self, size_bytes: u64) -> Result<()> {
        match self.expected_bytes {
            _ if size_bytes == 0 => Err(Error::Internal("an image has at least one page".to_owned())),
            Some(_) => Err(Error::Internal("an image was begun twice".to_owned())),
            None => {
                self.expected_bytes = Some(size_bytes);
                Ok(())
            }
        }
    }

    fn write(&mut self, mut pages: &[u8]) -> Result<()> {
        self.received_bytes += pages.len() as u64;
        while !pages.is_empty() {
            let (now, later) = pages.split_at(pages.len().min(BLOCK_BYTES - self.block.len()));
            self.block.extend_from_slice(now);
            if self.block.len() == BLOCK_BYTES {
                let full = mem::replace(&mut self.block, self.memory.empty());
                self.pipeline.push(full)?;
            }
            pages = later;
        }
        Ok(())
    }
}
