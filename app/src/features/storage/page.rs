//! The page of the storage.

use keepstone_model::human;
use leptos::prelude::*;

use super::{
    api::{Share, StorageView, show_storage},
    charts,
};
use crate::{
    live::use_changes,
    ui::{Alert, AlertKind, DefinitionList, EmptyState, Fact, Facts, Head, Loaded, PageHeader, Panel, Size, Table, When},
};

/// With less than this many days left a person should do something.
const SOON_DAYS: u64 = 30;

#[component]
pub fn StoragePage() -> impl IntoView {
    let changes = use_changes();
    let storage = Facts::new(move || changes.get(), |_| show_storage());
    view! { <Loaded resource=storage show=show/> }
}

fn show(view: StorageView) -> AnyView {
    let soon = view.days_until_full.filter(|days| *days < SOON_DAYS).map(|days| {
        view! {
            <Alert kind=AlertKind::Warning title=format!("The disk is full in about {}", days_text(days))>
                <p>"Keep fewer backups, or give the folder of the backups more room. " <a href="/schedules">"Schedules and retention"</a></p>
            </Alert>
        }
    });
    let body = if view.backups.count + view.trash.count == 0 {
        view! {
            <EmptyState icon="storage" title="Nothing is stored yet">
                <p>"Once there are backups, this page says what they take, how that grows, and when the disk is full."</p>
                <a class="button" href="/backups">"To the backups"</a>
            </EmptyState>
        }
        .into_any()
    } else {
        let (growth, databases, kinds) = (growth(&view), databases(&view), kinds(&view));
        view! {
            {growth}
            <div class="columns-2">{databases}{kinds}</div>
        }
        .into_any()
    };
    let disk = disk(&view);
    view! {
        <PageHeader title="Storage"/>
        {soon}
        {disk}
        {body}
    }
    .into_any()
}

fn disk(view: &StorageView) -> AnyView {
    let bar = charts::disk(view);
    let folder = view.folder.clone();
    let folder = (!folder.is_empty()).then(|| view! { <Fact term="Folder"><span class="mono path">{folder}</span></Fact> });
    let trash = format!("{}, {}", human::bytes(view.trash.size_bytes), backups(view.trash.count));
    let ours = format!("{}, {}", human::bytes(view.backups.size_bytes), backups(view.backups.count));
    let free = format!("{} of {}", human::bytes(view.free_bytes), human::bytes(view.disk_bytes));
    let own = format!("{} catalog, {} set aside for a full disk", human::bytes(view.catalog_bytes), human::bytes(view.reserve_bytes));
    let staging = Some(view.staging_bytes).filter(|bytes| *bytes > 0);
    let staging = staging.map(|bytes| view! { <Fact term="Being made"><Size bytes=bytes/></Fact> });
    let other = human::bytes(
        (view.disk_bytes - view.free_bytes.min(view.disk_bytes)).saturating_sub(view.backups.size_bytes + view.trash.size_bytes),
    );
    view! {
        <Panel title="Disk of the backups">
            <div inner_html=bar></div>
            <DefinitionList>
                <Fact term="Backups"><span class="key ours" aria-hidden="true"></span>{ours}</Fact>
                <Fact term="Trash"><span class="key trash" aria-hidden="true"></span><a href="/trash">{trash}</a></Fact>
                <Fact term="Other files"><span class="key other" aria-hidden="true"></span>{other}</Fact>
                <Fact term="Free"><span class="key free" aria-hidden="true"></span>{free}</Fact>
                {staging}
                <Fact term="Keepstone itself">{own}</Fact>
                {folder}
            </DefinitionList>
        </Panel>
    }
    .into_any()
}

