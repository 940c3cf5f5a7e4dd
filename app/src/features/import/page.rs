//! The import page: where from, then the plan with a reason for each file, then the button. All of it is in the address, so it works without
//! a script and can be looked at again.

use keepstone_model::access::Role;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::api::{self, Fate, FileLine, ImportView, PlanView, Start};
use crate::ui::{
    EmptyState, Facts, Field, FieldBox, FormError, Head, Loaded, PageHeader, Panel, Size, SubmitButton, Table, crumb, fault_of, here::may,
};
use crate::words::{import as words, shared};

const MEMBERS: [&str; 4] = ["db", "path", "upload", "zone"];

#[component]
pub fn ImportPage() -> impl IntoView {
    let start = ServerAction::<Start>::new();
    let query = use_query_map();
    let members = Memo::new(move |_| query.with(|query| MEMBERS.map(|name| query.get(name).unwrap_or_default())));
    let view = Facts::new(move || members.get(), |[db, path, upload, zone]| api::plan(db, path, upload, zone));
    view! { <Loaded resource=view show=move |view| show(view, start)/> }
}

fn show(view: ImportView, start: ServerAction<Start>) -> AnyView {
    let lead = view! {
        <p>{words::lead()}</p>
    };
    let body = if view.databases.is_empty() {
        view! {
            <EmptyState icon="database" title=words::no_database()>
                {may(Role::Admin).then(|| view! { <a class="button primary" href="/databases/new">{shared::add_database()}</a> })}
            </EmptyState>
        }
        .into_any()
    } else {
        let plan = view.plan.clone().map(|plan| planned(&view, plan, start));
        let (by_path, by_upload) = (by_path(&view), by_upload(&view));
        view! {
            {plan}
            <div class="narrow">{by_upload}{by_path}</div>
        }
        .into_any()
    };
    view! {
        <PageHeader title=words::title() breadcrumbs=vec![crumb(shared::backups(), "/backups")] lead=lead.into_any()/>
        {body}
    }
    .into_any()
}

fn fault(view: &ImportView, name: &str) -> Signal<Option<String>> {
    let fault = view.faults.iter().find(|(field, _)| field == name).map(|(_, fault)| fault.clone());
    Signal::derive(move || fault.clone())
}

/// The two forms have the same fields; their ids differ.
fn database(view: &ImportView, name: &'static str) -> AnyView {
    let options: Vec<_> = view
        .databases
        .iter()
        .map(|id| {
            let selected = *id == view.database;
            view! { <option value=id.clone() selected=selected>{id.clone()}</option> }
        })
        .collect();
    let id = format!("f-{name}");
    view! {
        <FieldBox label=words::of_database() name=name error=if name == "db" { fault(view, "db") } else { Signal::default() }>
            <select id=id name="db" required>{options}</select>
        </FieldBox>
    }
    .into_any()
}

fn zone(view: &ImportView, name: &'static str) -> AnyView {
    let (id, value) = (format!("f-{name}"), view.zone.clone());
    let error = if name == "zone" { fault(view, "zone") } else { Signal::default() };
    view! {
        <FieldBox label=words::zone() name=name error=error>
            <input id=id type="text" name="zone" value=value placeholder="Europe/Berlin" autocomplete="off"/>
        </FieldBox>
    }
    .into_any()
}

fn by_path(view: &ImportView) -> AnyView {
    if view.roots.is_empty() {
        return view! {
            <Panel title=words::by_path()>
                <p class="muted">
                    {words::no_folder_before()}<code>"--import-root FOLDER"</code>{words::no_folder_between()}
                    <code>"keepstone import PATH"</code>{words::no_folder_after()}
                </p>
            </Panel>
        }
        .into_any();
    }
    let chosen = view.database.clone();
    let roots: Vec<_> = view
        .roots
        .iter()
        .map(|root| {
            let href = format!("/import?db={chosen}&path={}", encoded(root));
            view! { <li><a href=href><code>{root.clone()}</code></a></li> }
        })
        .collect();
    let (database, zone) = (database(view, "db"), zone(view, "zone"));
    let (path, wrong) = (view.path.clone(), fault(view, "path"));
    view! {
        <Panel title=words::by_path()>
            <form method="get" action="/import" class="form">
                {database}
                <Field label=words::path() name="path" value=path mono=true autocomplete="off" required=true error=wrong
                    help=words::path_help()/>
                {zone}
                <div class="form-actions"><SubmitButton label=words::look() tone="plain"/></div>
            </form>
            <h3>{words::folders()}</h3>
            <ul class="runs">{roots}</ul>
        </Panel>
    }
    .into_any()
}

