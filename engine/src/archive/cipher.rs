//! The encrypted payload: chunks of 64 KiB, each with a tag, by the STREAM construction. A chunk says its number and whether it is the last, so
//! none can be left out, moved, added or cut off. Not the key, nor what is in the chunks.

use std::io::{self, Read};

use keepstone_cipher::{Stream, TAG_BYTES};

use crate::keys::Key;

/// Plain bytes in a chunk; the last may have fewer, never none.
const CHUNK_BYTES: usize = 64 << 10;
const STORED_CHUNK_BYTES: usize = CHUNK_BYTES + TAG_BYTES;

/// Whether a payload of this size can be made of chunks.
pub(super) fn is_size(size_bytes: u64) -> bool {
    let last = size_bytes % STORED_CHUNK_BYTES as u64;
    size_bytes > 0 && (last == 0 || last > TAG_BYTES as u64)
}

/// Cuts a stream into chunks and encrypts them.
pub(super) struct Encryptor {
    stream: Stream,
    position: u32,
    /// Not encrypted yet: only what follows it tells that it is not the last.
    chunk: Vec<u8>,
}

impl Encryptor {
    pub(super) fn new(key: &Key) -> Self {
        Self { stream: Stream::new(key), position: 0, chunk: Vec::with_capacity(STORED_CHUNK_BYTES) }
    }

    /// Gives every chunk that is complete to `each`.
    pub(super) fn push(&mut self, mut bytes: &[u8], each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.chunk.len() == CHUNK_BYTES {
                each(self.seal(false)?)?;
                self.chunk.clear();
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// The last chunk.
    pub(super) fn finish(mut self, each: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        each(self.seal(true)?)
    }

    fn seal(&mut self, last: bool) -> io::Result<&[u8]> {
        self.stream.encrypt(self.position, last, &mut self.chunk).map_err(|_| io::Error::other("a chunk could not be encrypted"))?;
        self.position = self.position.checked_add(1).ok_or_else(|| io::Error::other("the payload has too many chunks"))?;
        Ok(&self.chunk)
    }
}

/// The plain bytes of an encrypted payload. What it gives was authenticated, chunk by chunk.
pub(super) struct Decryptor<R> {
    inner: R,
    stream: Stream,
    position: u32,
    /// Stored bytes that were not read yet.
    left_bytes: u64,
    chunk: Vec<u8>,
    /// How much of the chunk was given out.
    given: usize,
}

impl<R: Read> Decryptor<R> {
    /// Of a payload of so many stored bytes.
    pub(super) fn new(inner: R, key: &Key, size_bytes: u64) -> Self {
        Self {
            inner,
            stream: Stream::new(key),
            position: 0,
            left_bytes: size_bytes,
            chunk: Vec::with_capacity(STORED_CHUNK_BYTES),
            given: 0,
        }
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        let size = usize::try_from(self.left_bytes).unwrap_or(usize::MAX).min(STORED_CHUNK_BYTES);
        self.chunk.resize(size, 0);
        self.inner.read_exact(&mut self.chunk)?;
        self.left_bytes -= size as u64;
        let (position, last) = (self.position, self.left_bytes == 0);
        self.stream
            .decrypt(position, last, &mut self.chunk)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("chunk {position} cannot be decrypted")))?;
        // The size of a file bounds the number; a reader that came here has read 256 TiB.
        self.position = position.wrapping_add(1);
        self.given = 0;
        Ok(())
    }
}

impl<R: Read> Read for Decryptor<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.chunk.len()
            && self.left_bytes > 0
            && let Err(fault) = self.next_chunk()
        {
            // Nothing of a chunk that did not fit is given out, nor anything after it.
            self.chunk.clear();
            self.given = 0;
            return Err(fault);
        }
        let ready = &self.chunk[self.given..];
        let count = ready.len().min(buffer.len());
        buffer[..count].copy_from_slice(&ready[..count]);
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::DataKey;

    fn encrypted(plain: &[u8], key: &Key, piece: usize) -> Vec<u8> {
        let (mut encryptor, mut stored) = (Encryptor::new(key), Vec::new());
        let mut each = |chunk: &[u8]| {
            stored.extend_from_slice(chunk);
            Ok(())
        };
        for piece in plain.chunks(piece) {
            encryptor.push(piece, &mut each).unwrap();
        }
        encryptor.finish(&mut each).unwrap();
        stored
    }

    fn decrypted(stored: &[u8], key: &Key) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        Decryptor::new(stored, key, stored.len() as u64).read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn every_length_comes_back_and_nothing_else_does() {
        let key = DataKey::random().unwrap().payload_key();
        for size in [1, 100, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 7] {
            let plain: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let stored = encrypted(&plain, &key, 10_000);
            assert_eq!(stored, encrypted(&plain, &key, 70_000), "{size}: the pieces do not matter");
            assert!(is_size(stored.len() as u64), "{size}");
            assert_eq!(decrypted(&stored, &key).unwrap(), plain, "{size}");
            let chunks: Vec<&[u8]> = stored.chunks(STORED_CHUNK_BYTES).collect();
            let mut others: Vec<Vec<u8>> =
                vec![[&stored[..], b"x"].concat(), stored[..stored.len() - 1].to_vec(), [&stored[..], &stored].concat()];
            if chunks.len() > 2 {
                others.push([chunks[1], chunks[0], &chunks[2..].concat()].concat());
                others.push(chunks[..chunks.len() - 1].concat());
                others.push(chunks[1..].concat());
                others.push([chunks[0], &chunks.concat()].concat());
            }
            for other in others {
                assert!(decrypted(&other, &key).is_err(), "{size}: {}", other.len());
            }
        }
        let stored = encrypted(b"plain", &key, 5);
        assert!(decrypted(&stored, &DataKey::random().unwrap().payload_key()).is_err());
        assert!(!is_size(0) && !is_size(16) && !is_size(STORED_CHUNK_BYTES as u64 + 16));
    }
}
