//! The page of a database's retention: the policy, what it does to the backups that are there, and cleaning up now. Its address holds the
//! policy that is tried; in a browser that runs the program the preview follows every key.

use keepstone_model::retention::PolicyText;
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_params_map};

use super::{
    api::{self, RetentionView},
    editor::{editor, question},
    preview::{amount, outcome, preview},
};
use crate::ui::{
    Alert, AlertKind, ConfirmDialog, DefinitionList, Fact, Facts, Loaded, PageHeader, Panel, SubmitButton, crumb,
    schedule_table::moment_or_dash,
};
use crate::words::{retention as words, shared};

#[component]
pub fn RetentionPage() -> impl IntoView {
    let (params, search) = (use_params_map(), use_location().search);
    let id = move || params.with(|params| params.get("id").unwrap_or_default());
    let text = RwSignal::new(PolicyText::default());
    // Not live: what someone types must not vanish because a job ended somewhere.
    let view = Facts::new(move || (id(), search.get()), |(id, query)| api::show(id, query));
    view! { <Loaded resource=view show=move |view| show(view, text)/> }
}

fn show(view: RetentionView, text: RwSignal<PolicyText>) -> AnyView {
    text.set(view.tried.text());
    let id = view.id.to_string();
    let crumbs = vec![crumb(shared::databases(), "/databases"), crumb(&id, format!("/databases/{id}"))];
    let alarm = view.alarm.clone().map(|alarm| view! { <Alert kind=AlertKind::Warning title=alarm/> });
    let saved = view.saved.then(|| view! { <Alert kind=AlertKind::Good title=words::saved()/> });
    let managed = view.managed_by.clone().map(|by| {
        let title = words::managed(&by);
        view! { <Alert kind=AlertKind::Info title=title><p>{words::managed_means()}</p></Alert> }
    });
    let (editor, question, cleanup) = (editor(&view, text), question(&view), cleanup(&view));
    let stored = view.stored.text();
    let live = move || {
        let tried = text.get();
        match tried.policy() {
            Ok(policy) => preview(&view, &policy, tried != stored),
            Err(fault) => view! { <Alert kind=AlertKind::Failure title=words::no_preview()><p>{fault.message}</p></Alert> }.into_any(),
        }
    };
    view! {
        <PageHeader title=words::title(&id) breadcrumbs=crumbs/>
        {saved}
        {managed}
        {alarm}
        {question}
        <Panel title=words::policy()>{editor}</Panel>
        {live}
        {cleanup}
    }
    .into_any()
}

/// When cleanup runs, and doing it now by the stored policy.
fn cleanup(view: &RetentionView) -> AnyView {
    let (last, next, words) = (moment_or_dash(view.last.clone()), moment_or_dash(view.next.clone()), view.stored_words.clone());
    let now = view.stored.text().policy().ok().map(|policy| outcome(view, &policy));
    let what = now.as_ref().filter(|now| !now.plan.removed.is_empty()).map(|now| {
        let seen: Vec<&str> = now.plan.removed.iter().map(|&index| view.dots[index].id.as_str()).collect();
        (amount((seen.len() as u64, now.freed_bytes)), seen.join(" "))
    });
    let rhythm = view.rhythm.clone();
    let schedules = format!("/schedules/{}#h-cleanup", view.id);
    let act = match what {
        None => view! { <p class="muted">{words::nothing_to_go()}</p> }.into_any(),
        Some((what, _)) if !view.may_change => view! { <p class="muted">{words::next_removes(&what)}</p> }.into_any(),
        Some((what, seen)) => {
            let (id, key, list) = (view.id.to_string(), view.key.clone(), seen.replace(' ', "\n"));
            let label = words::move_what(&what);
            view! {
                <ConfirmDialog name="clean-up" label=words::clean_up() title=words::move_ask(&what) icon="trash">
                    <pre class="mono seen" tabindex="0" aria-label=words::what_goes()>{list}</pre>
                    <p>{words::trash_means()}</p>
                    <form method="post" action="/fn/retention/clean-up">
                        <input type="hidden" name="id" value=id/>
                        <input type="hidden" name="seen" value=seen/>
                        <input type="hidden" name="key" value=key/>
                        <SubmitButton label=label tone="danger" icon="trash"/>
                    </form>
                </ConfirmDialog>
            }
            .into_any()
        }
    };
    view! {
        <Panel title=words::cleanup()>
            <DefinitionList>
                <Fact term=words::stored_policy()>{words}</Fact>
                <Fact term=words::last_cleanup()>{last}</Fact>
                <Fact term=words::next_cleanup()>{next}<span class="sub">{rhythm}". "<a href=schedules>{shared::change()}</a></span></Fact>
            </DefinitionList>
            <div class="cleanup-now">{act}</div>
        </Panel>
    }
    .into_any()
}
