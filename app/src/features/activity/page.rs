//! The activity page.

use std::collections::BTreeSet;

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    api::{ActivityView, list_activity},
    filter::{Export, FilterForm},
};
use crate::words::{activity as words, shared};
use crate::{
    live::use_changes,
    ui::{Alert, AlertKind, ChainBadge, EmptyState, Facts, Loaded, PageHeader, Pagination, events::EventTable},
};

#[component]
pub fn ActivityPage() -> impl IntoView {
    let changes = use_changes();
    let query = use_query_map();
    let asked = move || query.with(|query| ["db", "who", "result", "before"].map(|name| query.get(name).unwrap_or_default()));
    let view =
        Facts::new(move || (changes.get(), asked()), |(_, [database, who, result, before])| list_activity(database, who, result, before));
    view! { <Loaded resource=view show=show/> }
}

fn show(view: ActivityView) -> AnyView {
    let lead = view! {
        <p>{words::lead(view.events)}</p>
    };
    let address = |before: Option<u64>| {
        let mut query = view.filter.query();
        if let Some(before) = before {
            query.insert("before", before.to_string());
        }
        format!("/activity{}", query.to_query_string())
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
    let (filter, asked) = (view.filter.clone(), view.filter.clone());
    let names: BTreeSet<String> = view.lines.iter().map(|line| line.actor.clone()).collect();
    let list = if view.lines.is_empty() {
        view! {
            <EmptyState icon="activity" title=words::none_fits()>
                <a class="button" href="/activity">{words::show_all()}</a>
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
            <Export filter=asked/>
            <a class="button" href="/jobs">{shared::jobs()}</a>
        </PageHeader>
        {broken}
        <FilterForm databases=view.databases names=names.into_iter().collect() chosen=filter/>
        {list}
    }
    .into_any()
}
