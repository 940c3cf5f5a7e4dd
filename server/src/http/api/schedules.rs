//! Schedules: what is backed up when.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use keepstone_engine::{
    Vault, databases,
    schedules::{self, AddScheduleOptions, EditScheduleOptions},
};
use keepstone_model::{
    Timestamp,
    id::{DatabaseId, Kind},
    schedule::{IfMissed, Schedule, TIMED_KINDS, Trigger},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Accepted, Answer, Api, Caller, List, Problem,
    extract::{Body, Query},
    once::{self, Key},
};
use crate::shape::{JobStatus, NextRun, ScheduleDetail, ScheduleStatus};

/// How many of the next runs a schedule is shown with.
const NEXT: usize = 5;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(next))
        .routes(routes!(add))
        .routes(routes!(show, edit, remove))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(trigger))
}

/// The number of an address; one that is none is not there.
fn parsed(number: &str) -> Answer<i64> {
    let missing = || Problem::unknown("unknown_schedule", format!("No schedule \"{number}\"."));
    number.parse().ok().filter(|number| *number > 0).ok_or_else(missing)
}

fn detail(vault: &Vault, number: i64) -> Answer<ScheduleDetail> {
    let now = Timestamp::now();
    let status = schedules::show(vault, number, now)?;
    Ok(ScheduleDetail::of(&status, &schedules::preview_number(vault, number, NEXT, now)?))
}

#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Of {
    /// Only of this database.
    #[param(example = "shop", min_length = 1)]
    database: Option<String>,
}

/// Every schedule
#[utoipa::path(get, path = "/schedules", tag = "schedules", operation_id = "list_schedules", params(Of), responses(
    (status = 200, description = "In the order in which they were added.", body = List<ScheduleStatus>)))]
async fn list(State(api): State<Api>, caller: Caller, Query(of): Query<Of>) -> Answer<Json<List<ScheduleStatus>>> {
    api.run(move |vault| {
        let only = caller.filter(vault, of.database.as_deref())?;
        let all = schedules::list(vault, only.as_ref(), Timestamp::now())?;
        Ok(List::of(all.iter().filter(|status| caller.sees(&status.database))))
    })
    .await
}

#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Ahead {
    /// Only of this database.
    #[param(example = "shop", min_length = 1)]
    database: Option<String>,
    /// So many runs of each schedule, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 1)]
    count: Option<u8>,
}

/// The next runs, the soonest first
#[utoipa::path(get, path = "/schedules/next", tag = "schedules", operation_id = "next_runs", params(Ahead), responses(
    (status = 200, description = "The runs that lie ahead.", body = List<NextRun>)))]
async fn next(State(api): State<Api>, caller: Caller, Query(ahead): Query<Ahead>) -> Answer<Json<List<NextRun>>> {
    let count = ahead.count.unwrap_or(1);
    if !(1..=100).contains(&count) {
        return Err(Problem::invalid("count", "A count is 1 to 100."));
    }
    api.run(move |vault| {
        let only = caller.filter(vault, ahead.database.as_deref())?;
        let now = Timestamp::now();
        let mut runs = Vec::new();
        for status in schedules::list(vault, only.as_ref(), now)?.into_iter().filter(|status| caller.sees(&status.database)) {
            // A paused one has no next run.
            if status.next_run_at.is_some() {
                let preview = schedules::preview_number(vault, status.number, usize::from(count), now)?;
                runs.extend(preview.runs.iter().map(|run| (run.at, status.number, NextRun::of(&status, run))));
            }
        }
        runs.sort_by_key(|(at, number, _)| (*at, *number));
        Ok(List::of(runs.into_iter().map(|(_, _, run)| run)))
    })
    .await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ScheduleEvent {
    /// Each time Keepstone starts.
    Start,
    /// Each time Keepstone is told to stop.
    Stop,
}

/// A schedule: exactly one of `cron`, `every_secs` and `on` says when; of one that is changed what is left out stays.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct ScheduleWish {
    /// Minute, hour, day of month, month, day of week.
    #[schema(example = "0 2 * * *", max_length = 200)]
    cron: Option<String>,
    /// The time zone of the cron; else the server's.
    #[schema(example = "Europe/Berlin", max_length = 100)]
    time_zone: Option<String>,
    /// An interval instead.
    #[schema(minimum = 1, maximum = 3_153_600_000_u64)]
    every_secs: Option<u64>,
    /// An event instead.
    on: Option<ScheduleEvent>,
    /// The kind of its backups; else the one that fits the times.
    kind: Option<Kind>,
    if_missed: Option<IfMissed>,
    /// Begin each run later by up to this, always the same for one schedule.
    #[schema(maximum = 86_400)]
    jitter_secs: Option<u64>,
    paused: Option<bool>,
}

