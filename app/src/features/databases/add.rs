//! Adding a database by the path of its file, or by the URL of its server.

use keepstone_model::access::Role;
use leptos::prelude::*;

use super::api::AddDatabase;
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
        <PageHeader title="Add a database" breadcrumbs=vec![crumb("Databases", "/databases")]/>
        <div class="narrow">
        <Panel title="Which database">
            <FormError error=fault_of(value)/>
            <ActionForm action=add>
                <div class="form">
                <Field
                    label="Path of the SQLite file on this machine, or URL of the PostgreSQL database"
                    name="location"
                    required=true
                    mono=true
                    placeholder="/var/lib/shop/shop.db"
                    autocomplete="off"
                    help="It stays where it is; applications keep using it. Keepstone opens it once to see that it can be backed up. A URL looks like postgresql://user@host/database."
                    error=field_fault(value, "location")
                />
                <Field
                    label="Password of the URL's user"
                    name="password"
                    kind="password"
                    autocomplete="off"
                    help="Only for PostgreSQL; kept sealed. Without one the server's PGPASSWORD or .pgpass is used."
                    error=field_fault(value, "password")
                />
                <Field
                    label="Name"
                    name="name"
                    placeholder="from the name of the file or the database"
                    autocomplete="off"
                    help="Optional. Lower-case letters, digits and hyphens; backups are named after it."
                    error=field_fault(value, "name")
                />
                <PresetChoice legend="Back it up" none="By hand only, without a schedule" help="All of it can be changed later."/>
                <div class="form-actions">
                    <SubmitButton label="Add the database" pending=pending/>
                    <a class="button quiet" href="/databases">"Cancel"</a>
                </div>
                </div>
            </ActionForm>
        </Panel>
        </div>
    }
    .into_any()
}
