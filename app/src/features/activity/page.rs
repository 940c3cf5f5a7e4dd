//! The activity page.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::api::{ActivityView, list_activity};
use crate::words::{activity as words, shared};
use crate::{
    live::use_changes,
    ui::{Alert, AlertKind, ChainBadge, EmptyState, Facts, Icon, Loaded, PageHeader, Pagination, events::EventTable},
};

#[component]
pub fn ActivityPage() -> impl IntoView {
    let changes = use_changes();
    let query = use_query_map();
    let asked = move || query.with(|query| (query.get("db").unwrap_or_default(), query.get("before").unwrap_or_default()));
    let view = Facts::new(move || (changes.get(), asked()), |(_, (database, before))| list_activity(database, before));
    view! { <Loaded resource=view show=show/> }
}

fn show(view: ActivityView) -> AnyView {
    let lead = view! {
        <p>{words::lead(view.events)}</p>
    };
    let address = |before: Option<u64>| {
        let db = (!view.filter.is_empty()).then(|| format!("db={}", view.filter));
        let before = before.map(|before| format!("before={before}"));
        let query: Vec<_> = db.into_iter().chain(before).collect();
        if query.is_empty() { "/activity".to_owned() } else { format!("/activity?{}", query.join("&")) }
    };
    let broken = view.broken_at.map(|number| {
        view! {
            <Alert kind=AlertKind::Failure title=words::broken(&number)>
                <p>{words::broken_means()}</p>
            </Alert>
        }
    });
    let (newer, older) = ((!view.newest).then(|| address(None)), view.older.map(|number| address(Some(number))));
    let position = match (view.lines.first(), view.lines.last()) {
        (Some(first), Some(last)) => words::position(&first.number, &last.number),
        _ => String::new(),
    };
    let list = if view.lines.is_empty() {
        view! {
            <EmptyState icon="activity" title=words::none()>
                <p>{words::none_means()}</p>
            </EmptyState>
        }
        .into_any()
    } else {
        view! {
            <div class="table-box"><EventTable lines=view.lines/></div>
            <Pagination text=position previous=newer next=older/>
        }
        .into_any()
    };
    view! {
        <PageHeader title=shared::activity() badge=view! { <ChainBadge intact=view.broken_at.is_none()/> }.into_any() lead=lead.into_any()>
            <a class="button" href="/jobs">{shared::jobs()}</a>
        </PageHeader>
        {broken}
        <Filter databases=view.databases chosen=view.filter/>
        {list}
    }
    .into_any()
}

/// A GET form: what is filtered stands in the address.
#[component]
fn Filter(databases: Vec<String>, chosen: String) -> impl IntoView {
    let filtered = !chosen.is_empty();
    let options: Vec<_> = databases
        .into_iter()
        .map(|id| {
            let selected = id == chosen;
            view! { <option value=id.clone() selected=selected>{id.clone()}</option> }
        })
        .collect();
    view! {
        <form method="get" action="/activity" class="filter" role="search" aria-label=words::filter()>
            <label class="filter-field">
                <span>{shared::database()}</span>
                <select name="db">
                    <option value="">{shared::all_databases()}</option>
                    {options}
                </select>
            </label>
            <div class="filter-actions">
                <button type="submit" class="button">
                    <Icon name="filter"/>
                    {shared::filter()}
                </button>
                {filtered.then(|| view! { <a class="button quiet" href="/activity">{shared::clear_filter()}</a> })}
            </div>
        </form>
    }
}
