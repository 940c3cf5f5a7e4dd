//! The page of the trash.

use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::api::{self, Empty, PAGE, PutBack, RemovedRow, TrashList, TrashRow};
use crate::local;
use crate::words::{shared, trash as words};
use crate::{
    live::use_changes,
    ui::{
        ConfirmDialog, EmptyState, Facts, Field, FormError, Head, Loaded, PageHeader, Pagination, Panel, Size, SubmitButton, Table, When,
        crumb, fault_of, field_fault,
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
    let emptied = ServerAction::<Empty>::new();
    let empty = (list.may_change && list.total > 0).then(|| empty(&list, emptied));
    let removed = (!list.removed.is_empty()).then(|| removed(&list.removed));
    let body = if list.total == 0 && removed.is_some() {
        ().into_any()
    } else if list.total == 0 {
        view! {
            <EmptyState icon="trash" title=words::none()>
                <p>{words::none_means()}</p>
                <a class="button" href="/backups">{shared::back_to_backups()}</a>
            </EmptyState>
        }
        .into_any()
    } else {
        table(list, put_back)
    };
    view! {
        <PageHeader title=shared::trash() breadcrumbs=vec![crumb(shared::backups(), "/backups")]>{empty}</PageHeader>
        <FormError error=fault_of(move || put_back.value().get())/>
        // Beside the dialog, which is closed by then.
        <FormError error=fault_of(move || emptied.value().get())/>
        {body}
        {removed}
    }
    .into_any()
}

/// What is nowhere else in the console, since its database is in no list.
fn removed(databases: &[RemovedRow]) -> AnyView {
    let row = |row: &RemovedRow| {
        let until = row.until.clone().map(|until| view! { <When moment=until/> });
        view! {
            <tr>
                <td data-label=shared::database() class="t-name">{row.database.clone()}</td>
                <td data-label=shared::backups() class="nowrap">{words::removed_backups(row.backups)}</td>
                <td data-label=shared::size() class="number"><Size bytes=Some(row.size_bytes)/></td>
                <td data-label=shared::kept_until() class="nowrap">{until}</td>
            </tr>
        }
    };
    let rows: Vec<_> = databases.iter().map(row).collect();
    view! {
        <Panel title=words::removed()>
            <p class="muted">{words::removed_means()}</p>
            <div class="table-box">
                <Table
                    caption=words::removed()
                    head=vec![Head::Text(shared::database()), Head::Text(shared::backups()), Head::Number(shared::size()), Head::Text(shared::kept_until())]
                    rows=rows.into_any()
                />
            </div>
            <p class="ways"><a href="/databases/new">{words::removed_add()}</a></p>
        </Panel>
    }
    .into_any()
}

/// Nothing brings these back, so the word is typed.
fn empty(list: &TrashList, emptied: ServerAction<Empty>) -> AnyView {
    let value = move || emptied.value().get();
    let (seen, what) = (list.seen.to_string(), amount(list));
    view! {
        <ConfirmDialog name="empty" label=words::empty() title=words::empty_title(&what) class="button danger-outline" icon="trash">
            <p>{words::empty_means()}</p>
            <form method="post" action="/fn/trash/empty">
                <input type="hidden" name="seen" value=seen/>
                <Field label=words::empty_type() name="typed" required=true autocomplete="off" error=field_fault(value, "typed")/>
                <SubmitButton label=words::empty_do(&what) tone="danger" icon="trash"/>
            </form>
        </ConfirmDialog>
    }
    .into_any()
}

fn amount(list: &TrashList) -> String {
    words::amount(list.total, &local::bytes(list.size_bytes))
}

fn table(list: TrashList, put_back: ServerAction<PutBack>) -> AnyView {
    let text = amount(&list);
    let address = |page: u64| if page == 1 { "/trash".to_owned() } else { format!("/trash?page={page}") };
    let (first, last) = ((list.page - 1) * PAGE + 1, (list.page - 1) * PAGE + list.rows.len() as u64);
    let (previous, next) = ((list.page > 1).then(|| address(list.page - 1)), (last < list.total).then(|| address(list.page + 1)));
    let place = if list.rows.is_empty() { shared::nothing_on_page().to_owned() } else { shared::page_of(first, last, list.total) };
    let ways = (list.total > PAGE || list.page > 1).then(|| view! { <Pagination text=place previous=previous next=next/> });
    let rows: Vec<_> = list.rows.into_iter().map(|row| table_row(row, list.may_change, put_back)).collect();
    view! {
        <p class="muted">{words::each(&text)}</p>
        <div class="table-box">
            <Table
                caption=words::caption()
                head=vec![Head::Text(shared::backup_of()), Head::Text(shared::database()), Head::Text(shared::kind()), Head::Number(shared::size()), Head::Text(words::deleted()), Head::Text(shared::kept_until()), Head::Unseen(shared::actions())]
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
                <SubmitButton label=shared::put_back() tone="plain" icon="undo" small=true pending=put_back.pending()/>
            </ActionForm>
        }
    });
    let when = |moment: Option<crate::ui::Moment>| moment.map(|moment| view! { <When moment=moment/> });
    view! {
        <tr id=row.id>
            <td data-label=shared::backup_of() class="t-name">
                <a class="row-link" href=href><When moment=row.created/></a>
                {(!row.description.is_empty()).then(|| view! { <span class="row-note">{row.description}</span> })}
            </td>
            <td data-label=shared::database() class="nowrap">{row.database}</td>
            <td data-label=shared::kind() class="nowrap">{row.kind}</td>
            <td data-label=shared::size() class="number"><Size bytes=row.size_bytes/></td>
            <td data-label=words::deleted() class="nowrap">{when(row.trashed)}</td>
            <td data-label=shared::kept_until() class="nowrap">{when(row.until)}</td>
            <td class="row-actions">{act}</td>
        </tr>
    }
}
