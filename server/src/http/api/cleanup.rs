//! Retention, and what cleanup does by it: shown, tried, set, done.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use keepstone_engine::{
    Vault,
    cleanup::{self, CleanupOptions, Consent, PlanOptions},
    databases,
    jobs::JobRequest,
};
use keepstone_model::{
    Timestamp,
    id::{BackupId, DatabaseId},
    retention::{Manual, Pass, RetentionPolicy},
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Accepted, Answer, Api, Caller, Problem,
    databases::parsed,
    extract::{Body, MaybeBody},
    once::{self, Key},
};
use crate::shape::{CleanupPlan, JobStatus, RetentionDetail};

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show, set)).routes(routes!(preview)).routes(routes!(act))
}

fn options(vault: &Vault, database: DatabaseId, policy: Option<RetentionPolicy>, manual: Manual) -> PlanOptions {
    PlanOptions { policy, manual, count_by: vault.defaults().count_by(), pass: Pass::Person, ..PlanOptions::new(database) }
}

/// How many backups of each kind are kept, and limits over all of them; what is left out is no rule.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Policy {
    /// The newest over all automatic kinds.
    #[schema(maximum = 1_000_000)]
    last: Option<u32>,
    #[schema(maximum = 1_000_000)]
    hourly: Option<u32>,
    #[schema(maximum = 1_000_000)]
    daily: Option<u32>,
    #[schema(maximum = 1_000_000)]
    weekly: Option<u32>,
    #[schema(maximum = 1_000_000)]
    monthly: Option<u32>,
    /// Yearly ones, and the oldest monthly one of each of so many years.
    #[schema(maximum = 1_000_000)]
    yearly: Option<u32>,
    #[schema(maximum = 1_000_000)]
    startup: Option<u32>,
    #[schema(maximum = 1_000_000)]
    shutdown: Option<u32>,
    /// Older ones are removed, in seconds.
    #[schema(minimum = 1, maximum = 3_153_600_000_u64)]
    max_age_secs: Option<u64>,
    /// More than so many are not kept, the oldest go first.
    #[schema(minimum = 1, maximum = 1_000_000)]
    max_count: Option<u32>,
    /// Whether imported backups fall under the rules.
    imported: bool,
}

/// By the names of its members alone: a list of their values, which serde would take as well, is a mistake.
fn an_object<'de, D: Deserializer<'de>>(from: D) -> Result<Policy, D::Error> {
    let members = serde_json::Map::deserialize(from)?;
    Policy::deserialize(serde_json::Value::Object(members)).map_err(D::Error::custom)
}

fn perhaps_an_object<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Policy>, D::Error> {
    let members = Option::<serde_json::Map<_, _>>::deserialize(from)?;
    members.map(|members| Policy::deserialize(serde_json::Value::Object(members)).map_err(D::Error::custom)).transpose()
}

impl From<Policy> for RetentionPolicy {
    fn from(policy: Policy) -> Self {
        let Policy { last, hourly, daily, weekly, monthly, yearly, startup, shutdown, max_age_secs, max_count, imported } = policy;
        Self { last, hourly, daily, weekly, monthly, yearly, startup, shutdown, max_age_secs, max_count, imported }
    }
}

/// A policy over the real backups: the one that is set, or one that is only tried.
fn tried(vault: &Vault, database: DatabaseId, policy: Option<RetentionPolicy>) -> Answer<RetentionDetail> {
    if let Some(policy) = &policy {
        policy.check()?;
    }
    let (now, own) = (Timestamp::now(), policy.is_none());
    let plan = cleanup::plan_cleanup(vault, &options(vault, database.clone(), policy, Manual::Kept), now)?;
    let outlook = cleanup::outlook(vault, &plan, now)?;
    let status = if own { Some((&databases::status(vault, &database, now)?.cleanup).into()) } else { None };
    Ok(RetentionDetail { plan: CleanupPlan::of(&plan, true, false), in_30_days: (&outlook).into(), cleanup: status })
}

/// The policy of a database, what it keeps and removes today, and what it will hold in 30 days
#[utoipa::path(get, path = "/databases/{database}/retention", tag = "retention", operation_id = "show_retention", params(("database" = DatabaseId, Path)), responses(
    (status = 200, description = "The policy over the real backups.", body = RetentionDetail)))]
async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer<Json<RetentionDetail>> {
    api.run(move |vault| Ok(Json(tried(vault, parsed(&id)?, None)?))).await
}

/// Try a policy on the real backups; nothing is changed
#[utoipa::path(post, path = "/databases/{database}/retention/preview", tag = "retention", operation_id = "preview_retention", request_body = Policy, params(("database" = DatabaseId, Path)), responses(
    (status = 200, description = "What it would keep and remove.", body = RetentionDetail)))]
