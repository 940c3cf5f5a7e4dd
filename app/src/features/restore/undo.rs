//! The page of an undo: what bringing back the state before a restore would do, and its confirmation.

use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::{
    api::{self, Undo, UndoView},
    impact::{impact, way_on},
};
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
    let kept = if server {
        "What is there now stays on the server for a day, so that this can be undone as well."
    } else {
        "The present state is kept in a safety backup of its own, so that this can be undone as well."
    };
    let lead = if server {
        view! { "Back to the database that the restore kept on the server" }.into_any()
    } else {
        view! {
            "Back to the state before, kept in "
            <a class="mono" href=format!("/backups/{}", view.backup)>{view.backup.clone()}</a>
            ", taken "
            <When moment=view.taken.clone()/>
        }
        .into_any()
    };
    let crumbs = vec![crumb("Backups", "/backups"), crumb("Jobs", "/jobs"), crumb("The restore", format!("/jobs/{job}"))];
    view! {
        <PageHeader title=format!("Undo the restore of {}", view.database) breadcrumbs=crumbs lead=lead/>
        {impact(&view.plan)}
        <Panel title="Confirm">
            <p>{kept}</p>
            <FormError error=fault_of(value)/>
            {way_on(code, format!("/jobs/{job}/undo"))}
            <ActionForm action=undo attr:class="form">
                <input type="hidden" name="job" value=job.clone()/>
                <input type="hidden" name="plan" value=view.plan.plan.clone()/>
                <div class="form-actions">
                    <SubmitButton label="Undo: back to the state before" tone="danger" icon="undo" pending=undo.pending()/>
                    <a class="button quiet" href=format!("/jobs/{job}")>"Cancel"</a>
                </div>
            </ActionForm>
        </Panel>
    }
    .into_any()
}
