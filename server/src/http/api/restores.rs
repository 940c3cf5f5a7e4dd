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
    postgres,
    restore::{self, PlanOptions, RestoreOptions, UndoOptions},
    tokens,
};
use keepstone_model::{
    Timestamp,
    database::Engine,
    id::{BackupId, JobId},
    restore::{Loading, Ownership, RestorePlan, Target},
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum RestoreInto {
    /// A file that does not exist yet; the live database stays as it is. What a backup of SQLite is restored into unless this says otherwise.
    NewFile,
    /// A database that does not exist yet, on the server of the live one, which stays as it is. The same for PostgreSQL.
    NewDatabase,
    /// The live database: SQLite's through SQLite, with its applications connected; of PostgreSQL's a new one takes the name.
    Replace,
    /// The live PostgreSQL database itself, in one transaction: what the backup does not hold stays in it, and the plan names it.
    InPlace,
}

/// What a restore is to do.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct RestoreWish {
    into: Option<RestoreInto>,
    /// For a new file: in the vault's `restored` folder (the default) or beside the live database.
    #[schema(max_length = 4096)]
    path: Option<String>,
    /// For a new database: its name; without one it is called after the database and the backup.
    #[schema(min_length = 1, max_length = 63)]
    name: Option<String>,
    /// For the live database: back up what is there first. On unless this says no.
    safety_backup: Option<bool>,
    /// On a server: load the dump by so many connections at once; it is unpacked in the backups folder first.
    #[schema(minimum = 1, maximum = 64)]
    jobs: Option<u8>,
    /// On a server: load the dump in one transaction.
    single_transaction: bool,
    /// On a server: to whom things belong afterwards.
    ownership: Ownership,
}

impl RestoreWish {
    fn loading(&self) -> Answer<Loading> {
        match (self.jobs, self.single_transaction) {
            (Some(_), true) => Err(Problem::invalid("jobs", "One transaction is one connection: say the one or the other.")),
            (Some(jobs), false) => Ok(Loading::Parallel { jobs }),
            (None, true) => Ok(Loading::SingleTransaction),
            (None, false) => Ok(Loading::Streamed),
        }
    }
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
        let plan = restore::plan_restore(vault, &options)?;
        keep(&caller, restore::choose_way(vault, plan, wish.ownership, wish.loading()?)?)
    })
    .await
}

fn target(vault: &Vault, backup: &BackupId, wish: &RestoreWish) -> Answer<Target> {
    let database = databases::database(vault, &backup.database())?;
    let by_engine = if database.engine == Engine::Postgres { RestoreInto::NewDatabase } else { RestoreInto::NewFile };
    let into = wish.into.unwrap_or(by_engine);
    if into != RestoreInto::NewFile && wish.path.is_some() {
        return Err(Problem::invalid("path", "Only a new file has a path."));
    }
    if into != RestoreInto::NewDatabase && wish.name.is_some() {
        return Err(Problem::invalid("name", "Only a new database has a name of its own."));
    }
    match into {
        RestoreInto::Replace => return Ok(Target::Replace),
        RestoreInto::InPlace => return Ok(Target::InPlace),
        RestoreInto::NewDatabase if database.engine != Engine::Postgres => {
            return Err(Problem::invalid("into", "A backup of SQLite is restored into a file."));
        }
        RestoreInto::NewDatabase => {
            let name = wish.name.as_deref().map(str::trim);
            return Ok(postgres::new_database(vault, &database, backup, name)?);
        }
        RestoreInto::NewFile => {}
    }
    let path = match wish.path.as_deref().map(str::trim) {
        None => restore::default_target(vault, backup),
        Some("") => return Err(Problem::invalid("path", "Name a file, or leave the path out.")),
        Some(path) if path.contains('\0') => return Err(Problem::invalid("path", "A path holds no zero byte.")),
        // A bare name lies where restores into new files lie by default.
        Some(name) if !name.contains('/') => restore::default_target(vault, backup).with_file_name(name),
        Some(path) => PathBuf::from(path),
    };
    restore::refuse_outside_roots(vault, FilePath::new(&database.location), &path)?;
    Ok(Target::NewFile { path: path.to_string_lossy().into_owned() })
}

/// The restore of a plan that was looked at.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirmed {
    /// The plan's id.
    #[schema(max_length = 200)]
    plan: String,
    /// The database's id, said once more: where the live database is changed.
    confirm: Option<String>,
    /// Check the whole archive first (its hash always is). On unless this says no.
    verify: Option<bool>,
    /// For a database that cannot be opened: replace it although another process (`holders` of the plan) has it open and goes on writing to the
    /// old files. Refused with `open_elsewhere` unless this says yes.
    although_open: Option<bool>,
}

/// Finds the plan, once: what is confirmed is exactly what was looked at.
fn found(caller: &Caller, confirmed: &Confirmed) -> Answer<RestorePlan> {
    let plan = match PLANS.find(&confirmed.plan, &caller.actor(), Timestamp::now()) {
        Found::Open(plan) => *plan,
        Found::Confirmed(job) => return Err(Error::StalePlan { reason: format!("it was carried out already, by job {job}") }.into()),
        Found::Gone => return Err(Error::StalePlan { reason: "it has expired, or was never made".to_owned() }.into()),
    };
    if matches!(plan.target, Target::Replace | Target::InPlace) && confirmed.confirm.as_deref() != Some(plan.database.as_str()) {
        let detail = format!("Restore not confirmed: it replaces the live database {}.", plan.database);
        let hint = "Say the database's id in `confirm`.";
        return Err(Problem::new(StatusCode::CONFLICT, "not_confirmed", detail, hint));
    }
    Ok(if confirmed.although_open == Some(true) { restore::although_open(plan) } else { plan })
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
