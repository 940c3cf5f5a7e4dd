//! The schedules page.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    api::{SetLimits, list_schedules},
    facts::{PAGE, SchedulesView},
    limits,
};
use crate::{
    live::use_changes,
    ui::{Alert, AlertKind, EmptyState, Facts, Loaded, PageHeader, Pagination, schedule_table::ScheduleTable},
};

#[component]
pub fn SchedulesPage() -> impl IntoView {
    let changes = use_changes();
    let action = ServerAction::<SetLimits>::new();
    let query = use_query_map();
    let page = move || query.with(|query| query.get("page").unwrap_or_default());
    let all = Facts::new(move || (page(), changes.get(), action.version().get()), |(page, ..)| list_schedules(page));
    view! { <Loaded resource=all show=move |view| show(view, action)/> }
}

/// Said wherever schedules are shown while the environment has them off.
pub(super) fn off() -> AnyView {
    view! {
        <Alert kind=AlertKind::Warning title="No schedule runs: BACKUP_ENABLED is off">
            <p>"The environment of this server says so, and it is changed only there. Backups by hand work."</p>
        </Alert>
    }
    .into_any()
}

fn show(view: SchedulesView, action: ServerAction<SetLimits>) -> AnyView {
    let (off, limits, ways, rows) = (view.off.then(off), limits::panel(&view, action), ways(&view), view.rows);
    let body = if view.total == 0 {
        view! {
            <EmptyState icon="schedule" title="Nothing is scheduled">
                <p>"A database that is added here gets a daily, a weekly and a monthly backup."</p>
                <a class="button" href="/databases">"Databases"</a>
            </EmptyState>
        }
        .into_any()
    } else {
        view! { <ScheduleTable rows=rows with_database=true/> {ways} }.into_any()
    };
    view! {
        <PageHeader title="Schedules" lead=view! { <p>"When backups are taken. Each schedule keeps to the clock of its own time zone."</p> }.into_any()/>
        {off}
        <div class="table-box">{body}</div>
        {limits}
    }
    .into_any()
}

/// To the schedules that come up sooner and later, where they are more than a page.
fn ways(view: &SchedulesView) -> Option<AnyView> {
    let (first, last) = ((view.page - 1) * PAGE + 1, (view.page - 1) * PAGE + view.rows.len());
    let address = |page: usize| format!("/schedules?page={page}");
    let (previous, next) = ((view.page > 1).then(|| address(view.page - 1)), (last < view.total).then(|| address(view.page + 1)));
    let text = if view.rows.is_empty() { "Nothing on this page".to_owned() } else { format!("{first} to {last} of {}", view.total) };
    let more = previous.is_some() || next.is_some();
    more.then(|| view! { <Pagination text=text previous=previous next=next words=("Sooner", "Later")/> }.into_any())
}
