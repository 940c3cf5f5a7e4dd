//! Everyone's own account: who one is, the password, and where one is signed in.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    factor,
    own::{AccountView, ChangePassword, show_account},
    reading, sessions,
};
use crate::ui::{
    Alert, AlertKind, DefinitionList, Fact, Facts, Field, FormError, Loaded, PageHeader, Panel, SubmitButton, When, fault_of, field_fault,
    here::use_here,
};
use crate::words::{people as words, shared};

#[component]
pub fn AccountPage() -> impl IntoView {
    let query = use_query_map();
    let asked = move || ["done", "made"].map(|name| query.with(|query| query.get(name).unwrap_or_default()));
    let account = Facts::new(asked, |[done, made]| show_account(done, made));
    view! { <Loaded resource=account show=show/> }
}

fn show(account: AccountView) -> AnyView {
    let end_others = (account.sessions.len() > 1).then(|| {
        view! {
            <form method="post" action="/fn/account/end-session">
                <SubmitButton label=words::end_others() tone="plain" small=true/>
            </form>
        }
        .into_any()
    });
    let changed = account.changed.then(|| {
        view! { <Alert kind=AlertKind::Good title=words::password_changed()><p>{words::password_changed_means()}</p></Alert> }
    });
    let password = password(account.name.clone());
    view! {
        <PageHeader title=shared::your_account()/>
        {changed}
        {factor::just_made(account.codes, account.shown_before)}
        <Panel title=words::you()>
            <DefinitionList>
                <Fact term=shared::name()>{account.name}</Fact>
                <Fact term=shared::role()>{account.role.as_str()}</Fact>
                <Fact term=shared::added()><When moment=account.added/></Fact>
            </DefinitionList>
        </Panel>
        {password}
        {factor::panel(account.factor)}
        {reading::panel(account.reading)}
        {shortcuts()}
        <Panel title=words::sessions() flush=true actions=end_others.unwrap_or_else(|| ().into_any())>
            {sessions::table(account.sessions, "/fn/account/end-session", None)}
        </Panel>
    }
    .into_any()
}

/// A plain form: what the keys do is the session's area.
fn shortcuts() -> AnyView {
    let on = use_here().shortcuts;
    let (text, value, label) = if on {
        (words::shortcuts_on(), "off", words::shortcuts_switch_off())
    } else {
        (words::shortcuts_off(), "on", words::shortcuts_switch_on())
    };
    view! {
        <Panel title=words::shortcuts()>
            <p>{text}</p>
            <form method="post" action="/fn/session/shortcuts">
                <input type="hidden" name="shortcuts" value=value/>
                <SubmitButton label=label tone="plain"/>
            </form>
        </Panel>
    }
    .into_any()
}

fn password(name: String) -> AnyView {
    let attempt = ServerAction::<ChangePassword>::new().value();
    let value = move || attempt.get();
    view! {
        <Panel title=shared::password()>
            <FormError error=fault_of(value)/>
            <form method="post" action="/fn/account/password" class="form">
                // For password managers: whose password this is.
                <input type="text" name="username" autocomplete="username" value=name readonly hidden/>
                <Field
                    label=words::present_password()
                    name="present"
                    kind="password"
                    autocomplete="current-password"
                    required=true
                    error=field_fault(value, "present")
                />
                <Field
                    label=words::new_password()
                    name="password"
                    kind="password"
                    autocomplete="new-password"
                    required=true
                    help=words::new_password_help()
                    error=field_fault(value, "password")
                />
                <div class="form-actions"><SubmitButton label=words::password_do()/></div>
            </form>
        </Panel>
    }
    .into_any()
}
