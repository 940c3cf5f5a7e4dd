//! The password once more, before something that cannot be undone without effort.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::api::Confirm;
use crate::ui::{Field, FormError, PageHeader, Panel, SubmitButton, fault_of, field_fault, here::use_here};
use crate::words::{session as words, shared};

#[component]
pub fn ConfirmPage() -> impl IntoView {
    let attempt = ServerAction::<Confirm>::new().value();
    let value = move || attempt.get();
    let next = use_query_map().with_untracked(|query| query.get("next").unwrap_or_default());
    let name = use_here().who.map(|who| who.name).unwrap_or_default();
    let lead = view! { <p>{words::confirm_lead()}</p> };
    view! {
        <PageHeader title=words::confirm() lead=lead.into_any()/>
        <div class="narrow">
        <Panel title=words::confirm_who(&name)>
            <FormError error=fault_of(value)/>
            <form method="post" action="/fn/session/confirm" class="form">
                <input type="hidden" name="next" value=next/>
                <input type="text" name="username" autocomplete="username" value=name.clone() readonly hidden/>
                <Field label=shared::password() name="password" kind="password" autocomplete="current-password" required=true error=field_fault(value, "password")/>
                <div class="form-actions"><SubmitButton label=words::confirm_do()/></div>
            </form>
            <p class="help">{words::confirm_means()}</p>
        </Panel>
        </div>
    }
}
