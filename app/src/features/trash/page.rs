//! The page of the trash.

use keepstone_model::human;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::api::{self, Empty, PAGE, PutBack, TrashList, TrashRow};
use crate::{
    live::use_changes,
    ui::{
        ConfirmDialog, EmptyState, Facts, Field, FormError, Head, Loaded, PageHeader, Pagination, Size, SubmitButton, Table, When, crumb,
        fault_of, field_fault,
    },
};

#[component]
pub fn TrashPage() -> impl IntoView {
    let put_back = ServerAction::<PutBack>::new();
    let changes = use_changes();
    let query = use_query_map();
    let page = move || query.with(|query| query.get("page").unwrap_or_default());
    let trash = Facts::new(move || (page(), changes.get(), put_back.version().get()), |(page, ..)| api::list(page));
    view! { <Loaded resource=trash show=move |list| show(list, put_back)/> }
}

fn show(list: TrashList, put_back: ServerAction<PutBack>) -> AnyView {
    let empty = (list.may_change && list.total > 0).then(|| empty(&list));
    let body = if list.total == 0 {
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
        <PageHeader title="Trash" breadcrumbs=vec![crumb("Backups", "/backups")]>{empty}</PageHeader>
        <FormError error=fault_of(move || put_back.value().get())/>
        {body}
    }
    .into_any()
}

/// Nothing brings these back, so the word is typed.
fn empty(list: &TrashList) -> AnyView {
    let attempt = ServerAction::<Empty>::new().value();
    let value = move || attempt.get();
    let (seen, what) = (list.seen.to_string(), amount(list));
    view! {
        <ConfirmDialog name="empty" label="Empty the trash…" title=format!("Remove {what} for good?") class="button danger-outline" icon="trash">
            <p>"Their archives are removed from the disk. Nothing brings them back."</p>
            <form method="post" action="/fn/trash/empty">
                <input type="hidden" name="seen" value=seen/>
                <FormError error=fault_of(value)/>
                <Field label="Type empty to remove them" name="typed" required=true autocomplete="off" error=field_fault(value, "typed")/>
                <SubmitButton label=format!("Remove {what}") tone="danger" icon="trash"/>
            </form>
        </ConfirmDialog>
    }
    .into_any()
}

fn amount(list: &TrashList) -> String {
    let count = list.total;
    format!("{} {}, {}", human::count(count), if count == 1 { "backup" } else { "backups" }, human::bytes(list.size_bytes))
}

fn table(list: TrashList, put_back: ServerAction<PutBack>) -> AnyView {
    let text = amount(&list);
    let address = |page: u64| if page == 1 { "/trash".to_owned() } else { format!("/trash?page={page}") };
    let (first, last) = ((list.page - 1) * PAGE + 1, (list.page - 1) * PAGE + list.rows.len() as u64);
    let (previous, next) = ((list.page > 1).then(|| address(list.page - 1)), (last < list.total).then(|| address(list.page + 1)));
    let place = if list.rows.is_empty() { "Nothing on this page".to_owned() } else { format!("{first} to {last} of {}", list.total) };
    let ways = (list.total > PAGE || list.page > 1).then(|| view! { <Pagination text=place previous=previous next=next/> });
    let rows: Vec<_> = list.rows.into_iter().map(|row| table_row(row, list.may_change, put_back)).collect();
    view! {
        <p class="muted">{text}". Each can be put back until its time is over; then its archive is gone."</p>
        <div class="table-box">
            <Table
                caption="Deleted backups"
                head=vec![Head::Text("Backup of"), Head::Text("Database"), Head::Text("Kind"), Head::Number("Size"), Head::Text("Deleted"), Head::Text("Kept until"), Head::Unseen("Actions")]
                rows=rows.into_any()
            />
        </div>
        {ways}
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
            <td data-label="Backup of" class="t-name">
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
