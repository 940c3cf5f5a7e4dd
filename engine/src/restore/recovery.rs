//! The file side of auto-recovery: a corrupt database is moved aside whole, and the newest good backup put in its place. When that is done, and
//! when it is not, is `doctor`'s to say.
//!
//! A note in the folder of the damaged files (`recovery.json`) is written, durably, before anything moves, and ended after the new database has
//! its name. So a process that dies in between is noticed: the next look finds the database missing beside a note that did not end, and goes on.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    backup::Backup,
    database::{Database, Recovered},
    id::{BackupId, DatabaseId, JobId, Kind},
    job::Step,
    metadata::Metadata,
    restore::{Binding, Loading, Ownership, PLAN_LIFETIME_SECS, RestorePlan, Target},
};
use serde::{Deserialize, Serialize};

use super::{
    RestoreOptions, RestoreReport,
    act::{Damage, Temporary, check_image, conclude, extract, look_after},
};
use crate::{
    Error, Monitor, Result, Vault,
    backups::{self, BackupFilter},
    catalog::rounded,
    checkup, durable,
    jobs::{self, JobMonitor, JobRequest, Running, to_json},
    sqlite::{self, unopenable::replace_unopenable},
    verify::VerifyOptions,
};

/// How many damaged sets are kept in any case, and for how long every one is.
const KEPT: usize = 3;
const KEPT_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Left free on the disk of the live database.
const LIVE_MARGIN_BYTES: u64 = 64 * 1024 * 1024;
const NOTE: &str = "recovery.json";

/// An attempt to recover a database, as its note tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) began_at: Timestamp,
    /// None: its process died before the new database had its name, or just after.
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) backup: BackupId,
    pub(crate) taken_at: Timestamp,
    pub(crate) job: JobId,
    pub(crate) actor: String,
    pub(crate) finding: String,
    /// `device:inode` of the damaged file: as long as that stands in its place, nothing has moved.
    identity: Option<String>,
    #[serde(skip)]
    folder: PathBuf,
}

impl Attempt {
    pub(crate) fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Whether the damaged file is where it was. The main file goes first, and by copy to another file system the original goes last.
    pub(crate) fn stands(&self, live: &Path) -> bool {
        self.identity.is_some() && self.identity == sqlite::open::identity(live).ok()
    }

    /// Whether the damaged file is kept aside.
    pub(crate) fn keeps(&self, live: &Path) -> bool {
        self.aside(live).is_some_and(|aside| aside.exists())
    }

    fn aside(&self, live: &Path) -> Option<PathBuf> {
        live.file_name().map(|name| self.folder.join(name))
    }

    /// Forgets an attempt that moved nothing. What lies aside under the database's name is an unfinished copy of what stands in its place.
    pub(crate) fn forget(&self, live: &Path) -> Result<()> {
        if self.stands(live)
            && let Some(aside) = self.aside(live)
        {
            remove(&aside)?;
        }
        remove(&self.folder.join(NOTE))?;
        let _ = fs::remove_dir(&self.folder); // what else is in it stays
        Ok(())
    }
}

/// The newest attempt of a database, ended or not.
pub(crate) fn last_attempt(vault: &Vault, database: &DatabaseId) -> Result<Option<Attempt>> {
    let mut newest: Option<Attempt> = None;
    for folder in folders(vault, database)? {
        let path = folder.join(NOTE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io(&path, error)),
        };
        let attempt: Attempt =
            serde_json::from_slice(&bytes).map_err(|error| Error::Internal(format!("{} cannot be read: {error}", path.display())))?;
        if newest.as_ref().is_none_or(|newest| attempt.began_at > newest.began_at) {
            newest = Some(Attempt { folder, ..attempt });
        }
    }
    Ok(newest)
}

