//! The schedules page.

use leptos::prelude::*;

use super::{
    api::{SetLimits, list_schedules},
    facts::SchedulesView,
    limits,
};
use crate::{
    live::use_changes,
    ui::{Alert, AlertKind, EmptyState, Facts, Loaded, PageHeader, Panel, schedule_table::ScheduleTable},
};

#[component]
pub fn SchedulesPage() -> impl IntoView {
    let changes = use_changes();
    let action = ServerAction::<SetLimits>::new();
    let all = Facts::new(move || (changes.get(), action.version().get()), |_| list_schedules());
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
    let (off, limits, rows) = (view.off.then(off), limits::panel(&view, action), view.rows);
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
        {off}
        <Panel title="All schedules" flush=true>{body}</Panel>
        {limits}
    }
    .into_any()
}
