//! The activity page.

use keepstone_model::human;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::api::{ActivityView, list_activity};
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
        <p>"Every act leaves an event that carries the hash of the one before it. "{human::count(view.events)}" events so far."</p>
    };
    let address = |before: Option<u64>| {
        let db = (!view.filter.is_empty()).then(|| format!("db={}", view.filter));
        let before = before.map(|before| format!("before={before}"));
        let query: Vec<_> = db.into_iter().chain(before).collect();
        if query.is_empty() { "/activity".to_owned() } else { format!("/activity?{}", query.join("&")) }
    };
    let broken = view.broken_at.map(|number| {
        view! {
            <Alert kind=AlertKind::Failure title=format!("The chain is broken at event {number}")>
                <p>"Events were changed or removed behind the console's back, or the catalog is damaged. Compare it with one of its backups."</p>
            </Alert>
        }
    });
    let (newer, older) = ((!view.newest).then(|| address(None)), view.older.map(|number| address(Some(number))));
    let position = match (view.lines.first(), view.lines.last()) {
        (Some(first), Some(last)) => format!("Events {} to {}", first.number, last.number),
        _ => String::new(),
    };
    let list = if view.lines.is_empty() {
        view! {
            <EmptyState icon="activity" title="No events">
                <p>"Nothing fits this filter."</p>
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
        <PageHeader title="Activity" badge=view! { <ChainBadge intact=view.broken_at.is_none()/> }.into_any() lead=lead.into_any()>
            <a class="button" href="/jobs">"Jobs"</a>
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
        <form method="get" action="/activity" class="filter" role="search" aria-label="Filter events">
            <label class="filter-field">
                <span>"Database"</span>
                <select name="db">
                    <option value="">"all databases"</option>
                    {options}
                </select>
            </label>
            <div class="filter-actions">
                <button type="submit" class="button">
                    <Icon name="filter"/>
                    "Filter"
                </button>
                {filtered.then(|| view! { <a class="button quiet" href="/activity">"Clear"</a> })}
            </div>
        </form>
    }
}