/// Recovers a database from its newest good backup, as a job; `resumed` is the attempt whose process died, if one did. `confirm` is asked under
/// the database's lock, when everything that can fail for reasons of ours is done, and before anything moves.
pub(crate) fn recover(
    vault: &Vault,
    database: &Database,
    (finding, actor): (&str, &str),
    resumed: Option<Attempt>,
    confirm: &dyn Fn() -> Result<()>,
    monitor: &dyn Monitor,
) -> Result<(JobId, Recovered, RestoreReport)> {
    let good = good_backups(vault, &database.id)?;
    let Some(newest) = good.first() else { return Err(Error::UnknownBackup { id: format!("latest of {}", database.id) }) };
    let options = RestoreOptions { plan: plan(newest, database, finding)?, verify: true, actor: actor.to_owned() };
    let running = Running::begin(vault, &JobRequest::Restore(options))?;
    let monitor = JobMonitor::new(&running, monitor);
    let acted = act(&running, database, (finding, actor), &good, resumed, confirm, &monitor);
    let (recovered, result) = match acted {
        Ok((recovered, report)) => (Some(recovered), Ok(report)),
        Err(error) => (None, Err(error)),
    };
    let report = conclude(&running, result, &monitor)?;
    let recovered = recovered.ok_or_else(|| Error::Internal("a recovery without a result".to_owned()))?;
    Ok((running.id(), recovered, report))
}

/// Ends an attempt that a died process left although its database has its name and is sound.
pub(crate) fn finish(vault: &Vault, database: &DatabaseId, attempt: &Attempt) -> Result<Recovered> {
    let recovered = Recovered { backup: attempt.backup.clone(), taken_at: attempt.taken_at, kept: attempt.folder.display().to_string() };
    // The alarm first: an attempt that has ended is looked at by nobody.
    checkup::recovered(vault, database, &attempt.actor, attempt.job.clone(), &attempt.finding, recovered.clone())?;
    end(attempt)?;
    Ok(recovered)
}

fn act(
    running: &Running<'_>,
    database: &Database,
    (finding, actor): (&str, &str),
    good: &[Backup],
    resumed: Option<Attempt>,
    confirm: &dyn Fn() -> Result<()>,
    monitor: &dyn Monitor,
) -> Result<(Recovered, RestoreReport)> {
    let vault = running.vault;
    let begun = std::time::Instant::now();
    let live = sqlite::location::path_of(&database.location)?;
    let _lock = running.lock_database(&database.id)?;
    monitor.step(Step::Verify);
    let (backup, metadata, image) = first_that_opens(running, good, monitor)?;
    running.concerns(&backup.id)?;
    let folder = live.parent().unwrap_or(Path::new("/"));
    if durable::free_bytes(folder)? < metadata.original_size.saturating_add(LIVE_MARGIN_BYTES) {
        return Err(Error::NoSpace { path: folder.to_owned() });
    }
    confirm()?;
    if monitor.cancelled() {
        return Err(Error::CancelledHere);
    }
    let now = rounded(Timestamp::now());
    let folder = match &resumed {
        // The rest of the set goes where its first part is.
        Some(attempt) => attempt.folder.clone(),
        None => corrupted_dir(vault, &database.id).join(now.strftime("%Y%m%dT%H%M%SZ").to_string()),
    };
    durable::make_dir(&folder)?;
    let attempt = Attempt {
        began_at: resumed.as_ref().map_or(now, |attempt| attempt.began_at),
        ended_at: None,
        backup: backup.id.clone(),
        taken_at: backup.created_at,
        job: running.id(),
        actor: actor.to_owned(),
        finding: finding.to_owned(),
        identity: resumed.as_ref().map_or_else(|| sqlite::open::identity(&live).ok(), |attempt| attempt.identity.clone()),
        folder,
    };
    write(&attempt)?;
    if resumed.is_some() {
        drop_copies(&live, &attempt)?;
    }
    let mut report = RestoreReport {
        replaced: true,
        pages_written: metadata.source.page_count,
        size_bytes: metadata.original_size,
        hash_equal: true,
        ..RestoreReport::of(backup.id.clone(), live.clone())
    };
    running.note(&to_json(&report)?)?;
    monitor.step(Step::Write);
    if let Err(error) = replace_unopenable(&live, &image.0, &attempt.folder) {
        // What was moved is back, or the fault says where it is: then the note stays, and with it the way on.
        if live.exists() && !attempt.keeps(&live) {
            attempt.forget(&live)?;
        }
        return Err(error);
    }
    monitor.log(&format!("the damaged files are kept in {}", attempt.folder.display()));
    monitor.step(Step::Check);
    report.after = Some(look_after(&live, &metadata, monitor));
    let recovered = finish(vault, &database.id, &attempt)?;
    prune(vault, &database.id);
    report.job = Some(running.id());
    report.elapsed_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok((recovered, report))
}

