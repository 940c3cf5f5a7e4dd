//! The form that adds a person.

use keepstone_model::access::Role;
use leptos::prelude::*;

use super::api::AddPerson;
use crate::words::{people as words, shared};
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
        <PageHeader title=words::add() breadcrumbs=vec![crumb(shared::settings(), "/settings")]/>
        <div class="narrow">
        <Panel title=words::account()>
            <FormError error=fault_of(value)/>
            <form method="post" action="/fn/people/add" class="form">
                <Field
                    label=shared::name()
                    name="name"
                    required=true
                    autocomplete="off"
                    help=words::name_help()
                    error=field_fault(value, "name")
                />
                <FieldBox label=shared::role() name="role" help=role_help() error=field_fault(value, "role")>{role_choice(Role::Viewer)}</FieldBox>
                <fieldset class="field boxes">
                    <legend>{words::how()}</legend>
                    <label class="option">
                        <input type="radio" name="how" value="link" checked/>
                        <span>
                            {words::by_link()}
                            <span class="help">{words::by_link_means()}</span>
                        </span>
                    </label>
                    <label class="option">
                        <input type="radio" name="how" value="password"/>
                        <span>
                            {words::by_password()}
                            <span class="help">{words::by_password_means()}</span>
                        </span>
                    </label>
                </fieldset>
                <Field
                    label=words::first_password()
                    name="password"
                    kind="password"
                    autocomplete="new-password"
                    help=words::first_password_help()
                    error=field_fault(value, "password")
                />
                <div class="form-actions">
                    <SubmitButton label=words::add_do()/>
                    <a class="button quiet" href="/settings">{shared::cancel()}</a>
                </div>
            </form>
        </Panel>
        </div>
    }
    .into_any()
}

pub(super) fn role_help() -> &'static str {
    words::role_help()
}

pub(super) fn role_choice(chosen: Role) -> AnyView {
    let options = Role::ALL.map(|role| view! { <option value=role.as_str() selected=role == chosen>{role.as_str()}</option> });
    view! { <select id="f-role" name="role">{options.into_iter().collect::<Vec<_>>()}</select> }.into_any()
}
