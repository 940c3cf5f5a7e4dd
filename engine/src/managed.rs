//! What of a database is set from outside (a file that was applied, the environment) and changed only there. Kept in the catalog; whoever sets it
//! gives their name.

use keepstone_model::id::DatabaseId;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Vault};

/// Who sets what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Managed {
    /// e.g. `applied file`.
    pub by: String,
    /// By the names of the settings, e.g. `objective`, `retention`, `schedules`.
    pub settings: Vec<String>,
}

impl Managed {
    pub fn sets(&self, setting: &str) -> bool {
        self.settings.iter().any(|name| name == setting)
    }
}

/// Who sets something of this database; the one of the most if there are several.
pub fn managed(vault: &Vault, database: &DatabaseId) -> Result<Vec<Managed>> {
    let text = vault.catalog().managed(database)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Who sets this one of its settings, if anybody does.
pub fn manager_of(vault: &Vault, database: &DatabaseId, setting: &str) -> Result<Option<String>> {
    Ok(managed(vault, database)?.into_iter().find(|managed| managed.sets(setting)).map(|managed| managed.by))
}

/// Writes down that `by` sets these; none: it sets nothing any more.
pub fn set_managed(vault: &Vault, database: &DatabaseId, by: &str, settings: &[&str]) -> Result<()> {
    let mut all = managed(vault, database)?;
    let before = all.clone();
    all.retain(|managed| managed.by != by);
    if !settings.is_empty() {
        all.push(Managed { by: by.to_owned(), settings: settings.iter().map(|&name| name.to_owned()).collect() });
    }
    if all == before { Ok(()) } else { vault.catalog().set_managed(database, &crate::jobs::to_json(&all)?) }
}

/// Refuses a change by anybody else.
pub(crate) fn refuse(vault: &Vault, database: &DatabaseId, setting: &str, actor: &str) -> Result<()> {
    match manager_of(vault, database, setting)? {
        Some(by) if by != actor => Err(Error::Managed { what: format!("the setting \"{}\" of {database}", setting.replace('_', "-")), by }),
        _ => Ok(()),
    }
}
