//! Import: what other systems left becomes backups of the vault. Each file is looked at, planned, checked and only then taken, by the protocol
//! of every backup; at its old place nothing is changed. Done twice it adds nothing.

mod act;
mod cbc;
mod dump;
mod find;
mod foreign;
mod foreign_zip;
mod own;
mod peek;
mod sidecar;
mod statements;
#[cfg(test)]
mod tests;
mod unpack;
mod uploads;

use std::{
    fmt,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use keepstone_model::{
    id::{BackupId, DatabaseId, JobId},
    import::plan::{self, PlannedFile, Wish},
};
use serde::{Deserialize, Serialize};

pub(crate) use act::run;
pub use foreign::{ForeignCheck, ForeignRestore, ending_of, is_foreign, restore_foreign, verify_foreign};
pub use uploads::{Upload, sweep_uploads, uploaded};

use crate::{
    Error, Monitor, Result, Vault, databases,
    jobs::{JobRequest, Running},
    scheduler,
};
use find::{Found, Untouchable};

/// What a predecessor encrypted its backups with. Never shown and never written down.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportOptions {
    /// A file, or a folder that is searched.
    pub path: PathBuf,
    pub database: DatabaseId,
    /// The IANA zone of times that name none; the host's by default.
    pub time_zone: Option<String>,
    /// Tried on what is encrypted. They are not kept with the job: one that is begun again after a stop asks anew.
    #[serde(skip)]
    pub passwords: Vec<Password>,
    pub actor: String,
}

/// What came of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    Imported {
        id: BackupId,
    },
    /// It is in the vault already.
    Present {
        id: BackupId,
    },
    Skipped {
        reason: String,
    },
    Refused {
        code: String,
        reason: String,
        exit: u8,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedFile {
    pub path: String,
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What a person should know of it, a sentence each.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    pub job: JobId,
    pub database: DatabaseId,
    pub files: Vec<ImportedFile>,
    pub elapsed_ms: u64,
}

impl ImportReport {
    /// (imported, there already, skipped, refused)
    pub fn counts(&self) -> (usize, usize, usize, usize) {
        let of = |test: fn(&Outcome) -> bool| self.files.iter().filter(|file| test(&file.outcome)).count();
        (
            of(|outcome| matches!(outcome, Outcome::Imported { .. })),
            of(|outcome| matches!(outcome, Outcome::Present { .. })),
            of(|outcome| matches!(outcome, Outcome::Skipped { .. })),
            of(|outcome| matches!(outcome, Outcome::Refused { .. })),
        )
    }
}

/// Says what each file would become. Reads no more of them than their first bytes and their metadata, and changes nothing.
pub fn plan_import(vault: &Vault, options: &ImportOptions, monitor: &dyn Monitor) -> Result<Vec<PlannedFile>> {
    Ok(survey(vault, options, monitor)?.0)
}

/// Imports. A file that is refused is in the report and stops no other. When this returns, everything imported is published, durable and
/// proven; a process that dies midway has imported whole files, and the next import goes on with the rest.
pub fn import(vault: &Vault, options: &ImportOptions, monitor: &dyn Monitor) -> Result<ImportReport> {
    // Before a job is begun: a path or a zone that is wrong is no job that failed.
    zone(options)?;
    let running = Running::begin(vault, &JobRequest::Import(options.clone()))?;
    run(&running, options, monitor)
}

/// The plan, and the files that it is of.
fn survey(vault: &Vault, options: &ImportOptions, monitor: &dyn Monitor) -> Result<(Vec<PlannedFile>, Vec<Found>)> {
    let zone = zone(options)?;
    let in_zone = |civil: DateTime| zone.to_timestamp(civil).ok();
    let mut found = find::find(&options.path, &Untouchable::of(vault)?, monitor)?;
    found.retain(|found| !find::is_catalog(&found.path));
    let files: Vec<_> = found.iter().map(|found| found.file.clone()).collect();
    let database = databases::database(vault, &options.database)?;
    let others: Vec<_> =
        databases::databases(vault)?.into_iter().filter(|other| other.uid != database.uid).map(|other| (other.id, other.uid)).collect();
    let wish = Wish {
        database: &database.id,
        uid: &database.uid,
        others: &others,
        engine: database.engine,
        in_zone: &in_zone,
        now: Timestamp::now(),
    };
    Ok((plan::plan(&files, &wish), found))
}

fn zone(options: &ImportOptions) -> Result<TimeZone> {
    let name = options.time_zone.clone().unwrap_or_else(scheduler::host_time_zone);
    TimeZone::get(&name)
        .map_err(|_| Error::Invalid { field: "timezone", message: format!("\"{name}\" is no time zone, e.g. Europe/Berlin or UTC") })
}

/// Refuses a path that a browser may not name: only what lies in one of the roots, links and all.
pub fn refuse_outside_roots(path: &Path, roots: &[PathBuf]) -> Result<()> {
    let inside =
        path.canonicalize().is_ok_and(|path| roots.iter().any(|root| root.canonicalize().is_ok_and(|root| path.starts_with(root))));
    if inside {
        return Ok(());
    }
    let message = if roots.is_empty() {
        "the console imports nothing by path until the server is started with --import-root FOLDER".to_owned()
    } else {
        format!("the console imports from {} only", roots.iter().map(|root| root.display().to_string()).collect::<Vec<_>>().join(", "))
    };
    Err(Error::Invalid { field: "path", message })
}
