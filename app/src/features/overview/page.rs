//! The Overview.

use keepstone_model::{access::Role, database::DatabaseState};
use leptos::prelude::*;

use super::{
    api::show_overview,
    facts::{Overview, hero},
    parts::{DatabaseList, FirstSteps, HeroBox},
};
use crate::local;
use crate::words::{overview as words, shared};
use crate::{
    live::use_changes,
    ui::{Alert, AlertKind, EmptyState, Facts, Icon, Loaded, PageHeader, Panel, events::EventList, here::may},
};

#[component]
pub fn OverviewPage() -> impl IntoView {
    let changes = use_changes();
    let overview = Facts::new(move || changes.get(), |_| show_overview());
    view! { <Loaded resource=overview show=show/> }
}

fn show(overview: Overview) -> AnyView {
    let ready = !overview.rows.is_empty();
    let steps = (overview.backup_count == 0 || !overview.scheduled)
        .then(|| view! { <FirstSteps database=ready backup={overview.backup_count > 0} schedule=overview.scheduled/> });
    let create = (ready && may(Role::Operator))
        .then(|| view! { <a class="button primary" href="/backups/new"><Icon name="backup"/>{shared::create_backup()}</a> });
    let head = hero(&overview.rows).map(|hero| view! { <HeroBox hero=hero key=overview.key.clone()/> });
    let events = if overview.events.is_empty() {
        view! { <EmptyState icon="activity" title=words::nothing_happened()/> }.into_any()
    } else {
        view! { <EventList lines=overview.events.clone()/> }.into_any()
    };
    let cleanup = cleanup(&overview);
    let all_events = view! { <a class="button small" href="/activity">{words::all_activity()}</a> }.into_any();
    view! {
        <PageHeader title=shared::overview()>{create}</PageHeader>
        {head}
        {cleanup}
        {steps}
        {ready.then(|| counts(&overview))}
        {ready.then(|| view! { <DatabaseList rows=overview.rows days=overview.days/> })}
        <Panel title=words::recent() actions=all_events>{events}</Panel>
    }
    .into_any()
}

/// What keeps cleanups from running, in one box however many databases it concerns.
fn cleanup(overview: &Overview) -> Option<AnyView> {
    let title = match overview.cleanup.as_slice() {
        [] => return None,
        [(id, _)] => words::cleanup(id),
        several => words::cleanups(several.len() as u64),
    };
    let lines: Vec<_> = overview
        .cleanup
        .iter()
        .map(|(id, alarm)| view! { <li><a href=format!("/databases/{id}/retention")>{id.to_string()}</a>": "{alarm.clone()}</li> })
        .collect();
    Some(view! { <Alert kind=AlertKind::Warning title=title><ul>{lines}</ul></Alert> }.into_any())
}

fn counts(overview: &Overview) -> AnyView {
    let of = |state| overview.rows.iter().filter(|row| row.state == state).count();
    let states = [
        (DatabaseState::Failed, false),
        (DatabaseState::AtRisk, true),
        (DatabaseState::Unproven, false),
        // Always there: where one more came with every run, all of them would move.
        (DatabaseState::Running, true),
        (DatabaseState::Protected, true),
        (DatabaseState::Paused, false),
    ];
    let states: Vec<_> = states
        .into_iter()
        .filter(|&(state, always)| always || of(state) > 0)
        .map(|(state, _)| {
            let tone = if of(state) == 0 { "none" } else { crate::ui::badge::tone_of(state) };
            count(state.mark_and_word().1, of(state).to_string(), tone)
        })
        .collect();
    let tested = if overview.restore_tested == overview.rows.len() { "good" } else { "none" };
    view! {
        <dl class="counts">
            {states}
            {count(words::restore_tested(), format!("{}/{}", overview.restore_tested, overview.rows.len()), tested)}
            {count(shared::backups(), local::count(overview.backup_count), "none")}
            {count(words::stored(), local::bytes(overview.archive_size_bytes), "none")}
            {count(words::free(), overview.free_bytes.map_or_else(|| "–".to_owned(), local::bytes), "none")}
        </dl>
    }
    .into_any()
}

fn count(word: &'static str, number: String, tone: &'static str) -> AnyView {
    view! {
        <div class=format!("count {tone}")>
            <dt>{word}</dt>
            <dd>{number}</dd>
        </div>
    }
    .into_any()
}
