//! What the settings say of the installation: facts, and where each is set.

use leptos::prelude::*;

use super::api::{CertificateFacts, GeneralFacts, SecurityFacts, SystemFacts};
use crate::local;
use crate::ui::{ChainBadge, DefinitionList, Fact, Panel, When};
use crate::words::settings as words;

pub(super) fn general(facts: GeneralFacts) -> impl IntoView {
    let encrypted = facts.always_encrypted.then(words::new_backups_encrypted);
    let roots = if facts.import_roots.is_empty() { words::import_none().to_owned() } else { facts.import_roots.join(", ") };
    view! {
        <Panel title=words::general()>
            <DefinitionList>
                <Fact term=words::environment()>{facts.environment.unwrap_or_else(|| words::environment_none().to_owned())}</Fact>
                <Fact term=words::address()>{facts.address.unwrap_or_else(|| words::address_none().to_owned())}</Fact>
                <Fact term=words::new_backups()>{facts.new_backups}{encrypted}</Fact>
                <Fact term=words::firing()>{if facts.firing { words::firing_on() } else { words::firing_off() }}</Fact>
                <Fact term=words::import_from()>{roots}</Fact>
                <Fact term=words::set_by()>{words::set_by_options()}</Fact>
            </DefinitionList>
        </Panel>
    }
}

pub(super) fn security(facts: SecurityFacts, people: usize) -> impl IntoView {
    view! {
        <Panel title=words::security()>
            <DefinitionList>
                <Fact term=words::second_factor()>{words::with_factor(facts.with_factor, people)}</Fact>
                <Fact term=words::sessions()>{facts.open_sessions}</Fact>
                <Fact term=words::passwords()>
                    {words::passwords_known(facts.known_passwords)}
                    <span class="sub mono">{words::passwords_how()}</span>
                </Fact>
                {certificate(facts.certificate)}
                <Fact term=words::log()>
                    <ChainBadge intact=facts.chain_intact/>
                    " "
                    {words::events(facts.events)}
                </Fact>
            </DefinitionList>
        </Panel>
    }
}

pub(super) fn system(facts: SystemFacts) -> impl IntoView {
    let version = words::versions(&facts.version, &facts.format_version, &facts.sqlite_version);
    view! {
        <Panel title=words::system()>
            <DefinitionList>
                <Fact term=words::version()>{version}</Fact>
                <Fact term=words::running_since()><When moment=facts.started/></Fact>
                <Fact term=words::data()><span class="mono path">{facts.data}</span></Fact>
                <Fact term=words::backups()><span class="mono path">{facts.backups}</span></Fact>
                <Fact term=words::free()>{facts.free_bytes.map_or_else(|| "–".to_owned(), local::bytes)}</Fact>
            </DefinitionList>
        </Panel>
    }
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
