//! The file that is a backup: written as a pipeline, read by a strict reader. `docs/format.md` specifies it to the byte.
//!
//! Not here: where archives lie and how they are published (`durable`), and what a backup means (`keepstone-model`).

mod cipher;
mod codec;
mod consistency;
mod container;
mod directory;
mod hashes;
mod layout;
mod payload;
mod pipeline;
mod pool;
mod read;
mod rewrap;
mod sealed;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use payload::Took;
pub use read::Archive;
pub use write::{ArchiveWriter, PayloadFacts, WriteOptions, Written};

/// The second entry of every archive, in every format version.
const METADATA_ENTRY: &str = "metadata.json";

/// Larger metadata is neither written nor read: a reader holds it in memory.
const METADATA_LIMIT_BYTES: u64 = 64 << 20;

/// An image goes through in blocks of this size; each becomes a zstd frame or a gzip member of its own, so that they are compressed in
/// parallel. Measured best at level 1 among 64 KiB to 4 MiB.
const BLOCK_BYTES: usize = 256 << 10;
