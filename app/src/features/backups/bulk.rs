//! Several backups at once: what was ticked in the list, what can be done with it, and doing it. One that refuses keeps no other from it.

use keepstone_model::backup::{BackupState, Verdict};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{error::AppError, ui::Moment};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    pub rows: Vec<SelectedRow>,
    /// How many that were asked for are not there any more.
    pub missing: u64,
    pub size_bytes: u64,
    pub may_change: bool,
    /// Makes a form that is sent twice one act.
    pub key: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelectedRow {
    pub id: String,
    pub database: String,
    pub kind: String,
    pub state: BackupState,
    pub verdict: Verdict,
    pub created: Moment,
    pub size_bytes: Option<u64>,
    pub pinned: bool,
    /// Why it cannot be deleted now.
    pub refusal: Option<String>,
}

/// `ids` are those that were ticked, separated by blanks.
#[server(prefix = "/fn", endpoint = "backups/selected")]
pub async fn show_selection(#[server(default)] ids: String) -> Result<Selection, AppError> {
    let person = crate::server::person_with(keepstone_model::access::Role::Viewer)?;
    on_the_server::selection(&ids, person.role).await
}

/// Queues a verification of each, and leads to the jobs.
#[server(prefix = "/fn", endpoint = "backups/verify-selected")]
pub async fn verify_selected(ids: String, #[server(default)] key: String) -> Result<(), AppError> {
    let person = crate::server::person_with(keepstone_model::access::Role::Operator)?;
    on_the_server::verify(&ids, &person.name, &key).await?;
    leptos_axum::redirect("/jobs");
    Ok(())
}

#[server(prefix = "/fn", endpoint = "backups/pin-selected")]
pub async fn pin_selected(ids: String, pinned: bool) -> Result<(), AppError> {
    let person = crate::server::person_with(keepstone_model::access::Role::Operator)?;
    let address = on_the_server::address(&ids)?;
    on_the_server::pin(&ids, pinned, person.name).await?;
    leptos_axum::redirect(&address);
    Ok(())
}

/// Moves them to the trash; those that may not go stay, and their page says why.
#[server(prefix = "/fn", endpoint = "backups/delete-selected")]
pub async fn delete_selected(ids: String) -> Result<(), AppError> {
    let person = crate::server::person_with(keepstone_model::access::Role::Operator)?;
    let address = on_the_server::address(&ids)?;
    on_the_server::delete(&ids, person.name).await?;
    leptos_axum::redirect(&address);
    Ok(())
}

#[cfg(feature = "ssr")]
mod on_the_server {
    use keepstone_engine::{
        Error, Vault,
        backups::{self, EditBackupOptions},
        delete as trash,
        jobs::{self, JobRequest},
        verify::VerifyOptions,
    };
    use keepstone_model::{
        Timestamp,
        access::Role,
        backup::{Backup, BackupState},
        id::BackupId,
    };

    use super::{SelectedRow, Selection};
    use crate::{
        error::{AppError, sentence},
        features::backups::facts::random_key,
        server::{blocking, form_key, zone},
        ui::Moment,
        words::{backups as words, shared},
    };

    /// What is done in one request; a list's page holds fewer.
    const MOST: usize = 200;

    fn ids(text: &str) -> Result<Vec<BackupId>, AppError> {
        let mut ids: Vec<BackupId> = Vec::new();
        for id in text.split_whitespace() {
            let id = id.parse().map_err(|_| AppError::invalid("ids", shared::foreign_form()))?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        if ids.len() > MOST { Err(AppError::invalid("ids", words::too_many(&MOST))) } else { Ok(ids) }
    }

    /// The page that shows these.
    pub(super) fn address(text: &str) -> Result<String, AppError> {
        let query: Vec<String> = ids(text)?.iter().map(|id| format!("ids={id}")).collect();
        Ok(format!("/backups/selected?{}", query.join("&")))
    }

    pub(super) async fn selection(text: &str, role: Role) -> Result<Selection, AppError> {
        let (ids, zone, now) = (ids(text)?, zone(), Timestamp::now());
        let asked = ids.len();
        let found = blocking(move |vault| {
            // The newest first, as in the list.
            let mut found = trash::outlook(vault, known(vault, &ids)?)?;
            found.reverse();
            Ok(found)
        })
        .await?;
        let row = |(backup, refusal): &(Backup, Option<&'static str>)| SelectedRow {
            id: backup.id.to_string(),
            database: backup.database.to_string(),
            kind: backup.kind.to_string(),
            state: backup.state,
            verdict: backup.verdict(),
            created: Moment::new(backup.created_at, now, &zone),
            size_bytes: (backup.archive_size_bytes > 0).then_some(backup.archive_size_bytes),
            pinned: backup.pinned,
            refusal: refusal.map(sentence),
        };
        Ok(Selection {
            rows: found.iter().map(row).collect(),
            missing: (asked - found.len()) as u64,
            size_bytes: found.iter().map(|(backup, _)| backup.archive_size_bytes).sum(),
            may_change: role >= Role::Operator,
            key: random_key(),
        })
    }

    pub(super) async fn verify(text: &str, actor: &str, key: &str) -> Result<(), AppError> {
        let ids = ids(text)?;
        let (actor, key) = (actor.to_owned(), form_key(actor, key)?);
        blocking(move |vault| {
            for id in ids {
                if backups::backup(vault, &id)?.state == BackupState::Complete {
                    let key = key.as_ref().map(|key| format!("{key}:{id}"));
                    jobs::submit(vault, &JobRequest::Verify(VerifyOptions::new(id, actor.clone())), key.as_deref())?;
                }
            }
            Ok(())
        })
        .await
    }

    pub(super) async fn pin(text: &str, pinned: bool, actor: String) -> Result<(), AppError> {
        let ids = ids(text)?;
        blocking(move |vault| {
            each(ids, |id| {
                let options = EditBackupOptions { pinned: Some(pinned), actor: actor.clone(), ..EditBackupOptions::default() };
                backups::edit(vault, id, &options).map(drop)
            })
        })
        .await
    }

    pub(super) async fn delete(text: &str, actor: String) -> Result<(), AppError> {
        let ids = ids(text)?;
        blocking(move |vault| {
            let oldest_first = trash::outlook(vault, known(vault, &ids)?)?;
            each(oldest_first.into_iter().map(|(backup, _)| backup.id), |id| trash::delete(vault, id, &actor).map(drop))
        })
        .await
    }

    /// Those that are there.
    fn known(vault: &Vault, ids: &[BackupId]) -> keepstone_engine::Result<Vec<Backup>> {
        let mut known = Vec::new();
        for id in ids {
            match backups::backup(vault, id) {
                Ok(backup) => known.push(backup),
                Err(Error::UnknownBackup { .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(known)
    }

    /// Does it with each; what refuses for itself (pinned, the last good one, already there) is passed over, a fault of the disk is not.
    fn each(
        ids: impl IntoIterator<Item = BackupId>,
        act: impl Fn(&BackupId) -> keepstone_engine::Result<()>,
    ) -> keepstone_engine::Result<()> {
        for id in ids {
            match act(&id) {
                Ok(()) | Err(Error::DeleteRefused { .. } | Error::Invalid { .. } | Error::UnknownBackup { .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }
}
