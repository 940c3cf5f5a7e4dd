//! The second factor: its part of the account page, and the page on which it is switched on.

use leptos::prelude::*;

use super::own::{FactorOff, FactorOffer, FactorOn, FactorView, NewCodes, offer_factor};
use crate::ui::{
    Alert, AlertKind, ConfirmDialog, Facts, Field, FormError, Loaded, PageHeader, Panel, SubmitButton, When, crumb, fault_of, field_fault,
};

/// The codes that were just made, this once.
pub(super) fn just_made(codes: Option<Vec<String>>, shown_before: bool) -> Option<AnyView> {
    let Some(codes) = codes else {
        return shown_before.then(|| {
            view! {
                <Alert kind=AlertKind::Info title="These recovery codes were shown already">
                    <p>"They are shown once. If they were not kept, make new ones: they take the place of those before."</p>
                </Alert>
            }
            .into_any()
        });
    };
    let codes: Vec<_> = codes.into_iter().map(|code| view! { <li><code>{code}</code></li> }).collect();
    Some(
        view! {
            <Alert kind=AlertKind::Good title="Keep these recovery codes">
                <p>"Each lets you in once when the app is not at hand. Print them or put them into a password manager: they are shown only now."</p>
                <ul class="codes">{codes}</ul>
            </Alert>
        }
        .into_any(),
    )
}

pub(super) fn panel(factor: Option<FactorView>) -> AnyView {
    let (off, codes) = (ServerAction::<FactorOff>::new().value(), ServerAction::<NewCodes>::new().value());
    let refused = fault_of(move || off.get());
    let also = fault_of(move || codes.get());
    let body = match factor {
        None => view! {
            <p>"A code of an authenticator app beside the password: a password that leaked is not enough then."</p>
            <a class="button" href="/account/factor"><crate::ui::Icon name="shield"/>"Switch it on…"</a>
        }
        .into_any(),
        Some(factor) => {
            let left = match factor.codes_left {
                0 => "No recovery code is left: make new ones.".to_owned(),
                1 => "One recovery code is left.".to_owned(),
                left => format!("{left} recovery codes are left."),
            };
            view! {
                <p>"On since " <When moment=factor.since/> ". " {left}</p>
                <div class="actions">
                    <form method="post" action="/fn/account/new-codes"><SubmitButton label="Make new recovery codes" tone="plain"/></form>
                    <ConfirmDialog name="factor-off" label="Switch it off…" title="Switch the second factor off?" class="button danger-outline">
                        <p>"After that the password alone lets in."</p>
                        <form method="post" action="/fn/account/factor-off"><SubmitButton label="Switch the second factor off" tone="danger"/></form>
                    </ConfirmDialog>
                </div>
            }
            .into_any()
        }
    };
    view! {
        <Panel title="Second factor">
            <FormError error=Signal::derive(move || refused.get().or_else(|| also.get()))/>
            {body}
        </Panel>
    }
    .into_any()
}

#[component]
pub fn FactorPage() -> impl IntoView {
    let offer = Facts::new(|| (), |()| offer_factor());
    view! { <Loaded resource=offer show=show/> }
}

fn show(offer: FactorOffer) -> AnyView {
    let attempt = ServerAction::<FactorOn>::new().value();
    let value = move || attempt.get();
    let replaces = offer.replaces.then(|| {
        view! { <Alert kind=AlertKind::Info title="You have a second factor already"><p>"This one takes its place once its first code is given."</p></Alert> }
    });
    view! {
        <PageHeader title="Switch the second factor on" breadcrumbs=vec![crumb("Your account", "/account")]/>
        {replaces}
        <div class="narrow">
        <Panel title="1. Scan it with an authenticator app">
            <div class="qr" inner_html=offer.picture></div>
            <p>"Or type the key: " <code class="key-text">{offer.secret}</code></p>
        </Panel>
        <Panel title="2. Give its first code">
            <FormError error=fault_of(value)/>
            <form method="post" action="/fn/account/factor-on" class="form">
                <Field
                    label="Six digits from the app"
                    name="code"
                    required=true
                    autocomplete="one-time-code"
                    mono=true
                    help="It changes every 30 seconds. If none is right, compare the clocks of this machine and of the phone."
                    error=field_fault(value, "code")
                />
                <div class="form-actions">
                    <SubmitButton label="Switch it on"/>
                    <a class="button quiet" href="/account">"Cancel"</a>
                </div>
            </form>
        </Panel>
        </div>
    }
    .into_any()
}
