//! What holds for all jobs of the vault, in whichever process they run: shown and set.

use axum::{Json, extract::State};
use keepstone_engine::schedules;
use keepstone_model::{Timestamp, schedule::JobLimits};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, Api, Caller, extract::Body};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show, set))
}

/// The limits of jobs; what is left out stays.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct LimitsWish {
    /// So many queued backups run at once, and so many verifications.
    #[schema(minimum = 1, maximum = 32)]
    max_running: Option<u32>,
    /// A job without progress for so long is cancelled, and abandoned a minute later.
    #[schema(minimum = 60, maximum = 86_400)]
    hung_after_secs: Option<u64>,
    /// How long the backups of a stop may take all together.
    #[schema(minimum = 1, maximum = 3600)]
    stop_within_secs: Option<u64>,
}

/// What holds for all jobs
#[utoipa::path(get, path = "/limits", tag = "schedules", operation_id = "show_limits", responses((status = 200, description = "The limits.", body = JobLimits)))]
async fn show(State(api): State<Api>) -> Answer<Json<JobLimits>> {
    api.run(|vault| Ok(Json(schedules::job_limits(vault)?))).await
}

/// Set what holds for all jobs
///
/// Processes that run mind it within seconds.
#[utoipa::path(put, path = "/limits", tag = "schedules", operation_id = "set_limits", request_body = LimitsWish, responses(
    (status = 200, description = "The limits as they are now.", body = JobLimits)))]
async fn set(State(api): State<Api>, caller: Caller, Body(wish): Body<LimitsWish>) -> Answer<Json<JobLimits>> {
    api.run(move |vault| {
        let present = schedules::job_limits(vault)?;
        let limits = JobLimits {
            max_running: wish.max_running.unwrap_or(present.max_running),
            hung_after_secs: wish.hung_after_secs.unwrap_or(present.hung_after_secs),
            stop_within_secs: wish.stop_within_secs.unwrap_or(present.stop_within_secs),
        };
        if limits != present {
            schedules::set_job_limits(vault, &limits, &caller.actor(), Timestamp::now())?;
        }
        Ok(Json(limits))
    })
    .await
}
