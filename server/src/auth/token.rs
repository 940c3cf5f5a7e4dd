//! Random secrets for cookies and links: 256 bits, shown once, stored as SHA-256.

use keepstone_engine::{Error, Result, image::hex};
use sha2::{Digest, Sha256};

/// A new secret, 64 hexadecimal digits.
pub(super) fn new() -> Result<String> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::Internal(format!("the system gives no randomness: {error}")))?;
    Ok(hex(&bytes))
}

/// What is stored of a secret. It has 256 bits of its own: a fast hash is enough.
pub(super) fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// Spares the catalog whatever else comes in a cookie.
pub(super) fn looks_like_one(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}
