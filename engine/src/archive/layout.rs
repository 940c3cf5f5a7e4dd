//! Every byte of an archive that is neither payload nor metadata, as a pure function of the two entries. What the reader compares with.
//!
//! The offsets and signatures are those of PKWARE's APPNOTE 6.3.10. `container` makes the same bytes with the `zip` crate, and a test holds
//! the two together: an update of that crate that writes other bytes would make archives that this reader refuses.

/// One entry of the archive, stored as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) size_bytes: u64,
    pub(super) crc: u32,
}

/// An archive is `head`, payload, `middle`, metadata, `tail`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The payload's local header.
    pub(super) head: Vec<u8>,
    pub(super) payload_size_bytes: u64,
    /// The metadata's local header.
    pub(super) middle: Vec<u8>,
    pub(super) metadata_size_bytes: u64,
    /// The central directory and the records that end it.
    pub(super) tail: Vec<u8>,
}

/// 45: Zip64, which every entry is.
const VERSION: u16 = 45;
/// Made by 4.5 on Unix, where the upper half of the external attributes is the mode.
const MADE_BY: u16 = 3 << 8 | VERSION;
/// A regular file, 0600.
const ATTRIBUTES: u32 = 0o100_600 << 16;
/// 1 January 1980, 00:00: the earliest, so that the bytes depend on the content only.
const DATE: u16 = 1 << 5 | 1;
/// "See the Zip64 field."
const IN_ZIP64: u32 = u32::MAX;

impl Layout {
    /// The sizes together must be those of a file that can exist.
    pub(super) fn of(payload: Entry<'_>, metadata: Entry<'_>) -> Self {
        let head = local_header(payload);
        let middle = local_header(metadata);
        let metadata_header = head.len() as u64 + payload.size_bytes;
        let directory = metadata_header + middle.len() as u64 + metadata.size_bytes;
        let mut tail = central_header(payload, 0);
        tail.extend(central_header(metadata, metadata_header));
        let directory_size = tail.len() as u64;
        end_records(&mut tail, directory, directory_size);
        Self { head, payload_size_bytes: payload.size_bytes, middle, metadata_size_bytes: metadata.size_bytes, tail }
    }

    pub(super) fn payload_start(&self) -> u64 {
        self.head.len() as u64
    }

    pub(super) fn middle_start(&self) -> u64 {
        self.payload_start() + self.payload_size_bytes
    }

    pub(super) fn metadata_start(&self) -> u64 {
        self.middle_start() + self.middle.len() as u64
    }

    pub(super) fn tail_start(&self) -> u64 {
        self.metadata_start() + self.metadata_size_bytes
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.tail_start() + self.tail.len() as u64
    }
}

/// Little-endian fields, one after the other.
#[derive(Default)]
struct Record(Vec<u8>);

impl Record {
    fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_le_bytes());
        self
    }

    fn name(mut self, entry: Entry<'_>) -> Self {
        self.0.extend(entry.name.as_bytes());
        self
    }
}

fn name_length(entry: Entry<'_>) -> u16 {
    u16::try_from(entry.name.len()).expect("the names are constants of this crate")
}

fn local_header(entry: Entry<'_>) -> Vec<u8> {
    Record::default()
        .u32(0x0403_4b50)
        .u16(VERSION)
        .u16(0) // flags
        .u16(0) // stored
        .u16(0) // time
        .u16(DATE)
        .u32(entry.crc)
        .u32(IN_ZIP64)
        .u32(IN_ZIP64)
        .u16(name_length(entry))
        .u16(20)
        .name(entry)
        .u16(1) // the Zip64 field
        .u16(16)
        .u64(entry.size_bytes)
        .u64(entry.size_bytes)
        .0
}

fn central_header(entry: Entry<'_>, offset: u64) -> Vec<u8> {
    let far = u32::try_from(offset).is_err() || offset == u64::from(IN_ZIP64);
    let record = Record::default()
        .u32(0x0201_4b50)
        .u16(MADE_BY)
        .u16(VERSION)
        .u16(0) // flags
        .u16(0) // stored
        .u16(0) // time
        .u16(DATE)
        .u32(entry.crc)
        .u32(IN_ZIP64)
        .u32(IN_ZIP64)
        .u16(name_length(entry))
        .u16(if far { 28 } else { 20 })
        .u16(0) // comment
        .u16(0) // disk
        .u16(0) // internal attributes
        .u32(ATTRIBUTES)
        .u32(capped(offset))
        .name(entry)
        .u16(1) // the Zip64 field
        .u16(if far { 24 } else { 16 })
        .u64(entry.size_bytes)
        .u64(entry.size_bytes);
    if far { record.u64(offset).0 } else { record.0 }
}

fn end_records(tail: &mut Vec<u8>, directory: u64, directory_size: u64) {
    let far = directory > u64::from(u32::MAX);
    if far {
        tail.extend(
            Record::default()
                .u32(0x0606_4b50)
                .u64(44)
                .u16(VERSION)
                .u16(VERSION)
                .u32(0) // disk
                .u32(0) // disk of the directory
                .u64(2)
                .u64(2)
                .u64(directory_size)
                .u64(directory)
                .u32(0x0706_4b50)
                .u32(0) // disk
                .u64(directory + directory_size)
                .u32(1) // disks
                .0,
        );
    }
    tail.extend(
        Record::default()
            .u32(0x0605_4b50)
            .u16(0) // disk
            .u16(0) // disk of the directory
            .u16(2)
            .u16(2)
            .u32(if far { IN_ZIP64 } else { capped(directory_size) })
            .u32(capped(directory))
            .u16(0) // comment
            .0,
    );
}

fn capped(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
