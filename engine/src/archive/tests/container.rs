//! The zip that is written is, byte for byte, the one that the reader expects: the `zip` crate against our own layout.

use std::io::{Cursor, Seek, SeekFrom, Write};

use super::super::{
    METADATA_ENTRY,
    container::Container,
    layout::{Entry, Layout},
};

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[test]
fn the_writer_makes_the_bytes_that_the_reader_expects() {
    for (name, payload) in [("database.sqlite.zst", vec![7; 70_000]), ("database.sqlite", vec![1]), ("database.sqlite.gz", vec![])] {
        let metadata = b"{\"format_version\": 1}\n";
        let mut container = Container::begin(Cursor::new(Vec::new()), name).unwrap();
        container.write(&payload).unwrap();
        let written = container.finish(metadata).unwrap().into_inner();

        let layout = Layout::of(
            Entry { name, size_bytes: payload.len() as u64, crc: crc(&payload) },
            Entry { name: METADATA_ENTRY, size_bytes: metadata.len() as u64, crc: crc(metadata) },
        );
        let expected = [&layout.head[..], &payload, &layout.middle, metadata, &layout.tail].concat();
        assert_eq!(written, expected, "{name}");
        assert_eq!(layout.size_bytes(), expected.len() as u64);
    }
}

/// Keeps what is not payload: as many bytes of the beginning as `head` has, and of what follows `from` as `rest` has.
struct Edges {
    position: u64,
    from: u64,
    head: Vec<u8>,
    rest: Vec<u8>,
}

impl Write for Edges {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for (kept, start) in [(&mut self.head, 0), (&mut self.rest, self.from)] {
            let (from, to) = (self.position.max(start), (self.position + bytes.len() as u64).min(start + kept.len() as u64));
            if from < to {
                let within = |origin: u64| usize::try_from(from - origin).unwrap()..usize::try_from(to - origin).unwrap();
                kept[within(start)].copy_from_slice(&bytes[within(self.position)]);
            }
        }
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Seek for Edges {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let SeekFrom::Start(position) = to else { return Err(std::io::ErrorKind::Unsupported.into()) };
        self.position = position;
        Ok(position)
    }
}

#[test]
fn beyond_4_gib_too() {
    at_4_gib(12_345_678);
}

/// Around 4 GiB the offsets move into the Zip64 records one after the other.
#[test]
#[ignore = "writes 4 GiB five times through a CRC: 5 s"]
fn every_byte_around_4_gib() {
    for beyond in [0, 1, METADATA_BYTES - 1, METADATA_BYTES, METADATA_BYTES + 1] {
        at_4_gib(beyond);
    }
}

/// The metadata with its local header.
const METADATA_BYTES: u64 = 30 + 13 + 20 + 2;

/// An archive whose directory begins so many bytes beyond the last offset that fits into 32 bits.
fn at_4_gib(beyond: u64) {
    let block = vec![0_u8; 1 << 20];
    let head_bytes = 30 + 15 + 20;
    let size_bytes = u64::from(u32::MAX) - head_bytes - METADATA_BYTES + beyond;
    let edges = Edges { position: 0, from: head_bytes + size_bytes, head: vec![0; 65], rest: vec![0; 400] };
    let mut container = Container::begin(edges, "database.sqlite").unwrap();
    let mut hasher = flate2::Crc::new();
    let mut left = size_bytes;
    while left > 0 {
        let now = &block[..usize::try_from(left.min(1 << 20)).unwrap()];
        container.write(now).unwrap();
        hasher.update(now);
        left -= now.len() as u64;
    }
    let edges = container.finish(b"{}").unwrap();
    let layout = Layout::of(
        Entry { name: "database.sqlite", size_bytes, crc: hasher.sum() },
        Entry { name: METADATA_ENTRY, size_bytes: 2, crc: crc(b"{}") },
    );
    let expected = [&layout.middle[..], b"{}", &layout.tail].concat();
    assert_eq!(edges.head, layout.head, "{beyond}");
    assert_eq!(edges.position, layout.size_bytes(), "{beyond}");
    assert_eq!(edges.rest[..expected.len()], expected, "{beyond}");
}
