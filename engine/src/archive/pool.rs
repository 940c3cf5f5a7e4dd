//! Memory for the blocks of an image, used again and again: a block that is given back to the system costs its next user a page fault for every
//! 4 KiB, which is as dear as a tenth of the whole work.

use std::ops::{Deref, DerefMut};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Where the memory of blocks waits that nobody uses. Holds no more than were in use at once, and never more than [`KEPT`].
#[derive(Debug, Clone)]
pub(super) struct Pool {
    spare: Receiver<Vec<u8>>,
    back: Sender<Vec<u8>>,
}

/// What is given back beyond that is freed.
const KEPT: usize = 64;

/// Bytes in a pool's memory, which goes back when it is dropped.
#[derive(Debug)]
pub(super) struct Lent {
    bytes: Vec<u8>,
    back: Sender<Vec<u8>>,
}

impl Pool {
    pub(super) fn new() -> Self {
        let (back, spare) = bounded(KEPT);
        Self { spare, back }
    }

    /// No bytes, in memory that was used before if there is any.
    pub(super) fn empty(&self) -> Lent {
        let mut lent = self.any();
        lent.bytes.clear();
        lent
    }

    /// That many bytes, whatever is in them.
    pub(super) fn of_length(&self, length: usize) -> Lent {
        let mut lent = self.any();
        // Only what was never there is zeroed.
        lent.bytes.resize(length, 0);
        lent
    }

    fn any(&self) -> Lent {
        Lent { bytes: self.spare.try_recv().unwrap_or_default(), back: self.back.clone() }
    }
}

impl Deref for Lent {
    type Target = Vec<u8>;

    fn deref(&self) -> &Self::Target {
        &self.bytes
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.bytes
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // Nobody may be left to use it again.
        let _ = self.back.try_send(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Pool};

    #[test]
    fn memory_comes_back_and_is_lent_again() {
        let pool = Pool::new();
        let mut first = pool.empty();
        first.extend_from_slice(&[7; 1000]);
        let place = first.as_ptr();
        drop(first);
        let again = pool.of_length(900);
        assert_eq!((again.as_ptr(), again.len()), (place, 900));
        assert_eq!(pool.of_length(10).as_slice(), [0; 10], "the first is in use");
        drop(again);
        assert!(pool.empty().is_empty());
    }

    #[test]
    fn it_keeps_only_so_much_and_outlives_nobody() {
        let pool = Pool::new();
        let all: Vec<_> = (0..KEPT + 3).map(|_| pool.of_length(1)).collect();
        drop(all);
        assert_eq!(pool.spare.len(), KEPT);
        let last = pool.of_length(1);
        drop(pool);
        drop(last);
    }
}