impl ScheduleWish {
    fn trigger(&self, zone: impl FnOnce() -> String) -> Answer<Option<Trigger>> {
        let (cron, every, on) = (self.cron.as_ref(), self.every_secs, self.on);
        if self.time_zone.is_some() && (every.is_some() || on.is_some()) {
            return Err(Problem::invalid("time_zone", "Only a cron has a time zone."));
        }
        match (cron, every, on) {
            (None, None, None) => Ok(None),
            (Some(cron), None, None) => {
                let cron = cron.split_whitespace().collect::<Vec<_>>().join(" ");
                Ok(Some(Trigger::Cron { cron, time_zone: self.time_zone.clone().unwrap_or_else(zone) }))
            }
            (None, Some(every_secs), None) => Ok(Some(Trigger::Interval { every_secs })),
            (None, None, Some(ScheduleEvent::Start)) => Ok(Some(Trigger::Start)),
            (None, None, Some(ScheduleEvent::Stop)) => Ok(Some(Trigger::Stop)),
            _ => Err(Problem::invalid("cron", "Say one of \"cron\", \"every_secs\" and \"on\".")),
        }
    }

    fn check(&self) -> Answer<()> {
        if self.kind.is_some_and(|kind| !TIMED_KINDS.contains(&kind) && !matches!(kind, Kind::Startup | Kind::Shutdown)) {
            return Err(Problem::invalid("kind", "A schedule makes no backups of this kind."));
        }
        Ok(())
    }
}

/// Add a schedule to a database
#[utoipa::path(post, path = "/databases/{database}/schedules", tag = "schedules", operation_id = "add_schedule", request_body = ScheduleWish, params(("database" = DatabaseId, Path)), responses(
    (status = 201, description = "The schedule, with its next runs.", body = ScheduleDetail)))]
async fn add(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    Body(wish): Body<ScheduleWish>,
) -> Answer<(StatusCode, Json<ScheduleDetail>)> {
    wish.check()?;
    api.run(move |vault| {
        let now = Timestamp::now();
        let database = databases::database(vault, &super::databases::parsed(&id)?)?.id;
        let trigger = wish.trigger(schedules::host_time_zone)?;
        let trigger = trigger.ok_or_else(|| Problem::invalid("cron", "Say when: \"cron\", \"every_secs\" or \"on\"."))?;
        let kind = wish.kind.map_or_else(|| schedules::kind_for(&trigger, now), Ok)?;
        let schedule = Schedule {
            if_missed: wish.if_missed.unwrap_or_default(),
            jitter_secs: wish.jitter_secs.unwrap_or_default(),
            paused: wish.paused.unwrap_or_default(),
            ..Schedule::of(kind, trigger)
        };
        let added = schedules::add(vault, &AddScheduleOptions { database, schedule, actor: caller.actor() }, now)?;
        Ok((StatusCode::CREATED, Json(detail(vault, added.number)?)))
    })
    .await
}

/// One schedule with its next runs
#[utoipa::path(get, path = "/schedules/{schedule}", tag = "schedules", operation_id = "show_schedule", params(("schedule" = i64, Path, minimum = 1)), responses(
    (status = 200, description = "The schedule.", body = ScheduleDetail)))]
async fn show(State(api): State<Api>, Path(number): Path<String>) -> Answer<Json<ScheduleDetail>> {
    api.run(move |vault| Ok(Json(detail(vault, parsed(&number)?)?))).await
}

/// Change a schedule
///
/// With other times it begins anew: its next run is the first one from now on.
#[utoipa::path(patch, path = "/schedules/{schedule}", tag = "schedules", operation_id = "edit_schedule", request_body = ScheduleWish, params(("schedule" = i64, Path, minimum = 1)), responses(
    (status = 200, description = "The schedule as it is now.", body = ScheduleDetail)))]
