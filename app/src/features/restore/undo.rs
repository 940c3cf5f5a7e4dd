//! The page of an undo: what bringing back the state before a restore would do, and its confirmation.

use keepstone_model::restore::StateBefore;
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::{
    api::{self, Undo, UndoView},
    impact::{although_open, impact, way_on},
};
use crate::words::{restore as words, shared};
use crate::{
    error::AppError,
    ui::{Facts, FormError, Loaded, PageHeader, Panel, SubmitButton, When, crumb, fault_of},
};

#[component]
pub fn UndoPage() -> impl IntoView {
    let undo = ServerAction::<Undo>::new();
    let params = use_params_map();
    let plan = Facts::new(move || params.with(|params| params.get("id").unwrap_or_default()), api::undo_plan);
    view! { <Loaded resource=plan show=move |view| show(view, undo)/> }
}

fn show(view: UndoView, undo: ServerAction<Undo>) -> AnyView {
    let value = move || undo.value().get();
    let code = move || value().and_then(Result::err).map(|error: AppError| error.code);
    let job = view.job.clone();
    let server = view.plan.server;
    let kept = match view.plan.before {
        StateBefore::KeptOnServer => words::undo_kept_on_server(),
        StateBefore::KeptAside => words::undo_kept_aside(),
        StateBefore::Absent => words::undo_absent(),
        StateBefore::SafetyBackup | StateBefore::Untouched | StateBefore::Lost => words::undo_kept(),
    };
    let lead = if server {
        view! { {words::undo_lead_server()} }.into_any()
    } else {
        view! {
            {words::undo_lead_before()}
            <a class="mono" href=format!("/backups/{}", view.backup)>{view.backup.clone()}</a>
            {words::lead_between()}
            <When moment=view.taken.clone()/>
        }
        .into_any()
    };
    let crumbs =
        vec![crumb(shared::backups(), "/backups"), crumb(shared::jobs(), "/jobs"), crumb(words::the_restore(), format!("/jobs/{job}"))];
    let enough = view.plan.space_free_bytes >= view.plan.space_needed_bytes;
    let (plan, open, cancel) = (view.plan.plan.clone(), although_open(&view.plan), format!("/jobs/{job}"));
    let again = format!("/jobs/{job}/undo");
    let form = enough.then(|| {
        view! {
            <ActionForm action=undo attr:class="form">
                <input type="hidden" name="job" value=job/>
                <input type="hidden" name="plan" value=plan/>
                {open}
                <div class="form-actions">
                    <SubmitButton label=words::undo_do() tone="danger" icon="undo" pending=undo.pending()/>
                    <a class="button quiet" href=cancel>{shared::cancel()}</a>
                </div>
            </ActionForm>
        }
    });
    view! {
        <PageHeader title=words::undo_title(&view.database) breadcrumbs=crumbs lead=lead/>
        {impact(&view.plan)}
        <Panel title=words::confirm()>
            <p>{kept}</p>
            <FormError error=fault_of(value)/>
            {way_on(code, again)}
            {form}
        </Panel>
    }
    .into_any()
}
