//! The export page: which form, which tables, and which columns stay behind. Its form is answered with the file.

use keepstone_model::{export::ExportFormat, human};
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_params_map};

use super::api::{self, ExportView, TableLine};
use crate::ui::{Alert, AlertKind, EmptyState, Facts, FieldBox, Head, Loaded, PageHeader, Panel, SubmitButton, Table, crumb};

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
        ExportFormat::Json => "JSON: a zip with one document per table",
        ExportFormat::Csv => "CSV: a zip with one file per table",
        ExportFormat::Sql => "SQL: one script that sqlite3 or psql loads, as its database is",
    }
}

fn show(view: ExportView) -> AnyView {
    let (crumbs, home) = if view.of_backup {
        (vec![crumb("Backups", "/backups"), crumb(&view.id, format!("/backups/{}", view.id))], format!("/backups/{}", view.id))
    } else {
        (vec![crumb("Databases", "/databases"), crumb(&view.id, format!("/databases/{}", view.id))], format!("/databases/{}", view.id))
    };
    let lead = if view.of_backup {
        "For other programs. The backup is unpacked and checked first."
    } else {
        "For other programs, of the live database as it is at one moment. Its application keeps running."
    };
    let title = if view.of_backup { "Export the rows of this backup".to_owned() } else { format!("Export the rows of {}", view.id) };
    let body = if view.tables.is_empty() {
        view! { <EmptyState icon="database" title="It holds no table"><a class="button" href=home>"Back"</a></EmptyState> }.into_any()
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
    let left_out = match sensitive {
        0 => "No column looks sensitive.".to_owned(),
        1 => "1 column looks sensitive and is left out; it is marked below.".to_owned(),
        count => format!("{count} columns look sensitive and are left out; they are marked below."),
    };
    let all = (sensitive > 0).then(|| {
        if view.may_have_all {
            view! {
                <label class="check">
                    <input type="checkbox" name="include_sensitive" value="on"/>
                    <span>"Also the columns that look sensitive: keep the file where nobody else reads it"</span>
                </label>
            }
            .into_any()
        } else {
            view! { <p class="help">"An admin may take them along."</p> }.into_any()
        }
    });
    let rows: Vec<_> = view.tables.into_iter().enumerate().map(row).collect();
    view! {
        <form method="get" action=action class="form narrow">
            <Panel title="Format">
                <FieldBox label="Format" name="format">
                    <select id="f-format" name="format">{formats}</select>
                </FieldBox>
                <Alert kind=AlertKind::Info title=left_out>
                    <p>"The words by which they are known stand in "<code>"export.toml"</code>" of the vault, if it has one."</p>
                </Alert>
                {all}
            </Panel>
            <Panel title="Tables" flush=true>
                <Table
                    caption="The tables that can be exported"
                    head=vec![Head::Text("Table"), Head::Text("Columns"), Head::Text("Left out"), Head::Number("Rows")]
                    rows=rows.into_any()
                />
            </Panel>
            <div class="form-actions">
                <SubmitButton label="Export and download" icon="download"/>
                <a class="button" href=home>"Cancel"</a>
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
    let count = if table.columns.len() == 1 { "1 column".to_owned() } else { format!("{} columns", table.columns.len()) };
    let columns: Vec<_> = table.columns.into_iter().map(|name| view! { <li><code>{name}</code></li> }).collect();
    view! {
        <tr>
            <td data-label="Table" class="t-name">
                <label class="check" for=labelled>
                    <input type="checkbox" id=id name="table" value=table.name.clone() checked/>
                    <code>{table.name}</code>
                </label>
            </td>
            <td data-label="Columns"><details><summary>{count}</summary><ul class="columns">{columns}</ul></details></td>
            <td data-label="Left out">{left_out}</td>
            <td data-label="Rows" class="number">{human::count(table.row_count)}</td>
        </tr>
    }
}
