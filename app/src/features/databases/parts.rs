//! Parts of a database's page: its newest backups, and the button that makes another one.

use keepstone_model::{access::Role, id::DatabaseId};
use leptos::prelude::*;

use super::api::BackupRow;
use crate::ui::{BackupBadge, EmptyState, Head, Icon, ProofMarks, Size, Table, When, here::may};
use crate::words::{databases as words, shared};

/// Makes a manual backup with the defaults; `/backups/new` has the choices.
#[component]
pub fn CreateBackupButton(database: DatabaseId, key: String) -> impl IntoView {
    may(Role::Operator).then(|| {
        view! {
            <form method="post" action="/fn/backups/create">
                <input type="hidden" name="database" value=database.to_string()/>
                <input type="hidden" name="key" value=key/>
                <button type="submit" class="button primary">
                    <Icon name="backup"/>
                    {words::back_up(&database)}
                </button>
            </form>
        }
    })
}

#[component]
pub fn LatestBackups(backups: Vec<BackupRow>) -> impl IntoView {
    if backups.is_empty() {
        return view! {
            <EmptyState icon="backup" title=words::none_yet()>
                <p>{words::none_yet_means()}</p>
            </EmptyState>
        }
        .into_any();
    }
    let body: Vec<_> = backups.into_iter().map(row).collect();
    view! {
        <Table
            caption=words::backups_caption()
            head=vec![Head::Text(shared::state()), Head::Text(shared::when()), Head::Text(shared::kind()), Head::Number(shared::size()), Head::Text(shared::proof())]
            rows=body.into_any()
        />
    }
    .into_any()
}

fn row(backup: BackupRow) -> impl IntoView {
    let href = format!("/backups/{}", backup.id);
    let relative = backup.when.relative.clone();
    let under = if backup.description.is_empty() { relative } else { backup.description };
    let proof = match backup.error {
        Some(error) => view! { <span class="error-text">{error}</span> }.into_any(),
        None => view! { <ProofMarks level=backup.level checks=backup.checks/> }.into_any(),
    };
    view! {
        <tr>
            <td data-label=shared::state() class="t-state"><BackupBadge state=backup.state verdict=backup.verdict/></td>
            <td data-label=shared::when() class="t-name">
                <a class="strong" href=href><When moment=backup.when/></a>
                <span class="sub">{under}</span>
            </td>
            <td data-label=shared::kind()>
                <span class="kind">{backup.kind.as_str()}</span>
                {backup.pinned.then(|| view! { <span class="pinned"><Icon name="pin"/>{shared::pinned()}</span> })}
            </td>
            <td data-label=shared::size() class="number"><Size bytes=backup.archive_size_bytes/></td>
            <td data-label=shared::proof() class="wide">{proof}</td>
        </tr>
    }
}
