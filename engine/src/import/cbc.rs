//! The encryption of one predecessor: AES-256-CBC with PKCS#7, its key from PBKDF2-HMAC-SHA256 (100,000), salt and IV of 16 bytes each in
//! front. Read only. Nothing in it tells whether the bytes are the ones that were written: what was inside has to.

use std::io::{self, Read};

use aes::Aes256;
use cbc::{
    Decryptor,
    cipher::{BlockModeDecrypt, KeyIvInit},
};
use sha2::Sha256;

pub(super) const HEAD_BYTES: usize = 32;
const BLOCK_BYTES: usize = 16;
const ITERATIONS: u32 = 100_000;

#[cfg(test)]
thread_local! {
    /// Tests of what comes after the key do not wait for it.
    pub(super) static FEWER: std::cell::Cell<Option<u32>> = const { std::cell::Cell::new(None) };
}

fn iterations() -> u32 {
    #[cfg(test)]
    if let Some(fewer) = FEWER.get() {
        return fewer;
    }
    ITERATIONS
}
/// Blocks are decrypted so many at a time.
const BATCH_BYTES: usize = 64 << 10;

/// The plain bytes, as a stream.
pub(super) struct Decrypting<R> {
    inner: R,
    cipher: Decryptor<Aes256>,
    /// Plain bytes; those up to `at` are given away.
    plain: Vec<u8>,
    at: usize,
    /// The last block that was decrypted waits here: if it is the very last, it ends with padding.
    held: Option<[u8; BLOCK_BYTES]>,
    done: bool,
}

impl<R: Read> Decrypting<R> {
    /// Takes the head off, which must be the one that the key was found with.
    pub(super) fn begin(mut inner: R, key: &Key) -> io::Result<Self> {
        let mut head = [0; HEAD_BYTES];
        inner.read_exact(&mut head)?;
        if head != key.head {
            return Err(damaged("it changed while it was read"));
        }
        let cipher = key.cipher()?;
        Ok(Self { inner, cipher, plain: Vec::with_capacity(BATCH_BYTES + BLOCK_BYTES), at: 0, held: None, done: false })
    }

    fn refill(&mut self) -> io::Result<()> {
        self.plain.clear();
        self.at = 0;
        let mut batch = vec![0; BATCH_BYTES];
        let mut length = 0;
        while length < batch.len() {
            match self.inner.read(&mut batch[length..])? {
                0 => break,
                count => length += count,
            }
        }
        if length % BLOCK_BYTES != 0 {
            return Err(damaged("the encrypted bytes end in the midst of a block"));
        }
        for block in batch[..length].chunks_exact(BLOCK_BYTES) {
            let mut plain = [0; BLOCK_BYTES];
            plain.copy_from_slice(block);
            self.cipher.decrypt_block((&mut plain).into());
            self.plain.extend(self.held.replace(plain).into_iter().flatten());
        }
        if length < batch.len() {
            self.done = true;
            let last = self.held.take().ok_or_else(|| damaged("there are no encrypted bytes"))?;
            let padding = usize::from(last[BLOCK_BYTES - 1]);
            let fits =
                (1..=BLOCK_BYTES).contains(&padding) && last[BLOCK_BYTES - padding..].iter().all(|&byte| usize::from(byte) == padding);
            if !fits {
                return Err(damaged("the decrypted bytes do not end as they should"));
            }
            self.plain.extend(&last[..BLOCK_BYTES - padding]);
        }
        Ok(())
    }
}

impl<R: Read> Read for Decrypting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.plain.len() && !self.done {
            self.refill()?;
        }
        let count = (self.plain.len() - self.at).min(buffer.len());
        buffer[..count].copy_from_slice(&self.plain[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The key of one file, with the salt and the IV that it is of.
pub(super) struct Key {
    head: [u8; HEAD_BYTES],
    key: [u8; 32],
}

impl Key {
    /// Tries a password on the beginning of a file: padding is no proof, the beginning of a database or of a gzip is. Slow on purpose: that is
    /// what the iterations are for.
    pub(super) fn find(beginning: &[u8], password: &str) -> Option<Self> {
        let (head, rest) = beginning.split_first_chunk::<HEAD_BYTES>()?;
        let mut first = *rest.first_chunk::<BLOCK_BYTES>()?;
        let mut key = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &head[..16], iterations(), &mut key);
        let key = Self { head: *head, key };
        key.cipher().ok()?.decrypt_block((&mut first).into());
        let opens = first == *super::peek::SQLITE || (first.starts_with(super::peek::GZIP) && first[2] == 8 && first[3] & 0xe0 == 0);
        opens.then_some(key)
    }

    fn cipher(&self) -> io::Result<Decryptor<Aes256>> {
        Decryptor::<Aes256>::new_from_slices(&self.key, &self.head[16..]).map_err(io::Error::other)
    }
}

#[cfg(test)]
pub(super) fn encrypt(plain: &[u8], password: &str, salt: [u8; 16], iv: [u8; 16]) -> Vec<u8> {
    use cbc::cipher::BlockModeEncrypt;
    let mut key = [0; 32];
    pbkdf2::pbkdf2_hmac::<Sha256>(password.as_bytes(), &salt, iterations(), &mut key);
    let mut cipher = cbc::Encryptor::<Aes256>::new_from_slices(&key, &iv).unwrap();
    let padding = BLOCK_BYTES - plain.len() % BLOCK_BYTES;
    let padded = [plain, &vec![u8::try_from(padding).unwrap(); padding]].concat();
    let mut out = [salt, iv].concat();
    for block in padded.chunks_exact(BLOCK_BYTES) {
        let mut bytes = [0; BLOCK_BYTES];
        bytes.copy_from_slice(block);
        cipher.encrypt_block((&mut bytes).into());
        out.extend(bytes);
    }
    out
}
