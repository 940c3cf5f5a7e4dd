//! The two pages that are open: signing in, and the first set-up by its one-time link. Their forms load a new document, so that what the
//! frame knows of the person is new as well.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::api::{SecondFactor, SetUp, SignIn};
use crate::ui::{Alert, AlertKind, EnvironmentBadge, Field, FormError, Icon, SubmitButton, fault_of, field_fault, page::PageTitle};
use crate::words::{session as words, shared};

#[component]
pub fn SignInPage() -> impl IntoView {
    // Only for the error that a refused form brings back in the address.
    let attempt = ServerAction::<SignIn>::new().value();
    let value = move || attempt.get();
    let (next, handle) = use_query_map().with_untracked(|query| (query.get("next").unwrap_or_default(), query.get("code")));
    if let Some(handle) = handle {
        return view! { <CodeForm handle=handle next=next/> }.into_any();
    }
    view! {
        <PageTitle text=shared::sign_in()/>
        <Card title=shared::sign_in() lead=words::sign_in_lead()>
            <FormError error=fault_of(value)/>
            <form method="post" action="/fn/session/sign-in" class="form">
                <input type="hidden" name="next" value=next/>
                <Field label=shared::name() name="name" autocomplete="username" required=true error=field_fault(value, "name")/>
                <Field label=shared::password() name="password" kind="password" autocomplete="current-password" required=true error=field_fault(value, "password")/>
                <SubmitButton label=shared::sign_in()/>
            </form>
        </Card>
    }
    .into_any()
}

/// The second step, for who has a second factor.
#[component]
fn CodeForm(handle: String, next: String) -> impl IntoView {
    let attempt = ServerAction::<SecondFactor>::new().value();
    let value = move || attempt.get();
    view! {
        <PageTitle text=shared::second_factor()/>
        <Card title=shared::second_factor() lead=words::code_lead()>
            <FormError error=fault_of(value)/>
            <form method="post" action="/fn/session/second-factor" class="form">
                <input type="hidden" name="handle" value=handle/>
                <input type="hidden" name="next" value=next/>
                <Field
                    label=shared::code()
                    name="code"
                    autocomplete="one-time-code"
                    required=true
                    mono=true
                    help=words::code_help()
                    error=field_fault(value, "code")
                />
                <SubmitButton label=shared::sign_in()/>
            </form>
            <a href="/login" rel="external">{words::start_again()}</a>
        </Card>
    }
}

#[component]
pub fn SetUpPage() -> impl IntoView {
    let token = use_query_map().with_untracked(|query| query.get("token").unwrap_or_default());
    let asked = token.clone();
    let good_for = Resource::new_blocking(|| (), move |()| link_is_for(asked.clone()));
    view! {
        <PageTitle text=words::set_up()/>
        <Suspense fallback=|| ()>
            {move || {
                let token = token.clone();
                Suspend::new(async move {
                    match good_for.await {
                        Some(name) if name.is_empty() => view! { <SetUpForm token=token/> }.into_any(),
                        Some(name) => view! { <PasswordForm token=token name=name/> }.into_any(),
                        None => view! { <LinkIsOver/> }.into_any(),
                    }
                })
            }}
        </Suspense>
    }
}

/// The user whose password the link sets, empty for the first admin; none: the link is good for nothing. Asked while the server renders; the
/// browser takes the answer over and never asks, for this page is always loaded as a document.
async fn link_is_for(token: String) -> Option<String> {
    #[cfg(feature = "ssr")]
    return crate::server::accounts::link_is_for(&token).await.map(|good_for| match good_for {
        crate::server::accounts::LinkFor::FirstAdmin => String::new(),
        crate::server::accounts::LinkFor::Password(name) => name,
    });
    #[cfg(not(feature = "ssr"))]
    return (!token.is_empty()).then(String::new);
}

#[component]
fn SetUpForm(token: String) -> impl IntoView {
    let attempt = ServerAction::<SetUp>::new().value();
    let value = move || attempt.get();
    view! {
        <Card title=words::set_up_title() lead=words::set_up_lead()>
            <FormError error=fault_of(value)/>
            <form method="post" action="/fn/session/set-up" class="form">
                <input type="hidden" name="token" value=token/>
                <Field label=shared::name() name="name" autocomplete="username" required=true error=field_fault(value, "name")/>
                {new_password(field_fault(value, "password"))}
                <SubmitButton label=words::set_up_do()/>
            </form>
        </Card>
    }
}

#[component]
fn PasswordForm(token: String, name: String) -> impl IntoView {
    let attempt = ServerAction::<SetUp>::new().value();
    let value = move || attempt.get();
    view! {
        <Card title=words::set_password() lead=words::set_password_lead()>
            <FormError error=fault_of(value)/>
            <form method="post" action="/fn/session/set-up" class="form">
                <input type="hidden" name="token" value=token/>
                <Field label=shared::name() name="username" autocomplete="username" value=name readonly=true/>
                {new_password(field_fault(value, "password"))}
                <SubmitButton label=words::set_password_do()/>
            </form>
        </Card>
    }
}

fn new_password(error: Signal<Option<String>>) -> AnyView {
    view! {
        <Field
            label=shared::password()
            name="password"
            kind="password"
            autocomplete="new-password"
            required=true
            help=words::password_help()
            error=error
        />
    }
    .into_any()
}

#[component]
fn LinkIsOver() -> impl IntoView {
    view! {
        <Card title=words::set_up_title() lead="">
            <Alert kind=AlertKind::Warning title=words::link_over()>
                <p>{words::link_over_means()}</p>
                <pre><code>"keepstone user setup-link NAME"</code></pre>
            </Alert>
            <a class="button" href="/login" rel="external">{shared::sign_in()}</a>
        </Card>
    }
}

#[component]
fn Card(title: &'static str, lead: &'static str, children: Children) -> impl IntoView {
    view! {
        <div class="door">
            <p class="door-brand"><Icon name="stone"/>"Keepstone"<EnvironmentBadge/></p>
            <div class="door-card">
                <h1>{title}</h1>
                {(!lead.is_empty()).then(|| view! { <p class="muted">{lead}</p> })}
                {children()}
            </div>
        </div>
    }
}
