//! The trash: what was deleted and can be put back.

use axum::{Json, extract::State};
use keepstone_app::error::AppError;
use keepstone_engine::delete;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, Api, Caller, List};
use crate::shape::BackupStatus;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(empty))
}

/// What is in the trash
#[utoipa::path(get, path = "/trash", tag = "backups", operation_id = "list_trash", responses(
    (status = 200, description = "The latest deletion first; `trash_until` says how long each can be put back.", body = List<BackupStatus>)))]
async fn list(State(api): State<Api>, caller: Caller) -> Answer<Json<List<BackupStatus>>> {
    api.run(move |vault| Ok(List::of(delete::trash(vault)?.iter().filter(|backup| caller.sees(&backup.database))))).await
}

/// What is gone for good.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Emptied {
    removed: u64,
    freed_bytes: u64,
    /// What something is in the way of.
    left: Vec<Left>,
}

/// A backup that is still in the trash.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Left {
    id: String,
    reason: String,
}

/// Remove everything in the trash for good
#[utoipa::path(post, path = "/trash/empty", tag = "backups", operation_id = "empty_trash", responses(
    (status = 200, description = "How much went, and what did not.", body = Emptied)))]
async fn empty(State(api): State<Api>, caller: Caller) -> Answer<Json<Emptied>> {
    api.run(move |vault| {
        let (removed, freed_bytes) = delete::empty_trash(vault, None, &caller.actor())?;
        let left = delete::what_stays(vault, |backup| caller.sees(&backup.database))?;
        let left = left.into_iter().map(|(id, why)| Left { id: id.to_string(), reason: AppError::from(why).message }).collect();
        Ok(Json(Emptied { removed, freed_bytes, left }))
    })
    .await
}
