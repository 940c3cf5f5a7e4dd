//! The server functions of the trash, and what they return.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{error::AppError, ui::Moment};

#[cfg(feature = "ssr")]
use crate::words::{shared, trash as words};
#[cfg(feature = "ssr")]
use {
    crate::server::{answer, blocking, person_with, zone},
    keepstone_engine::delete,
    keepstone_model::{Timestamp, access::Role, backup::Backup, id::BackupId},
    std::collections::BTreeMap,
};

/// A backup in the trash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrashRow {
    pub id: String,
    pub database: String,
    pub kind: String,
    pub created: Moment,
    pub size_bytes: Option<u64>,
    pub description: String,
    pub trashed: Option<Moment>,
    pub until: Option<Moment>,
}

/// What is in the trash of a database that was removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemovedRow {
    pub database: String,
    pub backups: u64,
    pub size_bytes: u64,
    /// When the last of them goes.
    pub until: Option<Moment>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrashList {
    pub rows: Vec<TrashRow>,
    pub removed: Vec<RemovedRow>,
    /// Of all that is in the trash, not of this page alone.
    pub total: u64,
    pub size_bytes: u64,
    pub page: u64,
    /// Up to when something was moved there, in milliseconds: what came after that was not seen here.
    pub seen: i64,
    pub may_change: bool,
}

/// How many rows a page has.
pub const PAGE: u64 = 50;

#[server(prefix = "/fn", endpoint = "trash/list")]
pub async fn list(#[server(default)] page: String) -> Result<TrashList, AppError> {
    let person = person_with(Role::Viewer)?;
    let page = page.parse().ok().filter(|page| (1..=1_000_000).contains(page)).unwrap_or(1);
    let (found, of_removed) =
        blocking(move |vault| Ok((delete::trash_page(vault, PAGE, (page - 1) * PAGE)?, delete::trash_of_removed(vault)?))).await?;
    let (zone, now) = (zone(), Timestamp::now());
    let moment = |at| Moment::new(at, now, &zone);
    let rows = found.backups.iter().map(|backup| TrashRow {
        id: backup.id.to_string(),
        database: backup.database.to_string(),
        kind: backup.kind.to_string(),
        created: moment(backup.created_at),
        size_bytes: (backup.archive_size_bytes > 0).then_some(backup.archive_size_bytes),
        description: backup.description.clone(),
        trashed: backup.trashed_at.map(moment),
        until: backup.trash_until.map(moment),
    });
    let mut by_database = BTreeMap::<String, Vec<Backup>>::new();
    for backup in of_removed {
        by_database.entry(backup.database.to_string()).or_default().push(backup);
    }
    let removed = by_database.into_iter().map(|(database, backups)| RemovedRow {
        database,
        backups: backups.len() as u64,
        size_bytes: backups.iter().map(|backup| backup.archive_size_bytes).sum(),
        until: backups.iter().filter_map(|backup| backup.trash_until).max().map(moment),
    });
    Ok(TrashList {
        rows: rows.collect(),
        removed: removed.collect(),
        total: found.total,
        size_bytes: found.size_bytes,
        page,
        seen: found.newest_at.unwrap_or(now).as_millisecond(),
        may_change: person.role >= Role::Operator,
    })
}

/// Takes a backup back from the trash, and leads to it. Sent twice, the second one finds it where it should be.
#[server(prefix = "/fn", endpoint = "trash/put-back")]
pub async fn put_back(id: String) -> Result<(), AppError> {
    let person = person_with(Role::Operator)?;
    let backup: BackupId = id.parse().map_err(|_| answer(AppError::new(404, "unknown_backup", shared::no_such_backup())))?;
    let address = format!("/backups/{backup}");
    blocking(move |vault| {
        if delete::trash(vault)?.iter().any(|trashed| trashed.id == backup) {
            delete::put_back(vault, &backup, &person.name).map(drop)
        } else {
            // Not in the trash: an error unless it is back already.
            keepstone_engine::backups::backup(vault, &backup).map(drop)
        }
    })
    .await?;
    leptos_axum::redirect(&address);
    Ok(())
}

/// Removes what was seen in the trash for good: nothing brings it back, so it is typed. What came since stays.
#[server(prefix = "/fn", endpoint = "trash/empty")]
pub async fn empty(seen: String, #[server(default)] typed: String) -> Result<(), AppError> {
    let person = person_with(Role::Operator)?;
    if typed.trim() != "empty" {
        return Err(AppError::invalid("typed", words::empty_typed_wrong()));
    }
    let seen = seen.parse().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let seen = seen.ok_or_else(|| AppError::invalid("seen", shared::foreign_form()))?;
    let (removed, left) = blocking(move |vault| {
        let (removed, _) = delete::empty_trash_until(vault, seen, &person.name)?;
        Ok((removed, delete::what_stays(vault, |backup| backup.trashed_at.is_some_and(|at| at <= seen))?))
    })
    .await?;
    let stay = left.len() as u64;
    if let Some((_, why)) = left.into_iter().next() {
        let why = AppError::from(why);
        return Err(answer(AppError::new(409, &why.code, words::some_stay(removed, stay, &why.message))));
    }
    leptos_axum::redirect("/trash");
    Ok(())
}
