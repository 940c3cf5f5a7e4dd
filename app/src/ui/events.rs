//! Lines of the activity log: who did what to what, when, and how it ended.

use keepstone_model::{
    event::EventResult,
    id::{BackupId, DatabaseId, JobId},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Ago, Moment, ResultBadge, When};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLine {
    pub number: u64,
    pub at: Moment,
    pub actor: String,
    /// e.g. `backup.created`.
    pub action: String,
    pub result: EventResult,
    pub database: Option<DatabaseId>,
    pub backup: Option<BackupId>,
    pub job: Option<JobId>,
    pub message: String,
}

/// The whole log as a table.
#[component]
pub fn EventTable(lines: Vec<EventLine>) -> impl IntoView {
    let body: Vec<_> = lines
        .into_iter()
        .map(|line| {
            let links = links(&line);
            view! {
                <tr>
                    <td data-label="When" class="nowrap"><When moment=line.at/></td>
                    <td data-label="Who">{line.actor}</td>
                    <td data-label="What" class="wide">
                        {line.message}
                        <span class="sub"><code>{line.action}</code>{links}</span>
                    </td>
                    <td data-label="Result"><ResultBadge result=line.result/></td>
                    <td data-label="No." class="number muted">{line.number.to_string()}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <table class="table">
            <caption class="visually-hidden">"Activity, the newest first"</caption>
            <thead>
                <tr>
                    <th scope="col">"When"</th>
                    <th scope="col">"Who"</th>
                    <th scope="col">"What"</th>
                    <th scope="col">"Result"</th>
                    <th scope="col" class="number">"No."</th>
                </tr>
            </thead>
            <tbody>{body}</tbody>
        </table>
    }
}

/// The newest few as a list.
#[component]
pub fn EventList(lines: Vec<EventLine>) -> impl IntoView {
    let items: Vec<_> = lines
        .into_iter()
        .map(|line| {
            view! {
                <li>
                    <span class="event-mark"><ResultBadge result=line.result/></span>
                    <span class="event-what">{line.message}</span>
                    <span class="event-who">{line.actor}" · "<Ago moment=line.at/></span>
                </li>
            }
        })
        .collect();
    view! { <ul class="events">{items}</ul> }
}

/// To what the event is about, the most exact first.
fn links(line: &EventLine) -> Vec<AnyView> {
    let link = |href: String, text: String| view! { " · " <a href=href>{text}</a> }.into_any();
    let job = line.job.as_ref().map(|job| link(format!("/jobs/{job}"), "job".to_owned()));
    let about = match (&line.backup, &line.database) {
        (Some(backup), _) => Some(link(format!("/backups/{backup}"), backup.to_string())),
        (None, Some(database)) => Some(link(format!("/databases/{database}"), database.to_string())),
        (None, None) => None,
    };
    about.into_iter().chain(job).collect()
}

#[cfg(feature = "ssr")]
impl EventLine {
    pub fn new(event: keepstone_model::event::Event, now: keepstone_model::Timestamp, zone: &jiff::tz::TimeZone) -> Self {
        Self {
            number: event.number,
            at: Moment::new(event.at, now, zone),
            actor: event.actor,
            action: event.action,
            result: event.result,
            database: event.database,
            backup: event.backup,
            job: event.job,
            message: crate::error::sentence(&event.message),
        }
    }
}
