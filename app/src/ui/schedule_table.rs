//! Schedules as a table.

use keepstone_model::id::{DatabaseId, Kind};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Head, Moment, Table, When};
#[cfg(feature = "ssr")]
use crate::local;
use crate::words::{parts as words, shared};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleRow {
    pub number: i64,
    pub database: DatabaseId,
    pub kind: Kind,
    /// e.g. "Every day at 02:00".
    pub words: String,
    /// Its cron; empty where it follows none.
    pub cron: String,
    /// The zone of the cron and the delay, e.g. "Europe/Berlin, up to 10 min later".
    pub detail: String,
    pub paused: bool,
    /// Who alone may change it, e.g. `environment`.
    pub managed_by: Option<String>,
    pub next_run: Option<Moment>,
    pub last_run: Option<Moment>,
    /// What happens to a run that was missed while nothing ran.
    pub if_missed: String,
}

/// What can be done with a schedule, as a cell.
pub type Actions = Box<dyn Fn(&ScheduleRow) -> AnyView>;

/// `with_database` for a list over all of them; `actions` where they can be changed.
#[component]
pub fn ScheduleTable(
    rows: Vec<ScheduleRow>,
    #[prop(optional)] with_database: bool,
    #[prop(optional)] actions: Option<Actions>,
) -> impl IntoView {
    let has_actions = actions.is_some();
    let body: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let database = with_database.then(|| {
                let href = format!("/schedules/{}", row.database);
                view! { <td data-label=shared::database() class="t-name"><a class="strong" href=href>{row.database.to_string()}</a></td> }
            });
            let actions = actions.as_ref().map(|actions| view! { <td class="row-actions">{actions(&row)}</td> });
            let between = if row.cron.is_empty() || row.detail.is_empty() { "" } else { " · " };
            let cron = (!row.cron.is_empty()).then(|| view! { <code>{row.cron}</code> });
            let managed = row.managed_by.map(|by| view! { <span class="sub">{words::managed_by(&by)}</span> });
            let next =
                if row.paused { view! { <span class="muted">{words::paused()}</span> }.into_any() } else { moment_or_dash(row.next_run) };
            view! {
                <tr>
                    {database}
                    <td data-label=shared::kind() class="t-state"><span class="kind">{row.kind.as_str()}</span></td>
                    <td data-label=shared::when() class=(!with_database).then_some("t-name")>
                        {row.words}
                        <span class="sub">{cron}{between}{row.detail}</span>
                        {managed}
                    </td>
                    <td data-label=shared::next_run()>{next}</td>
                    <td data-label=words::last_run()>{moment_or_dash(row.last_run)}</td>
                    <td data-label=words::if_missed()>{row.if_missed}</td>
                    {actions}
                </tr>
            }
        })
        .collect();
    let head = [with_database.then_some(Head::Text(shared::database()))]
        .into_iter()
        .flatten()
        .chain([shared::kind(), shared::when(), shared::next_run(), words::last_run(), words::if_missed()].map(Head::Text))
        .chain(has_actions.then_some(Head::Unseen(shared::actions())))
        .collect();
    view! { <Table caption=words::schedules_caption() head=head rows=body.into_any()/> }
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
    pub fn new(
        status: keepstone_engine::schedules::ScheduleStatus,
        now: keepstone_model::Timestamp,
        zone_of_person: &jiff::tz::TimeZone,
    ) -> Self {
        use keepstone_model::schedule::{IfMissed, Trigger};
        let schedule = status.schedule;
        let (cron, zone) = match &schedule.trigger {
            Trigger::Cron { cron, time_zone } => (cron.clone(), time_zone.clone()),
            _ => (String::new(), String::new()),
        };
        let delay = (schedule.jitter_secs > 0).then(|| words::later_by(&local::duration_ms(schedule.jitter_secs * 1000)));
        let detail: Vec<String> = Some(zone).filter(|zone| !zone.is_empty()).into_iter().chain(delay).collect();
        let if_missed = match (&schedule.trigger, schedule.if_missed) {
            (Trigger::Start | Trigger::Stop, _) => "–",
            (_, IfMissed::RunOnce) => words::missed_run(),
            (_, IfMissed::Skip) => words::missed_skip(),
        };
        Self {
            number: status.number,
            database: status.database,
            kind: schedule.kind,
            words: status.words,
            cron,
            detail: detail.join(", "),
            paused: schedule.paused,
            managed_by: status.managed_by,
            next_run: status.next_run_at.map(|at| Moment::new(at, now, zone_of_person)),
            last_run: status.last_run_at.map(|at| Moment::new(at, now, zone_of_person)),
            if_missed: if_missed.to_owned(),
        }
    }
}
