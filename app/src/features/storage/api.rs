//! What the page of the storage shows.

use keepstone_model::id::{DatabaseId, Kind};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{error::AppError, ui::Moment};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageView {
    pub backups: Share,
    pub trash: Share,
    pub staging_bytes: u64,
    pub reserve_bytes: u64,
    pub catalog_bytes: u64,
    /// What is free on the disk of the backups, and all of it; none where it is away.
    pub disk: Option<(u64, u64)>,
    /// Where the archives lie.
    pub folder: String,
    pub databases: Vec<(DatabaseId, Share, Option<i64>)>,
    pub kinds: Vec<(Kind, Share)>,
    /// A day each, the oldest first.
    pub history: Vec<Day>,
    pub growth_per_day: Option<i64>,
    pub days_until_full: Option<u64>,
    /// Of the day on which it is full, at this growth.
    pub full: Option<Moment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    pub count: u64,
    pub size_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// e.g. `12 Nov`.
    pub label: String,
    pub size_bytes: u64,
}

#[server(prefix = "/fn", endpoint = "storage/show")]
pub async fn show_storage() -> Result<StorageView, AppError> {
    crate::server::person_with(keepstone_model::access::Role::Viewer)?;
    on_the_server::show().await
}

#[cfg(feature = "ssr")]
mod on_the_server {
    use jiff::{SignedDuration, Timestamp};
    use keepstone_engine::storage::{self, Share as EngineShare};
    use keepstone_model::access::Role;

    use super::{Day, Share, StorageView};
    use crate::{
        error::AppError,
        server::{blocking, person_with, zone},
        ui::Moment,
    };

    pub(super) async fn show() -> Result<StorageView, AppError> {
        let (now, zone) = (Timestamp::now(), zone());
        // Folder names are for admins, as on the settings page.
        let is_admin = person_with(Role::Admin).is_ok();
        let (found, folder) = blocking(move |vault| {
            let folder = if is_admin { vault.backups_dir().display().to_string() } else { String::new() };
            Ok((storage::storage(vault, now)?, folder))
        })
        .await?;
        let share = |share: EngineShare| Share { count: share.count, size_bytes: share.size_bytes };
        let day = |at: Timestamp| at.to_zoned(zone.clone()).strftime(crate::local::format().day()).to_string();
        // A day that lies beyond a person's life says nothing that "not soon" does not say.
        let full = found.days_until_full.and_then(|days| i64::try_from(days).ok()).filter(|days| *days < 3650);
        let full = full.and_then(|days| now.checked_add(SignedDuration::from_hours(24 * days)).ok());
        Ok(StorageView {
            backups: share(found.backups),
            trash: share(found.trash),
            staging_bytes: found.staging_bytes,
            reserve_bytes: found.reserve_bytes,
            catalog_bytes: found.catalog_bytes,
            disk: found.disk.map(|disk| (disk.free_bytes, disk.size_bytes)),
            folder,
            databases: found.databases.into_iter().map(|one| (one.database, share(one.share), one.growth_per_day)).collect(),
            kinds: found.kinds.into_iter().map(|(kind, of_kind)| (kind, share(of_kind))).collect(),
            history: found.history.iter().map(|level| Day { label: day(level.at), size_bytes: level.size_bytes }).collect(),
            growth_per_day: found.growth_per_day,
            days_until_full: found.days_until_full,
            full: full.map(|at| Moment::new(at, now, &zone)),
        })
    }
}
