//! Gathers what the Overview shows.

use leptos::prelude::*;

use super::facts::Overview;
use crate::error::AppError;

/// All of it, in one call.
#[server(prefix = "/fn", endpoint = "overview/show")]
pub async fn show_overview() -> Result<Overview, AppError> {
    crate::server::person()?;
    on_the_server::overview().await
}

#[cfg(feature = "ssr")]
mod on_the_server {
    use std::{collections::BTreeMap, time::Duration};

    use keepstone_engine::{
        activity::{EventFilter, events},
        backups::{self, BackupFilter},
        databases::{DatabaseStatus, statuses},
        jobs::{JobFilter, jobs},
        schedules, verify,
    };
    use keepstone_model::{Timestamp, backup::Outcome, id::DatabaseId, job::Job};

    use crate::{
        error::{AppError, sentence},
        features::overview::facts::{Overview, OverviewRow},
        server,
        ui::{
            Age, Moment,
            events::EventLine,
            strip::{Days, marks},
        },
    };

    const EVENTS: u64 = 8;
    /// How long a tried restore speaks for a database.
    const TESTED_WITHIN: Duration = Duration::from_secs(7 * 86_400);

    pub(super) async fn overview() -> Result<Overview, AppError> {
        let (now, zone) = (Timestamp::now(), server::zone());
        let begin = Days::begin(now, &zone);
        let (found, month, recent, open, scheduled, tested, free_bytes) = server::blocking(move |vault| {
            Ok((
                statuses(vault, now)?,
                backups::outcomes(vault, &BackupFilter { from: begin, ..BackupFilter::default() })?,
                events(vault, &EventFilter { limit: Some(EVENTS), ..EventFilter::default() })?,
                jobs(vault, &JobFilter { open: true, ..JobFilter::default() })?,
                schedules::any(vault)?,
                verify::restores_tested_since(vault, now - TESTED_WITHIN)?,
                keepstone_engine::storage::free_bytes(vault),
            ))
        })
        .await?;
        let mut of_database: BTreeMap<&DatabaseId, Vec<&Outcome>> = BTreeMap::new();
        for backup in &month {
            of_database.entry(&backup.database).or_default().push(backup);
        }
        let row = |status: DatabaseStatus| {
            let id = &status.database.id;
            let job_of_it = |(job, _): &&(Job, _)| job.database.as_ref() == Some(id);
            OverviewRow {
                age: Age::new(&status, now, &zone),
                next_run: status.next_run_at.map(|at| Moment::new(at, now, &zone)),
                marks: marks(of_database.get(id).into_iter().flatten().copied(), now, &zone),
                job: open.iter().find(job_of_it).map(|(job, _)| job.id.clone()),
                backup_count: status.backup_count,
                concern: server::concern(&status),
                look_at: server::look_at(&status),
                last_error: status.last_error.as_deref().map(sentence),
                state: status.state,
                standing: status.standing,
                id: status.database.id,
            }
        };
        let cleanup = found.iter().filter_map(|status| Some((status.database.id.clone(), sentence(&status.cleanup.alarm()?)))).collect();
        Ok(Overview {
            cleanup,
            backup_count: found.iter().map(|status| status.backup_count).sum(),
            archive_size_bytes: found.iter().map(|status| status.archive_size_bytes).sum(),
            restore_tested: tested.len(),
            rows: found.into_iter().map(row).collect(),
            days: Days::until(now, &zone),
            events: recent.into_iter().map(|event| EventLine::new(event, now, &zone)).collect(),
            key: format!("overview-{:x}", now.as_nanosecond()),
            scheduled,
            free_bytes,
        })
    }
}
