//! Doctor, for one database: is it sound, and if it is truly corrupt, may it be brought back? The decisions stand here; how files are put in
//! their place stands in `restore/recovery.rs`, and what is looked at elsewhere in a vault in `doctor/`.

use std::{
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use keepstone_model::{
    backup::Backup,
    database::{Database, Recovered, unrecoverable},
    event::EventResult,
    id::{BackupId, DatabaseId, JobId},
};
use serde::Serialize;

use crate::{
    Error, Monitor, Result, Vault,
    activity::{self, NewEvent},
    checkup, databases, driver,
    durable::{self, LockMode},
    restore::{
        aside::{self, Attempt},
        recovery,
    },
    sqlite::{
        self,
        health::{Health, SecondLook, health},
    },
};

/// A database is recovered at most once in this time: one that is corrupt again has a cause that no restore mends.
const ONCE_IN: SignedDuration = SignedDuration::from_hours(24);
/// Who acts where nobody asked.
pub const ACTOR: &str = "auto-recovery";

/// Looks at a database from a process that has nothing of it open: the only one that can tell whether others hold locks on it, and whose view no
/// fault of this process distorts. The command line asks a child; see [`sqlite::health::second_look`], which is what that one runs.
pub trait Confirm: Sync {
    fn look(&self, path: &Path) -> Result<SecondLook>;
}

#[derive(Debug, Clone)]
pub struct CheckOptions {
    pub database: DatabaseId,
    /// Whether a database that is truly corrupt is restored from its newest good backup.
    pub recover: bool,
    pub actor: String,
}

/// What a look at one database came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "status")]
pub enum Outcome {
    /// The application may start.
    Healthy {
        /// What is not as it should be and keeps nobody from working.
        findings: Vec<String>,
    },
    /// The application may start, with what the backup held.
    Recovered { finding: String, backup: BackupId, taken_at: Timestamp, kept: PathBuf, job: Option<JobId> },
    /// It must not: what is there is damaged, and stays as it is.
    Corrupt { finding: String, not_recovered: String },
}

/// Checks a live database, and recovers it if that is asked for and safe: only from corruption that SQLite itself tells, seen twice, once by a
/// fresh process; with nobody else at it; from a good backup that opens; and once a day. Being locked, unreadable, missing, or on a disk that is
/// full or fails is an error of its own and never a reason. Damage and recovery are alarmed in any case.
pub fn check(vault: &Vault, options: &CheckOptions, confirm: &dyn Confirm, monitor: &dyn Monitor) -> Result<Outcome> {
    let database = databases::database(vault, &options.database)?;
    let driver = driver::of(database.engine);
    let Some(path) = driver.file(&database)? else {
        // Its server keeps it sound; what can be asked is whether it answers, and whether a backup could be made.
        let found = driver.probe(vault, &database, sqlite::BUSY_WAIT)?;
        return Ok(Outcome::Healthy { findings: vec![found] });
    };
    // Only under the lock: a recovery that runs now is no one's to forget.
    if let Some(_lock) = durable::try_lock(&vault.database_lock_path(&database.id), LockMode::Exclusive)?
        && let Some(untouched) = aside::last_recovery(vault, &database.id)?.filter(|attempt| attempt.is_open() && attempt.stands(&path))
    {
        untouched.forget(&path)?;
    }
    let attempt = aside::last_recovery(vault, &database.id)?;
    let open = attempt.clone().filter(Attempt::is_open);
    let found = health(&path, sqlite::BUSY_WAIT, monitor);
    let outcome = match (found, open) {
        (Ok(Health { damage: None, findings }), open) => {
            // A process died just after its recovery: nobody has heard of it yet.
            if let Some(open) = open.filter(|open| open.is_in_place(&path)) {
                let recovered = recovery::finish(vault, &database.id, &open)?;
                return Ok(told(open.finding, recovered, None));
            }
            checkup::all_is_well(vault, &database.id)?;
            return Ok(Outcome::Healthy { findings });
        }
        (Ok(Health { damage: Some(damage), .. }), open) => {
            if let Some(open) = open.filter(|open| open.is_in_place(&path)) {
                recovery::finish(vault, &database.id, &open)?;
            }
            recover(vault, &database, &path, &damage, attempt.as_ref(), options, confirm, monitor)
        }
        (Err(error @ (Error::SourceEmpty { .. } | Error::SourceMissing { .. } | Error::SourceFormat { .. })), _) => {
            return gone(vault, &database.id, &path, options, error);
        }
        (Err(error), _) => return Err(error),
    };
    match outcome {
        Ok(outcome) => Ok(outcome),
        // It is not the database: nothing is written down against it.
        Err(NotRecovered { disk: Some(why), .. }) => Err(Error::io(&path, std::io::Error::other(why))),
        Err(NotRecovered { finding, why, disk: None }) => {
            checkup::damaged(vault, &database.id, &options.actor, &finding, &format!("not recovered: {why}"))?;
            Ok(Outcome::Corrupt { finding, not_recovered: why })
        }
    }
}

/// Every database that is to be looked after by itself, at the start of a server or scheduler. One that cannot be looked at keeps no other from it.
pub fn at_start(vault: &Vault, confirm: &dyn Confirm, monitor: &dyn Monitor) -> Result<()> {
    let looked_after = |database: &Database| matches!(driver::of(database.engine).file(database), Ok(Some(_)));
    for database in databases::databases(vault)?.into_iter().filter(|database| database.auto_recovery && looked_after(database)) {
        let id = database.id;
        match check(vault, &CheckOptions { database: id.clone(), recover: true, actor: ACTOR.to_owned() }, confirm, monitor) {
            Ok(Outcome::Healthy { .. }) => tracing::info!(database = %id, "sound"),
            Ok(Outcome::Recovered { finding, backup, .. }) => tracing::warn!(database = %id, finding, %backup, "recovered"),
            Ok(Outcome::Corrupt { finding, not_recovered }) => tracing::error!(database = %id, finding, not_recovered, "corrupt"),
            Err(error) => {
                tracing::error!(database = %id, %error, "it could not be looked at");
                let event = NewEvent {
                    actor: ACTOR,
                    action: "database.unchecked",
                    result: EventResult::Warning,
                    database: Some(id.clone()),
                    backup: None,
                    job: None,
                    message: format!("{id} could not be checked at the start: {error}"),
                };
                activity::record(vault, &event)?;
            }
        }
    }
    Ok(())
}

struct NotRecovered {
    finding: String,
    why: String,
    /// What looked like damage is a disk that fails, and how it says so.
    disk: Option<String>,
}

#[expect(clippy::too_many_arguments, reason = "one call, split off so that every refusal goes through one place")]
fn recover(
    vault: &Vault,
    database: &Database,
    path: &Path,
    finding: &str,
    attempt: Option<&Attempt>,
    options: &CheckOptions,
    confirm: &dyn Confirm,
    monitor: &dyn Monitor,
) -> std::result::Result<Outcome, NotRecovered> {
    let not = |why: String| NotRecovered { finding: finding.to_owned(), why, disk: None };
    let good = recovery::good_backups(vault, &database.id).map_err(|error| not(error.to_string()))?;
    let twice = || Outcome::Healthy { findings: vec![format!("a first look saw damage that a second one did not: {finding}")] };
    if let Some(why) = refusal(database, options.recover, &good, attempt, Timestamp::now()) {
        // Nothing is done about it, but it is written down against the database: that, too, only if it is true.
        return match confirm.look(path) {
            Ok(SecondLook { unreadable: Some(why), .. }) => Err(NotRecovered { disk: Some(why.clone()), ..not(why) }),
            Ok(look) if look.health.damage.is_none() => Ok(twice()),
            Ok(_) | Err(_) => Err(not(why)),
        };
    }
    let sound = AtomicBool::new(false);
    let unreadable = OnceLock::new();
    let second = || -> Result<()> {
        let look = confirm.look(path)?;
        sound.store(look.health.damage.is_none(), Ordering::Relaxed);
        if let Some(why) = look.unreadable {
            let _ = unreadable.set(why);
            return Err(Error::CancelledHere);
        }
        match (look.health.damage, look.holders.first()) {
            (None, _) => Err(Error::CancelledHere),
            (Some(_), Some(holder)) => {
                Err(Error::DatabaseBusy { database: database.id.clone(), holder: format!("{holder} is at it: stop that first") })
            }
            (Some(_), None) => Ok(()),
        }
    };
    match recovery::recover(vault, database, (finding, &options.actor), &second, monitor) {
        Ok((job, recovered, report)) => match report.damage_after() {
            None => Ok(told(finding.to_owned(), recovered, Some(job))),
            // That it was damaged before is no news any more.
            Some(damage) => Err(NotRecovered {
                finding: damage.to_owned(),
                why: format!(
                    "it is damaged although {} was restored into it just now ({job}): check the disk; the files before are kept in {}",
                    recovered.backup, recovered.kept
                ),
                disk: None,
            }),
        },
        Err(_) if sound.load(Ordering::Relaxed) => Ok(twice()),
        Err(error) => Err(NotRecovered { disk: unreadable.into_inner(), ..not(error.to_string()) }),
    }
}

/// Why a corrupt database is left to a person; none if it is not.
fn refusal(database: &Database, asked: bool, good: &[Backup], attempt: Option<&Attempt>, now: Timestamp) -> Option<String> {
    if !asked {
        return Some("that was not asked for".to_owned());
    }
    if database.never_replace {
        return Some("the database is marked \"never replace\"".to_owned());
    }
    if good.is_empty() {
        return Some("there is no good backup of it".to_owned());
    }
    // A clock that went back does not make it longer ago.
    let recent = attempt.filter(|attempt| now.duration_since(attempt.began_at) < ONCE_IN)?;
    let at = recent.began_at.strftime("%Y-%m-%d %H:%M UTC");
    Some(format!("it was recovered once already ({at}), and that is done once a day at most: something damages it again"))
}

/// A file that is empty or gone is no corruption: SQLite takes an empty one for a new database, and a disk may not be mounted. Nor is a format that
/// SQLite does not know. Where there are good backups of it, that is alarmed and left to a person.
fn gone(vault: &Vault, id: &DatabaseId, path: &Path, options: &CheckOptions, error: Error) -> Result<Outcome> {
    if recovery::good_backups(vault, id)?.is_empty() {
        return Err(error);
    }
    let (finding, why) = match error {
        Error::SourceEmpty { .. } => (unrecoverable::EMPTY, "an empty file is what a new database looks like, so a person decides"),
        Error::SourceFormat { .. } => (unrecoverable::UNKNOWN_FORMAT, "a newer SQLite may have made it, so a person decides"),
        _ => (unrecoverable::GONE, "its disk may just not be mounted, so a person decides"),
    };
    let way = format!("{why}: `keepstone restore latest --db {id} --replace`");
    checkup::damaged(vault, id, &options.actor, finding, &format!("not recovered: {way}"))?;
    if matches!(error, Error::SourceMissing { .. }) {
        return Err(error);
    }
    Ok(Outcome::Corrupt { finding: format!("{}: {finding}", path.display()), not_recovered: way })
}

fn told(finding: String, recovered: Recovered, job: Option<JobId>) -> Outcome {
    Outcome::Recovered { finding, backup: recovered.backup, taken_at: recovered.taken_at, kept: recovered.kept.into(), job }
}
