//! A database that is replaced as files: what stood in its place is kept in a folder of `corrupted/`, with a note (`recovery.json`) that is written,
//! durably, before anything is touched, and ended after the new database has its name. So whoever comes after a process that died in between knows
//! what was meant, and whether the file that stands there is the old one or the new: the old one then gets its side files back.

use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    id::{BackupId, DatabaseId, JobId},
    job::{Job, Step},
    restore::{RestorePlan, Target},
};
use serde::{Deserialize, Serialize};

use super::RestoreReport;
use crate::{
    Error, Monitor, Result, Vault,
    catalog::rounded,
    databases, driver,
    durable::{self, LockMode},
    jobs::{JobRequest, Running, to_json},
    sqlite::{
        open::identity,
        unopenable::{give_back, is_any_there, remove_incoming, replace_unopenable},
    },
};

/// How many damaged sets are kept in any case, and for how long every one is.
const KEPT: usize = 3;
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
const NOTE: &str = "recovery.json";

/// Who wants a database replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum By {
    /// Auto-recovery: once a day at most, and alarmed.
    #[default]
    Doctor,
    Person,
}

/// A replacement of a database, as its note tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    #[serde(default)]
    pub(crate) by: By,
    pub(crate) began_at: Timestamp,
    /// None: its process died before the new database had its name, or just after.
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) backup: BackupId,
    pub(crate) taken_at: Timestamp,
    pub(crate) job: JobId,
    pub(crate) actor: String,
    pub(crate) finding: String,
    /// `device:inode` of the file that stood there; none where there was none.
    identity: Option<String>,
    /// The same of the file that takes its place.
    #[serde(default)]
    incoming: Option<String>,
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

impl Attempt {
    pub(crate) fn new(by: By, running: &Running<'_>, (backup, taken_at): (BackupId, Timestamp), finding: &str, actor: &str) -> Self {
        Self {
            by,
            began_at: rounded(Timestamp::now()),
            ended_at: None,
            backup,
            taken_at,
            job: running.id(),
            actor: actor.to_owned(),
            finding: finding.to_owned(),
            identity: None,
            incoming: None,
            folder: PathBuf::new(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Whether the old file is where it was: then nothing was replaced.
    pub(crate) fn stands(&self, live: &Path) -> bool {
        self.identity.is_some() && self.identity == identity(live).ok()
    }

    /// Whether the new file has its name.
    pub(crate) fn is_in_place(&self, live: &Path) -> bool {
        self.incoming.is_some() && self.incoming == identity(live).ok()
    }

    /// Forgets an attempt that replaced nothing. What could not be put back stays in its folder.
    pub(crate) fn forget(&self, live: &Path) -> Result<()> {
        if self.stands(live)
            && let Err(reason) = give_back(live, &self.folder, self.identity.as_deref())
        {
            tracing::warn!(path = %live.display(), kept = %self.folder.display(), reason, "files of a database stay where they were kept");
        }
        durable::remove(&self.folder.join(NOTE))?;
        let _ = fs::remove_dir(&self.folder); // what else is in it stays
        Ok(())
    }

    /// The new database has its name whatever becomes of the note: an open one is ended by whoever looks at it next.
    pub(crate) fn end(&self) {
        if let Err(error) = write(&Self { ended_at: Some(rounded(Timestamp::now())), ..self.clone() }) {
            tracing::warn!(note = %self.folder.join(NOTE).display(), %error, "the end of a replacement could not be written down");
        }
    }
}

/// Puts the image in the database's place and keeps what was there, which the report then says. `confirm` is asked just before anything of the database is touched. The note is
/// still open when this returns; on a fault there is none.
pub(super) fn replace(
    running: &Running<'_>,
    (live, image): (&Path, &Path),
    attempt: Attempt,
    report: &mut RestoreReport,
    confirm: &dyn Fn() -> Result<()>,
    monitor: &dyn Monitor,
) -> Result<Attempt> {
    let database = running.job().database.ok_or_else(|| Error::Internal("a restore of no database".to_owned()))?;
    let folder = new_folder(running.vault, &database, attempt.began_at)?;
    let mut attempt = Attempt { folder: folder.clone(), ..attempt };
    monitor.step(Step::Write);
    let mut noted = |incoming: &str| {
        confirm()?;
        if monitor.cancelled() {
            return Err(Error::CancelledHere);
        }
        attempt.identity = identity(live).ok();
        attempt.incoming = Some(incoming.to_owned());
        write(&attempt)?;
        report.kept_aside = is_any_there(live).then(|| folder.clone());
        running.note(&to_json(&*report)?)
    };
    let replaced = replace_unopenable(live, image, &folder, &mut noted);
    if let Err(error) = replaced {
        // What was kept is back, or the fault says where it is.
        attempt.forget(live)?;
        return Err(error);
    }
    if let Some(kept) = &report.kept_aside {
        monitor.log(&format!("what was there is kept in {}", kept.display()));
    }
    Ok(attempt)
}

/// What became of a restore that died with its process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) sentence: String,
    /// Whether it certainly replaced nothing, whatever report it wrote down on its way.
    pub(crate) is_void: bool,
}

/// Leaves nothing half done, and says what became of the database. May be called again.
pub(crate) fn settle(vault: &Vault, job: &Job, request: &JobRequest) -> Result<Settled> {
    let plan = match request {
        JobRequest::Restore(options) => &options.plan,
        JobRequest::Undo(options) => &options.plan,
        _ => return Err(Error::Internal(format!("job {} restores nothing", job.id))),
    };
    let database = databases::database(vault, &plan.database)?;
    let what = match (&plan.target, driver::of(database.engine).file(&database)?) {
        (Target::NewFile { .. } | Target::NewDatabase { .. }, _) => "the live database is unchanged",
        (Target::Replace, Some(live)) if as_files(plan) => return settle_files(vault, &database.id, job, &live),
        (_, Some(_)) => "SQLite keeps the database either as it was or as the backup, never a mix",
        (_, None) => "the database is either as it was or the restored one, never a mix",
    };
    Ok(Settled { sentence: format!("the process ended during the restore; {what}"), is_void: false })
}

/// Whether a plan replaces what SQLite could not open.
pub(super) fn as_files(plan: &RestorePlan) -> bool {
    plan.target == Target::Replace && plan.binding.target_identity.is_none()
}

fn settle_files(vault: &Vault, database: &DatabaseId, job: &Job, live: &Path) -> Result<Settled> {
    // Whoever holds it may be at these files: then it is settled another time.
    let _lock = durable::try_lock(&vault.database_lock_path(database), LockMode::Exclusive)?
        .ok_or_else(|| Error::DatabaseBusy { database: database.clone(), holder: "another process is working on it".to_owned() })?;
    let attempt = attempts(vault, database)?.into_iter().find(|attempt| attempt.job == job.id);
    let is_done = attempt.as_ref().is_some_and(|attempt| attempt.is_in_place(live) || !attempt.is_open());
    let sentence = match attempt {
        None => "the process ended before anything was replaced; what stands in the database's place is what stood there before".to_owned(),
        Some(attempt) if is_done => {
            // That a recovery ended is alarmed, too: doctor's next look does that.
            if attempt.by == By::Person && attempt.is_open() {
                attempt.end();
            }
            format!(
                "the process ended just after the backup was put in the database's place; what was there is kept in {}",
                attempt.folder.display()
            )
        }
        Some(attempt) if attempt.stands(live) || (attempt.identity.is_none() && !live.exists()) => {
            attempt.forget(live)?;
            "the process ended before the backup was put in the database's place; what stood there stands there as it was".to_owned()
        }
        Some(attempt) => {
            attempt.forget(live)?;
            let kept = attempt.folder.display();
            format!(
                "the process ended during the restore, and something else stands in the database's place by now; what was there is kept in {kept}"
            )
        }
    };
    remove_incoming(live)?;
    Ok(Settled { sentence, is_void: !is_done })
}

/// The newest attempt of auto-recovery, ended or not.
pub(crate) fn last_recovery(vault: &Vault, database: &DatabaseId) -> Result<Option<Attempt>> {
    let all = attempts(vault, database)?.into_iter().filter(|attempt| attempt.by == By::Doctor);
    Ok(all.max_by_key(|attempt| attempt.began_at))
}

fn attempts(vault: &Vault, database: &DatabaseId) -> Result<Vec<Attempt>> {
    let mut attempts = Vec::new();
    for folder in folders(vault, database)? {
        let path = folder.join(NOTE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io(&path, error)),
        };
        let attempt: Attempt =
            serde_json::from_slice(&bytes).map_err(|error| Error::Internal(format!("{} cannot be read: {error}", path.display())))?;
        attempts.push(Attempt { folder, ..attempt });
    }
    Ok(attempts)
}

/// A folder that no other attempt has, called after the time.
fn new_folder(vault: &Vault, database: &DatabaseId, at: Timestamp) -> Result<PathBuf> {
    let root = corrupted_dir(vault, database);
    durable::make_dir(&root)?;
    let mut named = at;
    loop {
        let folder = root.join(named.strftime("%Y%m%dT%H%M%SZ").to_string());
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => {
                fs::File::open(&root).and_then(|root| root.sync_all()).map_err(|error| Error::io(&root, error))?;
                return Ok(folder);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                named = named.checked_add(SignedDuration::from_secs(1)).map_err(|error| Error::Internal(error.to_string()))?;
            }
            Err(error) => return Err(Error::io(&folder, error)),
        }
    }
}

