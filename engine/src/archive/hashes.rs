//! The two hashes of an image whose blocks come in, in order, from another thread. They end with its last block.

use std::sync::Arc;

use keepstone_model::metadata::Form;
use sha2::{Digest, Sha256};

use super::pool::Lent;
use crate::image::{RestoreHasher, hex};

/// A piece of an image, shared by those who hash, compress and write it.
pub(super) type Block = Arc<Lent>;

/// `backup_hash` and `restore_hash`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hashes {
    pub(super) backup: String,
    pub(super) restore: String,
}

impl Hashes {
    /// Each block by one after the other: the second finds it in the cache.
    pub(super) fn of(form: Form, blocks: impl Iterator<Item = Block>) -> Self {
        let (mut backup, mut restore) = (Sha256::new(), RestoreHasher::of(form));
        for block in blocks {
            backup.update(block.as_slice());
            restore.update(&block);
        }
        Self { backup: hex(&backup.finalize()), restore: restore.finish() }
    }
}
