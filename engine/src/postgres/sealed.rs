//! What of a database is kept sealed under the vault key: its URL with the password, and the role that may restore it.

use keepstone_model::id::DatabaseUid;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::location::Location;
use crate::{Error, Result, Vault, keys};

/// Never shown.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Sealed {
    pub(super) url: Zeroizing<String>,
    /// The URL of a role that may make and rename databases.
    #[serde(default)]
    pub(super) admin_url: Option<Zeroizing<String>>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealed(…)")
    }
}

fn name(uid: &DatabaseUid) -> String {
    format!("database {uid}")
}

/// None where nothing was sealed: then the catalog's URL and the environment are all there is.
pub(super) fn read(vault: &Vault, uid: &DatabaseUid) -> Result<Option<Sealed>> {
    let Some(text) = keys::secret(vault, &name(uid))? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|_| Error::Internal("a sealed URL has no form".to_owned()))
}

/// Seals the URL of a new or moved database; who may restore it stays.
pub(super) fn keep(vault: &Vault, uid: &DatabaseUid, location: &Location) -> Result<()> {
    let admin_url = read(vault, uid)?.and_then(|sealed| sealed.admin_url);
    write(vault, uid, &Sealed { url: Zeroizing::new(location.secret_url().text().to_owned()), admin_url })
}

pub(super) fn keep_admin(vault: &Vault, uid: &DatabaseUid, location: &Location, admin: Option<&Location>) -> Result<()> {
    let url = read(vault, uid)?.map_or_else(|| Zeroizing::new(location.secret_url().text().to_owned()), |sealed| sealed.url);
    let admin_url = admin.map(|admin| Zeroizing::new(admin.secret_url().text().to_owned()));
    write(vault, uid, &Sealed { url, admin_url })
}

pub(super) fn forget(vault: &Vault, uid: &DatabaseUid) -> Result<()> {
    keys::set_secret(vault, &name(uid), None)
}

fn write(vault: &Vault, uid: &DatabaseUid, sealed: &Sealed) -> Result<()> {
    let text = Zeroizing::new(serde_json::to_string(sealed).map_err(|error| Error::Internal(error.to_string()))?);
    keys::set_secret(vault, &name(uid), Some(&text))
}
