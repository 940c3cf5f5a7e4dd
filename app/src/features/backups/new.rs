//! The form of a new backup. It leads to the job that makes it.

use keepstone_model::validate::DESCRIPTION_MAX_CHARS;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::api::{self, Create, NewBackupForm};
use crate::ui::{EmptyState, Facts, Field, FieldBox, FormError, Loaded, PageHeader, Panel, SubmitButton, crumb, fault_of, field_fault};

#[component]
pub fn NewBackupPage() -> impl IntoView {
    let create = ServerAction::<Create>::new();
    let wanted = use_query_map().with_untracked(|query| query.get("db").unwrap_or_default());
    // Loaded once: the key in it stays the same for as long as the form stands.
    let form = Facts::new(|| (), |()| api::form());
    view! { <Loaded resource=form show=move |form| show(form, create, &wanted)/> }
}

fn show(form: NewBackupForm, create: ServerAction<Create>, wanted: &str) -> AnyView {
    let body = if form.databases.is_empty() {
        view! {
            <EmptyState icon="database" title="There is no database to back up yet">
                <a class="button primary" href="/databases/new">"Add a database"</a>
            </EmptyState>
        }
        .into_any()
    } else {
        fields(form, create, wanted)
    };
    view! {
        <PageHeader title="Create a backup" breadcrumbs=vec![crumb("Backups", "/backups")]/>
        {body}
    }
    .into_any()
}

fn fields(form: NewBackupForm, create: ServerAction<Create>, wanted: &str) -> AnyView {
    let value = move || create.value().get();
    let databases: Vec<_> = form
        .databases
        .into_iter()
        .map(|id| {
            let (value, selected) = (id.clone(), id == wanted);
            view! { <option value=value selected=selected>{id}</option> }
        })
        .collect();
    let by_environment = form.uncompressed.then(|| view! { <option value="">"none (set by the environment)"</option> });
    let zstd = if form.uncompressed { "zstd: fast and small" } else { "zstd: fast and small (default)" };
    let course = if form.unproven {
        "The application keeps running. The environment of this server says that backups are not read back after they are made: this one stays \
         unproven until you verify it."
    } else {
        "The application keeps running. The backup is read back and checked before it counts, and you see how far it is."
    };
    // A field that was refused must be seen.
    let refused = create.value().with_untracked(|value| matches!(value, Some(Err(_))));
    view! {
        <div class="narrow">
        <Panel title="A manual backup, taken now">
            <ActionForm action=create attr:class="form">
                <FormError error=fault_of(value)/>
                <input type="hidden" name="key" value=form.key/>
                <FieldBox label="Database" name="database" error=field_fault(value, "database")>
                    <select id="f-database" name="database" required>{databases}</select>
                </FieldBox>
                <Field label="Description" name="description" error=field_fault(value, "description")
                    help=format!("Why you take it, for whoever looks for it later. Up to {DESCRIPTION_MAX_CHARS} characters.")/>
                <Field label="Tags" name="tags" error=field_fault(value, "tags") help="Separated by commas, e.g. before-upgrade, v2.4"/>
                <label class="check">
                    <input type="checkbox" name="globals" value="true"/>
                    <span>"Keep the server's roles and tablespaces beside it, without passwords (PostgreSQL)"</span>
                </label>
                <label class="check">
                    <input type="checkbox" name="pin" value="true"/>
                    <span>"Pin it: no cleanup ever deletes it"</span>
                </label>
                <details class="more" open=refused>
                    <summary>"Compression and encryption"</summary>
                    <div class="form">
                        <FieldBox label="Compression" name="compression" error=field_fault(value, "compression")>
                            <select id="f-compression" name="compression">
                                {by_environment}
                                <option value="zstd">{zstd}</option>
                                <option value="gzip">"gzip: opens everywhere, slower"</option>
                                <option value="none">"none"</option>
                            </select>
                        </FieldBox>
                        <Field label="Level" name="level" error=field_fault(value, "level")
                            help="How hard to compress: zstd 1 to 19, gzip 1 to 9. Empty: a good default."/>
                        <FieldBox label="Encryption" name="encrypt" error=field_fault(value, "encrypt")>
                            <select id="f-encrypt" name="encrypt">
                                <option value="">"as its database is set (default)"</option>
                                <option value="yes">"encrypt"</option>
                                <option value="no">"do not encrypt"</option>
                            </select>
                        </FieldBox>
                    </div>
                </details>
                <details class="more" open=refused>
                    <summary>"Only some rows (PostgreSQL)"</summary>
                    <div class="form">
                        <FieldBox label="Rows" name="rows" error=field_fault(value, "rows")>
                            <select id="f-rows" name="rows">
                                <option value="">"all (the whole database)"</option>
                                <option value="none">"none: the structure alone (PostgreSQL)"</option>
                                <option value="only">"only those of these tables (PostgreSQL)"</option>
                                <option value="except">"all but those of these tables (PostgreSQL)"</option>
                            </select>
                        </FieldBox>
                        <Field label="Tables" name="tables" error=field_fault(value, "tables")
                            help="Separated by commas, e.g. orders, audit.*. A backup without some rows is partial: it never counts as a good one."/>
                    </div>
                </details>
                <p class="help">{course}</p>
                <div class="form-actions">
                    <SubmitButton label="Create backup" pending=create.pending()/>
                    <a class="button" href="/backups">"Cancel"</a>
                </div>
            </ActionForm>
        </Panel>
        </div>
    }
    .into_any()
}
