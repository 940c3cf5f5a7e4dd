//! Backups.

use keepstone_engine::{ack::AckReport, backups, cleanup::Reason, delete::DeleteReport};
use keepstone_model::{
    Timestamp,
    backup::{Backup, Level, Verdict},
    id::BackupId,
    metadata::Metadata,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A backup with what follows from it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct BackupStatus {
    #[serde(flatten)]
    pub(crate) backup: Backup,
    pub(crate) verdict: Verdict,
    pub(crate) level: Level,
    /// Complete, no check failed, opened or restored.
    pub(crate) good: bool,
}

impl From<&Backup> for BackupStatus {
    fn from(backup: &Backup) -> Self {
        Self { verdict: backup.verdict(), level: backup.level(), good: backup.is_good(), backup: backup.clone() }
    }
}

/// One backup with what its archive says of itself, and its neighbours in sequence.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct BackupDetail {
    #[serde(flatten)]
    pub(crate) backup: BackupStatus,
    /// None where there is no archive, or it cannot be read, or is not the backup's.
    pub(crate) metadata: Option<Metadata>,
    /// Whether roles and tablespaces of the server are kept beside the dump; `keepstone show ID --globals` prints them.
    pub(crate) globals: bool,
    /// It is encrypted, and no known password opens it.
    pub(crate) locked: bool,
    /// Why the file under its name is not its archive, by what the catalog knows; nothing is taken out of that.
    pub(crate) not_its_archive: Option<String>,
    pub(crate) previous: Option<BackupId>,
    pub(crate) next: Option<BackupId>,
    /// Why cleanup keeps it or not, e.g. `daily 3 of 7`; none in the trash.
    pub(crate) why_kept: Option<String>,
    /// About when the policy will let it go; none: no time can be said.
    pub(crate) kept_until: Option<Timestamp>,
}

impl BackupDetail {
    pub(crate) fn of(detail: &backups::BackupDetail, reason: Option<Reason>) -> Self {
        Self {
            why_kept: reason.map(|reason| reason.fate.to_string()),
            kept_until: reason.and_then(|reason| reason.until),
            backup: (&detail.backup).into(),
            globals: detail.metadata.as_ref().is_some_and(|metadata| metadata.globals.is_some()),
            metadata: detail.metadata.clone().map(|metadata| Metadata { globals: None, ..metadata }),
            locked: detail.locked,
            not_its_archive: detail.another.clone(),
            previous: detail.previous.clone(),
            next: detail.next.clone(),
        }
    }
}

/// A backup that went to the trash.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct InTrash {
    #[serde(flatten)]
    pub(crate) backup: BackupStatus,
    pub(crate) deleted: bool,
    /// Until then it can be put back.
    pub(crate) until: Timestamp,
}

impl From<&DeleteReport> for InTrash {
    fn from(report: &DeleteReport) -> Self {
        Self { backup: (&report.backup).into(), deleted: true, until: report.until }
    }
}

/// A suspect backup of which someone took note.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TakenNote {
    #[serde(flatten)]
    pub(crate) backup: BackupStatus,
    /// Those that were acknowledged by this, the newest first.
    pub(crate) newly_acknowledged: Vec<BackupId>,
    /// Suspect ones of the same database that still hold older ones.
    pub(crate) still_holding: Vec<BackupId>,
}

impl From<&AckReport> for TakenNote {
    fn from(report: &AckReport) -> Self {
        Self {
            backup: (&report.backup).into(),
            newly_acknowledged: report.acknowledged.clone(),
            still_holding: report.still_holding.clone(),
        }
    }
}
