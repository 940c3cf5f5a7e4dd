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
    restore::{RestorePlan, Target, WhileOpen},
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
        holders::open_elsewhere,
        unopenable::{Course, Seen, give_back, is_any_there, kept_at, replace_unopenable},
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

/// What stands in the place of a database after a replacement that nobody ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// What stood there before it, if anything did: nothing was replaced.
    Old,
    New,
    Other,
    /// It cannot be told now.
    Unseen,
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
    /// The file that stood there; none where there was none.
    #[serde(default)]
    old: Option<Seen>,
    /// The one that takes its place, once that is whole.
    #[serde(default)]
    new: Option<Seen>,
    /// Where that one is until then, and the old one for a moment after.
    #[serde(default)]
    incoming: Option<PathBuf>,
    /// The folder in which all of this is.
    #[serde(default)]
    place: Option<Seen>,
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
            old: None,
            new: None,
            incoming: None,
            place: None,
            folder: PathBuf::new(),
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Whether the old file is where it was: then nothing was replaced.
    pub(crate) fn stands(&self, live: &Path) -> bool {
        self.old.is_some() && self.find(live) == Found::Old
    }

    /// Whether the new file has its name.
    pub(crate) fn is_in_place(&self, live: &Path) -> bool {
        self.find(live) == Found::New
    }

    /// What stands in the database's place now. A disk that is not mounted, or is another one, says nothing of it.
    fn find(&self, live: &Path) -> Found {
        let Ok(now) = Seen::if_there(live) else { return Found::Unseen };
        let is_its_folder = || {
            let folder = live.parent().and_then(|folder| Seen::at(folder).ok());
            self.place.as_ref().zip(folder).is_some_and(|(place, now)| (place.device, place.inode) == (now.device, now.inode))
        };
        let Some(now) = now else {
            return match (&self.old, is_its_folder()) {
                (_, false) => Found::Unseen,
                (None, true) => Found::Old,
                (Some(_), true) => Found::Other,
            };
        };
        let known = |seen: &Option<Seen>, fits: fn(&Seen, &Seen) -> bool| seen.as_ref().is_some_and(|seen| fits(seen, &now));
        if known(&self.new, Seen::is) {
            Found::New
        } else if known(&self.old, Seen::is) {
            Found::Old
        } else if known(&self.new, Seen::may_be) && !known(&self.old, Seen::may_be) {
            // Its application works with it on a disk that has another number now.
            Found::New
        } else if is_its_folder() {
            Found::Other
        } else {
            Found::Unseen
        }
    }

    /// Where what was there is kept.
    fn kept(&self, live: &Path) -> PathBuf {
        kept_at(live, &self.folder).unwrap_or_else(|| self.folder.clone())
    }

    /// Forgets an attempt that replaced nothing. What could not be put back stays in its folder.
    pub(crate) fn forget(&self, live: &Path) -> Result<()> {
        if self.stands(live)
            && let Err(reason) = give_back(live, &self.folder, self.old.as_ref())
        {
            tracing::warn!(path = %live.display(), kept = %self.folder.display(), reason, "files of a database stay where they were kept");
        }
        self.remove_incoming()?;
        durable::remove(&self.folder.join(NOTE))?;
        let _ = fs::remove_dir(&self.folder); // what else is in it stays
        Ok(())
    }

    /// Removes the image that a killed replacement left beside the database, or the second name of the old one, which is kept: nothing else that may
    /// have come to have this name.
    fn remove_incoming(&self) -> Result<()> {
        let Some(path) = &self.incoming else { return Ok(()) };
        let is_known = |found: &Seen| [&self.old, &self.new].into_iter().flatten().any(|known| known.is(found));
        match Seen::if_there(path)? {
            // Until the new one was noted nothing else can have the name.
            Some(found) if self.new.is_none() || is_known(&found) => durable::remove(path),
            Some(_) => {
                tracing::warn!(path = %path.display(), "somebody else's file has the name of an image that was not used, and stays");
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Leaves nothing half done of an attempt whose process died, as far as it can be told what it did. May be called again.
    fn settle(&self, live: &Path) -> Result<Found> {
        let found = self.find(live);
        match found {
            Found::Old | Found::Other => self.forget(live)?,
            Found::New => {
                self.remove_incoming()?;
                // That a recovery ended is alarmed, too: doctor's next look does that.
                if self.by == By::Person {
                    self.end();
                }
            }
            Found::Unseen => {}
        }
        Ok(found)
    }

    /// What was kept is back: the fault that ended it is to be told, not what becomes of the note.
    fn give_up(&self, live: &Path) {
        if let Err(error) = self.forget(live) {
            tracing::warn!(note = %self.folder.join(NOTE).display(), %error, "the note of a replacement that failed could not be removed");
        }
    }

    /// The new database has its name whatever becomes of the note: an open one is ended by whoever looks at it next.
    pub(crate) fn end(&self) {
        if let Err(error) = write(&Self { ended_at: Some(rounded(Timestamp::now())), ..self.clone() }) {
            tracing::warn!(note = %self.folder.join(NOTE).display(), %error, "the end of a replacement could not be written down");
        }
    }
}

/// Puts the image in the database's place and keeps what was there, which the report then says. `confirm` is asked just before anything of the
/// database is touched. The note is still open when this returns, and after `Unsure`; on any other fault there is none.
pub(super) fn replace(
    running: &Running<'_>,
    (live, image): (&Path, &Path),
    attempt: Attempt,
    report: &mut RestoreReport,
    (while_open, confirm): (WhileOpen, &dyn Fn() -> Result<()>),
    monitor: &dyn Monitor,
) -> Result<Attempt> {
    let database = running.job().database.ok_or_else(|| Error::Internal("a restore of no database".to_owned()))?;
    let folder = new_folder(running.vault, &database, attempt.began_at)?;
    monitor.step(Step::Write);
    let attempt = Attempt { folder: folder.clone(), ..attempt };
    let mut noted = Noted { running, live, attempt, report, while_open, confirm, monitor };
    let replaced = replace_unopenable(live, image, &folder, &mut noted);
    let Noted { attempt, report, .. } = noted;
    let placed = replaced.inspect_err(|error| match error {
        // The note stays: by it the next start sees what stands there, and ends what was begun or puts back what is kept.
        Error::Unsure { .. } => {
            if !attempt.is_in_place(live)
                && let Err(error) = running.note("null")
            {
                tracing::warn!(job = %running.id(), %error, "that a database was not replaced could not be written down");
            }
        }
        _ => attempt.give_up(live),
    })?;
    if report.kept_aside.is_some() {
        report.kept_aside = Some(placed.kept.clone());
    }
    for lost in &placed.rights_lost {
        monitor.log(&format!("the new file could not be given what the old one had: {lost}"));
    }
    if let Some(kept) = &report.kept_aside {
        monitor.log(&format!("what was there is kept in {}", kept.display()));
    }
    report.hash_equal = placed.is_equal(live).unwrap_or_else(|error| {
        monitor.log(&format!("what stands in the database's place could not be compared with the backup: {error}"));
        false
    });
    Ok(attempt)
}

/// A replacement that writes down how far it got.
struct Noted<'a> {
    running: &'a Running<'a>,
    live: &'a Path,
    attempt: Attempt,
    report: &'a mut RestoreReport,
    while_open: WhileOpen,
    confirm: &'a dyn Fn() -> Result<()>,
    monitor: &'a dyn Monitor,
}

impl Course for Noted<'_> {
    fn begins(&mut self, incoming: &Path) -> Result<()> {
        self.attempt.old = Seen::if_there(self.live)?;
        self.attempt.incoming = Some(incoming.to_owned());
        self.attempt.place = self.live.parent().map(Seen::at).transpose()?;
        write(&self.attempt)
    }

    fn confirm(&mut self, old: Option<&Seen>, new: &Seen) -> Result<()> {
        (self.confirm)()?;
        if self.monitor.cancelled() {
            return Err(Error::CancelledHere);
        }
        self.attempt.old = old.cloned();
        self.attempt.new = Some(new.clone());
        write(&self.attempt)?;
        self.report.kept_aside = is_any_there(self.live).then(|| self.attempt.folder.clone());
        self.running.note(&to_json(&*self.report)?)
    }

    /// It was found to be nobody's a while ago.
    fn carried_off(&mut self, old: &Path) -> Result<()> {
        let holders = if self.while_open == WhileOpen::Accepted { Vec::new() } else { open_elsewhere(old) };
        match (holders.is_empty(), self.running.job().database) {
            (false, Some(database)) => Err(Error::OpenElsewhere { database, holders: holders.join(", ") }),
            _ => Ok(()),
        }
    }
}

