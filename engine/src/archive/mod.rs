//! The file that is a backup: written as a pipeline, read by a strict reader. `docs/format.md` specifies it to the byte.
//!
//! Not here: where archives lie and how they are published (`durable`), and what a backup means (`keepstone-model`).

mod read;
mod write;

pub use read::Archive;
pub use write::{ArchiveWriter, PayloadFacts, WriteOptions, Written};
