//! The page of the trash.

use keepstone_model::human;
use leptos::prelude::*;

use super::api::{self, PutBack, TrashList, TrashRow};
use crate::{
    live::use_changes,
    ui::{EmptyState, Facts, FormError, Loaded, PageHeader, Size, SubmitButton, When, crumb, fault_of},
};

#[component]
pub fn TrashPage() -> impl IntoView {
    let put_back = ServerAction::<PutBack>::new();
    let changes = use_changes();
    let trash = Facts::new(move || (changes.get(), put_back.version().get()), |_| api::list());
    view! { <Loaded resource=trash show=move |list| show(list, put_back)/> }
}

fn show(list: TrashList, put_back: ServerAction<PutBack>) -> AnyView {
    let body = if list.rows.is_empty() {
        view! {
            <EmptyState icon="trash" title="The trash is empty">
                <p>"A deleted backup stays here for 24 hours, and can be put back with one click."</p>
                <a class="button" href="/backups">"To the backups"</a>
            </EmptyState>
        }
        .into_any()
    } else {
        table(list, put_back)
    };
    view! {
        <PageHeader title="Trash" breadcrumbs=vec![crumb("Backups", "/backups")]/>
        <FormError error=fault_of(move || put_back.value().get())/>
        {body}
    }
    .into_any()
}

fn table(list: TrashList, put_back: ServerAction<PutBack>) -> AnyView {
    let count = list.rows.len();
    let text = format!("{count} {}, {}", if count == 1 { "backup" } else { "backups" }, human::bytes(list.size_bytes));
    let rows: Vec<_> = list.rows.into_iter().map(|row| table_row(row, list.may_change, put_back)).collect();
    view! {
        <p class="muted">{text}". Each can be put back until its time is over; then its archive is gone."</p>
        <div class="table-box">
            <table class="table trash">
                <caption class="visually-hidden">"Deleted backups"</caption>
                <thead>
                    <tr>
                        <th scope="col">"Backup of"</th>
                        <th scope="col">"Database"</th>
                        <th scope="col">"Kind"</th>
                        <th scope="col" class="number">"Size"</th>
                        <th scope="col">"Deleted"</th>
                        <th scope="col">"Kept until"</th>
                        <th scope="col"><span class="visually-hidden">"Actions"</span></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
    .into_any()
}

fn table_row(row: TrashRow, may_change: bool, put_back: ServerAction<PutBack>) -> impl IntoView {
    let href = format!("/backups/{}", row.id);
    let id = row.id.clone();
    let act = may_change.then(|| {
        view! {
            <ActionForm action=put_back>
                <input type="hidden" name="id" value=id/>
                <SubmitButton label="Put back" tone="plain" icon="undo" small=true pending=put_back.pending()/>
            </ActionForm>
        }
    });
    let when = |moment: Option<crate::ui::Moment>| moment.map(|moment| view! { <When moment=moment/> });
    view! {
        <tr id=row.id>
            <td data-label="Backup of">
                <a class="row-link" href=href><When moment=row.created/></a>
                {(!row.description.is_empty()).then(|| view! { <span class="row-note">{row.description}</span> })}
            </td>
            <td data-label="Database" class="nowrap">{row.database}</td>
            <td data-label="Kind" class="nowrap">{row.kind}</td>
            <td data-label="Size" class="number"><Size bytes=row.size_bytes/></td>
            <td data-label="Deleted" class="nowrap">{when(row.trashed)}</td>
            <td data-label="Kept until" class="nowrap">{when(row.until)}</td>
            <td class="row-actions">{act}</td>
        </tr>
    }
}
