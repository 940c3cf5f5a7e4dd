//! The second factor: its part of the account page, and the page on which it is switched on.

use leptos::prelude::*;

use super::own::{FactorOff, FactorOffer, FactorOn, FactorView, NewCodes, offer_factor};
use crate::ui::{
    Alert, AlertKind, ConfirmDialog, Facts, Field, FormError, Loaded, PageHeader, Panel, SubmitButton, When, crumb, fault_of, field_fault,
};
use crate::words::{people as words, shared};

/// The codes that were just made, this once.
pub(super) fn just_made(codes: Option<Vec<String>>, shown_before: bool) -> Option<AnyView> {
    let Some(codes) = codes else {
        return shown_before.then(|| {
            view! {
                <Alert kind=AlertKind::Info title=words::codes_shown()>
                    <p>{words::codes_shown_means()}</p>
                </Alert>
            }
            .into_any()
        });
    };
    let codes: Vec<_> = codes.into_iter().map(|code| view! { <li><code>{code}</code></li> }).collect();
    Some(
        view! {
            <Alert kind=AlertKind::Good title=words::codes_keep()>
                <p>{words::codes_keep_means()}</p>
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
            <p>{words::factor_means()}</p>
            <a class="button" href="/account/factor"><crate::ui::Icon name="shield"/>{words::factor_switch_on()}</a>
        }
        .into_any(),
        Some(factor) => {
            let left = words::codes_left(factor.codes_left);
            view! {
                <p>{words::factor_since_before()} <When moment=factor.since/> ". " {left}</p>
                <div class="actions">
                    <form method="post" action="/fn/account/new-codes"><SubmitButton label=words::codes_new() tone="plain"/></form>
                    <ConfirmDialog name="factor-off" label=words::factor_switch_off() title=words::factor_off_title() class="button danger-outline">
                        <p>{words::factor_off_means()}</p>
                        <form method="post" action="/fn/account/factor-off"><SubmitButton label=words::factor_off_do() tone="danger"/></form>
                    </ConfirmDialog>
                </div>
            }
            .into_any()
        }
    };
    view! {
        <Panel title=shared::second_factor()>
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
        view! { <Alert kind=AlertKind::Info title=words::factor_already()><p>{words::factor_already_means()}</p></Alert> }
    });
    view! {
        <PageHeader title=words::factor_on_title() breadcrumbs=vec![crumb(shared::your_account(), "/account")]/>
        {replaces}
        <div class="narrow">
        <Panel title=words::factor_scan()>
            <div class="qr" inner_html=offer.picture></div>
            <p>{words::factor_key_before()} <code class="key-text">{offer.secret}</code></p>
        </Panel>
        <Panel title=words::factor_code()>
            <FormError error=fault_of(value)/>
            <form method="post" action="/fn/account/factor-on" class="form">
                <Field
                    label=words::factor_digits()
                    name="code"
                    required=true
                    autocomplete="one-time-code"
                    mono=true
                    help=words::factor_digits_help()
                    error=field_fault(value, "code")
                />
                <div class="form-actions">
                    <SubmitButton label=words::factor_on_do()/>
                    <a class="button quiet" href="/account">{shared::cancel()}</a>
                </div>
            </form>
        </Panel>
        </div>
    }
    .into_any()
}
