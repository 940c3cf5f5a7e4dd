//! Adding a database by the path of its file, or by the URL of its server.

use keepstone_model::access::Role;
use leptos::prelude::*;

use super::api::AddDatabase;
use crate::words::{databases as words, shared};
use crate::{
    error::AppError,
    ui::{FaultPage, Field, FormError, PageHeader, Panel, PresetChoice, SubmitButton, crumb, fault_of, field_fault, here::may},
};

#[component]
pub fn AddDatabasePage() -> impl IntoView {
    if !may(Role::Admin) {
        return view! { <FaultPage error=AppError::forbidden()/> }.into_any();
    }
    let add = ServerAction::<AddDatabase>::new();
    let (attempt, pending) = (add.value(), add.pending());
    let value = move || attempt.get();
    view! {
        <PageHeader title=shared::add_database() breadcrumbs=vec![crumb(shared::databases(), "/databases")]/>
        <div class="narrow">
        <Panel title=words::add_panel()>
            <FormError error=fault_of(value)/>
            <ActionForm action=add>
                <div class="form">
                <Field
                    label=words::location()
                    name="location"
                    required=true
                    mono=true
                    placeholder="/var/lib/shop/shop.db"
                    autocomplete="off"
                    help=words::location_help()
                    error=field_fault(value, "location")
                />
                <Field
                    label=words::password()
                    name="password"
                    kind="password"
                    autocomplete="off"
                    help=words::password_help()
                    error=field_fault(value, "password")
                />
                <Field
                    label=shared::name()
                    name="name"
                    placeholder=words::name_from()
                    autocomplete="off"
                    help=words::name_help()
                    error=field_fault(value, "name")
                />
                <PresetChoice legend=words::schedules_legend() none=words::schedules_none() help=words::schedules_help()/>
                <div class="form-actions">
                    <SubmitButton label=words::add_do() pending=pending/>
                    <a class="button quiet" href="/databases">{shared::cancel()}</a>
                </div>
                </div>
            </ActionForm>
        </Panel>
        </div>
    }
    .into_any()
}
