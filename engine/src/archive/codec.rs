//! Compression of one block, and decompression of a whole payload. Not the order of blocks, nor hashes.

use std::io::{self, BufReader, Read, Write};

use flate2::{bufread::MultiGzDecoder, write::GzEncoder};
use keepstone_model::metadata::Compression;

use super::{BLOCK_BYTES, write::WriteOptions};
use crate::{Error, Result};

/// A compression and its level, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Zstd(i32),
    Gzip(u32),
    Plain,
}

impl Codec {
    pub(super) fn of(options: &WriteOptions) -> Result<Self> {
        let wrong = |expected: &str| Error::Invalid { field: "level", message: format!("must be {expected}") };
        match (options.compression, options.level) {
            (Compression::Zstd, None) => Ok(Self::Zstd(1)),
            (Compression::Zstd, Some(level @ 1..=19)) => Ok(Self::Zstd(level)),
            (Compression::Zstd, Some(_)) => Err(wrong("from 1 to 19 for zstd")),
            (Compression::Gzip, None) => Ok(Self::Gzip(6)),
            (Compression::Gzip, Some(level @ 1..=9)) => Ok(Self::Gzip(level.unsigned_abs())),
            (Compression::Gzip, Some(_)) => Err(wrong("from 1 to 9 for gzip")),
            (Compression::None, None) => Ok(Self::Plain),
            (Compression::None, Some(_)) => Err(wrong("left out where nothing is compressed")),
        }
    }
}

/// Compresses blocks, each into a zstd frame or a gzip member of its own.
pub(super) enum Compressor {
    Zstd(zstd::bulk::Compressor<'static>),
    Gzip(flate2::Compression),
    Plain,
}

impl Compressor {
    pub(super) fn new(codec: Codec) -> io::Result<Self> {
        Ok(match codec {
            Codec::Zstd(level) => Self::Zstd(zstd::bulk::Compressor::new(level)?),
            Codec::Gzip(level) => Self::Gzip(flate2::Compression::new(level)),
            Codec::Plain => Self::Plain,
        })
    }

    /// Puts what a block becomes into `stored`, which is empty.
    pub(super) fn compress(&mut self, block: &[u8], stored: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Zstd(compressor) => {
                stored.reserve(zstd::zstd_safe::compress_bound(block.len()));
                compressor.compress_to_buffer(block, stored)?;
            }
            // A header without name and time: the bytes depend on the content only.
            Self::Gzip(level) => {
                let mut member = GzEncoder::new(stored, *level);
                member.write_all(block)?;
                member.finish()?;
            }
            Self::Plain => stored.extend_from_slice(block),
        }
        Ok(())
    }
}

/// The largest window that a payload may ask a decoder to hold: 8 MiB. Ours are never larger than a block.
const WINDOW_LOG_LIMIT: u32 = 23;

/// The plain image of a stored payload.
pub(super) fn decoder<'a>(compression: Compression, payload: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    Ok(match compression {
        Compression::Zstd => {
            // Of a frame that lies in the buffer as a whole nothing is copied twice: that is most of them.
            let mut decoder = zstd::stream::read::Decoder::with_buffer(BufReader::with_capacity(4 * BLOCK_BYTES, payload))?;
            decoder.window_log_max(WINDOW_LOG_LIMIT)?;
            Box::new(decoder)
        }
        Compression::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(BLOCK_BYTES, payload))),
        Compression::None => Box::new(payload),
    })
}
