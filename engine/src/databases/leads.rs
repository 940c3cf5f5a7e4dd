//! Where the path of a database leads. A symbolic link on it may be pointed elsewhere (deployments do that): Keepstone follows it as the application does, backs up what
//! stands there now, and says so. What is backed up is never a file that the path does not lead to any more.

use std::path::{Path, PathBuf};

use keepstone_model::{
    database::{Concern, Database, Topic},
    event::EventResult,
};

use super::adding::refuse_own;
use crate::{
    Result, Vault,
    activity::{self, NewEvent},
    driver,
};

/// A path leads to another file than when the database was last backed up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    location: String,
    before: PathBuf,
    now: PathBuf,
}

impl Elsewhere {
    pub(super) fn concern(&self) -> Concern {
        Concern {
            reason: format!("{}, and no backup was made since", self.words()),
            advice: "Make a backup now; if the link should not lead there, mend it first.".to_owned(),
            backup: None,
            topic: Topic::Other,
        }
    }

    /// Refuses a path that leads into the vault by now.
    pub(crate) fn refuse_own(&self, vault: &Vault) -> Result<()> {
        refuse_own(vault, &self.now)
    }

    pub(crate) fn words(&self) -> String {
        let (before, now) = (self.before.display(), self.now.display());
        if !self.now.exists() {
            format!("{} leads to no file any more, before it led to {before}", self.location)
        } else if self.now == Path::new(&self.location) {
            format!("{now} is a file of its own now, before it led to {before}")
        } else {
            format!("{} leads to {now} now, before it led to {before}", self.location)
        }
    }
}

/// Whether the path leads elsewhere by now. Looks at no file of a database on whose path there was no link.
pub(crate) fn elsewhere(vault: &Vault, database: &Database) -> Result<Option<Elsewhere>> {
    let Some(before) = vault.catalog().leads_to(&database.uid)?.map(PathBuf::from) else { return Ok(None) };
    let Some(now) = driver::of(database.engine).file(database)? else { return Ok(None) };
    Ok((now != before).then(|| Elsewhere { location: database.location.clone(), before, now }))
}

/// Writes down where the path leads, before a backup is made of what is there; if it led elsewhere before, with an alarm.
pub(crate) fn follow(vault: &Vault, database: &Database, actor: &str) -> Result<()> {
    let moved = elsewhere(vault, database)?;
    if let Some(moved) = &moved {
        if !moved.now.exists() {
            // The backup is going to fail, and that is told.
            return Ok(());
        }
        moved.refuse_own(vault)?;
        let message = format!("{}: {}; backups are of that file from now on", database.id, moved.words());
        tracing::warn!("{message}");
        let event = NewEvent {
            actor,
            action: "database.moved",
            result: EventResult::Warning,
            database: Some(database.id.clone()),
            backup: None,
            job: None,
            message,
        };
        activity::record(vault, &event)?;
    }
    let Some(now) = driver::of(database.engine).file(database)? else { return Ok(()) };
    let is_new = vault.catalog().leads_to(&database.uid)?.is_none() && now != Path::new(&database.location);
    match now.to_str() {
        Some(now) if is_new || moved.is_some() => vault.catalog().set_leads_to(&database.uid, now),
        _ => Ok(()),
    }
}
