//! Verify: reads an archive back and checks it, from the stored bytes to the rows.

use std::path::Path;

use keepstone_model::{
    backup::{Backup, Proof},
    id::{BackupId, JobId},
    metadata::Metadata,
};
use serde::{Deserialize, Serialize};

use crate::{Monitor, Result, Vault};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyOptions {
    pub backup: BackupId,
    pub actor: String,
}

#[derive(Debug, Clone)]
pub struct VerifyReport {
    pub job: JobId,
    pub backup: Backup,
    pub proof: Proof,
}

/// Checks a backup again and keeps the proof beside it. A check that fails is a report, not an error: look at `proof.failed()`.
pub fn verify(_vault: &Vault, _options: &VerifyOptions, _monitor: &dyn Monitor) -> Result<VerifyReport> {
    todo!()
}

/// Checks an archive file anywhere; needs no vault. `scratch` is a folder for the copy that is opened, removed afterwards.
pub fn verify_file(_archive: &Path, _scratch: &Path, _monitor: &dyn Monitor) -> Result<(Option<Metadata>, Proof)> {
    todo!()
}