/// What became of a restore that died with its process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settled {
    pub(crate) sentence: String,
    pub(crate) leaves: Leaves,
}

/// What becomes of the report that it wrote down on its way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Leaves {
    Noted,
    /// It certainly replaced nothing, so there is nothing to undo.
    Nothing,
    /// What is known by now.
    Report(String),
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
    Ok(Settled { sentence: format!("the process ended during the restore; {what}"), leaves: Leaves::Noted })
}

/// Whether a plan replaces what SQLite could not open.
pub(super) fn as_files(plan: &RestorePlan) -> bool {
    plan.target == Target::Replace && plan.binding.target_identity.is_none()
}

fn settle_files(vault: &Vault, database: &DatabaseId, job: &Job, live: &Path) -> Result<Settled> {
    // Whoever holds it may be at these files: then it is settled another time.
    let _lock = durable::try_lock(&vault.database_lock_path(database), LockMode::Exclusive)?
        .ok_or_else(|| Error::DatabaseBusy { database: database.clone(), holder: "another process is working on it".to_owned() })?;
    let notes = notes(vault, database)?;
    let Some(attempt) = notes.attempts.into_iter().find(|attempt| attempt.job == job.id) else {
        return Ok(without_note(&notes.unreadable));
    };
    let kept = attempt.kept(live).display().to_string();
    let found = if attempt.is_open() { attempt.settle(live)? } else { Found::New };
    let sentence = match found {
        Found::New => format!("the process ended just after the backup was put in the database's place; what was there is kept in {kept}"),
        Found::Old => {
            "the process ended before the backup was put in the database's place; what stood there stands there as it was".to_owned()
        }
        Found::Other => format!(
            "the process ended during the restore, and something else stands in the database's place by now; what was there is kept in {kept}"
        ),
        Found::Unseen => format!(
            "the process ended during the restore, and the database cannot be seen now (its disk may not be mounted): the next start looks again; what was there is kept in {kept}"
        ),
    };
    let leaves = if matches!(found, Found::Old | Found::Other) { Leaves::Nothing } else { Leaves::Noted };
    Ok(Settled { sentence, leaves })
}

