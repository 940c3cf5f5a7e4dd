//! The settings page.

use keepstone_model::access::Role;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    api::{RevokeToken, SettingsView, show_settings},
    facts, people, tokens,
};
use crate::words::{settings as words, shared};
use crate::{
    error::AppError,
    ui::{Facts, FaultPage, Loaded, PageHeader, here::may},
};

#[component]
pub fn SettingsPage() -> impl IntoView {
    if !may(Role::Admin) {
        return view! { <FaultPage error=AppError::forbidden()/> }.into_any();
    }
    let query = use_query_map();
    let made = move || query.with(|query| query.get("made").unwrap_or_default());
    let view = Facts::new(made, show_settings);
    let revoke = ServerAction::<RevokeToken>::new();
    view! { <Loaded resource=view show=move |view| show(view, revoke)/> }.into_any()
}

fn show(view: SettingsView, revoke: ServerAction<RevokeToken>) -> AnyView {
    let lead = view! { <p>{words::lead()}</p> };
    let SettingsView { made, shown_before, tokens, people, general, security, system } = view;
    let count = people.len();
    view! {
        <PageHeader title=shared::settings() lead=lead.into_any()/>
        {tokens::just_made(made, shown_before)}
        {people::list(people)}
        {tokens::list(tokens, revoke)}
        {facts::general(general)}
        {facts::security(security, count)}
        {facts::system(system)}
    }
    .into_any()
}
