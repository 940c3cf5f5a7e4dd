//! Writes an archive.

use std::path::Path;

use keepstone_model::metadata::{Compression, Metadata};

use crate::{Result, image::ImageSink};

/// How the payload is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriteOptions {
    pub compression: Compression,
    /// zstd 1–19 or gzip 1–9; none: the default of the compression.
    pub level: Option<i32>,
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
    /// Of the plain image with the header bytes that SQLite itself changes zeroed.
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

/// Takes in an image and makes an archive of it.
#[derive(Debug)]
pub struct ArchiveWriter {}

impl ArchiveWriter {
    /// Begins a new archive file (mode 0600; one that exists is refused). The file is the caller's to remove if this goes wrong.
    pub fn create(_path: &Path, _options: &WriteOptions) -> Result<Self> {
        todo!()
    }

    /// Ends the archive with the metadata that `metadata` makes of the payload's facts. When this returns the file is complete, its length
    /// is checked, it was fsynced once, and it is out of the page cache, so that reading it back reads the disk. A failed fsync is an error
    /// and voids the file.
    pub fn finish(self, _metadata: &mut dyn FnMut(&PayloadFacts) -> Metadata) -> Result<Written> {
        todo!()
    }
}

impl ImageSink for ArchiveWriter {
    fn begin(&mut self, _size_bytes: u64) -> Result<()> {
        todo!()
    }

    fn write(&mut self, _pages: &[u8]) -> Result<()> {
        todo!()
    }
}
