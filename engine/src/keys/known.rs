//! The passwords that are tried on an archive, and what they were stretched into already. Not where they come from.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use keepstone_model::metadata::{Kdf, Slot};

use super::secret::{DataKey, Password, Stretched};
use crate::Result;

/// Some passwords. Cheap to share; stretching is done once for each password and salt.
#[derive(Default)]
pub struct Passwords {
    passwords: Vec<Password>,
    /// With the password's index.
    stretched: Mutex<Vec<(usize, Arc<Stretched>)>>,
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("count", &self.passwords.len()).finish_non_exhaustive()
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
        Self { passwords: passwords.into_iter().collect(), stretched: Mutex::default() }
    }

    pub(crate) fn with_stretched(known: impl IntoIterator<Item = (Password, Option<Arc<Stretched>>)>) -> Self {
        let (mut passwords, mut stretched) = (Vec::new(), Vec::new());
        for (number, (password, key)) in known.into_iter().enumerate() {
            passwords.push(password);
            stretched.extend(key.map(|key| (number, key)));
        }
        Self { passwords, stretched: Mutex::new(stretched) }
    }

    pub fn count(&self) -> usize {
        self.passwords.len()
    }

    /// For what is encrypted in a way of others.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> {
        self.passwords.iter().map(|password| password.text().to_owned())
    }

    /// Tries every password on every slot, those first whose stretching was done before.
    pub(crate) fn open(&self, slots: &[Slot]) -> Result<Option<Opened>> {
        for slot in slots {
            for (number, with) in self.stretched_for(slot.kdf, &slot.salt) {
                if let Some(key) = DataKey::unwrap_from(slot, &with) {
                    return Ok(Some(Opened { key, with, password: self.passwords[number].clone() }));
                }
            }
        }
        for slot in slots {
            for (number, password) in self.passwords.iter().enumerate() {
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
        Ok(None)
    }

    fn stretched_for(&self, kdf: Kdf, salt: &str) -> Vec<(usize, Arc<Stretched>)> {
        self.lock().iter().filter(|(_, known)| known.kdf == kdf && known.salt == salt).cloned().collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(usize, Arc<Stretched>)>> {
        self.stretched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
