//! The page of what was ticked in the list: how many and how large they are, and what can be done with all of them. Its address names them.

use keepstone_model::{backup::BackupState, human};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::bulk::{DeleteSelected, PinSelected, SelectedRow, Selection, VerifySelected, show_selection};
use crate::ui::{
    Alert, AlertKind, BackupBadge, EmptyState, Facts, FormError, Head, Icon, Loaded, PageHeader, Size, SubmitButton, Table, When, crumb,
    fault_of,
};

#[component]
pub fn SelectedPage() -> impl IntoView {
    let query = use_query_map();
    let ids = move || query.with(|query| query.get_all("ids").unwrap_or_default().join(" "));
    let selected = Facts::new(ids, show_selection);
    view! { <Loaded resource=selected show=show/> }
}

fn show(list: Selection) -> AnyView {
    let crumbs = vec![crumb("Backups", "/backups")];
    if list.rows.is_empty() {
        return view! {
            <PageHeader title="Selected backups" breadcrumbs=crumbs/>
            <EmptyState icon="backup" title="No backup is selected">
                <p>"Tick backups in the list, then come here with them."</p>
                <a class="button" href="/backups">"To the backups"</a>
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
    let title = format!("{count} selected, {}", human::bytes(list.size_bytes));
    let missing = (list.missing > 0).then(|| {
        view! { <Alert kind=AlertKind::Info title=format!("{} of them {} not there any more", list.missing, if list.missing == 1 { "is" } else { "are" })/> }
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
                caption="Selected backups"
                head=vec![Head::Text("State"), Head::Text("When"), Head::Text("Database"), Head::Text("Kind"), Head::Number("Size"), Head::Text("Deleting it")]
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
        format!("Verify {}", amount(complete.len())),
        "plain",
        "shield",
    );
    let pin =
        form("/fn/backups/pin-selected", &free, Some(("pinned", "true".to_owned())), format!("Pin {}", amount(free.len())), "plain", "pin");
    let unpin = form(
        "/fn/backups/pin-selected",
        &pinned,
        Some(("pinned", "false".to_owned())),
        format!("Unpin {}", amount(pinned.len())),
        "plain",
        "pin",
    );
    let label = format!("Move {}, {}, to the trash", amount(deletable.len()), human::bytes(freed));
    let delete = form("/fn/backups/delete-selected", &deletable, None, label, "danger", "trash");
    view! { <div class="actions">{verify}{pin}{unpin}{delete}</div> }.into_any()
}

fn amount(count: usize) -> String {
    if count == 1 { "1 backup".to_owned() } else { format!("{count} backups") }
}

fn row(row: SelectedRow) -> AnyView {
    let href = format!("/backups/{}", row.id);
    let fate = match (row.state, row.refusal) {
        (BackupState::Trashed, _) => view! { <a href="/trash">"is in the trash"</a> }.into_any(),
        (_, Some(why)) => view! { <span class="muted">{why}</span> }.into_any(),
        (_, None) => view! { "can be put back for 24 hours" }.into_any(),
    };
    view! {
        <tr>
            <td data-label="State" class="t-state">
                <BackupBadge state=row.state verdict=row.verdict/>
                {row.pinned.then(|| view! { <span class="pinned"><Icon name="pin"/>"pinned"</span> })}
            </td>
            <td data-label="When" class="t-name"><a class="row-link" href=href><When moment=row.created/></a></td>
            <td data-label="Database">{row.database}</td>
            <td data-label="Kind">{row.kind}</td>
            <td data-label="Size" class="number"><Size bytes=row.size_bytes/></td>
            <td data-label="Deleting it" class="wide">{fate}</td>
        </tr>
    }
    .into_any()
}
