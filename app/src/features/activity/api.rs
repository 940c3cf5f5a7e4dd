//! What the activity page shows.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{error::AppError, ui::events::EventLine};

/// How many events a page shows.
pub const PAGE: usize = 50;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityView {
    pub lines: Vec<EventLine>,
    /// The number before which the next page begins, if there is one.
    pub older: Option<u64>,
    /// Begins at the newest event.
    pub newest: bool,
    /// The ids of all databases, for the filter.
    pub databases: Vec<String>,
    pub filter: String,
    /// How many events the chain of hashes has, and the first that does not fit.
    pub events: u64,
    pub broken_at: Option<u64>,
}

/// A page of the log. `before` and `database` come out of the address: an empty one says nothing.
#[server(prefix = "/fn", endpoint = "activity/list")]
pub async fn list_activity(#[server(default)] database: String, #[server(default)] before: String) -> Result<ActivityView, AppError> {
    use keepstone_engine::{
        activity::{EventFilter, events, verify_new_events},
        databases::databases,
    };
    use keepstone_model::Timestamp;

    crate::server::person()?;
    let (now, zone) = (Timestamp::now(), crate::server::zone());
    let of = (!database.is_empty()).then(|| database.parse()).transpose().map_err(|_| crate::server::answer(AppError::not_found()))?;
    let before = before.parse().ok();
    let filter = EventFilter { database: of, before, limit: Some(PAGE as u64 + 1), ..EventFilter::default() };
    let (mut found, chain, known) =
        crate::server::blocking(move |vault| Ok((events(vault, &filter)?, verify_new_events(vault)?, databases(vault)?))).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    Ok(ActivityView {
        older: found.last().filter(|_| more).map(|last| last.number),
        newest: before.is_none(),
        lines: found.into_iter().map(|event| EventLine::new(event, now, &zone)).collect(),
        databases: known.into_iter().map(|database| database.id.to_string()).collect(),
        filter: database,
        events: chain.events,
        broken_at: chain.broken_at,
    })
}
