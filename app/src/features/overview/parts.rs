//! Parts of the Overview: its head, the first steps, and the databases by risk.

use keepstone_model::{access::Role, database::DatabaseState, human, job::Progress};
use leptos::prelude::*;

use super::facts::{Hero, OverviewRow};
use crate::live::use_live;
use crate::ui::{
    AgeMeter, Icon, Panel, Said, StateBadge, When,
    badge::tone_of,
    here::may,
    strip::{Days, Strip},
};
use crate::words::{overview as words, shared};

#[component]
pub fn HeroBox(hero: Hero, key: String) -> impl IntoView {
    let (mark, _) = hero.state.mark_and_word();
    let actions = hero.act_on.map(|id| {
        let create = may(Role::Operator).then(|| {
            view! {
                <form method="post" action="/fn/backups/create">
                    <input type="hidden" name="database" value=id.to_string()/>
                    <input type="hidden" name="key" value=key/>
                    <button type="submit" class="button primary">{words::back_up_now(&id)}</button>
                </form>
            }
        });
        // What is in doubt is looked at before another one is made of it.
        let look = hero.look_at.clone().map(|(id, way)| view! { <a class="button primary" href=format!("/backups/{id}")>{way}</a> });
        let create = if look.is_some() { None } else { create };
        view! {
            <div class="actions">
                {look}
                <a class="button" href=format!("/databases/{id}")>{words::see(&id)}</a>
                {create}
            </div>
        }
    });
    view! {
        <section class=format!("hero {}", tone_of(hero.state)) aria-labelledby="hero-title">
            <span class="hero-mark" aria-hidden="true">{mark}</span>
            <div class="hero-body">
                <h2 id="hero-title">{hero.title}</h2>
                <p><Said sentence=hero.text/></p>
            </div>
            {actions}
        </section>
    }
}

/// What is to be done before anything is safe, ticked as it is done.
#[component]
pub fn FirstSteps(database: bool, backup: bool, schedule: bool) -> impl IntoView {
    let admin = may(Role::Admin);
    let step = |done: bool, number: &'static str, title: &'static str, text: &'static str, action: Option<AnyView>| {
        view! {
            <li class="first-step" class:done=done>
                <span class="first-step-mark" aria-hidden="true">{if done { "✔" } else { number }}</span>
                <div>
                    <p class="strong">{title}{done.then(|| view! { <span class="visually-hidden">{words::step_done()}</span> })}</p>
                    <p class="muted">{text}</p>
                </div>
                {(!done).then_some(action).flatten()}
            </li>
        }
    };
    let add = (admin && !database)
        .then(|| view! { <a class="button primary" href="/databases/new"><Icon name="plus"/>{shared::add_database()}</a> }.into_any());
    let create = (database && may(Role::Operator))
        .then(|| view! { <a class="button primary" href="/backups/new">{shared::create_backup()}</a> }.into_any());
    view! {
        <Panel title=words::first_steps()>
            <ol class="first-steps">
                {step(database, "1", shared::add_database(), words::step_database_means(), add)}
                {step(backup, "2", words::step_backup(), words::step_backup_means(), create)}
                {step(schedule, "3", words::step_schedule(), words::step_schedule_means(), None)}
            </ol>
        </Panel>
    }
}

/// e.g. `42 % · 2 min left`.
fn how_far(progress: &Progress) -> String {
    let far = progress.percent().map_or_else(|| progress.step.title().to_owned(), |percent| format!("{percent} %"));
    match progress.left_s() {
        None => far,
        Some(left) => words::far_and_left(&far, &human::time_left(left)),
    }
}

/// The databases by risk: a state that needs someone stands on top.
#[component]
pub fn DatabaseList(rows: Vec<OverviewRow>, days: Days) -> impl IntoView {
    let items: Vec<_> = rows.into_iter().map(|row| item(row, days.clone())).collect();
    let all = view! { <a class="button small" href="/databases">{words::all_databases()}</a> };
    view! {
        <Panel title=words::by_risk() flush=true actions=all.into_any()>
            <ul class="risk">{items}</ul>
        </Panel>
    }
}

fn item(row: OverviewRow, days: Days) -> AnyView {
    let href = format!("/databases/{}", row.id);
    let next = match (row.job, row.next_run) {
        (Some(job), _) => {
            let href = format!("/jobs/{job}");
            let running = use_live().job(job);
            let far = move || running.with(|job| job.as_ref().and_then(|job| job.progress.as_ref()).map(how_far));
            view! { <a href=href>{move || far().unwrap_or_else(|| shared::follow_job().to_owned())}</a> }.into_any()
        }
        (None, Some(at)) => view! { <span class="muted">{words::next_run_at()}</span><When moment=at/> }.into_any(),
        (None, None) => view! { <span class="muted">{words::not_scheduled()}</span> }.into_any(),
    };
    let error = row.last_error.or(row.concern).filter(|_| {
        matches!(row.standing, DatabaseState::Failed | DatabaseState::AtRisk | DatabaseState::Unproven | DatabaseState::Protected)
    });
    view! {
        <li class="risk-row">
            <div class="risk-state"><StateBadge state=row.state/></div>
            <h3 class="risk-name"><a href=href>{row.id.to_string()}</a></h3>
            <div class="risk-age"><AgeMeter age=row.age/></div>
            <div class="risk-next">{next}</div>
            {error.map(|error| view! { <p class="risk-error error-text"><Said sentence=error/></p> })}
            <div class="risk-strip"><Strip database=row.id.to_string() days=days marks=row.marks/></div>
        </li>
    }
    .into_any()
}
