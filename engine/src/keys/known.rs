//! The passwords that are tried on an archive, and what they were stretched into already. Not where they come from.

use std::{
    fmt,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use keepstone_model::metadata::{Kdf, Slot};

use super::secret::{DataKey, Password, Stretched};
use crate::{Error, Result};

/// What a password was stretched into, with its index.
type Tried = (usize, Arc<Stretched>);

/// Some passwords. Cheap to share; stretching is done once for each password and salt.
#[derive(Default)]
pub struct Passwords {
    known: Vec<Password>,
    stretched: Arc<Mutex<Vec<Tried>>>,
    /// The file with the others, which could not be read now: that none of these opens an archive says nothing then.
    unread: Option<(PathBuf, ErrorKind, String)>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("count", &self.known.len()).finish_non_exhaustive()
    }
}

/// The key of an archive, and the password that gave it.
pub(crate) struct Opened {
    pub(crate) key: DataKey,
    pub(crate) with: Arc<Stretched>,
    pub(crate) password: Password,
}

impl Passwords {
    /// For archives that are not encrypted.
    pub fn none() -> Self {
        Self::default()
    }

    pub fn of(passwords: impl IntoIterator<Item = Password>) -> Self {
        Self { known: passwords.into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn with_stretched(known: impl IntoIterator<Item = (Password, Option<Arc<Stretched>>)>) -> Self {
        let (mut passwords, mut stretched) = (Vec::new(), Vec::new());
        for (number, (password, key)) in known.into_iter().enumerate() {
            passwords.push(password);
            stretched.extend(key.map(|key| (number, key)));
        }
        Self { known: passwords, stretched: Arc::new(Mutex::new(stretched)), unread: None }
    }

    /// These, while the file with the others cannot be read.
    pub(super) fn without(&self, path: &Path, fault: &io::Error) -> Self {
        let unread = Some((path.to_owned(), fault.kind(), fault.to_string()));
        Self { known: self.known.clone(), stretched: Arc::clone(&self.stretched), unread }
    }

    pub fn count(&self) -> usize {
        self.known.len()
    }

    /// For what is encrypted in a way of others.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> {
        self.known.iter().map(|password| password.text().to_owned())
    }

    /// Tries every password on every slot, those first whose stretching was done before. None if no known one opens any; an error if that
    /// cannot be told.
    pub(crate) fn open(&self, slots: &[Slot]) -> Result<Option<Opened>> {
        for slot in slots {
            for (number, with) in self.stretched_for(slot.kdf, &slot.salt) {
                if let Some(key) = DataKey::unwrap_from(slot, &with) {
                    return Ok(Some(Opened { key, with, password: self.known[number].clone() }));
                }
            }
        }
        for slot in slots {
            for (number, password) in self.known.iter().enumerate() {
                if self.stretched_for(slot.kdf, &slot.salt).iter().any(|(known, _)| *known == number) {
                    continue;
                }
                let with = Arc::new(Stretched::derive(password, slot.kdf, &slot.salt)?);
                self.lock().push((number, Arc::clone(&with)));
                if let Some(key) = DataKey::unwrap_from(slot, &with) {
                    return Ok(Some(Opened { key, with, password: password.clone() }));
                }
            }
        }
        match &self.unread {
            Some((path, kind, message)) if !slots.is_empty() => Err(Error::io(path, io::Error::new(*kind, message.as_str()))),
            _ => Ok(None),
        }
    }

    fn stretched_for(&self, kdf: Kdf, salt: &str) -> Vec<Tried> {
        self.lock().iter().filter(|(_, known)| known.kdf == kdf && known.salt == salt).cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Tried>> {
        self.stretched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
