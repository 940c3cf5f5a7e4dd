//! Keys in memory: a password, what it is stretched into, an archive's data key. Wiped when they go, and never shown by `{:?}`. Not where
//! they are kept.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use keepstone_cipher::NONCE_BYTES;
use keepstone_model::metadata::{Kdf, Slot};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Error, Result, image::hex};

pub(crate) type Key = Zeroizing<[u8; 32]>;

/// The bytes of a slot, in hexadecimal: see [`Slot`].
const SALT_BYTES: usize = 16;
const WRAP_SALT_BYTES: usize = 32;
const WRAPPED_BYTES: usize = 48;

/// More memory than this no slot may ask for: 1 GiB, eight times the default.
const SCRYPT_MEMORY_LIMIT_BYTES: u64 = 1 << 30;
/// Nor more time than this: sixteen times the default.
const SCRYPT_WORK_LIMIT: u64 = 1 << 24;
const PBKDF2_LIMIT: u32 = 20_000_000;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// What a person knows. Its bytes are what counts: no spelling of Unicode is made into another.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Of the text of a file or a variable: without the line feed (or CR LF) at its end and the byte order mark at its beginning, which an editor
    /// or a shell put there.
    pub fn of_text(text: impl Into<String>) -> Self {
        let mut text = Zeroizing::new(text.into());
        if text.starts_with(BYTE_ORDER_MARK) {
            text = Zeroizing::new(text[BYTE_ORDER_MARK.len_utf8()..].to_owned());
        }
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Self(text)
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses what anyone would guess: [`Error::WeakPassword`].
    pub fn refuse_if_weak(&self) -> Result<()> {
        keepstone_model::validate::encryption_password(self.text()).map_err(|refusal| Error::WeakPassword { reason: refusal.message })
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password after its key derivation, by which it took half a second: what wraps and unwraps data keys.
#[derive(Clone)]
pub struct Stretched {
    pub(crate) kdf: Kdf,
    /// In hexadecimal, as it stands in slots.
    pub(crate) salt: String,
    pub(crate) key: Key,
}

impl fmt::Debug for Stretched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stretched").field("kdf", &self.kdf).field("salt", &self.salt).finish_non_exhaustive()
    }
}

impl Stretched {
    /// With a salt of its own. Slow by purpose, and takes 128 MiB with the default.
    pub fn new(password: &Password, kdf: Kdf) -> Result<Self> {
        Self::derive(password, kdf, &hex(&random::<SALT_BYTES>()?))
    }

    /// With the salt of a slot.
    pub(crate) fn derive(password: &Password, kdf: Kdf, salt: &str) -> Result<Self> {
        let bytes: [u8; SALT_BYTES] = unhex(salt).ok_or_else(|| Error::Internal("a salt is not 16 bytes".to_owned()))?;
        let absurd = || Error::Internal(format!("a key derivation asks for too much: {kdf:?}"));
        if !is_bearable(kdf) {
            return Err(absurd());
        }
        let mut key = Zeroizing::new([0; 32]);
        match kdf {
            Kdf::Scrypt { n, r, p } => {
                let log_n = u8::try_from(n.trailing_zeros()).map_err(|_| absurd())?;
                let params = scrypt::Params::new(log_n, r, p).map_err(|_| absurd())?;
                scrypt::scrypt(password.text().as_bytes(), &bytes, &params, &mut *key).map_err(|_| absurd())?;
            }
            Kdf::Pbkdf2 { iterations } => {
                let params = pbkdf2::Params::new(iterations).map_err(|_| absurd())?;
                let algorithm = pbkdf2::Algorithm::Pbkdf2Sha256;
                pbkdf2::pbkdf2_hmac_with_params(password.text().as_bytes(), &bytes, algorithm, params, &mut *key);
            }
        }
        Ok(Self { kdf, salt: salt.to_owned(), key })
    }

    /// What proves a password on paper, and tells nothing of it that a slot does not tell: 16 hexadecimal digits.
    pub(crate) fn test_string(&self) -> String {
        hex(&sub_key(&self.key, b"keepstone 1 test", &[])[..8])
    }

    fn wrap_key(&self, wrap_salt: &[u8]) -> Key {
        sub_key(&self.key, b"keepstone 1 wrap", wrap_salt)
    }
}

/// Whether a key derivation is one that a reader takes on: a slot may have been written by anyone.
pub(crate) fn is_bearable(kdf: Kdf) -> bool {
    match kdf {
        Kdf::Scrypt { n, r, p } => {
            let (n, r, p) = (u64::from(n), u64::from(r), u64::from(p));
            n.is_power_of_two()
                && n > 1
                && r > 0
                && p > 0
                && r <= 64
                && p <= 64
                && n * r * 128 <= SCRYPT_MEMORY_LIMIT_BYTES
                && n * r * p <= SCRYPT_WORK_LIMIT
        }
        Kdf::Pbkdf2 { iterations } => (pbkdf2::Params::MIN_ROUNDS..=PBKDF2_LIMIT).contains(&iterations),
    }
}

