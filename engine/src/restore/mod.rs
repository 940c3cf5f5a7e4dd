//! Restore: plan, then safety backup, write, check, in one transaction; and its undo.

mod act;
pub(crate) mod aside;
mod checked;
pub(crate) mod committed;
mod place;
mod plan;
pub(crate) mod recovery;
mod space;
mod undo;
mod written;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use keepstone_model::{
    database::Engine,
    id::{BackupId, JobId},
    job::JobError,
    restore::{AfterRestore, RestorePlan, RowsSince, StateBefore, Target},
};
use serde::{Deserialize, Serialize};

pub use act::{Look, restore_file, restore_file_by};
pub(crate) use act::{replace_sqlite, run, test_restore_sqlite};
pub(crate) use committed::Mark;
pub(crate) use plan::{Goal, NO_BINDING, PutBack, Standing, last_restore, plan_replace_sqlite, replacing_report};
pub use plan::{although_open, choose_way, plan_restore, recount};
pub(crate) use space::Space;
pub(crate) use undo::{gone, run_undo, undo_refusal};
pub use undo::{plan_undo, undo};

use crate::{
    Error, Monitor, Result, Vault, databases,
    driver::{self, ImageOptions},
    jobs::{JobRequest, Running},
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanOptions {
    pub backup: BackupId,
    pub target: Target,
    /// Only for `Target::Replace`; on unless a person said otherwise.
    pub safety_backup: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreOptions {
    pub plan: RestorePlan,
    /// Whether the archive is checked fully before anything is touched (its hash always is).
    pub verify: bool,
    pub actor: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreReport {
    /// None for a restore that needed no vault.
    pub job: Option<JobId>,
    pub backup: BackupId,
    /// The file that was written, or the URL of the database.
    pub path: PathBuf,
    /// Whether it is the live database.
    pub replaced: bool,
    /// The backup of the state before, if one was made: what undo restores.
    pub safety_backup: Option<BackupId>,
    pub pages_written: u64,
    pub size_bytes: u64,
    /// How long writers of the live database were held off.
    pub held_ms: u64,
    pub elapsed_ms: u64,
    /// The plain database equals the backup by `restore_hash`.
    pub hash_equal: bool,
    /// What applications wrote between the plan and the restore, by table; the safety backup holds it.
    #[serde(default)]
    pub rows_since_plan: Vec<RowsSince>,
    /// The live database right after, on a fresh connection; none for a new file.
    #[serde(default)]
    pub after: Option<AfterRestore>,
    /// The database that was in its place, where the server keeps it under another name: what undo puts back.
    #[serde(default)]
    pub kept: Option<KeptDatabase>,
    /// What is wrong with the backup itself, of which a new file was made as it is.
    #[serde(default)]
    pub doubt: Option<String>,
    /// Why SQLite did not check it before, where it was to.
    #[serde(default)]
    pub not_checked: Option<String>,
    /// What became of the state before.
    #[serde(default)]
    pub before: StateBefore,
    /// The folder in which the files of a database that could not be opened are kept whole.
    #[serde(default)]
    pub kept_aside: Option<PathBuf>,
    /// In what is written down before it is committed, and nowhere else: it may have been, or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mark: Option<Mark>,
}

impl RestoreReport {
    /// What is wrong with the live database right after, if it was looked at and something is.
    pub fn damage_after(&self) -> Option<&str> {
        self.after.as_ref().filter(|after| after.looked && !after.sound).map(|after| after.integrity.as_str())
    }

    /// The code of [`Self::unsound`].
    pub const UNSOUND: &'static str = "restored_unsound";

    /// The restore is done, and the database that it left is damaged.
    pub fn unsound(&self) -> Option<JobError> {
        Some(JobError {
            code: Self::UNSOUND.to_owned(),
            message: format!("{} was restored, and is not sound: {}", self.path.display(), self.damage_after()?),
            hint: Some("What was written equals the backup. Check the disk, and restore another backup.".to_owned()),
        })
    }

    /// Of a backup that was restored into something beside the live database; what else there is to say of it stands at its end.
    pub(crate) fn of(backup: BackupId, path: PathBuf) -> Self {
        Self {
            job: None,
            backup,
            path,
            replaced: false,
            safety_backup: None,
            pages_written: 0,
            size_bytes: 0,
            held_ms: 0,
            elapsed_ms: 0,
            hash_equal: false,
            rows_since_plan: Vec::new(),
            after: None,
            kept: None,
            doubt: None,
            not_checked: None,
            before: StateBefore::Untouched,
            kept_aside: None,
            mark: None,
        }
    }
}

/// A database that a replacement kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptDatabase {
    pub name: String,
    /// When it may be removed; none: only a person does.
    pub until: Option<Timestamp>,
}

/// Does what the plan says, if it still fits (else `StalePlan`). On any fault before the commit nothing was changed.
pub fn restore(vault: &Vault, options: &RestoreOptions, monitor: &dyn Monitor) -> Result<RestoreReport> {
    let running = Running::begin(vault, &JobRequest::Restore(options.clone()))?;
    run(&running, options, monitor)
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoOptions {
    /// The job of the restore that is undone.
    pub restore: JobId,
    /// What [`plan_undo`] gave and a person confirmed.
    pub plan: RestorePlan,
    pub actor: String,
}

/// Where a new file goes if nobody says where: `<data>/restored/<id>.sqlite`, or `.dump` of a server's database.
pub fn default_target(vault: &Vault, backup: &BackupId) -> PathBuf {
    let engine = databases::database(vault, &backup.database()).map_or(Engine::Sqlite, |database| database.engine);
    let form = driver::of(engine).form(&ImageOptions::default());
    vault.restored_dir().join(format!("{backup}.{}", form.ending()))
}

/// Whether a browser may name this path for a new file: in the vault's `restored` folder or in the folder of the live database. A path of
/// any other place is for people on the host.
pub fn refuse_outside_roots(vault: &Vault, live: &Path, path: &Path) -> Result<()> {
    let restored = vault.restored_dir();
    let beside = live.parent().is_some_and(|folder| lies_inside(path, folder));
    if path.parent() == Some(&restored) || lies_inside(path, &restored) || beside {
        return Ok(());
    }
    let reason = format!(
        "the console writes into {} and into the folder of the live database only; `keepstone restore --to` on the host writes anywhere",
        restored.display()
    );
    Err(Error::TargetUnusable { path: path.to_owned(), reason })
}

/// Whether a path lies inside a folder, as far as the disk can tell: the part that exists is resolved, links and all.
pub(crate) fn lies_inside(path: &Path, folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let existing = path.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
    existing.is_some_and(|existing| existing.starts_with(&folder))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop at once")]
mod tests;