fn by_upload(view: &ImportView) -> AnyView {
    let (database, zone, wrong) = (database(view, "upload-db"), zone(view, "upload-zone"), fault(view, "files"));
    let help = words::upload_help(&view.upload_limit);
    view! {
        <Panel title=words::by_upload()>
            <form method="post" action="/import/upload" enctype="multipart/form-data" class="form">
                {database}
                <FieldBox label=words::files() name="files" help=help error=wrong>
                    <input id="f-files" type="file" name="files" multiple required aria-describedby="p-files"/>
                </FieldBox>
                {zone}
                <div class="form-actions"><SubmitButton label=words::upload() tone="plain"/></div>
            </form>
        </Panel>
    }
    .into_any()
}

/// What would be done, and the button that does it.
fn planned(view: &ImportView, plan: PlanView, start: ServerAction<Start>) -> AnyView {
    let PlanView { files, more, summary, any, encrypted } = plan;
    let rows: Vec<_> = files.into_iter().map(row).collect();
    let more = (more > 0).then(|| view! { <p class="muted panel-pad">{words::more_files(more as u64)}</p> });
    let hidden = |name: &'static str, value: &str| view! { <input type="hidden" name=name value=value.to_owned()/> };
    let password = encrypted.then(|| {
        view! {
            <Field label=words::password() name="password" kind="password" autocomplete="off"
                help=words::password_help()/>
        }
    });
    let value = move || start.value().get();
    let fields = [("db", &view.database), ("path", &view.path), ("upload", &view.upload), ("zone", &view.zone), ("key", &view.key)]
        .map(|(name, value)| hidden(name, value))
        .into_iter()
        .collect::<Vec<_>>();
    let label = words::import_into(&view.database);
    let act = any.then(|| {
        view! {
            <ActionForm action=start attr:class="form">
                <FormError error=fault_of(value)/>
                {fields}
                {password}
                <p class="help">
                    {words::import_means()}
                </p>
                <div class="form-actions"><SubmitButton label=label pending=start.pending()/></div>
            </ActionForm>
        }
    });
    view! {
        <Panel title=words::plan() flush=true actions=view! { <p class="muted">{summary}</p> }.into_any()>
            <Table
                caption=words::caption()
                head=vec![Head::Text(shared::fate()), Head::Text(words::file()), Head::Text(words::what()), Head::Number(shared::size())]
                rows=rows.into_any()
            />
            {more}
            <div class="panel-pad">{act}</div>
        </Panel>
    }
    .into_any()
}

fn row(file: FileLine) -> impl IntoView {
    let (tone, mark, word) = match file.fate {
        Fate::Import => ("good", "✔", words::fate_import()),
        Fate::Suspect => ("warn", "▲", words::fate_suspect()),
        Fate::Skip => ("quiet", "–", words::fate_skip()),
        Fate::Refuse => ("bad", "✖", words::fate_refuse()),
    };
    view! {
        <tr>
            <td data-label=shared::fate() class="t-state">
                <span class=format!("badge {tone}")><span class="mark" aria-hidden="true">{mark}</span>{word}</span>
            </td>
            <td data-label=words::file() class="t-name"><code class="path">{file.path}</code><span class="sub">{file.from}</span></td>
            <td data-label=words::what() class="wide">{file.what}</td>
            <td data-label=shared::size() class="number"><Size bytes=Some(file.size_bytes)/></td>
        </tr>
    }
}

/// For the query of an address.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
