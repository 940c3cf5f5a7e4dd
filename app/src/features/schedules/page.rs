//! The schedules page.

use leptos::prelude::*;

use super::api::list_schedules;
use crate::{
    live::use_changes,
    ui::{
        EmptyState, Facts, Loaded, PageHeader, Panel,
        schedule_table::{ScheduleRow, ScheduleTable},
    },
};

#[component]
pub fn SchedulesPage() -> impl IntoView {
    let changes = use_changes();
    let rows = Facts::new(move || changes.get(), |_| list_schedules());
    view! { <Loaded resource=rows show=show/> }
}

fn show(rows: Vec<ScheduleRow>) -> AnyView {
    let body = if rows.is_empty() {
        view! {
            <EmptyState icon="schedule" title="Nothing is scheduled">
                <p>"A database that is added here gets a daily, a weekly and a monthly backup."</p>
                <a class="button" href="/databases">"Databases"</a>
            </EmptyState>
        }
        .into_any()
    } else {
        view! { <ScheduleTable rows=rows with_database=true/> }.into_any()
    };
    view! {
        <PageHeader title="Schedules" lead=view! { <p>"When backups are taken. Each schedule keeps to the clock of its own time zone."</p> }.into_any()/>
        <Panel title="All schedules" flush=true>{body}</Panel>
    }
    .into_any()
}
