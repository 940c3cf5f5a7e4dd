//! Reads an archive, strictly: every byte is the one that the writer would have written, or it is damaged.

use std::{io::Write, path::Path};

use keepstone_model::{job::Step, metadata::Metadata};

use crate::{Monitor, Result};

/// An archive whose frame and metadata were found whole. While it lives it holds a shared lease (flock) on the file, so that nothing deletes it.
#[derive(Debug)]
pub struct Archive {}

impl Archive {
    /// Opens an archive and checks everything but the payload. `ArchiveMissing`, `ArchiveCorrupt`, `ArchiveTooNew` (a newer format, of which
    /// nothing but the version is read), `Unsupported` (encrypted or PostgreSQL).
    pub fn open(_path: &Path) -> Result<Self> {
        todo!()
    }

    pub fn path(&self) -> &Path {
        todo!()
    }

    /// The whole file, in bytes.
    pub fn size_bytes(&self) -> u64 {
        todo!()
    }

    pub fn metadata(&self) -> &Metadata {
        todo!()
    }

    /// Checks the stored payload bytes against `payload_hash`. Progress is in payload bytes.
    pub fn check_payload(&self, _step: Step, _monitor: &dyn Monitor) -> Result<()> {
        todo!()
    }

    /// Streams the plain image into `sink`, never more than the declared size, and checks `payload_hash`, size, `backup_hash` and
    /// `restore_hash` on the way: what the sink got is only to be trusted once this returned `Ok`. Progress is in image bytes. `sink_path`
    /// is named where the sink fails.
    pub fn extract(&self, _sink: &mut dyn Write, _sink_path: &Path, _step: Step, _monitor: &dyn Monitor) -> Result<()> {
        todo!()
    }
}
