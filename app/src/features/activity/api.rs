//! What the activity page shows.

use leptos::prelude::*;
use leptos_router::params::ParamsMap;
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
    pub filter: Filter,
    /// How many events the chain of hashes has, and the first that does not fit.
    pub events: u64,
    pub broken_at: Option<u64>,
}

/// What is asked for; what is empty says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    pub database: String,
    /// A part of who did it.
    pub who: String,
    pub result: String,
}

impl Filter {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// As the members of an address, to which others may be added.
    pub fn query(&self) -> ParamsMap {
        let mut query = ParamsMap::new();
        for (name, value) in [("db", &self.database), ("who", &self.who), ("result", &self.result)] {
            if !value.is_empty() {
                query.insert(name, value.clone());
            }
        }
        query
    }
}

/// A page of the log. `before` and the filter come out of the address: an empty one says nothing.
#[server(prefix = "/fn", endpoint = "activity/list")]
pub async fn list_activity(
    #[server(default)] database: String,
    #[server(default)] who: String,
    #[server(default)] result: String,
    #[server(default)] before: String,
) -> Result<ActivityView, AppError> {
    use keepstone_engine::{
        activity::{EventFilter, events, verify_new_events},
        databases::databases,
    };
    use keepstone_model::{Timestamp, event::EventResult};

    crate::server::person()?;
    let (now, zone) = (Timestamp::now(), crate::server::zone());
    let nothing = || crate::server::answer(AppError::not_found());
    let before = before.parse().ok();
    let filter = EventFilter {
        database: (!database.is_empty()).then(|| database.parse()).transpose().map_err(|_| nothing())?,
        actor: (!who.is_empty()).then(|| who.clone()),
        result: (!result.is_empty()).then(|| EventResult::of_word(&result).ok_or_else(nothing)).transpose()?,
        before,
        limit: Some(PAGE as u64 + 1),
        ..EventFilter::default()
    };
    let (mut found, chain, known) =
        crate::server::blocking(move |vault| Ok((events(vault, &filter)?, verify_new_events(vault)?, databases(vault)?))).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    Ok(ActivityView {
        older: found.last().filter(|_| more).map(|last| last.number),
        newest: before.is_none(),
        lines: found.into_iter().map(|event| EventLine::new(event, now, &zone)).collect(),
        databases: known.into_iter().map(|database| database.id.to_string()).collect(),
        filter: Filter { database, who, result },
        events: chain.events,
        broken_at: chain.broken_at,
    })
}