/// Notes are written before anything is touched, so where there is none nothing was; unless there is one that does not say whose it is.
fn without_note(unreadable: &[PathBuf]) -> Settled {
    let nothing = "the process ended before anything was replaced; what stands in the database's place is what stood there before";
    match unreadable {
        [] => Settled { sentence: nothing.to_owned(), leaves: Leaves::Nothing },
        [note, ..] => {
            let sentence = format!(
                "the process ended during the restore, and how far it came cannot be told, as {} cannot be read: what was there may be beside it",
                note.display()
            );
            Settled { sentence, leaves: Leaves::Noted }
        }
    }
}

/// Settles what jobs left that nobody will come back to: their rows are gone with a lost catalog, say, or the disk was not there when they were ended.
pub(crate) fn settle_left(vault: &Vault, is_alive: &dyn Fn(&JobId) -> bool) -> Result<()> {
    for database in databases::databases(vault)? {
        let left = |attempt: &Attempt| attempt.is_open() && !is_alive(&attempt.job);
        let Some(live) = driver::of(database.engine).file(&database)? else { continue };
        if !notes(vault, &database.id)?.attempts.iter().any(left) {
            continue;
        }
        // Whoever holds it may be at these files: then it is settled another time.
        let Some(_lock) = durable::try_lock(&vault.database_lock_path(&database.id), LockMode::Exclusive)? else { continue };
        for attempt in notes(vault, &database.id)?.attempts.into_iter().filter(left) {
            let kept = attempt.folder.display();
            match attempt.settle(&live) {
                Ok(found) => {
                    tracing::warn!(database = %database.id, job = %attempt.job, %kept, ?found, "a replacement that died was looked at");
                }
                Err(error) => {
                    tracing::error!(database = %database.id, job = %attempt.job, %kept, %error, "a replacement that died could not be mended");
                }
            }
        }
    }
    Ok(())
}

/// The newest attempt of auto-recovery, ended or not.
pub(crate) fn last_recovery(vault: &Vault, database: &DatabaseId) -> Result<Option<Attempt>> {
    let all = notes(vault, database)?.attempts.into_iter().filter(|attempt| attempt.by == By::Doctor);
    Ok(all.max_by_key(|attempt| attempt.began_at))
}

#[derive(Default)]
struct Notes {
    attempts: Vec<Attempt>,
    unreadable: Vec<PathBuf>,
}

/// One that cannot be read keeps no other from being read.
fn notes(vault: &Vault, database: &DatabaseId) -> Result<Notes> {
    let mut notes = Notes::default();
    for folder in folders(vault, database)? {
        match read(&folder) {
            Ok(attempt) => notes.attempts.extend(attempt),
            Err(error) => {
                tracing::warn!(%database, %error, "the note of a replacement cannot be read");
                notes.unreadable.push(folder.join(NOTE));
            }
        }
    }
    Ok(notes)
}

fn read(folder: &Path) -> Result<Option<Attempt>> {
    let path = folder.join(NOTE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::io(&path, error)),
    };
    let attempt: Attempt =
        serde_json::from_slice(&bytes).map_err(|error| Error::Internal(format!("{} cannot be read: {error}", path.display())))?;
    Ok(Some(Attempt { folder: folder.to_owned(), ..attempt }))
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
    let mut folders: Vec<PathBuf> =
        durable::entries_if_there(&root)?.into_iter().map(|entry| entry.path()).filter(|path| time_of(path).is_some()).collect();
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

/// Removes damaged sets that are neither among the last few nor young; not one of which it is not known yet whether it has to go back. One that cannot be removed now is removed later.
pub(crate) fn prune(vault: &Vault, database: &DatabaseId) {
    let pruned = folders(vault, database).and_then(|folders| {
        let now = Timestamp::now();
        for folder in folders.iter().skip(KEPT) {
            let old = time_of(folder).is_some_and(|at| now.duration_since(at) > KEPT_FOR);
            if old && !matches!(read(folder), Ok(Some(attempt)) if attempt.is_open()) {
                fs::remove_dir_all(folder).map_err(|error| Error::io(folder, error))?;
            }
        }
        Ok(())
    });
    if let Err(error) = pruned {
        tracing::warn!(%database, %error, "old damaged files could not be removed");
    }
}
