//! The two hashes of an image whose blocks come in, in order, from another thread. They end with its last block.

use std::sync::Arc;

use keepstone_model::metadata::Form;
use sha2::{Digest, Sha256};

use super::pool::Lent;
use crate::image::{RestoreHasher, hex};

/// A piece of an image, shared by those who hash, compress and write it.
pub(super) type Block = Arc<Lent>;

pub(super) fn backup_hash(blocks: impl Iterator<Item = Block>) -> String {
    let mut hasher = Sha256::new();
    blocks.for_each(|block| hasher.update(block.as_slice()));
    hex(&hasher.finalize())
}

pub(super) fn restore_hash(form: Form, blocks: impl Iterator<Item = Block>) -> String {
    let mut hasher = RestoreHasher::of(form);
    blocks.for_each(|block| hasher.update(&block));
    hasher.finish()
}