/// The newest good backup that opens; one that does not any more is checked by its own verb, so that it does not go on counting as good.
fn first_that_opens(running: &Running<'_>, good: &[Backup], monitor: &dyn Monitor) -> Result<(Backup, Metadata, Temporary)> {
    let vault = running.vault;
    let mut first_fault = None;
    for backup in good {
        let image = Temporary(running.staging.join("image.sqlite"));
        let opened = (|| {
            let archive = vault.open_archive(&vault.archive_path(&backup.id))?;
            let metadata = archive.metadata().clone();
            extract(&archive, &image.0, Step::Verify, monitor)?;
            check_image(&image.0, &metadata, Damage::Refused, monitor)?;
            Ok(metadata)
        })();
        match opened {
            Ok(metadata) => return Ok((backup.clone(), metadata, image)),
            Err(error @ (Error::ArchiveMissing { .. } | Error::ArchiveCorrupt { .. } | Error::VerificationFailed { .. })) => {
                monitor.log(&format!("{} does not restore ({error}); an older one is tried", backup.id));
                let verify = JobRequest::Verify(VerifyOptions::new(backup.id.clone(), "recovery"));
                jobs::submit(vault, &verify, None)?;
                first_fault.get_or_insert(error);
            }
            Err(error @ Error::WrongPassword { .. }) => {
                monitor.log(&format!("{} cannot be opened ({error}); an older one is tried", backup.id));
                first_fault.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(first_fault.unwrap_or_else(|| Error::Internal("no good backup".to_owned())))
}

/// Every good backup, the newest first; safety backups are of states that somebody wanted to leave.
pub(crate) fn good_backups(vault: &Vault, database: &DatabaseId) -> Result<Vec<Backup>> {
    let all = backups::list(vault, &BackupFilter { database: Some(database.clone()), ..BackupFilter::default() })?.backups;
    Ok(all.into_iter().filter(|backup| backup.is_good() && backup.kind != Kind::Safety).collect())
}

/// What the job's page shows of it. Nobody confirms this plan; it is bound to nothing but its backup.
fn plan(backup: &Backup, database: &Database, finding: &str) -> Result<RestorePlan> {
    let now = Timestamp::now();
    Ok(RestorePlan {
        backup: backup.id.clone(),
        database: database.id.clone(),
        target: Target::Replace,
        backup_taken_at: backup.created_at,
        planned_at: now,
        expires_at: now.checked_add(SignedDuration::from_secs(PLAN_LIFETIME_SECS)).map_err(|e| Error::Internal(e.to_string()))?,
        safety_backup: false,
        tables: Vec::new(),
        size_bytes: backup.original_size_bytes,
        space_needed_bytes: backup.original_size_bytes,
        space_free_bytes: backup.original_size_bytes,
        writers_wait_ms: None,
        sessions: None,
        ownership: Ownership::default(),
        loading: Loading::default(),
        warnings: vec![format!("The database is corrupt ({finding}): its files are kept aside, whole.")],
        binding: Binding {
            payload_hash: backup.payload_hash.clone().unwrap_or_default(),
            target_identity: None,
            target_schema_hash: None,
            target_page_size: None,
            target_journal_mode: None,
            last_restore: None,
        },
    })
}

/// The main file has gone aside; of a side file that stands in its place still, what lies aside is an unfinished copy.
fn drop_copies(live: &Path, attempt: &Attempt) -> Result<()> {
    let Some(aside) = attempt.aside(live) else { return Ok(()) };
    for suffix in ["-wal", "-journal", "-shm"] {
        if beside(live, suffix).exists() {
            remove(&beside(&aside, suffix))?;
        }
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
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

fn write(attempt: &Attempt) -> Result<()> {
    let mut json = serde_json::to_vec_pretty(attempt).expect("our own types have string keys and serialise");
    json.push(b'\n');
    durable::write(&attempt.folder.join(NOTE), &json)
}

fn end(attempt: &Attempt) -> Result<()> {
    write(&Attempt { ended_at: Some(rounded(Timestamp::now())), ..attempt.clone() })
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}
