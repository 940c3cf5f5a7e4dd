//! The form of a new backup. It leads to the job that makes it.

use keepstone_model::{access::Role, validate::DESCRIPTION_MAX_CHARS};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    api::{self, Create, NewBackupForm},
    new_server::{keep_globals, some_rows},
};
use crate::ui::{
    EmptyState, Facts, Field, FieldBox, FormError, Loaded, PageHeader, Panel, SubmitButton, crumb, fault_of, field_fault, here::may,
};
use crate::words::{backups as words, shared};

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
            <EmptyState icon="database" title=words::nothing_to_back_up()>
                {may(Role::Admin).then(|| view! { <a class="button primary" href="/databases/new">{shared::add_database()}</a> })}
            </EmptyState>
        }
        .into_any()
    } else {
        fields(form, create, wanted)
    };
    view! {
        <PageHeader title=words::new_title() breadcrumbs=vec![crumb(shared::backups(), "/backups")]/>
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
    let by_environment = form.uncompressed.then(|| view! { <option value="">{words::none_by_environment()}</option> });
    let zstd = if form.uncompressed { words::zstd() } else { words::zstd_default() };
    let course = if form.unproven { words::course_unproven() } else { words::course() };
    // A field that was refused must be seen.
    let refused = create.value().with_untracked(|value| matches!(value, Some(Err(_))));
    let globals = form.servers.then(keep_globals);
    let rows = form.servers.then(|| some_rows(value, refused));
    view! {
        <div class="narrow">
        <Panel title=words::new_panel()>
            <ActionForm action=create attr:class="form">
                <FormError error=fault_of(value)/>
                <input type="hidden" name="key" value=form.key/>
                <FieldBox label=shared::database() name="database" error=field_fault(value, "database")>
                    <select id="f-database" name="database" required>{databases}</select>
                </FieldBox>
                <Field label=words::description() name="description" error=field_fault(value, "description")
                    help=words::description_help(&DESCRIPTION_MAX_CHARS)/>
                <Field label=words::tags() name="tags" error=field_fault(value, "tags") help=words::new_tags_help()/>
                {globals}
                <label class="check">
                    <input type="checkbox" name="pin" value="true"/>
                    <span>{words::pin_it()}</span>
                </label>
                <details class="more" open=refused>
                    <summary>{words::packing()}</summary>
                    <div class="form">
                        <FieldBox label=words::compression() name="compression" error=field_fault(value, "compression")>
                            <select id="f-compression" name="compression">
                                {by_environment}
                                <option value="zstd">{zstd}</option>
                                <option value="gzip">{words::gzip()}</option>
                                <option value="none">{words::uncompressed()}</option>
                            </select>
                        </FieldBox>
                        <Field label=words::level() name="level" error=field_fault(value, "level")
                            help=words::level_help()/>
                        <FieldBox label=words::encryption() name="encrypt" error=field_fault(value, "encrypt")>
                            <select id="f-encrypt" name="encrypt">
                                <option value="">{words::encrypt_default()}</option>
                                <option value="yes">{words::encrypt_yes()}</option>
                                <option value="no">{words::encrypt_no()}</option>
                            </select>
                        </FieldBox>
                    </div>
                </details>
                {rows}
                <p class="help">{course}</p>
                <div class="form-actions">
                    <SubmitButton label=shared::create_backup() pending=create.pending()/>
                    <a class="button" href="/backups">{shared::cancel()}</a>
                </div>
            </ActionForm>
        </Panel>
        </div>
    }
    .into_any()
}
