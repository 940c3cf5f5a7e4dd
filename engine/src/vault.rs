//! The data directory and the backups folder: opening them, and where everything in them lies.

use std::path::{Path, PathBuf};

use crate::{Result, catalog::{Catalog, Live}};

/// Whether opening may make a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Only a vault that is there; else [`crate::Error::NoVault`].
    Existing,
    /// Make one where the folder is missing or empty; a non-empty folder without the marker is refused.
    Create,
    /// Make one also in a folder that holds other things (`--init`).
    CreateAnywhere,
}

#[derive(Debug, Clone)]
pub struct VaultOptions {
    pub data: PathBuf,
    /// `<data>/backups` unless said otherwise.
    pub backups: Option<PathBuf>,
    pub mode: OpenMode,
}

/// An open vault. Cheap to share behind an `Arc`; several processes may have the same vault open at once.
#[derive(Debug)]
pub struct Vault {
    data: PathBuf,
    backups: PathBuf,
    catalog: Catalog,
    live: Live,
}

impl Vault {
    /// Opens the vault, brings its catalog to this version, and mends what a killed process left: published archives are adopted, rows of
    /// dead jobs become interrupted, their staging goes. Jobs of other live processes hold their locks and are left alone.
    pub fn open(_options: &VaultOptions) -> Result<Self> {
        todo!()
    }

    pub fn data_dir(&self) -> &Path {
        &self.data
    }

    pub fn backups_dir(&self) -> &Path {
        &self.backups
    }

    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    pub(crate) fn live(&self) -> &Live {
        &self.live
    }
}
