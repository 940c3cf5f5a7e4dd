//! A zip that another system made: one database and `metadata.json`. Names in it are compared, never used as paths.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use zip::ZipArchive;

use super::{peek, sidecar};
use crate::{Error, Result};

/// What such a zip holds.
pub(super) struct ForeignZip {
    zip: ZipArchive<File>,
    database: usize,
    metadata: usize,
}

impl ForeignZip {
    /// Opens it; `NotImportable` where it is a zip of something else.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let refused = |reason: &str| Error::NotImportable { path: path.to_owned(), code: "not_a_backup", reason: reason.to_owned() };
        let mut file = peek::open(path)?;
        // Before a directory of millions is read into memory.
        if entries(&mut file).map_err(|error| Error::io(path, error))?.is_none_or(|count| count > 64) {
            return Err(refused("it is no zip of one database and its metadata"));
        }
        let unreadable = |error: zip::result::ZipError| refused(&format!("it cannot be read as a zip: {error}"));
        let mut zip = ZipArchive::new(file).map_err(unreadable)?;
        let mut names = Vec::new();
        for at in 0..zip.len() {
            names.push(zip.by_index_raw(at).and_then(|entry| Ok(entry.name()?.into_owned())).map_err(unreadable)?);
        }
        let base = |name: &str| name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
        let metadata = names.iter().position(|name| base(name) == "metadata.json");
        let files: Vec<usize> = (0..names.len()).filter(|&at| Some(at) != metadata && !base(&names[at]).is_empty()).collect();
        match (metadata, files.as_slice()) {
            (Some(metadata), &[database]) => Ok(Self { zip, database, metadata }),
            _ => Err(refused("it is no zip of one database and its metadata")),
        }
    }

    pub(super) fn metadata(&mut self) -> Option<Vec<u8>> {
        let entry = self.zip.by_index(self.metadata).ok()?;
        let mut text = Vec::new();
        let length = entry.take(sidecar::LIMIT_BYTES + 1).read_to_end(&mut text).ok()?;
        (length as u64 <= sidecar::LIMIT_BYTES).then_some(text)
    }

    /// The database's bytes; its CRC is checked at their end.
    pub(super) fn database(&mut self) -> io::Result<impl Read + '_> {
        Ok(self.zip.by_index(self.database)?)
    }
}

/// How many entries the end of a zip says there are; none: it is not one, or one of more than a backup has.
fn entries(file: &mut File) -> io::Result<Option<u16>> {
    /// The record, and the longest comment after it.
    const ENDS_BYTES: u64 = 22 + 65_535;
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(size.saturating_sub(ENDS_BYTES)))?;
    let mut ends = Vec::new();
    file.take(ENDS_BYTES).read_to_end(&mut ends)?;
    file.rewind()?;
    let record = ends.windows(4).rposition(|window| window == b"PK\x05\x06");
    let count = record.and_then(|at| Some(u16::from_le_bytes(ends.get(at + 10..at + 12)?.try_into().ok()?)));
    Ok(count.filter(|&count| count != u16::MAX))
}
