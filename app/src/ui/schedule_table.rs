//! Schedules as a table; read only.

use keepstone_model::id::{DatabaseId, Kind};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Moment, When};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleRow {
    pub database: DatabaseId,
    pub kind: Kind,
    /// e.g. "At 02:00".
    pub words: String,
    pub cron: String,
    pub zone: String,
    pub next_run: Option<Moment>,
    pub last_run: Option<Moment>,
    /// What happens to a run that was missed while nothing ran.
    pub if_missed: String,
}

/// `with_database` for a list over all of them.
#[component]
pub fn ScheduleTable(rows: Vec<ScheduleRow>, #[prop(optional)] with_database: bool) -> impl IntoView {
    let body: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let database = with_database.then(|| {
                let href = format!("/databases/{}", row.database);
                view! { <td data-label="Database"><a class="strong" href=href>{row.database.to_string()}</a></td> }
            });
            view! {
                <tr>
                    {database}
                    <td data-label="Kind"><span class="kind">{row.kind.as_str()}</span></td>
                    <td data-label="When">
                        {row.words}
                        <span class="sub"><code>{row.cron}</code>" · "{row.zone}</span>
                    </td>
                    <td data-label="Next run">{moment_or_dash(row.next_run)}</td>
                    <td data-label="Last run">{moment_or_dash(row.last_run)}</td>
                    <td data-label="If missed">{row.if_missed}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <table class="table">
            <caption class="visually-hidden">"Schedules: what is backed up when"</caption>
            <thead>
                <tr>
                    {with_database.then(|| view! { <th scope="col">"Database"</th> })}
                    <th scope="col">"Kind"</th>
                    <th scope="col">"When"</th>
                    <th scope="col">"Next run"</th>
                    <th scope="col">"Last run"</th>
                    <th scope="col">"If missed"</th>
                </tr>
            </thead>
            <tbody>{body}</tbody>
        </table>
    }
}

/// A moment with its distance under it, or a dash.
pub fn moment_or_dash(moment: Option<Moment>) -> AnyView {
    match moment {
        Some(moment) => {
            let relative = moment.relative.clone();
            view! {
                <When moment=moment/>
                <span class="sub">{relative}</span>
            }
            .into_any()
        }
        None => view! { <span class="muted">"–"</span> }.into_any(),
    }
}

#[cfg(feature = "ssr")]
impl ScheduleRow {
    pub fn new(status: keepstone_engine::databases::ScheduleStatus, now: keepstone_model::Timestamp, zone: &jiff::tz::TimeZone) -> Self {
        use keepstone_model::schedule::IfMissed;
        Self {
            database: status.database,
            kind: status.schedule.kind,
            words: status.words,
            cron: status.schedule.cron,
            zone: status.schedule.time_zone,
            next_run: status.next_run_at.map(|at| Moment::new(at, now, zone)),
            last_run: status.last_run_at.map(|at| Moment::new(at, now, zone)),
            if_missed: match status.schedule.if_missed {
                IfMissed::RunOnce => "run once at start",
                IfMissed::Skip => "skip",
            }
            .to_owned(),
        }
    }
}
