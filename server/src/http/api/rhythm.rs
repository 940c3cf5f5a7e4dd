//! When cleanup looks at a database by itself: shown and set.

use axum::{
    Json,
    extract::{Path, State},
};
use keepstone_engine::{Vault, cleanup, databases, schedules};
use keepstone_model::{Timestamp, id::DatabaseId, retention::CleanupRhythm, schedule::Trigger};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, Api, Caller, Problem, databases::parsed, extract::Body};
use crate::shape::CleanupStatus;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show, set))
}

/// When cleanup is to look: one of `cron` and `every_secs` at the most; what is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct CleanupScheduleWish {
    /// Minute, hour, day of month, month, day of week.
    #[schema(example = "30 4 * * *", max_length = 200)]
    cron: Option<String>,
    /// The time zone of the cron; else the server's.
    #[schema(example = "Europe/Berlin", max_length = 100)]
    time_zone: Option<String>,
    /// An interval instead, counted from the last look.
    #[schema(minimum = 3600, maximum = 2_678_400)]
    every_secs: Option<u64>,
    /// Whether it also looks after each scheduled backup.
    after_backups: Option<bool>,
    /// Whether nothing is removed by itself.
    paused: Option<bool>,
}

impl CleanupScheduleWish {
    fn over(self, present: &CleanupRhythm) -> Answer<CleanupRhythm> {
        let zone = |present: &Trigger| match present {
            Trigger::Cron { time_zone, .. } => time_zone.clone(),
            _ => schedules::host_time_zone(),
        };
        let trigger = match (self.cron, self.every_secs, self.time_zone) {
            (Some(_), Some(_), _) => return Err(Problem::invalid("cron", "Say one of \"cron\" and \"every_secs\".")),
            (None, Some(_), Some(_)) => return Err(Problem::invalid("time_zone", "Only a cron has a time zone.")),
            (Some(cron), None, time_zone) => {
                let cron = cron.split_whitespace().collect::<Vec<_>>().join(" ");
                Trigger::Cron { cron, time_zone: time_zone.unwrap_or_else(|| zone(&present.trigger)) }
            }
            (None, Some(every_secs), None) => Trigger::Interval { every_secs },
            (None, None, None) => present.trigger.clone(),
            (None, None, Some(time_zone)) => match &present.trigger {
                Trigger::Cron { cron, .. } => Trigger::Cron { cron: cron.clone(), time_zone },
                _ => return Err(Problem::invalid("time_zone", "Cleanup has no cron here, so no time zone.")),
            },
        };
        Ok(CleanupRhythm {
            trigger,
            after_backups: self.after_backups.unwrap_or(present.after_backups),
            paused: self.paused.unwrap_or(present.paused),
        })
    }
}

/// When cleanup looks at a database by itself, and how it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct CleanupSchedule {
    database: DatabaseId,
    schedule: CleanupRhythm,
    cleanup: CleanupStatus,
}

fn standing(vault: &Vault, database: DatabaseId, schedule: CleanupRhythm) -> Answer<Json<CleanupSchedule>> {
    let cleanup = (&databases::status(vault, &database, Timestamp::now())?.cleanup).into();
    Ok(Json(CleanupSchedule { database, schedule, cleanup }))
}

/// When cleanup looks at a database by itself
#[utoipa::path(get, path = "/databases/{database}/cleanup/schedule", tag = "retention", operation_id = "show_cleanup_schedule", params(("database" = DatabaseId, Path)), responses(
    (status = 200, description = "The times, and how cleanup stands.", body = CleanupSchedule)))]
async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer<Json<CleanupSchedule>> {
    api.run(move |vault| {
        let database = databases::database(vault, &parsed(&id)?)?;
        standing(vault, database.id, database.cleanup_rhythm)
    })
    .await
}

/// Set when cleanup looks at a database by itself, or pause it
#[utoipa::path(put, path = "/databases/{database}/cleanup/schedule", tag = "retention", operation_id = "set_cleanup_schedule", request_body = CleanupScheduleWish, params(("database" = DatabaseId, Path)), responses(
    (status = 200, description = "The times as they are now.", body = CleanupSchedule)))]
async fn set(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wish): Body<CleanupScheduleWish>,
) -> Answer<Json<CleanupSchedule>> {
    api.run(move |vault| {
        let database = databases::database(vault, &parsed(&id)?)?;
        let rhythm = wish.over(&database.cleanup_rhythm)?;
        if rhythm != database.cleanup_rhythm {
            cleanup::set_rhythm(vault, &database.id, &rhythm, &caller.actor(), Timestamp::now())?;
        }
        standing(vault, database.id, rhythm)
    })
    .await
}