async fn preview(State(api): State<Api>, Path(id): Path<String>, Body(policy): Body<Policy>) -> Answer<Json<RetentionDetail>> {
    api.run(move |vault| Ok(Json(tried(vault, parsed(&id)?, Some(policy.into()))?))).await
}

/// A policy to be set.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPolicy {
    #[serde(deserialize_with = "an_object")]
    policy: Policy,
    /// That what it would remove was looked at. One that would remove many at once is refused without.
    #[serde(default)]
    confirm: bool,
}

/// A policy that is set now.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct PolicySet {
    #[serde(flatten)]
    detail: RetentionDetail,
    set: bool,
    before: RetentionPolicy,
}

/// Set the policy of a database
///
/// What it removes goes with the next cleanups. One that would remove many at once is refused with `policy_removes_many` until it is confirmed.
#[utoipa::path(put, path = "/databases/{database}/retention", tag = "retention", operation_id = "set_retention", request_body = NewPolicy, params(("database" = DatabaseId, Path)), responses(
    (status = 200, description = "The policy as it is now.", body = PolicySet)))]
async fn set(State(api): State<Api>, caller: Caller, Path(id): Path<String>, Body(new): Body<NewPolicy>) -> Answer<Json<PolicySet>> {
    api.run(move |vault| {
        let before = databases::database(vault, &parsed(&id)?)?;
        let consent = if new.confirm { Consent::Given } else { Consent::Ask };
        cleanup::set_policy(vault, &before.id, &new.policy.into(), consent, vault.defaults().count_by(), &caller.actor())?;
        Ok(Json(PolicySet { detail: tried(vault, before.id, None)?, set: true, before: before.retention }))
    })
    .await
}

/// What a cleanup is to do.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Cleanup {
    /// Only say what would go, and why.
    dry_run: bool,
    /// In place of the database's own policy, this once.
    #[serde(deserialize_with = "perhaps_an_object")]
    policy: Option<Policy>,
    /// Let manual backups fall under the rules, too.
    include_manual: bool,
    /// The backups that a dry run said would go: nothing else goes, however the plan is by now. Without them nothing is done.
    #[schema(max_items = 10_000)]
    confirm: Option<Vec<String>>,
}

/// Move what the policy does not keep to the trash
///
/// First with `dry_run`, which answers with the plan; then with what it said would go in `confirm`, which begins a job.
#[utoipa::path(post, path = "/databases/{database}/cleanup", tag = "retention", operation_id = "clean_up", request_body = Cleanup,
    params(("database" = DatabaseId, Path), ("Idempotency-Key" = Option<String>, Header, description = "Names this request, so that it is carried out once.", max_length = 200, pattern = "^[!-~]+$")), responses(
    (status = 200, description = "The plan, of a dry run.", body = CleanupPlan),
    (status = 202, description = "The job that cleans up.", body = JobStatus, headers(("Location" = String, description = "The address of the job.")))))]
async fn act(
    State(api): State<Api>,
    caller: Caller,
    key: Key,
    Path(id): Path<String>,
    MaybeBody(asked): MaybeBody<Cleanup>,
) -> Answer<Response> {
    api.run(move |vault| {
        let database = databases::database(vault, &parsed(&id)?)?.id;
        let policy = asked.policy.clone().map(RetentionPolicy::from);
        if let Some(policy) = &policy {
            policy.check()?;
        }
        let manual = if asked.include_manual { Manual::Included } else { Manual::Kept };
        if asked.dry_run {
            let plan = cleanup::plan_cleanup(vault, &options(vault, database, policy, manual), Timestamp::now())?;
            return Ok(Json(CleanupPlan::of(&plan, true, false)).into_response());
        }
        let Some(confirmed) = &asked.confirm else {
            let hint = "Look at the plan of a `dry_run`, and send the ids that it would remove in `confirm`.";
            return Err(Problem::new(StatusCode::CONFLICT, "not_confirmed", "Cleanup not confirmed.", hint));
        };
        let confirmed = confirmed.iter().map(|id| super::backups::parsed(id)).collect::<Answer<Vec<BackupId>>>()?;
        let what = serde_json::json!(["cleanup", database, asked]).to_string();
        let job = once::begin(vault, &caller, &key, &what, || {
            Ok(JobRequest::Cleanup(CleanupOptions {
                database,
                policy,
                manual,
                count_by: vault.defaults().count_by(),
                confirmed: Some(confirmed),
                actor: caller.actor(),
            }))
        })?;
        Ok(Accepted::of(vault, &job)?.into_response())
    })
    .await
}
