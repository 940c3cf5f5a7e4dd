//! The plain image of a database on its way through the engine: what a snapshot produces and an archive takes in. Not how either does it.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use keepstone_model::{
    coverage::{Coverage, LeftOut},
    job::Step,
    metadata::{Form, Source, Table},
};
use sha2::{Digest, Sha256};

use crate::{Error, Monitor, Result, sqlite::pace::Pace};

/// Takes in the bytes of an image, in order, from the first to the last.
pub trait ImageSink {
    /// The whole length in bytes, told once before the first byte where it is known by then: a dump's is not.
    fn begin(&mut self, size_bytes: u64) -> Result<()>;
    /// Some whole pages, or some bytes of a dump.
    fn write(&mut self, pages: &[u8]) -> Result<()>;
}

/// Streams a file that nobody writes. How many bytes it had.
pub(crate) fn stream_file(path: &Path, step: Step, sink: &mut dyn ImageSink, monitor: &dyn Monitor) -> Result<u64> {
    let fault = |error| Error::io(path, error);
    let mut file = File::open(path).map_err(fault)?;
    let size_bytes = file.metadata().map_err(fault)?.len();
    sink.begin(size_bytes)?;
    let pace = Pace::new(monitor, step, size_bytes);
    let (mut block, mut done_bytes) = (vec![0; 256 << 10], 0);
    loop {
        let count = file.read(&mut block).map_err(fault)?;
        if count == 0 {
            return Ok(done_bytes);
        }
        sink.write(&block[..count])?;
        done_bytes += count as u64;
        pace.advance(count)?;
    }
}

/// What is known of an image besides its bytes; all of it of the same moment as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    pub size_bytes: u64,
    pub source: Source,
    /// Every table but SQLite's own and the shadow tables of virtual ones.
    pub schema: BTreeMap<String, Table>,
    /// SQLite's schema cookie; 0 for PostgreSQL.
    pub schema_version: i64,
    pub migration_version: Option<String>,
    /// Why the source is in doubt (a count or the schema could not be read, say); none where nothing was found.
    pub suspect: Option<String>,
    /// What was left out on purpose, if anything was.
    pub left_out: Option<LeftOut>,
    /// Roles and tablespaces of its server, if they were asked for.
    pub globals: Option<String>,
}

impl ImageFacts {
    /// Of the tables whose rows are in the image.
    pub fn table_counts(&self) -> BTreeMap<String, u64> {
        let is_in = |name: &&String| self.left_out.as_ref().is_none_or(|left_out| !left_out.tables.contains(*name));
        self.schema.iter().filter(|(name, _)| is_in(name)).map(|(name, table)| (name.clone(), table.row_count)).collect()
    }

    pub fn coverage(&self) -> Coverage {
        if self.left_out.is_some() { Coverage::Partial } else { Coverage::Whole }
    }

    pub fn total_records(&self) -> u64 {
        self.schema.values().map(|table| table.row_count).sum()
    }
}

/// The header bytes that SQLite itself changes when it writes a database: file format versions (18–19, they follow the journal mode), change
/// counter (24–27), schema cookie (40–43), version-valid-for (92–95). <https://www.sqlite.org/fileformat2.html#the_database_header>
pub const VOLATILE_HEADER_BYTES: [std::ops::Range<usize>; 4] = [18..20, 24..28, 40..44, 92..96];

/// Zeroes the volatile bytes of the first page (or of any beginning of an image).
pub fn mask_volatile(first_page: &mut [u8]) {
    for range in VOLATILE_HEADER_BYTES {
        if let Some(bytes) = first_page.get_mut(range) {
            bytes.fill(0);
        }
    }
}

/// `restore_hash` of an image that is fed to it in order: SHA-256 with the volatile header bytes zeroed.
#[derive(Debug, Clone, Default)]
pub struct RestoreHasher {
    hasher: Sha256,
    seen: u64,
    /// A dump, of which nobody changes a byte.
    as_is: bool,
}

impl RestoreHasher {
    /// Of an image of this form: only SQLite changes bytes of what it is given.
    pub fn of(form: Form) -> Self {
        Self { as_is: form != Form::Sqlite, ..Self::default() }
    }

    /// The first call must bring at least the 100 bytes of the header, unless the image is shorter.
    pub fn update(&mut self, bytes: &[u8]) {
        if self.seen == 0 && !self.as_is {
            let mut head = bytes[..bytes.len().min(100)].to_vec();
            mask_volatile(&mut head);
            self.hasher.update(&head);
            self.hasher.update(&bytes[head.len()..]);
        } else {
            self.hasher.update(bytes);
        }
        self.seen += bytes.len() as u64;
    }

    pub fn finish(self) -> String {
        hex(&self.hasher.finalize())
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)] as char, DIGITS[usize::from(b & 15)] as char]).collect()
}
