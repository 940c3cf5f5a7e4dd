//! Jobs: what runs, waits or is over, whoever began it; to poll or to follow.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::{Path, State},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use keepstone_engine::jobs::{self, JobFilter};
use keepstone_model::{
    id::{DatabaseId, JobId},
    job::{JobState, Verb},
    token::Scope,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, Api, Caller, Page, extract::Query};
use crate::shape::{JobDetail, JobStatus};

/// How often a followed job is looked at where nothing says that something happened.
const LOOK: Duration = Duration::from_secs(1);
/// How often a stream says that it is alive.
const ALIVE: Duration = Duration::from_secs(15);

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(show)).routes(routes!(cancel)).routes(routes!(follow))
}

/// The id of an address; one that is none is not there.
pub(super) fn parsed(id: &str) -> Answer<JobId> {
    Ok(id.parse().map_err(|_| keepstone_engine::Error::UnknownJob { id: id.to_owned() })?)
}

#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Only of this database.
    #[param(example = "shop", min_length = 1)]
    database: Option<String>,
    /// Only in this state.
    #[param(inline)]
    state: Option<JobState>,
    /// Only queued and running ones.
    open: Option<bool>,
    /// At most so many, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
}

/// Jobs, the newest first
#[utoipa::path(get, path = "/jobs", tag = "jobs", operation_id = "list_jobs", params(Asked), responses(
    (status = 200, description = "The newest of them.", body = Page<JobStatus>)))]
async fn list(State(api): State<Api>, caller: Caller, Query(asked): Query<Asked>) -> Answer<Json<Page<JobStatus>>> {
    let limit = super::backups::limit(asked.limit)?;
    api.run(move |vault| {
        let database: Option<DatabaseId> = caller.filter(vault, asked.database.as_deref())?;
        let some = caller.0.databases.is_some() && database.is_none();
        let filter = JobFilter { state: asked.state, database, open: asked.open.unwrap_or(false), limit: (!some).then_some(limit) };
        let found = jobs::jobs(vault, &filter)?.into_iter();
        let seen = found.filter(|(job, _)| !some || job.database.as_ref().is_some_and(|id| caller.sees(id)));
        let results = seen.take(usize::try_from(limit).unwrap_or(usize::MAX)).map(|(job, progress)| JobStatus::of(&job, progress.as_ref()));
        Ok(Json(Page { results: results.collect(), total: None, next: None }))
    })
    .await
}

/// One job with its log and what came out
#[utoipa::path(get, path = "/jobs/{job}", tag = "jobs", operation_id = "show_job", params(("job" = JobId, Path)), responses(
    (status = 200, description = "The job; it is over when its state is neither `queued` nor `running`.", body = JobDetail)))]
async fn show(State(api): State<Api>, Path(id): Path<String>) -> Answer<Json<JobDetail>> {
    api.run(move |vault| Ok(Json((&jobs::job(vault, &parsed(&id)?)?).into()))).await
}

/// Ask a job to stop
///
/// One that is writing over a live database finishes or rolls back. A restore, a cleanup or an import asks for its own scope, too.
#[utoipa::path(post, path = "/jobs/{job}/cancel", tag = "jobs", operation_id = "cancel_job", params(("job" = JobId, Path)), responses(
    (status = 200, description = "The job; a running one stops in a moment.", body = JobStatus)))]
async fn cancel(State(api): State<Api>, caller: Caller, Path(id): Path<String>) -> Answer<Json<JobStatus>> {
    api.run(move |vault| {
        let id = parsed(&id)?;
        let verb = jobs::job(vault, &id)?.job.verb;
        caller.needs(scope_of(verb), "Cancelling it")?;
        Ok(Json(JobStatus::of(&jobs::cancel(vault, &id, &caller.actor())?, None)))
    })
    .await
}

/// Who may begin it may end it.
fn scope_of(verb: Verb) -> Scope {
    match verb {
        Verb::Create | Verb::Verify => Scope::Create,
        Verb::Restore | Verb::Undo => Scope::Restore,
        // The archive that it takes the place of goes to the trash.
        Verb::Cleanup | Verb::Convert => Scope::Delete,
        Verb::Import => Scope::Admin,
    }
}

/// Follow a job
///
/// Server-sent events: `job` with the same document as `GET /jobs/{job}` at once and at each change, at most a few a second; the last one is
/// of a job that is over, and then the stream ends.
#[utoipa::path(get, path = "/jobs/{job}/events", tag = "jobs", operation_id = "follow_job", params(("job" = JobId, Path)), responses(
    (status = 200, description = "The stream.", body = String, content_type = "text/event-stream")))]
async fn follow(State(api): State<Api>, Path(id): Path<String>) -> Answer<Response> {
    let id = parsed(&id)?;
    let first = detail(&api, &id).await?;
    let (sender, receiver) = mpsc::channel::<Result<Event, Infallible>>(4);
    tokio::spawn(tell(api, id, first, sender));
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::new().interval(ALIVE)).into_response())
}

async fn detail(api: &Api, id: &JobId) -> Answer<JobDetail> {
    let id = id.clone();
    api.run(move |vault| Ok((&jobs::job(vault, &id)?).into())).await
}

async fn tell(mut api: Api, id: JobId, first: JobDetail, sender: mpsc::Sender<Result<Event, Infallible>>) {
    let mut told: Option<JobDetail> = None;
    let mut now = first;
    loop {
        if told.as_ref() != Some(&now) {
            let Ok(event) = Event::default().event("job").json_data(&now) else { return };
            if sender.send(Ok(event)).await.is_err() || now.job.job.state.is_over() {
                return;
            }
        }
        tokio::select! {
            () = sender.closed() => return,
            _ = api.stopping.wait_for(|&stop| stop) => return,
            // The feed's own pace is the pace of this one.
            changed = api.live.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK) => {}
        }
        told = Some(now);
        let Ok(next) = detail(&api, &id).await else { return };
        now = next;
    }
}
