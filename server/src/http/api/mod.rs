//! `/api/v1`: the verbs of the engine for programs. One file per noun; what a result looks like stands in `shape`, who may call what in
//! `model::access`. [docs/api.md](../../../../docs/api.md) tells it to who calls.

mod activity;
mod backups;
mod caller;
mod cleanup;
mod databases;
mod document;
mod export;
mod extract;
pub(super) mod gate;
mod import;
mod jobs;
mod limits;
mod metrics;
mod once;
mod problem;
mod restores;
mod rhythm;
mod schedules;
mod trash;
mod vault;

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use keepstone_app::live_types::LiveState;
use keepstone_engine::{Vault, jobs as engine_jobs};
use keepstone_model::{access::API, id::JobId};
use serde::Serialize;
use tokio::sync::watch;
use tower_http::limit::RequestBodyLimitLayer;
use utoipa::{
    ToSchema,
    openapi::{OpenApi, Server},
};
use utoipa_axum::router::OpenApiRouter;

pub(super) use self::import::remove_left_over;
use self::{caller::Caller, problem::Problem};
use super::{downloads::Downloads, router::LARGEST_BODY};
use crate::shape::JobStatus;

/// How long a call waits for a verb that answers at once as a rule. The verb goes on, whoever waits for it.
const PATIENCE: Duration = Duration::from_secs(300);

/// What every call may use.
#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) vault: Arc<Vault>,
    pub(super) live: watch::Receiver<LiveState>,
    pub(super) stopping: watch::Receiver<bool>,
    pub(super) downloads: Downloads,
    /// The largest file that may be sent for an import.
    pub(super) upload_limit_bytes: u64,
}

type Answer<T> = Result<T, Problem>;

impl Api {
    /// Runs a verb on a blocking thread.
    async fn run<T: Send + 'static>(&self, verb: impl FnOnce(&Vault) -> Answer<T> + Send + 'static) -> Answer<T> {
        let vault = self.vault.clone();
        let done = tokio::task::spawn_blocking(move || verb(&vault));
        match tokio::time::timeout(PATIENCE, done).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => {
                tracing::error!(%panic, "a verb panicked");
                Err(Problem::internal())
            }
            Err(_) => Err(Problem::new(
                StatusCode::GATEWAY_TIMEOUT,
                "timeout",
                "This takes longer than a call waits.",
                "It goes on: look at the jobs and the activity later.",
            )),
        }
    }
}

/// A list as a call answers it.
#[derive(Debug, Serialize, ToSchema)]
struct List<T> {
    results: Vec<T>,
}

impl<T> List<T> {
    fn of<S>(all: impl IntoIterator<Item = S>) -> Json<Self>
    where
        T: From<S>,
    {
        Json(Self { results: all.into_iter().map(T::from).collect() })
    }
}

/// A part of a list, and where the next part is.
#[derive(Debug, Serialize, ToSchema)]
struct Page<T> {
    results: Vec<T>,
    /// How many there are in all. None: it was not counted.
    total: Option<u64>,
    /// The address of the next part; none: this was the last.
    next: Option<String>,
}

/// A job that was begun: 202, with its address to poll.
#[derive(Debug)]
struct Accepted(JobStatus);

impl Accepted {
    fn of(vault: &Vault, id: &JobId) -> Answer<Self> {
        let detail = engine_jobs::job(vault, id)?;
        Ok(Self(JobStatus::of(&detail.job, detail.progress.as_ref())))
    }
}

impl IntoResponse for Accepted {
    fn into_response(self) -> Response {
        let address = HeaderValue::from_str(&format!("{API}/jobs/{}", self.0.job.id)).expect("an id is visible ASCII");
        (StatusCode::ACCEPTED, [(header::LOCATION, address)], Json(self.0)).into_response()
    }
}

/// The calls, and the document that describes them.
pub(super) fn router(api: Api, base: &str) -> (Router, OpenApi) {
    let small = OpenApiRouter::new()
        .merge(activity::router())
        .merge(backups::router())
        .merge(cleanup::router())
        .merge(databases::router())
        .merge(export::router())
        .merge(jobs::router())
        .merge(limits::router())
        .merge(metrics::router())
        .merge(restores::router())
        .merge(rhythm::router())
        .merge(schedules::router())
        .merge(trash::router())
        .merge(vault::router())
        .layer(RequestBodyLimitLayer::new(LARGEST_BODY));
    let all = small.merge(import::router());
    let (router, mut document) = OpenApiRouter::with_openapi(document::head()).nest(API, all).split_for_parts();
    document::finish(&mut document);
    if !base.is_empty() {
        document.servers = Some(vec![Server::new(base)]);
    }
    let text = document.to_pretty_json().expect("the document is strings and numbers");
    let served = text.clone();
    let openapi = move || {
        let text = served.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], text) }
    };
    let router = router.route(&format!("{API}/openapi.json"), get(openapi)).route("/metrics", get(metrics::metrics));
    (router.with_state(api), document)
}

/// The document alone.
#[cfg(test)]
pub(super) fn document_of(vault: &Arc<Vault>) -> OpenApi {
    let (live, stopping) = (watch::channel(LiveState::default()).1, watch::channel(false).1);
    router(Api { vault: vault.clone(), live, stopping, downloads: Downloads::new(vault.clone()), upload_limit_bytes: 0 }, "").1
}