async fn edit(
    State(api): State<Api>,
    caller: Caller,
    Path(number): Path<String>,
    Body(wish): Body<ScheduleWish>,
) -> Answer<Json<ScheduleDetail>> {
    wish.check()?;
    api.run(move |vault| {
        let (now, number) = (Timestamp::now(), parsed(&number)?);
        let present = schedules::show(vault, number, now)?.schedule;
        // A zone alone moves the cron that is there; a cron alone keeps the zone.
        let (cron, zone) = match &present.trigger {
            Trigger::Cron { cron, time_zone } => (Some(cron.clone()), time_zone.clone()),
            _ => (None, schedules::host_time_zone()),
        };
        let trigger = match (wish.trigger(|| zone)?, &wish.time_zone) {
            (None, Some(zone)) => {
                let cron = cron.ok_or_else(|| Problem::invalid("time_zone", "This schedule has no cron, so no time zone."))?;
                Some(Trigger::Cron { cron, time_zone: zone.clone() })
            }
            (trigger, _) => trigger,
        };
        let is_event = |trigger: &Trigger| matches!(trigger, Trigger::Start | Trigger::Stop);
        let kind = match (wish.kind, &trigger) {
            (Some(kind), _) => Some(kind),
            // A start or stop has its one kind, and what was one needs another.
            (None, Some(trigger)) if is_event(trigger) || is_event(&present.trigger) => Some(schedules::kind_for(trigger, now)?),
            (None, _) => None,
        };
        let options = EditScheduleOptions {
            kind,
            trigger,
            if_missed: wish.if_missed,
            jitter_secs: wish.jitter_secs,
            paused: wish.paused,
            actor: caller.actor(),
        };
        schedules::edit(vault, number, &options, now)?;
        Ok(Json(detail(vault, number)?))
    })
    .await
}

/// Take a schedule away
///
/// The backups that it made stay.
#[utoipa::path(delete, path = "/schedules/{schedule}", tag = "schedules", operation_id = "remove_schedule", params(("schedule" = i64, Path, minimum = 1)), responses(
    (status = 200, description = "The schedule as it was.", body = ScheduleStatus)))]
async fn remove(State(api): State<Api>, caller: Caller, Path(number): Path<String>) -> Answer<Json<ScheduleStatus>> {
    api.run(move |vault| {
        let removed = schedules::remove(vault, parsed(&number)?, &caller.actor(), Timestamp::now())?;
        Ok(Json((&removed).into()))
    })
    .await
}

/// Hold a schedule
///
/// What it misses meanwhile is not made up.
#[utoipa::path(post, path = "/schedules/{schedule}/pause", tag = "schedules", operation_id = "pause_schedule", params(("schedule" = i64, Path, minimum = 1)), responses(
    (status = 200, description = "The schedule as it is now.", body = ScheduleDetail)))]
async fn pause(State(api): State<Api>, caller: Caller, Path(number): Path<String>) -> Answer<Json<ScheduleDetail>> {
    hold(&api, &caller, number, true).await
}

/// Let a paused schedule run again
#[utoipa::path(post, path = "/schedules/{schedule}/resume", tag = "schedules", operation_id = "resume_schedule", params(("schedule" = i64, Path, minimum = 1)), responses(
    (status = 200, description = "The schedule as it is now.", body = ScheduleDetail)))]
async fn resume(State(api): State<Api>, caller: Caller, Path(number): Path<String>) -> Answer<Json<ScheduleDetail>> {
    hold(&api, &caller, number, false).await
}

async fn hold(api: &Api, caller: &Caller, number: String, paused: bool) -> Answer<Json<ScheduleDetail>> {
    let options = EditScheduleOptions { paused: Some(paused), actor: caller.actor(), ..EditScheduleOptions::default() };
    api.run(move |vault| {
        let number = parsed(&number)?;
        schedules::edit(vault, number, &options, Timestamp::now())?;
        Ok(Json(detail(vault, number)?))
    })
    .await
}

/// Take the backup of a schedule now, also of a paused one
#[utoipa::path(post, path = "/schedules/{schedule}/trigger", tag = "schedules", operation_id = "trigger_schedule",
    params(("schedule" = i64, Path, minimum = 1), ("Idempotency-Key" = Option<String>, Header, description = "Names this request, so that it is carried out once.", max_length = 200, pattern = "^[!-~]+$")), responses(
    (status = 202, description = "The job that makes it.", body = JobStatus, headers(("Location" = String, description = "The address of the job.")))))]
async fn trigger(State(api): State<Api>, caller: Caller, key: Key, Path(number): Path<String>) -> Answer<Accepted> {
    api.run(move |vault| {
        let number = parsed(&number)?;
        let key = once::claimed(vault, &caller, &key, &serde_json::json!(["trigger", number]).to_string())?;
        let job = schedules::trigger(vault, number, &caller.actor(), key.as_deref())?;
        Accepted::of(vault, &job)
    })
    .await
}
