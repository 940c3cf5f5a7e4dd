//! Finds the entries of a zip from its end. Believes nothing: what it finds is only where to look, and `read` compares every byte after.
//!
//! It reads more than version 1 allows (other entries, other extra fields), so that the format version of a newer archive can be read.

/// Where an entry is, by its record in the central directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) name: Vec<u8>,
    /// 0 where it is stored as it is.
    pub(super) method: u16,
    pub(super) crc: u32,
    pub(super) size_bytes: u64,
    /// Of its local header.
    pub(super) offset: u64,
}

/// The record that ends every zip without a comment.
pub(super) const END_BYTES: u64 = 22;
/// That, the locator before it and the Zip64 record before that.
pub(super) const ENDS_BYTES: u64 = END_BYTES + 20 + 56;
/// No directory of ours comes near it.
pub(super) const DIRECTORY_LIMIT_BYTES: u64 = 64 << 10;
/// A local header without name and extra fields.
pub(super) const LOCAL_BYTES: u64 = 30;

/// Where the central directory begins, by the last bytes of the file (up to [`ENDS_BYTES`] of them). None: they do not end a zip.
pub(super) fn directory_start(ends: &[u8]) -> Option<u64> {
    let end = ends.len().checked_sub(22)?;
    if u32_at(ends, end)? != 0x0605_4b50 || u16_at(ends, end + 20)? != 0 {
        return None;
    }
    let near = u32_at(ends, end + 16)?;
    let far = end
        .checked_sub(20 + 56)
        .filter(|&record| u32_at(ends, record) == Some(0x0606_4b50) && u32_at(ends, record + 56) == Some(0x0706_4b50) && near == u32::MAX);
    match far {
        Some(record) => u64_at(ends, record + 48),
        None => Some(u64::from(near)),
    }
}

/// The records at the beginning of `directory`.
pub(super) fn entries(mut directory: &[u8]) -> Option<Vec<Found>> {
    let mut found = Vec::new();
    while u32_at(directory, 0) == Some(0x0201_4b50) {
        let length = |at| u16_at(directory, at).map(usize::from);
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        let extra = directory.get(46 + name..46 + name + extra)?;
        let (size_bytes, offset) = sizes(directory, extra)?;
        found.push(Found {
            name: directory.get(46..46 + name)?.to_owned(),
            method: u16_at(directory, 10)?,
            crc: u32_at(directory, 16)?,
            size_bytes,
            offset,
        });
        directory = directory.get(46 + name + extra.len() + comment..)?;
    }
    Some(found)
}

/// How long a local header is, by its first [`LOCAL_BYTES`].
pub(super) fn local_header_bytes(header: &[u8]) -> Option<u64> {
    (u32_at(header, 0)? == 0x0403_4b50).then_some(())?;
    Some(LOCAL_BYTES + u64::from(u16_at(header, 26)?) + u64::from(u16_at(header, 28)?))
}

/// The stored size and the offset of a record; either may stand in the Zip64 field, in this order: plain size, stored size, offset.
fn sizes(record: &[u8], mut extra: &[u8]) -> Option<(u64, u64)> {
    let (stored, plain, offset) = (u32_at(record, 20)?, u32_at(record, 24)?, u32_at(record, 42)?);
    let mut zip64: &[u8] = &[];
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let field = extra.get(4..4 + usize::from(length))?;
        if id == 1 {
            zip64 = field;
        }
        extra = &extra[4 + field.len()..];
    }
    let mut next = |near: u32| {
        if near != u32::MAX {
            return Some(u64::from(near));
        }
        let value = u64_at(zip64, 0)?;
        zip64 = &zip64[8..];
        Some(value)
    };
    next(plain)?;
    Some((next(stored)?, next(offset)?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