fn write(attempt: &Attempt) -> Result<()> {
    let mut json = serde_json::to_vec_pretty(attempt).expect("our own types have string keys and serialise");
    json.push(b'\n');
    durable::write(&attempt.folder.join(NOTE), &json)
}

fn corrupted_dir(vault: &Vault, database: &DatabaseId) -> PathBuf {
    vault.database_dir(database).join("corrupted")
}

/// The folders of damaged sets, the newest first; only those that Keepstone named.
fn folders(vault: &Vault, database: &DatabaseId) -> Result<Vec<PathBuf>> {
    let root = corrupted_dir(vault, database);
    let entries = match fs::read_dir(&root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(&root, error)),
    };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| time_of(path).is_some()).collect();
    folders.sort_unstable_by(|a, b| b.cmp(a));
    Ok(folders)
}

/// The time that a folder is named for, e.g. `20261120T030000Z`.
fn time_of(folder: &Path) -> Option<Timestamp> {
    let name = folder.file_name()?.to_str()?;
    let fits = name.len() == 16 && name.ends_with('Z') && name.as_bytes()[8] == b'T';
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (fits && digits(&name[..8]) && digits(&name[9..15])).then(|| name.parse().ok()).flatten()
}

/// Removes damaged sets that are neither among the last few nor young. One that cannot be removed now is removed later.
pub(crate) fn prune(vault: &Vault, database: &DatabaseId) {
    let pruned = folders(vault, database).and_then(|folders| {
        let now = Timestamp::now();
        for folder in folders.iter().skip(KEPT) {
            let old = time_of(folder).is_some_and(|at| now.duration_since(at) > KEPT_FOR);
            if old {
                fs::remove_dir_all(folder).map_err(|error| Error::io(folder, error))?;
            }
        }
        Ok(())
    });
    if let Err(error) = pruned {
        tracing::warn!(%database, %error, "old damaged files could not be removed");
    }
}
