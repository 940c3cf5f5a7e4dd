//! The list of databases.

use keepstone_model::{access::Role, human};
use leptos::prelude::*;

use super::api::{DatabaseRow, list_databases};
use crate::{
    live::use_changes,
    ui::{AgeMeter, EmptyState, Facts, Head, Icon, Loaded, PageHeader, Size, StateBadge, Table, here::may, schedule_table::moment_or_dash},
};

#[component]
pub fn DatabasesPage() -> impl IntoView {
    let changes = use_changes();
    let rows = Facts::new(move || changes.get(), |_| list_databases());
    view! { <Loaded resource=rows show=show/> }
}

fn show(rows: Vec<DatabaseRow>) -> AnyView {
    let add =
        || may(Role::Admin).then(|| view! { <a class="button primary" href="/databases/new"><Icon name="plus"/>"Add a database"</a> });
    let body = if rows.is_empty() {
        view! {
            <EmptyState icon="database" title="No database is protected yet">
                <p>"Add one by the path of its file; it gets a daily, a weekly and a monthly backup."</p>
                {add()}
            </EmptyState>
        }
        .into_any()
    } else {
        table(rows)
    };
    view! {
        <PageHeader title="Databases" lead=view! { <p>"What is protected, the most endangered first."</p> }.into_any()>{add()}</PageHeader>
        <div class="table-box">{body}</div>
    }
    .into_any()
}

fn table(rows: Vec<DatabaseRow>) -> AnyView {
    let body: Vec<_> = rows
        .into_iter()
        .map(|row| {
            view! {
                <tr>
                    <td data-label="State" class="t-state"><StateBadge state=row.state/></td>
                    <td data-label="Database" class="t-name">
                        <a class="strong" href=format!("/databases/{}", row.id)>{row.id.to_string()}</a>
                        <span class="sub mono path">{row.location}</span>
                    </td>
                    <td data-label="Newest good backup" class="wide"><AgeMeter age=row.age/></td>
                    <td data-label="Size" class="number"><Size bytes=row.size_bytes/></td>
                    <td data-label="Backups" class="number">
                        {human::count(row.backup_count)}
                        <span class="sub"><Size bytes=Some(row.archive_size_bytes)/></span>
                    </td>
                    <td data-label="Next run">{moment_or_dash(row.next_run)}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <Table
            caption="Databases, the most endangered first"
            head=vec![Head::Text("State"), Head::Text("Database"), Head::Text("Newest good backup"), Head::Number("Size"), Head::Number("Backups"), Head::Text("Next run")]
            rows=body.into_any()
        />
    }
    .into_any()
}
