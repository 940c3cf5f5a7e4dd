//! Secrets that the vault needs again and that are no passwords of archives: URLs with passwords and the like, each sealed under the vault key
//! with its name, in `<data>/keys/secrets.json`.

use std::{collections::BTreeMap, fs, io::ErrorKind, path::Path};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    ring::{SECRETS, read_vault_key, vault_key},
    secret::{seal, unseal},
};
use crate::{Error, Result, Vault, durable, guard};

const FILE_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct SecretsFile {
    file_version: u32,
    secrets: BTreeMap<String, String>,
}

/// The secret of this name; none where there is none. `KeysDamaged` if it cannot be opened.
pub(crate) fn secret(vault: &Vault, name: &str) -> Result<Option<Zeroizing<String>>> {
    let folder = &vault.keys().folder;
    let Some(sealed) = read(folder)?.secrets.remove(name) else { return Ok(None) };
    let damaged = |detail: &str| Error::KeysDamaged { path: folder.join(SECRETS), detail: detail.to_owned() };
    let key = read_vault_key(folder)?.ok_or_else(|| damaged("the vault key that opens it is not there"))?;
    let plain = unseal(&key, &associated(name), &sealed).ok_or_else(|| damaged("the vault key does not open it"))?;
    let text = std::str::from_utf8(&plain).map_err(|_| damaged("a secret is no text"))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}

/// Seals a secret under a name, or forgets it. Durable on return.
pub(crate) fn set_secret(vault: &Vault, name: &str, text: Option<&str>) -> Result<()> {
    let folder = &vault.keys().folder;
    durable::make_dir(folder)?;
    let _guard = guard::lock_dir(folder)?;
    let mut file = read(folder)?;
    match text {
        Some(text) => {
            let sealed = seal(&vault_key(folder)?, &associated(name), text.as_bytes())?;
            file.secrets.insert(name.to_owned(), sealed);
        }
        None if file.secrets.remove(name).is_none() => return Ok(()),
        None => {}
    }
    let mut json = serde_json::to_vec_pretty(&file).map_err(|error| Error::Internal(error.to_string()))?;
    json.push(b'\n');
    durable::write(&folder.join(SECRETS), &json)
}

fn read(folder: &Path) -> Result<SecretsFile> {
    let path = folder.join(SECRETS);
    let damaged = |detail: &str| Error::KeysDamaged { path: path.clone(), detail: detail.to_owned() };
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok(SecretsFile { file_version: FILE_VERSION, secrets: BTreeMap::new() });
        }
        Err(error) => return Err(Error::io(&path, error)),
    };
    let file: SecretsFile = serde_json::from_slice(&bytes).map_err(|error| damaged(&error.to_string()))?;
    if file.file_version > FILE_VERSION { Err(damaged("it is of a newer version")) } else { Ok(file) }
}

fn associated(name: &str) -> Vec<u8> {
    format!("keepstone vault secret\n{name}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn secrets_are_sealed_with_their_names_and_forgotten() {
        let fixture = testing::vault();
        let vault = &fixture.vault;
        assert!(secret(vault, "a").unwrap().is_none());
        set_secret(vault, "a", Some("postgresql://app:hunter2@db/shop")).unwrap();
        set_secret(vault, "b", Some("other")).unwrap();
        assert_eq!(secret(vault, "a").unwrap().unwrap().as_str(), "postgresql://app:hunter2@db/shop");
        let path = vault.data_dir().join("keys").join(SECRETS);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("postgres"));
        // One under the other's name opens nothing.
        let mut file = read(&vault.data_dir().join("keys")).unwrap();
        let (one, two) = (file.secrets["a"].clone(), file.secrets["b"].clone());
        file.secrets.insert("b".to_owned(), one);
        file.secrets.insert("a".to_owned(), two);
        fs::write(&path, serde_json::to_vec(&file).unwrap()).unwrap();
        assert_eq!(secret(vault, "a").unwrap_err().code(), "keys_damaged");
        fs::write(&path, text).unwrap();
        set_secret(vault, "a", None).unwrap();
        assert!(secret(vault, "a").unwrap().is_none());
        // A lost key is not made anew beside what it had sealed.
        fs::remove_file(vault.data_dir().join("keys/vault.key")).unwrap();
        assert_eq!(set_secret(vault, "c", Some("x")).unwrap_err().code(), "keys_damaged");
    }
}