/// What one archive is encrypted with. Random, used for this archive alone; everything else is made out of it, so that a change of password
/// rewrites the slots and nothing else.
#[derive(Clone)]
pub struct DataKey(Key);

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

impl DataKey {
    pub(crate) fn random() -> Result<Self> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    pub(crate) fn payload_key(&self) -> Key {
        sub_key(&self.0, b"keepstone 1 payload", &[])
    }

    pub(crate) fn metadata_key(&self) -> Key {
        sub_key(&self.0, b"keepstone 1 metadata", &[])
    }

    pub(crate) fn notes_key(&self) -> Key {
        sub_key(&self.0, b"keepstone 1 notes", &[])
    }

    /// A new slot. Its wrap key is made with fresh random bytes and used this once, so no nonce ever repeats under a key.
    pub(crate) fn wrap(&self, with: &Stretched) -> Result<Slot> {
        let wrap_salt = random::<WRAP_SALT_BYTES>()?;
        let wrapped = encrypt(&with.wrap_key(&wrap_salt), &[0; NONCE_BYTES], b"", &*self.0)?;
        Ok(Slot { kdf: with.kdf, salt: with.salt.clone(), wrap_salt: hex(&wrap_salt), wrapped: hex(&wrapped) })
    }

    /// None: this is not the slot's key.
    pub(crate) fn unwrap_from(slot: &Slot, with: &Stretched) -> Option<Self> {
        let wrap_salt: [u8; WRAP_SALT_BYTES] = unhex(&slot.wrap_salt)?;
        let wrapped: [u8; WRAPPED_BYTES] = unhex(&slot.wrapped)?;
        let plain = decrypt(&with.wrap_key(&wrap_salt), &[0; NONCE_BYTES], b"", &wrapped)?;
        Some(Self(Zeroizing::new(plain.as_slice().try_into().ok()?)))
    }
}

/// Whether a slot has the form of one, and asks for no more than a reader gives.
fn is_slot(slot: &Slot) -> bool {
    unhex::<SALT_BYTES>(&slot.salt).is_some()
        && unhex::<WRAP_SALT_BYTES>(&slot.wrap_salt).is_some()
        && unhex::<WRAPPED_BYTES>(&slot.wrapped).is_some()
        && is_bearable(slot.kdf)
}

/// Whether all slots together cost a password that opens none of them no more than one slot may.
pub(crate) fn are_bearable(slots: &[Slot]) -> bool {
    const WHOLE: u64 = 1_000_000;
    let share = |slot: &Slot| match slot.kdf {
        Kdf::Scrypt { n, r, p } => u64::from(n) * u64::from(r) * u64::from(p) * WHOLE / SCRYPT_WORK_LIMIT,
        Kdf::Pbkdf2 { iterations } => u64::from(iterations) * WHOLE / u64::from(PBKDF2_LIMIT),
    };
    slots.iter().all(is_slot) && slots.iter().map(share).sum::<u64>() <= WHOLE
}

/// Encrypts under a random nonce: nonce, ciphertext and tag, in hexadecimal.
pub(crate) fn seal(key: &Key, associated: &[u8], plain: &[u8]) -> Result<String> {
    let nonce = random::<NONCE_BYTES>()?;
    let mut sealed = hex(&nonce);
    sealed.push_str(&hex(&encrypt(key, &nonce, associated, plain)?));
    Ok(sealed)
}

/// None: it was sealed with another key or for something else, or was changed.
pub(crate) fn unseal(key: &Key, associated: &[u8], sealed: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = unhex_all(sealed)?;
    let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
    decrypt(key, nonce.try_into().ok()?, associated, sealed)
}

fn encrypt(key: &Key, nonce: &[u8; NONCE_BYTES], associated: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let mut message = plain.to_vec();
    keepstone_cipher::encrypt(key, nonce, associated, &mut message).map_err(|_| Error::Internal("too long to be sealed".to_owned()))?;
    Ok(message)
}

fn decrypt(key: &Key, nonce: &[u8; NONCE_BYTES], associated: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut message = Zeroizing::new(sealed.to_vec());
    keepstone_cipher::decrypt(key, nonce, associated, &mut message).ok()?;
    Some(message)
}

/// HMAC-SHA256 of a label and some bytes.
fn sub_key(key: &Key, label: &[u8], more: &[u8]) -> Key {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&**key).expect("HMAC takes keys of any length");
    mac.update(label);
    mac.update(more);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|fault| Error::Internal(format!("no randomness: {fault}")))?;
    Ok(bytes)
}

