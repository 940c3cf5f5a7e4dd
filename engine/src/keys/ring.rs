//! `<data>/keys`: the vault key, and the passwords that it seals. All of it 0600 in a folder 0700. Not which password is used for what.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;
use keepstone_model::metadata::Kdf;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::secret::{self, Key, Password, Stretched, unhex};
use crate::{Error, Result, durable, image::hex};

const VAULT_KEY: &str = "vault.key";
const PASSWORDS: &str = "passwords.json";
pub(super) const SECRETS: &str = "secrets.json";
const FILE_VERSION: u32 = 1;
/// How much of a salt names its key.
const ID_CHARS: usize = 8;

/// One password of the vault, opened.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) added_at: Timestamp,
    pub(super) added_by: String,
    pub(super) password: Password,
    pub(super) stretched: Arc<Stretched>,
}

impl Held {
    /// The beginning of its salt, which stands in the slots that it opens.
    pub(super) fn id(&self) -> &str {
        &self.stretched.salt[..ID_CHARS]
    }
}

/// The passwords of a vault, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct Ring {
    pub(super) held: Vec<Held>,
    /// The id of the one for new archives.
    pub(super) current: Option<String>,
    /// The id of the one to which all archives are being taken over; a change that was interrupted is gone on with.
    pub(super) changing_to: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct RingFile {
    file_version: u32,
    current: Option<String>,
    changing_to: Option<String>,
    passwords: Vec<Sealed>,
}

#[expect(clippy::struct_field_names, reason = "the member's name in the file")]
#[derive(Serialize, Deserialize)]
struct Sealed {
    added_at: Timestamp,
    added_by: String,
    #[serde(flatten)]
    kdf: Kdf,
    salt: String,
    /// The password and its key, under the vault key.
    sealed: String,
}

#[derive(Serialize, Deserialize)]
struct Secret {
    password: Zeroizing<String>,
    key: Zeroizing<String>,
}

/// What tells one state of the two files from another; none where there is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp([Option<[i128; 6]>; 2]);

impl Ring {
    pub(super) fn find(&self, id: &str) -> Option<&Held> {
        self.held.iter().find(|held| held.id() == id)
    }

    pub(super) fn with(&self, password: &Password) -> Option<&Held> {
        // The newest: its derivation is the one that was asked for last.
        self.held.iter().rev().find(|held| held.password == *password)
    }

    pub(super) fn with_kdf(&self, password: &Password, kdf: Kdf) -> Option<&Held> {
        self.held.iter().rev().find(|held| held.password == *password && held.stretched.kdf == kdf)
    }

    pub(super) fn stamp(folder: &Path) -> Stamp {
        let of = |meta: fs::Metadata| {
            let times = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()].map(i128::from);
            [meta.ino().into(), meta.len().into(), times[0], times[1], times[2], times[3]]
        };
        // The passwords are of no use without the key that opens them.
        Stamp([PASSWORDS, VAULT_KEY].map(|name| fs::metadata(folder.join(name)).ok().map(of)))
    }

    /// An empty one where there is no file. `KeysDamaged` if it cannot be opened.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(PASSWORDS);
        let damaged = |detail: &str| Error::KeysDamaged { path: path.clone(), detail: detail.to_owned() };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(Error::io(&path, error)),
        };
        let file: RingFile = serde_json::from_slice(&bytes).map_err(|error| damaged(&error.to_string()))?;
        if file.file_version > FILE_VERSION {
            return Err(damaged("it is of a newer version"));
        }
        let vault_key = read_vault_key(folder)?.ok_or_else(|| damaged("the vault key that opens it is not there"))?;
        let mut held = Vec::new();
        for entry in file.passwords {
            let plain = secret::unseal(&vault_key, &associated(&entry.salt), &entry.sealed);
            let plain = plain.ok_or_else(|| damaged("the vault key does not open it"))?;
            let secret: Secret = serde_json::from_slice(&plain).map_err(|error| damaged(&error.to_string()))?;
            let key =
                unhex::<32>(&secret.key).filter(|_| unhex::<16>(&entry.salt).is_some()).ok_or_else(|| damaged("a key has no form"))?;
            let stretched = Stretched { kdf: entry.kdf, salt: entry.salt, key: Zeroizing::new(key) };
            held.push(Held {
                added_at: entry.added_at,
                added_by: entry.added_by,
                password: Password::new(secret.password.as_str()),
                stretched: Arc::new(stretched),
            });
        }
        Ok(Self { held, current: file.current, changing_to: file.changing_to })
    }

    /// Durable on return. The folder is made if it is not there.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let vault_key = vault_key(folder)?;
        let mut passwords = Vec::new();
        for held in &self.held {
            let secret =
                Secret { password: Zeroizing::new(held.password.text().to_owned()), key: Zeroizing::new(hex(&*held.stretched.key)) };
            let plain = Zeroizing::new(serde_json::to_vec(&secret).map_err(|error| Error::Internal(error.to_string()))?);
            passwords.push(Sealed {
                added_at: held.added_at,
                added_by: held.added_by.clone(),
                kdf: held.stretched.kdf,
                salt: held.stretched.salt.clone(),
                sealed: secret::seal(&vault_key, &associated(&held.stretched.salt), &plain)?,
            });
        }
        let file = RingFile { file_version: FILE_VERSION, current: self.current.clone(), changing_to: self.changing_to.clone(), passwords };
        let mut json = serde_json::to_vec_pretty(&file).map_err(|error| Error::Internal(error.to_string()))?;
        json.push(b'\n');
        durable::write(&folder.join(PASSWORDS), &json)
    }
}

fn associated(salt: &str) -> Vec<u8> {
    format!("keepstone vault password\n{salt}").into_bytes()
}

fn vault_key_path(folder: &Path) -> PathBuf {
    folder.join(VAULT_KEY)
}

pub(super) fn read_vault_key(folder: &Path) -> Result<Option<Key>> {
    let path = vault_key_path(folder);
    let text = match fs::read_to_string(&path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == ErrorKind::InvalidData => Zeroizing::default(),
        Err(error) => return Err(Error::io(&path, error)),
    };
    let key = unhex::<32>(text.trim_end()).ok_or_else(|| Error::KeysDamaged { path, detail: "it is no key".to_owned() })?;
    Ok(Some(Zeroizing::new(key)))
}

/// The vault key, made at the first use. The caller holds the folder's lock. One that is lost is never made anew beside what it had sealed.
pub(super) fn vault_key(folder: &Path) -> Result<Key> {
    if let Some(key) = read_vault_key(folder)? {
        return Ok(key);
    }
    if let Some(path) = [PASSWORDS, SECRETS].map(|name| folder.join(name)).into_iter().find(|path| path.exists()) {
        let detail = "the vault key that opens it is not there".to_owned();
        return Err(Error::KeysDamaged { path, detail });
    }
    let key: Key = Zeroizing::new(secret::random()?);
    durable::write(&vault_key_path(folder), Zeroizing::new(format!("{}\n", hex(&*key))).as_bytes())?;
    Ok(key)
}
