//! The form that adds a person.

use keepstone_model::access::Role;
use leptos::prelude::*;

use super::api::AddPerson;
use crate::{
    error::AppError,
    ui::{FaultPage, Field, FieldBox, FormError, PageHeader, Panel, SubmitButton, crumb, fault_of, field_fault, here::may},
};

#[component]
pub fn NewPersonPage() -> impl IntoView {
    if !may(Role::Admin) {
        return view! { <FaultPage error=AppError::forbidden()/> }.into_any();
    }
    let attempt = ServerAction::<AddPerson>::new().value();
    let value = move || attempt.get();
    view! {
        <PageHeader title="Add a person" breadcrumbs=vec![crumb("Settings", "/settings")]/>
        <div class="narrow">
        <Panel title="Account">
            <FormError error=fault_of(value)/>
            <form method="post" action="/fn/people/add" class="form">
                <Field
                    label="Name"
                    name="name"
                    required=true
                    autocomplete="off"
                    help="By which they sign in: letters, digits, or . - _ @ +"
                    error=field_fault(value, "name")
                />
                <FieldBox label="Role" name="role" help=role_help() error=field_fault(value, "role")>{role_choice(Role::Viewer)}</FieldBox>
                <fieldset class="field boxes">
                    <legend>"How they get in"</legend>
                    <label class="option">
                        <input type="radio" name="how" value="link" checked/>
                        <span>
                            "By a one-time link"
                            <span class="help">"You pass it on; they set a password of their own. It works once, for 24 hours."</span>
                        </span>
                    </label>
                    <label class="option">
                        <input type="radio" name="how" value="password"/>
                        <span>
                            "With a first password"
                            <span class="help">"You choose it and tell them; they can change it in their account."</span>
                        </span>
                    </label>
                </fieldset>
                <Field
                    label="First password"
                    name="password"
                    kind="password"
                    autocomplete="new-password"
                    help="At least 12 characters. Empty for a link."
                    error=field_fault(value, "password")
                />
                <div class="form-actions">
                    <SubmitButton label="Add the person"/>
                    <a class="button quiet" href="/settings">"Cancel"</a>
                </div>
            </form>
        </Panel>
        </div>
    }
    .into_any()
}

pub(super) fn role_help() -> &'static str {
    "A viewer sees; an operator also backs up, restores and deletes; an admin also sets up databases and people."
}

pub(super) fn role_choice(chosen: Role) -> AnyView {
    let options = Role::ALL.map(|role| view! { <option value=role.as_str() selected=role == chosen>{role.as_str()}</option> });
    view! { <select id="f-role" name="role">{options.into_iter().collect::<Vec<_>>()}</select> }.into_any()
}
