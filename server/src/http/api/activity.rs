//! The activity log.

use axum::{Json, extract::State};
use keepstone_engine::activity::{self, EventFilter};
use keepstone_model::event::Event;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Answer, Api, Caller, Page, Problem,
    extract::{Query, next},
};
use crate::shape::ActivityCheck;

pub(super) fn router() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(verify))
}

#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Only about this database.
    #[param(example = "shop", min_length = 1)]
    database: Option<String>,
    /// Only events with a smaller number.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    before: Option<u64>,
    /// At most so many, 1 to 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
}

/// Who did what, the newest first
#[utoipa::path(get, path = "/activity", tag = "vault", operation_id = "list_activity", params(Asked), responses(
    (status = 200, description = "A part of the log.", body = Page<Event>)))]
async fn list(State(api): State<Api>, caller: Caller, Query(asked): Query<Asked>) -> Answer<Json<Page<Event>>> {
    let limit = super::backups::limit(asked.limit)?;
    if asked.before.is_some_and(|before| !(1..=9_007_199_254_740_991).contains(&before)) {
        return Err(Problem::malformed("\"before\" is the number of an event."));
    }
    api.run(move |vault| {
        let only = caller.filter(vault, asked.database.as_deref())?;
        let mut results = Vec::new();
        let mut before = asked.before;
        // A token for some databases sees their events only; others are passed over, a page at a time.
        let more = loop {
            let filter = EventFilter { database: only.clone(), before, limit: Some(limit), ..EventFilter::default() };
            let found = activity::events(vault, &filter)?;
            let last = found.last().map(|event| event.number);
            let seen = |event: &Event| caller.0.databases.is_none() || event.database.as_ref().is_some_and(|id| caller.sees(id));
            let full = found.len() as u64 == limit;
            for event in found.into_iter().filter(seen) {
                if results.len() as u64 == limit {
                    break;
                }
                results.push(event);
            }
            before = last;
            if !full || results.len() as u64 == limit {
                break full;
            }
        };
        let asked = Asked { before: results.last().map(|event| event.number), ..asked };
        let next = if more && asked.before.is_some() { next("/activity", &asked) } else { None };
        Ok(Json(Page { results, total: None, next }))
    })
    .await
}

/// Whether the log is whole
///
/// Recomputes the chain of hashes from the first event on.
#[utoipa::path(get, path = "/activity/verify", tag = "vault", operation_id = "verify_activity", responses(
    (status = 200, description = "What was found; `ok` says whether it is whole.", body = ActivityCheck)))]
async fn verify(State(api): State<Api>) -> Answer<Json<ActivityCheck>> {
    api.run(|vault| Ok(Json((&activity::verify_chain(vault)?).into()))).await
}
