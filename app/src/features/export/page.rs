//! The export page: which form, which tables, and which columns stay behind. Its form is answered with the file.

use keepstone_model::export::ExportFormat;
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_params_map};

use super::api::{self, ExportView, TableLine};
use crate::local;
use crate::ui::{Alert, AlertKind, EmptyState, Facts, FieldBox, Head, Loaded, PageHeader, Panel, SubmitButton, Table, crumb};
use crate::words::{export as words, shared};

/// Of a database or of a backup: the address says which.
#[component]
pub fn ExportPage() -> impl IntoView {
    let (params, place) = (use_params_map(), use_location());
    let id = move || params.with(|params| params.get("id").unwrap_or_default());
    let of_backup = move || place.pathname.with(|path| path.starts_with("/backups/"));
    let view = Facts::new(move || (id(), of_backup()), |(id, of_backup)| api::show(id, of_backup));
    view! { <Loaded resource=view show=show/> }
}

fn words(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Json => words::json(),
        ExportFormat::Csv => words::csv(),
        ExportFormat::Sql => words::sql(),
    }
}

fn show(view: ExportView) -> AnyView {
    let (crumbs, home) = if view.of_backup {
        (vec![crumb(shared::backups(), "/backups"), crumb(&view.id, format!("/backups/{}", view.id))], format!("/backups/{}", view.id))
    } else {
        (
            vec![crumb(shared::databases(), "/databases"), crumb(&view.id, format!("/databases/{}", view.id))],
            format!("/databases/{}", view.id),
        )
    };
    let lead = if view.of_backup { words::lead_backup() } else { words::lead_database() };
    let title = if view.of_backup { words::title_backup().to_owned() } else { words::title_database(&view.id) };
    let body = if view.tables.is_empty() {
        view! { <EmptyState icon="database" title=words::no_table()><a class="button" href=home>{words::back()}</a></EmptyState> }
            .into_any()
    } else {
        form(view, home)
    };
    view! {
        <PageHeader title=title breadcrumbs=crumbs lead=view! { <p>{lead}</p> }.into_any()/>
        {body}
    }
    .into_any()
}

fn form(view: ExportView, home: String) -> AnyView {
    let action = format!("{home}/export/download");
    let formats: Vec<_> =
        ExportFormat::ALL.into_iter().map(|format| view! { <option value=format.as_str()>{words(format)}</option> }).collect();
    let sensitive: usize = view.tables.iter().map(|table| table.sensitive.len()).sum();
    let left_out = words::left_out_columns(sensitive as u64);
    let all = (sensitive > 0).then(|| {
        if view.may_have_all {
            view! {
                <label class="check">
                    <input type="checkbox" name="include_sensitive" value="on"/>
                    <span>{words::take_sensitive()}</span>
                </label>
            }
            .into_any()
        } else {
            view! { <p class="help">{words::ask_an_admin()}</p> }.into_any()
        }
    });
    let rows: Vec<_> = view.tables.into_iter().enumerate().map(row).collect();
    view! {
        <form method="get" action=action class="form narrow">
            <Panel title=words::format()>
                <FieldBox label=words::format() name="format">
                    <select id="f-format" name="format">{formats}</select>
                </FieldBox>
                <Alert kind=AlertKind::Info title=left_out>
                    <p>{words::sensitive_words_before()}<code>"export.toml"</code>{words::sensitive_words_after()}</p>
                </Alert>
                {all}
            </Panel>
            <Panel title=words::tables() flush=true>
                <Table
                    caption=words::caption()
                    head=vec![Head::Text(shared::table()), Head::Text(shared::columns()), Head::Text(words::left_out()), Head::Number(shared::rows())]
                    rows=rows.into_any()
                />
            </Panel>
            <div class="form-actions">
                <SubmitButton label=words::export() icon="download"/>
                <a class="button" href=home>{shared::cancel()}</a>
            </div>
        </form>
    }
    .into_any()
}

fn row((number, table): (usize, TableLine)) -> impl IntoView {
    let (id, labelled) = (format!("t-{number}"), format!("t-{number}"));
    let left_out = if table.sensitive.is_empty() {
        view! { <span class="muted">"–"</span> }.into_any()
    } else {
        let names: Vec<_> = table.sensitive.iter().map(|name| view! { <li><code>{name.clone()}</code></li> }).collect();
        view! { <ul class="columns">{names}</ul> }.into_any()
    };
    let count = shared::column_count(table.columns.len() as u64);
    let columns: Vec<_> = table.columns.into_iter().map(|name| view! { <li><code>{name}</code></li> }).collect();
    view! {
        <tr>
            <td data-label=shared::table() class="t-name">
                <label class="check" for=labelled>
                    <input type="checkbox" id=id name="table" value=table.name.clone() checked/>
                    <code>{table.name}</code>
                </label>
            </td>
            <td data-label=shared::columns()><details><summary>{count}</summary><ul class="columns">{columns}</ul></details></td>
            <td data-label=words::left_out()>{left_out}</td>
            <td data-label=shared::rows() class="number">{local::count(table.row_count)}</td>
        </tr>
    }
}
