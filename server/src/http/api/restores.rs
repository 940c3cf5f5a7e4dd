//! Restores: first the plan, which is bound to what it was made of and lives on the server; then the act, which names it. And the undo.

use std::path::{Path as FilePath, PathBuf};

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use keepstone_app::server::plans::{Found, PLANS};
use keepstone_engine::{
    Error, Vault, databases,
    jobs::JobRequest,
    restore::{self, PlanOptions, RestoreOptions, UndoOptions},
    tokens,
};
use keepstone_model::{
    Timestamp,
    id::{BackupId, JobId},
    restore::{RestorePlan, Target},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Accepted, Answer, Api, Caller, Problem, backups,
    extract::{Body, MaybeBody},
    jobs,
    once::{self, Key},
};
use crate::shape::JobStatus;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(plan)).routes(routes!(act)).routes(routes!(plan_undo)).routes(routes!(undo))
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RestoreInto {
    /// A file that does not exist yet; the live database stays as it is.
    #[default]
    NewFile,
    /// The live database, through SQLite, with its applications connected.
    Replace,
}

/// What a restore is to do.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct RestoreWish {
    into: RestoreInto,
    /// For a new file: in the vault's `restored` folder (the default) or beside the live database.
    #[schema(max_length = 4096)]
    path: Option<String>,
    /// For a replacement: back up what is there first. On unless this says no.
    safety_backup: Option<bool>,
}

/// A plan, and the name to confirm it by. It is good for 15 minutes.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct Planned {
    /// What the restore names.
    id: String,
    plan: RestorePlan,
}

fn keep(caller: &Caller, plan: RestorePlan) -> Answer<Json<Planned>> {
    let id = tokens::random_name()?;
    PLANS.keep(id.clone(), &caller.actor(), plan.clone(), Timestamp::now());
    Ok(Json(Planned { id, plan }))
}

/// What a restore would do
///
/// Changes nothing. The plan says what will be lost by table, what space and time it needs, and what it is bound to.
#[utoipa::path(post, path = "/backups/{backup}/restore/plan", tag = "restores", operation_id = "plan_restore", request_body = RestoreWish, params(("backup" = BackupId, Path)), responses(
    (status = 200, description = "The plan.", body = Planned)))]
async fn plan(
    State(api): State<Api>,
    caller: Caller,
    Path(id): Path<String>,
    MaybeBody(wish): MaybeBody<RestoreWish>,
) -> Answer<Json<Planned>> {
    api.run(move |vault| {
        let backup = keepstone_engine::backups::backup(vault, &backups::parsed(&id)?)?;
        let target = target(vault, &backup.id, &wish)?;
        let options = PlanOptions { backup: backup.id, target, safety_backup: wish.safety_backup.unwrap_or(true) };
        keep(&caller, restore::plan_restore(vault, &options)?)
    })
    .await
}

fn target(vault: &Vault, backup: &BackupId, wish: &RestoreWish) -> Answer<Target> {
    if wish.into == RestoreInto::Replace {
        return if wish.path.is_none() {
            Ok(Target::Replace)
        } else {
            Err(Problem::invalid("path", "A replacement has no path of its own."))
        };
    }
    let path = match wish.path.as_deref().map(str::trim) {
        None => restore::default_target(vault, backup),
        Some("") => return Err(Problem::invalid("path", "Name a file, or leave the path out.")),
        Some(path) if path.contains('\0') => return Err(Problem::invalid("path", "A path holds no zero byte.")),
        // A bare name lies where restores into new files lie by default.
        Some(name) if !name.contains('/') => restore::default_target(vault, backup).with_file_name(name),
        Some(path) => PathBuf::from(path),
    };
    let live = databases::database(vault, &backup.database())?.location;
    restore::refuse_outside_roots(vault, FilePath::new(&live), &path)?;
    Ok(Target::NewFile { path: path.to_string_lossy().into_owned() })
}

/// The restore of a plan that was looked at.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirmed {
    /// The plan's id.
    #[schema(max_length = 200)]
    plan: String,
    /// The database's id, said once more: for a replacement only.
    confirm: Option<String>,
    /// Check the whole archive first (its hash always is). On unless this says no.
    verify: Option<bool>,
}

