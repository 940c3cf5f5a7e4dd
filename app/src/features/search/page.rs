//! The page of what was found. Its form works without JavaScript, as the one in the top bar does.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::api::{self, Finds, Found, Hit, State};
use crate::local;
use crate::ui::{Ago, BackupBadge, EmptyState, Facts, Icon, JobBadge, Loaded, PageHeader, Panel, StateBadge};
use crate::words::{search as words, shared};

#[component]
pub fn SearchPage() -> impl IntoView {
    let query = use_query_map();
    let text = move || query.with(|query| query.get("q").unwrap_or_default());
    let found = Facts::new(text, api::find);
    view! { <Loaded resource=found show=show/> }
}

fn show(found: Found) -> AnyView {
    let count: u64 = found.finds.iter().map(|finds| finds.total).sum();
    let said = words::results(count);
    let body = match (found.text.is_empty(), count) {
        (true, _) => view! {
            <EmptyState icon="search" title=words::ask()>
                <p>{words::ask_means()}</p>
            </EmptyState>
        }
        .into_any(),
        (false, 0) => view! {
            <EmptyState icon="search" title=words::nothing()>
                <p>{words::nothing_means()}</p>
                <a class="button" href="/backups">{shared::back_to_backups()}</a>
            </EmptyState>
        }
        .into_any(),
        _ => {
            let panels: Vec<_> = found.finds.into_iter().map(panel).collect();
            view! { <p class="muted" role="status">{said}</p> {panels} }.into_any()
        }
    };
    view! {
        <PageHeader title=shared::search()/>
        <form class="filter" method="get" action="/search" role="search" aria-label=shared::search()>
            <label class="filter-field search">
                <span>{words::fields()}</span>
                <input type="search" name="q" value=found.text maxlength="200" autocomplete="off"/>
            </label>
            <div class="filter-actions"><button type="submit" class="button"><Icon name="search"/>{shared::search()}</button></div>
        </form>
        {body}
    }
    .into_any()
}

fn panel(finds: Finds) -> AnyView {
    let (total, shown) = (finds.total, finds.hits.len() as u64);
    let rest = (shown < total).then(|| {
        let text = words::shown_of(&local::count(shown), &local::count(total));
        let all = finds.all.map(|href| view! { " · " <a href=href>{words::show_all()}</a> });
        view! { <p class="panel-pad muted">{text}{all}</p> }
    });
    let hits: Vec<_> = finds.hits.into_iter().map(hit).collect();
    view! {
        <Panel title=finds.title flush=true>
            <ul class="hits">{hits}</ul>
            {rest}
        </Panel>
    }
    .into_any()
}

fn hit(hit: Hit) -> AnyView {
    let badge = hit.state.map(|state| match state {
        State::Database(state) => view! { <StateBadge state=state/> }.into_any(),
        State::Backup(state, verdict) => view! { <BackupBadge state=state verdict=verdict/> }.into_any(),
        State::Job { state, unsound } => view! { <JobBadge state=state unsound=unsound/> }.into_any(),
    });
    let said = (!hit.said.is_empty()).then(|| view! { <span class="hit-said">{hit.said}</span> });
    let when = hit.when.map(|moment| view! { <span class="muted"><Ago moment=moment/></span> });
    view! {
        <li>
            <a href=hit.href>{hit.title}</a>
            {badge}
            {when}
            {said}
        </li>
    }
    .into_any()
}
