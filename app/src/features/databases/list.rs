//! The list of databases.

use keepstone_model::access::Role;
use leptos::prelude::*;

use super::api::{DatabaseRow, list_databases};
use crate::local;
use crate::words::{databases as words, shared};
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
    let add = || {
        may(Role::Admin).then(|| view! { <a class="button primary" href="/databases/new"><Icon name="plus"/>{shared::add_database()}</a> })
    };
    let body = if rows.is_empty() {
        view! {
            <EmptyState icon="database" title=words::none()>
                <p>{words::none_way()}</p>
                {add()}
            </EmptyState>
        }
        .into_any()
    } else {
        table(rows)
    };
    view! {
        <PageHeader title=shared::databases() lead=view! { <p>{words::lead()}</p> }.into_any()>{add()}</PageHeader>
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
                    <td data-label=shared::state() class="t-state"><StateBadge state=row.state/></td>
                    <td data-label=shared::database() class="t-name">
                        <a class="strong" href=format!("/databases/{}", row.id)>{row.id.to_string()}</a>
                        <span class="sub mono path">{row.location}</span>
                    </td>
                    <td data-label=words::newest_good() class="wide"><AgeMeter age=row.age/></td>
                    <td data-label=shared::size() class="number"><Size bytes=row.size_bytes/></td>
                    <td data-label=shared::backups() class="number">
                        {local::count(row.backup_count)}
                        <span class="sub"><Size bytes=Some(row.archive_size_bytes)/></span>
                    </td>
                    <td data-label=shared::next_run()>{moment_or_dash(row.next_run)}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <Table
            caption=words::caption()
            head=vec![Head::Text(shared::state()), Head::Text(shared::database()), Head::Text(words::newest_good()), Head::Number(shared::size()), Head::Number(shared::backups()), Head::Text(shared::next_run())]
            rows=body.into_any()
        />
    }
    .into_any()
}
