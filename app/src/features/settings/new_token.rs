//! The form that makes a token for a program.

use keepstone_model::{access::Role, token::Scope};
use leptos::prelude::*;

use super::api::{MakeToken, token_form};
use crate::{
    error::AppError,
    ui::{Facts, FaultPage, Field, FieldBox, FormError, Loaded, PageHeader, Panel, SubmitButton, crumb, fault_of, field_fault, here::may},
};

#[component]
pub fn NewTokenPage() -> impl IntoView {
    if !may(Role::Admin) {
        return view! { <FaultPage error=AppError::forbidden()/> }.into_any();
    }
    let make = ServerAction::<MakeToken>::new();
    let databases = Facts::new(|| (), |()| token_form());
    let show = move |databases: Vec<String>| show(&databases, make);
    view! { <Loaded resource=databases show=show/> }.into_any()
}

fn show(databases: &[String], make: ServerAction<MakeToken>) -> AnyView {
    let (value, pending) = (move || make.value().get(), make.pending());
    let boxes: Vec<_> = Scope::ALL
        .into_iter()
        .map(|scope| {
            view! {
                <label class="check">
                    <input type="checkbox" name=scope.as_str() value="true"/>
                    <span>
                        {scope.as_str()}
                        <span class="help">{scope.meaning()}</span>
                    </span>
                </label>
            }
        })
        .collect();
    let lead = view! { <p>"With it a program uses the HTTP API. Its secret is shown once, on the next page."</p> };
    let scopes_fault = field_fault(value, "scopes");
    let only = if databases.is_empty() {
        "Empty: all of them.".to_owned()
    } else {
        format!("Empty: all of them. Else ids, separated by commas: {}.", databases.join(", "))
    };
    view! {
        <PageHeader title="Make a token" breadcrumbs=vec![crumb("Settings", "/settings")] lead=lead.into_any()/>
        <div class="narrow">
        <Panel title="The token">
            <FormError error=fault_of(value)/>
            <ActionForm action=make>
                <div class="form">
                    <Field
                        label="Name"
                        name="name"
                        required=true
                        placeholder="deploy"
                        autocomplete="off"
                        help="What it does is in the activity log as token:NAME."
                        error=field_fault(value, "name")
                    />
                    <fieldset class="field boxes">
                        <legend>"It may"</legend>
                        {boxes}
                        {move || scopes_fault.get().map(|fault| view! { <p class="field-error">{fault}</p> })}
                    </fieldset>
                    <Field label="Only these databases" name="databases" autocomplete="off" mono=true help=only error=field_fault(value, "databases")/>
                    <FieldBox label="Good for" name="expires" error=field_fault(value, "expires")>
                        <select id="f-expires" name="expires">
                            <option value="30d">"30 days"</option>
                            <option value="90d">"90 days"</option>
                            <option value="365d" selected>"a year"</option>
                            <option value="never">"ever, until it is revoked"</option>
                        </select>
                    </FieldBox>
                    <div class="form-actions">
                        <SubmitButton label="Make the token" pending=pending/>
                        <a class="button quiet" href="/settings">"Cancel"</a>
                    </div>
                </div>
            </ActionForm>
        </Panel>
        </div>
    }
    .into_any()
}
