//! AES-256-GCM without type parameters: whole messages, and the chunks of a STREAM. Not keys, nor what is encrypted.
//!
//! A crate of its own for one reason: generic code is compiled with whoever uses it, so inside the engine the cipher would run unoptimised in
//! development, a hundred times slower. Here the profile can ask for optimisation.

use std::fmt;

use aead_stream::{NewStream, StreamBE32, StreamPrimitive};
use aes_gcm::{Aes256Gcm, KeyInit, aead::AeadInOut};

pub const KEY_BYTES: usize = 32;
pub const NONCE_BYTES: usize = 12;
pub const TAG_BYTES: usize = 16;

/// What was to be decrypted is not what was encrypted with this key; or what was to be encrypted is too long (64 GiB).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfit;

/// Appends the tag.
pub fn encrypt(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], associated: &[u8], message: &mut Vec<u8>) -> Result<(), Unfit> {
    Aes256Gcm::new(key.into()).encrypt_in_place(nonce.into(), associated, message).map_err(|_| Unfit)
}

/// Takes the tag off. After a failure the message is as it was.
pub fn decrypt(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], associated: &[u8], message: &mut Vec<u8>) -> Result<(), Unfit> {
    Aes256Gcm::new(key.into()).decrypt_in_place(nonce.into(), associated, message).map_err(|_| Unfit)
}

/// Chunks under one key, which is used for this stream alone: the part of the nonce that a stream may choose is zero. The nonce of a chunk is 7
/// zero bytes, its number as 4 bytes, the highest first, and 1 for the last one, else 0.
pub struct Stream(StreamBE32<Aes256Gcm>);

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream(…)")
    }
}

impl Stream {
    pub fn new(key: &[u8; KEY_BYTES]) -> Self {
        Self(StreamBE32::new(key.into(), &[0; 7].into()))
    }

    /// Appends the tag.
    pub fn encrypt(&self, position: u32, last: bool, chunk: &mut Vec<u8>) -> Result<(), Unfit> {
        self.0.encrypt_in_place(position, last, b"", chunk).map_err(|_| Unfit)
    }

    /// Takes the tag off.
    pub fn decrypt(&self, position: u32, last: bool, chunk: &mut Vec<u8>) -> Result<(), Unfit> {
        self.0.decrypt_in_place(position, last, b"", chunk).map_err(|_| Unfit)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_messages_with_the_nonces_that_the_format_says() {
        let key = [7; KEY_BYTES];
        for (position, last) in [(0, false), (0, true), (1, false), (0x0102_0304, true)] {
            let mut chunk = b"some bytes".to_vec();
            Stream::new(&key).encrypt(position, last, &mut chunk).unwrap();
            let mut nonce = [0; NONCE_BYTES];
            nonce[7..11].copy_from_slice(&u32::to_be_bytes(position));
            nonce[11] = u8::from(last);
            let mut message = b"some bytes".to_vec();
            encrypt(&key, &nonce, b"", &mut message).unwrap();
            assert_eq!(chunk, message);
            assert_eq!(decrypt(&key, &nonce, b"more", &mut message), Err(Unfit));
            decrypt(&key, &nonce, b"", &mut message).unwrap();
            assert_eq!(message, b"some bytes");
        }
    }

    /// Test case 16 of the specification of GCM.
    #[test]
    fn it_is_the_gcm_of_everybody_else() {
        let bytes = |hex: &str| (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect::<Vec<_>>();
        let key = bytes("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308").try_into().unwrap();
        let nonce = bytes("cafebabefacedbaddecaf888").try_into().unwrap();
        let associated = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let mut message = bytes(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        );
        encrypt(&key, &nonce, &associated, &mut message).unwrap();
        let expected = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662\
                        76fc6ece0f4e1768cddf8853bb2d551b";
        assert_eq!(message, bytes(expected));
    }
}
