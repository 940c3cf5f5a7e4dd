//! The schedules page.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    api::{SetLimits, list_schedules},
    facts::{PAGE, SchedulesView},
    limits,
};
use crate::words::{schedules as words, shared};
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
        <Alert kind=AlertKind::Warning title=words::off()>
            <p>{words::off_means()}</p>
        </Alert>
    }
    .into_any()
}

fn show(view: SchedulesView, action: ServerAction<SetLimits>) -> AnyView {
    let (off, limits, ways, rows) = (view.off.then(off), limits::panel(&view, action), ways(&view), view.rows);
    let body = if view.total == 0 {
        view! {
            <EmptyState icon="schedule" title=words::none()>
                <p>{words::none_means()}</p>
                <a class="button" href="/databases">{shared::databases()}</a>
            </EmptyState>
        }
        .into_any()
    } else {
        view! { <ScheduleTable rows=rows with_database=true/> {ways} }.into_any()
    };
    view! {
        <PageHeader title=shared::schedules() lead=view! { <p>{words::lead()}</p> }.into_any()/>
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
    let text = if view.rows.is_empty() {
        shared::nothing_on_page().to_owned()
    } else {
        shared::page_of(first as u64, last as u64, view.total as u64)
    };
    let more = previous.is_some() || next.is_some();
    more.then(|| view! { <Pagination text=text previous=previous next=next ways=(words::sooner(), words::later())/> }.into_any())
}