fn growth(view: &StorageView) -> AnyView {
    // One day is no line.
    let chart = (view.history.len() > 1).then(|| charts::growth(view));
    let words = match (view.growth_per_day, view.days_until_full) {
        (None, _) => "Too new to say how it grows: that takes two days.".to_owned(),
        (Some(..=0), _) => "In the last 30 days it did not grow, what cleanup removed taken off.".to_owned(),
        (Some(growth), days) => {
            let full = days.map_or_else(String::new, |days| format!(" The disk is full in about {}.", days_text(days)));
            format!("{} a day in the last 30 days, what cleanup removed taken off.{full}", human::bytes(growth.unsigned_abs()))
        }
    };
    let when = view.full.clone().map(|moment| view! { <span class="sub">"That is " <When moment=moment/></span> });
    // The last day of each week, and today.
    let last = view.history.len().saturating_sub(1);
    let rows: Vec<_> = view
        .history
        .iter()
        .enumerate()
        .rev()
        .filter(|(index, _)| (last - index).is_multiple_of(7))
        .map(|(index, day)| {
            let label = if index == last { "today".to_owned() } else { day.label.clone() };
            view! {
                <tr>
                    <td data-label="Day" class="t-name">{label}</td>
                    <td data-label="Size" class="number"><Size bytes=day.size_bytes/></td>
                </tr>
            }
        })
        .collect();
    view! {
        <Panel title="Size over time">
            <p>{words}{when}</p>
            <div inner_html=chart></div>
            <details>
                <summary>"As a table"</summary>
                <Table
                    caption="Size of the backups, by week"
                    head=vec![Head::Text("Day"), Head::Number("Size")]
                    rows=rows.into_any()
                />
            </details>
        </Panel>
    }
    .into_any()
}

fn databases(view: &StorageView) -> AnyView {
    let all = view.backups.size_bytes.max(1);
    let rows: Vec<_> = view
        .databases
        .iter()
        .map(|(database, share, growth)| {
            let growth = match growth {
                None => "–".to_owned(),
                Some(..=0) => "0".to_owned(),
                Some(growth) => format!("+{}", human::bytes(growth.unsigned_abs())),
            };
            let href = format!("/backups?db={database}");
            let cells = cells(*share, all);
            view! {
                <tr>
                    <td data-label="Database" class="t-name"><a class="strong" href=href>{database.to_string()}</a></td>
                    {cells}
                    <td data-label="A day" class="number">{growth}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <Panel title="By database" flush=true>
            <Table
                caption="What each database takes"
                head=vec![Head::Text("Database"), Head::Number("Backups"), Head::Number("Size"), Head::Text("Share"), Head::Number("A day")]
                rows=rows.into_any()
            />
        </Panel>
    }
    .into_any()
}

fn kinds(view: &StorageView) -> AnyView {
    let all = view.backups.size_bytes.max(1);
    let rows: Vec<_> = view
        .kinds
        .iter()
        .map(|(kind, share)| {
            let href = format!("/backups?kind={kind}");
            let cells = cells(*share, all);
            view! {
                <tr>
                    <td data-label="Kind" class="t-name"><a class="strong" href=href>{kind.to_string()}</a></td>
                    {cells}
                </tr>
            }
        })
        .collect();
    view! {
        <Panel title="By kind" flush=true>
            <Table
                caption="What each kind of backup takes"
                head=vec![Head::Text("Kind"), Head::Number("Backups"), Head::Number("Size"), Head::Text("Share")]
                rows=rows.into_any()
            />
        </Panel>
    }
    .into_any()
}

/// Count, size and share of a row.
fn cells(share: Share, all: u64) -> AnyView {
    let percent = u128::from(share.size_bytes) * 100 / u128::from(all);
    view! {
        <td data-label="Backups" class="number">{human::count(share.count)}</td>
        <td data-label="Size" class="number"><Size bytes=share.size_bytes/></td>
        <td data-label="Share" class="wide">
            <svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                <rect class="track" width="100" height="6"></rect>
                <rect class="ours" width=percent.to_string() height="6"></rect>
            </svg>
            <span class="visually-hidden">{format!("{percent} %")}</span>
        </td>
    }
    .into_any()
}

fn backups(count: u64) -> String {
    format!("{} {}", human::count(count), if count == 1 { "backup" } else { "backups" })
}

fn days_text(days: u64) -> String {
    match days {
        0 => "less than a day".to_owned(),
        1 => "a day".to_owned(),
        2..=60 => format!("{days} days"),
        61..=700 => format!("{} months", days / 30),
        701..=36_500 => format!("{} years", days / 365),
        _ => "more than a hundred years".to_owned(),
    }
}
