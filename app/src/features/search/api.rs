//! What the search finds, and the server function that looks for it.

use keepstone_model::{
    backup::{BackupState, Verdict},
    database::DatabaseState,
    job::JobState,
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{error::AppError, ui::Moment};

#[cfg(feature = "ssr")]
use crate::words::{search as words, shared};
#[cfg(feature = "ssr")]
use {
    super::places::places,
    crate::{
        error::sentence,
        server::{Person, blocking, person_with, zone},
    },
    keepstone_engine::{
        Result, Vault,
        backups::{self, BackupFilter},
        databases, jobs, users,
    },
    keepstone_model::{Timestamp, access::Role, backup::Backup, job::Job},
};

/// How much is looked for at most: what is longer is in no name.
#[cfg(feature = "ssr")]
const LONGEST: usize = 200;
/// How many of a sort are shown.
#[cfg(feature = "ssr")]
const SHOWN: usize = 20;

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    pub href: String,
    pub title: String,
    pub state: Option<State>,
    pub when: Option<Moment>,
    pub said: String,
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Database(DatabaseState),
    Backup(BackupState, Verdict),
    Job { state: JobState, unsound: bool },
}

/// The finds of one sort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finds {
    /// e.g. `Backups`.
    pub title: String,
    pub hits: Vec<Hit>,
    pub total: u64,
    /// Where all of them are, if not all are here.
    pub all: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// As it was looked for.
    pub text: String,
    /// Only sorts of which something was found.
    pub finds: Vec<Finds>,
}

/// Whatever has the text in its name; nothing for an empty one.
#[server(prefix = "/fn", endpoint = "search/find")]
pub async fn find(#[server(default)] text: String) -> Result<Found, AppError> {
    let person = person_with(Role::Viewer)?;
    let text: String = text.trim().chars().take(LONGEST).collect();
    if text.is_empty() {
        return Ok(Found { text, finds: Vec::new() });
    }
    let asked = text.clone();
    let mut finds = blocking(move |vault| all(vault, &asked, &person)).await?;
    finds.retain(|finds| finds.total > 0);
    Ok(Found { text, finds })
}

#[cfg(feature = "ssr")]
fn all(vault: &Vault, text: &str, person: &Person) -> Result<Vec<Finds>> {
    Ok(vec![
        of_databases(vault, text)?,
        of_backups(vault, text)?,
        of_jobs(vault, text)?,
        if person.role >= Role::Admin { of_people(vault, text)? } else { finds(words::people(), Vec::new()) },
        finds(words::pages(), places(text, person.role)),
    ])
}

#[cfg(feature = "ssr")]
fn finds(title: &str, mut hits: Vec<Hit>) -> Finds {
    let total = hits.len() as u64;
    hits.truncate(SHOWN);
    Finds { title: title.to_owned(), hits, total, all: None }
}

#[cfg(feature = "ssr")]
fn of_databases(vault: &Vault, text: &str) -> Result<Finds> {
    let (now, wanted) = (Timestamp::now(), text.to_lowercase());
    let mut named = databases::databases(vault)?;
    named.retain(|database| database.id.as_str().contains(&wanted) || database.location.to_lowercase().contains(&wanted));
    let total = named.len() as u64;
    let hits = named.into_iter().take(SHOWN).map(|database| {
        let status = databases::status(vault, &database.id, now)?;
        let state = Some(State::Database(status.state));
        Ok(Hit { href: format!("/databases/{}", database.id), title: database.id.to_string(), state, when: None, said: database.location })
    });
    let all = (total > SHOWN as u64).then(|| "/databases".to_owned());
    Ok(Finds { title: shared::databases().to_owned(), hits: hits.collect::<Result<_>>()?, total, all })
}

#[cfg(feature = "ssr")]
fn of_backups(vault: &Vault, text: &str) -> Result<Finds> {
    let (now, zone) = (Timestamp::now(), zone());
    let filter = BackupFilter { text: Some(text.to_owned()), limit: Some(SHOWN as u64), ..BackupFilter::default() };
    let mut found = backups::list(vault, &filter)?;
    // What lies in the trash is in no list, but whoever has its name wants it.
    if let Some(trashed) = text.parse().ok().and_then(|id| backups::backup(vault, &id).ok()).filter(|one| one.state == BackupState::Trashed)
    {
        found.backups.push(trashed);
        found.total += 1;
    }
    let hit = |backup: Backup| Hit {
        href: format!("/backups/{}", backup.id),
        title: backup.id.to_string(),
        state: Some(State::Backup(backup.state, backup.verdict())),
        when: Some(Moment::new(backup.created_at, now, &zone)),
        said: [&[backup.description][..], &backup.tags]
            .concat()
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" · "),
    };
    let all = (found.total > SHOWN as u64).then(|| format!("/backups?q={}", crate::server::percent_encoded(text)));
    Ok(Finds { title: shared::backups().to_owned(), hits: found.backups.into_iter().map(hit).collect(), total: found.total, all })
}

#[cfg(feature = "ssr")]
fn of_jobs(vault: &Vault, text: &str) -> Result<Finds> {
    let (now, zone) = (Timestamp::now(), zone());
    if !text.starts_with("j-") {
        return Ok(finds(shared::jobs(), Vec::new()));
    }
    let hit = |job: Job| Hit {
        href: format!("/jobs/{}", job.id),
        title: job.id.to_string(),
        state: Some(State::Job { state: job.state, unsound: job.is_done_unsound() }),
        when: Some(Moment::new(job.created_at, now, &zone)),
        said: job.outcome.as_deref().map(sentence).unwrap_or_default(),
    };
    Ok(finds(shared::jobs(), jobs::with_prefix(vault, text, 100)?.into_iter().map(hit).collect()))
}

#[cfg(feature = "ssr")]
fn of_people(vault: &Vault, text: &str) -> Result<Finds> {
    let wanted = text.to_lowercase();
    let mut named = users::list(vault)?;
    named.retain(|user| user.name.to_lowercase().contains(&wanted));
    let hit = |user: keepstone_engine::catalog::User| Hit {
        href: format!("/settings/people/{}", crate::server::percent_encoded(&user.name)),
        title: user.name,
        state: None,
        when: None,
        said: user.role.to_string(),
    };
    Ok(finds(words::people(), named.into_iter().map(hit).collect()))
}