/// Exactly N bytes of lower-case hexadecimal.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    unhex_all(text)?.try_into().ok()
}

fn unhex_all(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Kdf = Kdf::Pbkdf2 { iterations: 1000 };

    #[test]
    fn what_editors_put_around_a_password_is_no_part_of_it() {
        for text in ["zwölf", "zwölf\n", "zwölf\r\n", "\u{feff}zwölf\n", "\u{feff}zwölf\r\n"] {
            assert_eq!(Password::of_text(text).text(), "zwölf");
        }
        assert_eq!(Password::of_text(" zw\u{feff}ölf \n\n").text(), " zw\u{feff}ölf \n", "anything else is");
    }

    #[test]
    fn a_slot_opens_with_its_password_only() {
        let (right, wrong) = (Password::new("right"), Password::new("wrong"));
        for kdf in [CHEAP, Kdf::Scrypt { n: 16, r: 8, p: 1 }] {
            let stretched = Stretched::new(&right, kdf).unwrap();
            let key = DataKey::random().unwrap();
            let slot = key.wrap(&stretched).unwrap();
            assert!(is_slot(&slot));
            let again = Stretched::derive(&right, slot.kdf, &slot.salt).unwrap();
            assert_eq!(DataKey::unwrap_from(&slot, &again).unwrap().0, key.0);
            let other = Stretched::derive(&wrong, slot.kdf, &slot.salt).unwrap();
            assert!(DataKey::unwrap_from(&slot, &other).is_none());
            assert_ne!(key.wrap(&stretched).unwrap(), slot, "every slot has a wrap key of its own");
        }
    }

    #[test]
    fn many_slots_together_cost_no_more_than_one_may() {
        let slot = |kdf| Slot { kdf, salt: "0".repeat(32), wrap_salt: "0".repeat(64), wrapped: "0".repeat(96) };
        let costly = Kdf::Scrypt { n: 1 << 20, r: 8, p: 1 };
        for (kdf, most) in [(Kdf::default(), 16), (costly, 2), (Kdf::Pbkdf2 { iterations: 600_000 }, 33)] {
            assert!(are_bearable(&vec![slot(kdf); most]) && !are_bearable(&vec![slot(kdf); most + 1]), "{most} of {kdf:?}");
        }
        assert!(!are_bearable(&[slot(costly), slot(costly), slot(Kdf::Pbkdf2 { iterations: 600_000 })]));
    }

    #[test]
    fn what_is_sealed_opens_only_as_what_it_is() {
        let key = DataKey::random().unwrap();
        let sealed = seal(&key.notes_key(), b"of one", b"words").unwrap();
        assert_eq!(**unseal(&key.notes_key(), b"of one", &sealed).unwrap(), *b"words");
        assert!(unseal(&key.notes_key(), b"of another", &sealed).is_none());
        assert!(unseal(&key.metadata_key(), b"of one", &sealed).is_none());
        for odd in ["", "0", "zz", &sealed[2..], &sealed.to_uppercase(), &format!("{sealed}00")] {
            assert!(unseal(&key.notes_key(), b"of one", odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn a_slot_cannot_ask_for_all_the_memory_there_is() {
        for kdf in [
            Kdf::Scrypt { n: 1 << 31, r: 8, p: 1 },
            Kdf::Scrypt { n: 1000, r: 8, p: 1 },
            Kdf::Scrypt { n: 0, r: 8, p: 1 },
            Kdf::Scrypt { n: 1 << 17, r: 8, p: 1000 },
            Kdf::Pbkdf2 { iterations: u32::MAX },
            Kdf::Pbkdf2 { iterations: 0 },
        ] {
            assert!(!is_bearable(kdf), "{kdf:?}");
            assert!(Stretched::new(&Password::new("x"), kdf).is_err());
        }
        assert!(is_bearable(Kdf::SCRYPT) && is_bearable(Kdf::PBKDF2));
    }

    #[test]
    fn secrets_are_not_shown() {
        let password = Password::new("correct horse");
        let stretched = Stretched::new(&password, CHEAP).unwrap();
        let shown = format!("{password:?} {stretched:?} {:?}", DataKey(Zeroizing::new([0x61; 32])));
        assert!(
            !shown.contains("correct") && !shown.contains("97, 97") && !shown.contains("6161") && !shown.contains(&hex(&*stretched.key)),
            "{shown}"
        );
    }

    #[test]
    fn one_line_feed_at_the_end_is_not_of_the_password() {
        for (text, password) in
            [("a b", "a b"), ("ab\n", "ab"), ("ab\r\n", "ab"), ("ab\n\n", "ab\n"), ("\n", ""), ("ü\u{301} ", "ü\u{301} ")]
        {
            assert_eq!(Password::of_text(text).text(), password);
        }
    }
}
