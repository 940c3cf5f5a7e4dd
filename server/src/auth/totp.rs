//! Codes of an authenticator app: RFC 6238 with what every app knows (SHA-1, 30 seconds, six digits), and recovery codes. SHA-1 is sound here:
//! the code is a keyed hash of the time, and nobody chooses what is hashed.

use hmac::{Hmac, KeyInit, Mac};
use keepstone_engine::{Error, Result, image::hex};
use keepstone_model::Timestamp;
use sha1::Sha1;
use sha2::{Digest, Sha256};

const STEP_SECS: i64 = 30;
const SECRET_BYTES: usize = 20;
const RECOVERY_CODES: usize = 10;
const RECOVERY_CHARS: usize = 10;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// A new secret, as an app takes it (RFC 4648, base32).
pub(super) fn new_secret() -> Result<String> {
    random_base32(SECRET_BYTES)
}

/// What the picture says to the app.
pub(super) fn address(secret: &str, user: &str, host: &str) -> String {
    let escape = keepstone_app::server::percent_encoded;
    let (issuer, account) = (escape(format!("Keepstone {host}").trim_end()).replace('/', "%2F"), escape(user).replace('/', "%2F"));
    format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}")
}

/// The step whose code this is, of the present one and its two neighbours (clocks differ), if it is after `last_step`.
pub(super) fn step_of(secret: &str, code: &str, now: Timestamp, last_step: u64) -> Option<u64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let key = unbase32(secret)?;
    let present = u64::try_from(now.as_second() / STEP_SECS).ok()?;
    (present.saturating_sub(1)..=present + 1).find(|&step| step > last_step && format!("{:06}", code_at(&key, step)) == code)
}

/// Recovery codes and their hashes. Fifty bits each, and tries are few: a fast hash is enough.
pub(super) fn new_recovery() -> Result<(Vec<String>, Vec<String>)> {
    let codes = (0..RECOVERY_CODES).map(|_| {
        let text = random_base32(RECOVERY_CHARS)?.to_lowercase();
        Ok(format!("{}-{}", &text[..RECOVERY_CHARS / 2], &text[RECOVERY_CHARS / 2..RECOVERY_CHARS]))
    });
    let codes: Vec<String> = codes.collect::<Result<_>>()?;
    let hashes = codes.iter().map(|code| recovery_hash(code)).collect();
    Ok((codes, hashes))
}

pub(super) fn recovery_hash(code: &str) -> String {
    let bare: String = code.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    hex(&Sha256::digest(bare.as_bytes()))
}

fn code_at(key: &[u8], step: u64) -> u32 {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash[19] & 15);
    let word = [hash[offset], hash[offset + 1], hash[offset + 2], hash[offset + 3]];
    (u32::from_be_bytes(word) & 0x7fff_ffff) % 1_000_000
}

fn random_base32(bytes: usize) -> Result<String> {
    let mut random = vec![0_u8; bytes];
    getrandom::fill(&mut random).map_err(|error| Error::Internal(format!("the system gives no randomness: {error}")))?;
    Ok(base32(&random))
}

fn base32(bytes: &[u8]) -> String {
    let (mut held, mut bits, mut out) = (0_u32, 0, String::new());
    for &byte in bytes {
        held = held << 8 | u32::from(byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(char::from(BASE32[(held >> bits) as usize & 31]));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        out.push(char::from(BASE32[(held << (5 - bits)) as usize & 31]));
    }
    out
}

fn unbase32(text: &str) -> Option<Vec<u8>> {
    let (mut held, mut bits, mut out) = (0_u32, 0, Vec::new());
    for byte in text.bytes() {
        let value = BASE32.iter().position(|&known| known == byte.to_ascii_uppercase())?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits & 255).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B, SHA-1, the last six digits.
        let key = b"12345678901234567890";
        for (secs, code) in [(59, 287_082), (1_111_111_109, 81_804), (1_234_567_890, 5924), (20_000_000_000, 353_130)] {
            assert_eq!(code_at(key, secs / 30), code, "{secs}");
        }
        assert_eq!(base32(key), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(unbase32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap(), key);
        assert_eq!((base32(b"fo"), unbase32("MZXQ").unwrap()), ("MZXQ".to_owned(), b"fo".to_vec()));
    }

    #[test]
    fn a_code_is_good_for_its_time_and_once() {
        let secret = base32(b"12345678901234567890");
        let at = |secs| Timestamp::from_second(secs).unwrap();
        assert_eq!(step_of(&secret, "287 082", at(59), 0), Some(1));
        assert_eq!(step_of(&secret, "287082", at(89), 0), Some(1), "a clock may be half a minute off");
        assert_eq!(step_of(&secret, "287082", at(90), 0), None);
        assert_eq!(step_of(&secret, "287082", at(59), 1), None, "it was used");
        for wrong in ["", "287083", "2870820", "28708", "２８７０８２", "abcdef"] {
            assert_eq!(step_of(&secret, wrong, at(59), 0), None, "{wrong}");
        }
    }

    #[test]
    fn recovery_codes_are_told_apart_and_read_as_people_write_them() {
        let (codes, hashes) = new_recovery().unwrap();
        assert_eq!((codes.len(), codes[0].len()), (10, 11));
        assert_eq!(recovery_hash(&codes[0].to_uppercase().replace('-', " ")), hashes[0]);
        assert_ne!(hashes[0], hashes[1]);
        assert!(address("ABC", "a/b@c", "shop host").starts_with("otpauth://totp/Keepstone%20shop%20host:a%2Fb%40c?secret=ABC&issuer="));
    }
}
