//! The settings page.

use keepstone_model::access::Role;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    api::{CertificateFacts, RevokeToken, SettingsView, SystemFacts, show_settings},
    people, tokens,
};
use crate::local;
use crate::words::{settings as words, shared};
use crate::{
    error::AppError,
    ui::{ChainBadge, DefinitionList, Fact, Facts, FaultPage, Loaded, PageHeader, Panel, When, here::may},
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
    let SettingsView { made, shown_before, tokens, people, system } = view;
    view! {
        <PageHeader title=shared::settings() lead=lead.into_any()/>
        {tokens::just_made(made, shown_before)}
        {people::list(people)}
        {tokens::list(tokens, revoke)}
        {installation(system)}
    }
    .into_any()
}

fn installation(system: SystemFacts) -> AnyView {
    let version = words::versions(&system.version, &system.format_version, &system.sqlite_version);
    view! {
        <Panel title=words::system()>
            <DefinitionList>
                <Fact term=words::version()>{version}</Fact>
                <Fact term=words::running_since()><When moment=system.started/></Fact>
                <Fact term=words::data()><span class="mono path">{system.data}</span></Fact>
                <Fact term=words::backups()><span class="mono path">{system.backups}</span></Fact>
                <Fact term=words::free()>{local::bytes(system.free_bytes)}</Fact>
                {certificate(system.certificate)}
                <Fact term=words::log()>
                    <ChainBadge intact=system.chain_intact/>
                    " "
                    {words::events(system.events)}
                </Fact>
            </DefinitionList>
        </Panel>
    }
    .into_any()
}

fn certificate(shown: Option<CertificateFacts>) -> AnyView {
    let Some(shown) = shown else {
        return view! { <Fact term=words::tls()>{words::no_certificate()}</Fact> }.into_any();
    };
    let names = if shown.names.is_empty() { words::certificate_of_nothing().to_owned() } else { shown.names.join(", ") };
    let doubts: Vec<_> = shown.doubts.into_iter().map(|doubt| view! { <span class="sub error-text">{doubt}</span> }).collect();
    view! {
        <Fact term=words::tls()>
            <span class="mono">{names}</span>
            {words::certificate_until()}
            <When moment=shown.until/>
            {doubts}
        </Fact>
    }
    .into_any()
}