/// Finds the plan, once: what is confirmed is exactly what was looked at.
fn found(caller: &Caller, confirmed: &Confirmed) -> Answer<RestorePlan> {
    let plan = match PLANS.find(&confirmed.plan, &caller.actor(), Timestamp::now()) {
        Found::Open(plan) => *plan,
        Found::Confirmed(job) => return Err(Error::StalePlan { reason: format!("it was carried out already, by job {job}") }.into()),
        Found::Gone => return Err(Error::StalePlan { reason: "it has expired, or was never made".to_owned() }.into()),
    };
    if plan.target == Target::Replace && confirmed.confirm.as_deref() != Some(plan.database.as_str()) {
        let detail = format!("Restore not confirmed: it replaces the live database {}.", plan.database);
        let hint = "Say the database's id in `confirm`.";
        return Err(Problem::new(StatusCode::CONFLICT, "not_confirmed", detail, hint));
    }
    Ok(plan)
}

/// Restore
///
/// Carries out a plan that was looked at; one that does not fit any more is refused with `stale_plan` and changes nothing. Sent again under the
/// same `Idempotency-Key`, it answers with the same job.
#[utoipa::path(post, path = "/backups/{backup}/restore", tag = "restores", operation_id = "restore", request_body = Confirmed,
    params(("backup" = BackupId, Path), ("Idempotency-Key" = Option<String>, Header, description = "Names this request, so that it is carried out once.", max_length = 200, pattern = "^[!-~]+$")), responses(
    (status = 202, description = "The job that restores.", body = JobStatus, headers(("Location" = String, description = "The address of the job.")))))]
async fn act(
    State(api): State<Api>,
    caller: Caller,
    key: Key,
    Path(id): Path<String>,
    Body(confirmed): Body<Confirmed>,
) -> Answer<Accepted> {
    api.run(move |vault| {
        let backup = keepstone_engine::backups::backup(vault, &backups::parsed(&id)?)?.id;
        let what = serde_json::json!(["restore", backup, confirmed]).to_string();
        let job = once::begin(vault, &caller, &key, &what, || {
            let plan = found(&caller, &confirmed)?;
            if plan.backup != backup {
                return Err(Error::StalePlan { reason: "it is the plan of another backup".to_owned() }.into());
            }
            Ok(JobRequest::Restore(RestoreOptions { plan, verify: confirmed.verify.unwrap_or(true), actor: caller.actor() }))
        })?;
        PLANS.confirmed(&confirmed.plan, &job);
        Accepted::of(vault, &job)
    })
    .await
}

/// What the undo of a restore would do
#[utoipa::path(post, path = "/jobs/{job}/undo/plan", tag = "restores", operation_id = "plan_undo", params(("job" = JobId, Path)), responses(
    (status = 200, description = "The plan.", body = Planned)))]
async fn plan_undo(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Answer<Json<Planned>> {
    api.run(move |vault| keep(&caller, restore::plan_undo(vault, &jobs::parsed(&id)?)?)).await
}

/// Undo a restore
///
/// Brings back what it replaced, from its safety backup; makes one itself, so that an undo can be undone.
#[utoipa::path(post, path = "/jobs/{job}/undo", tag = "restores", operation_id = "undo", request_body = Confirmed,
    params(("job" = JobId, Path), ("Idempotency-Key" = Option<String>, Header, description = "Names this request, so that it is carried out once.", max_length = 200, pattern = "^[!-~]+$")), responses(
    (status = 202, description = "The job that brings it back.", body = JobStatus, headers(("Location" = String, description = "The address of the job.")))))]
async fn undo(
    State(api): State<Api>,
    caller: Caller,
    key: Key,
    Path(id): Path<String>,
    Body(confirmed): Body<Confirmed>,
) -> Answer<Accepted> {
    api.run(move |vault| {
        let restore = keepstone_engine::jobs::job(vault, &jobs::parsed(&id)?)?.job.id;
        let what = serde_json::json!(["undo", restore, confirmed]).to_string();
        let job = once::begin(vault, &caller, &key, &what, || {
            let plan = found(&caller, &confirmed)?;
            if plan.backup != restore::plan_undo(vault, &restore)?.backup {
                return Err(Error::StalePlan { reason: "it is the plan of something else".to_owned() }.into());
            }
            Ok(JobRequest::Undo(UndoOptions { restore: restore.clone(), plan, actor: caller.actor() }))
        })?;
        PLANS.confirmed(&confirmed.plan, &job);
        Accepted::of(vault, &job)
    })
    .await
}
