//! Lines of the activity log: who did what to what, when, and how it ended.

use keepstone_model::{
    event::EventResult,
    id::{BackupId, DatabaseId, JobId},
};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Ago, Head, Moment, ResultBadge, Table, When};
use crate::words::{parts as words, shared};

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
            let (links, message) = (links(&line), message(&line));
            view! {
                <tr>
                    <td data-label=shared::when() class="nowrap"><When moment=line.at/></td>
                    <td data-label=words::event_who()>{line.actor}</td>
                    <td data-label=words::event_what() class="t-name">
                        {message}
                        <span class="sub"><code>{line.action}</code>{links}</span>
                    </td>
                    <td data-label=shared::result() class="t-state"><ResultBadge result=line.result/></td>
                    <td data-label=words::event_number() class="number muted">{line.number.to_string()}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <Table
            caption=words::events_caption()
            head=vec![Head::Text(shared::when()), Head::Text(words::event_who()), Head::Text(words::event_what()), Head::Text(shared::result()), Head::Number(words::event_number())]
            rows=body.into_any()
        />
    }
}

/// The newest few as a list.
#[component]
pub fn EventList(lines: Vec<EventLine>) -> impl IntoView {
    let items: Vec<_> = lines
        .into_iter()
        .map(|line| {
            let message = message(&line);
            let unnamed = line.database.clone().filter(|id| !line.message.contains(id.as_str()));
            let database = unnamed.map(|id| view! { <a href=format!("/databases/{id}")>{id.to_string()}</a>" · " });
            view! {
                <li>
                    <span class="event-mark"><ResultBadge result=line.result/></span>
                    <span class="event-what">{message}</span>
                    <span class="event-who">{database}{line.actor}" · "<Ago moment=line.at/></span>
                </li>
            }
        })
        .collect();
    view! { <ul class="events">{items}</ul> }
}

/// The message; the backup it names is a link there.
fn message(line: &EventLine) -> AnyView {
    let named = line.backup.as_ref().and_then(|id| Some((id, line.message.split_once(id.as_str())?)));
    match named {
        Some((id, (before, after))) => {
            view! { {before.to_owned()}<a href=format!("/backups/{id}")>{id.to_string()}</a>{after.to_owned()} }.into_any()
        }
        None => line.message.clone().into_any(),
    }
}

/// To what the event is about and the message does not lead to.
fn links(line: &EventLine) -> Vec<AnyView> {
    let link = |href: String, text: String| view! { " · " <a href=href>{text}</a> }.into_any();
    let job = line.job.as_ref().map(|job| link(format!("/jobs/{job}"), "job".to_owned()));
    let about = match (&line.backup, &line.database) {
        (Some(backup), _) if line.message.contains(backup.as_str()) => None,
        (Some(backup), _) => Some(link(format!("/backups/{backup}"), backup.to_string())),
        (None, Some(database)) => Some(link(format!("/databases/{database}"), database.to_string())),
        (None, None) => None,
    };
    about.into_iter().chain(job).collect()
}

#[cfg(feature = "ssr")]
impl EventLine {
    pub fn new(event: keepstone_model::event::Event, now: keepstone_model::Timestamp, zone: &jiff::tz::TimeZone) -> Self {
        // A message that begins with a name keeps it as it is.
        let named = |name: Option<&str>| name.is_some_and(|name| event.message.starts_with(name));
        let named = named(event.database.as_ref().map(DatabaseId::as_str)) || named(event.backup.as_ref().map(BackupId::as_str));
        let message = if named { event.message } else { crate::error::sentence(&event.message) };
        Self {
            number: event.number,
            at: Moment::new(event.at, now, zone),
            actor: event.actor,
            action: event.action,
            result: event.result,
            database: event.database,
            backup: event.backup,
            job: event.job,
            message,
        }
    }
}
