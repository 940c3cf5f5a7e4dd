//! The page of what was ticked in the list: how many and how large they are, and what can be done with all of them. Its address names them.

use keepstone_model::backup::BackupState;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::bulk::{DeleteSelected, PinSelected, SelectedRow, Selection, VerifySelected, show_selection};
use crate::local;
use crate::ui::{
    Alert, AlertKind, BackupBadge, EmptyState, Facts, FormError, Head, Icon, Loaded, PageHeader, Size, SubmitButton, Table, When, crumb,
    fault_of,
};
use crate::words::{backups as words, shared};

#[component]
pub fn SelectedPage() -> impl IntoView {
    let query = use_query_map();
    let ids = move || query.with(|query| query.get_all("ids").unwrap_or_default().join(" "));
    let selected = Facts::new(ids, show_selection);
    view! { <Loaded resource=selected show=show/> }
}

fn show(list: Selection) -> AnyView {
    let crumbs = vec![crumb(shared::backups(), "/backups")];
    if list.rows.is_empty() {
        return view! {
            <PageHeader title=words::selected() breadcrumbs=crumbs/>
            <EmptyState icon="backup" title=words::none_selected()>
                <p>{words::none_selected_way()}</p>
                <a class="button" href="/backups">{shared::back_to_backups()}</a>
            </EmptyState>
        }
        .into_any();
    }
    let (verify, pin, delete) = (
        ServerAction::<VerifySelected>::new().value(),
        ServerAction::<PinSelected>::new().value(),
        ServerAction::<DeleteSelected>::new().value(),
    );
    let faults = [fault_of(move || verify.get()), fault_of(move || pin.get()), fault_of(move || delete.get())];
    let fault = Signal::derive(move || faults.iter().find_map(Get::get));
    let count = list.rows.len();
    let title = words::selected_count(&count, &local::bytes(list.size_bytes));
    let missing = (list.missing > 0).then(|| {
        view! { <Alert kind=AlertKind::Info title=words::selected_missing(list.missing)/> }
    });
    let acts = list.may_change.then(|| acts(&list));
    let rows: Vec<_> = list.rows.into_iter().map(row).collect();
    view! {
        <PageHeader title=title breadcrumbs=crumbs/>
        <FormError error=fault/>
        {missing}
        {acts}
        <div class="table-box">
            <Table
                caption=words::selected()
                head=vec![Head::Text(shared::state()), Head::Text(shared::when()), Head::Text(shared::database()), Head::Text(shared::kind()), Head::Number(shared::size()), Head::Text(words::deleting_it())]
                rows=rows.into_any()
            />
        </div>
    }
    .into_any()
}

fn acts(list: &Selection) -> AnyView {
    let of =
        |fits: fn(&SelectedRow) -> bool| -> Vec<&str> { list.rows.iter().filter(|row| fits(row)).map(|row| row.id.as_str()).collect() };
    let complete = of(|row| row.state == BackupState::Complete);
    let (pinned, free) = (of(|row| row.pinned), of(|row| !row.pinned && row.state == BackupState::Complete));
    let deletable = of(|row| row.state != BackupState::Trashed && row.refusal.is_none());
    let freed: u64 = list.rows.iter().filter(|row| deletable.contains(&row.id.as_str())).filter_map(|row| row.size_bytes).sum();
    let form = |action: &'static str,
                ids: &[&str],
                more: Option<(&'static str, String)>,
                label: String,
                tone: &'static str,
                icon: &'static str| {
        let ids = ids.join(" ");
        (!ids.is_empty()).then(|| {
            view! {
                <form method="post" action=action>
                    <input type="hidden" name="ids" value=ids/>
                    {more.map(|(name, value)| view! { <input type="hidden" name=name value=value/> })}
                    <SubmitButton label=label tone=tone icon=icon/>
                </form>
            }
        })
    };
    let verify = form(
        "/fn/backups/verify-selected",
        &complete,
        Some(("key", list.key.clone())),
        words::verify_several(complete.len() as u64),
        "plain",
        "shield",
    );
    let pin =
        form("/fn/backups/pin-selected", &free, Some(("pinned", "true".to_owned())), words::pin_several(free.len() as u64), "plain", "pin");
    let unpin = form(
        "/fn/backups/pin-selected",
        &pinned,
        Some(("pinned", "false".to_owned())),
        words::unpin_several(pinned.len() as u64),
        "plain",
        "pin",
    );
    let label = words::delete_several(deletable.len() as u64, &local::bytes(freed));
    let delete = form("/fn/backups/delete-selected", &deletable, None, label, "danger", "trash");
    view! { <div class="actions">{verify}{pin}{unpin}{delete}</div> }.into_any()
}

fn row(row: SelectedRow) -> AnyView {
    let href = format!("/backups/{}", row.id);
    let fate = match (row.state, row.refusal) {
        (BackupState::Trashed, _) => view! { <a href="/trash">{words::is_in_the_trash()}</a> }.into_any(),
        (_, Some(why)) => view! { <span class="muted">{why}</span> }.into_any(),
        (_, None) => view! { {words::deletable()} }.into_any(),
    };
    view! {
        <tr>
            <td data-label=shared::state() class="t-state">
                <BackupBadge state=row.state verdict=row.verdict/>
                {row.pinned.then(|| view! { <span class="pinned"><Icon name="pin"/>{shared::pinned()}</span> })}
            </td>
            <td data-label=shared::when() class="t-name"><a class="row-link" href=href><When moment=row.created/></a></td>
            <td data-label=shared::database()>{row.database}</td>
            <td data-label=shared::kind()>{row.kind}</td>
            <td data-label=shared::size() class="number"><Size bytes=row.size_bytes/></td>
            <td data-label=words::deleting_it() class="wide">{fate}</td>
        </tr>
    }
    .into_any()
}
