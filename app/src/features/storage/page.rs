//! The page of the storage.

use leptos::prelude::*;

use super::{
    api::{Share, StorageView, show_storage},
    charts,
};
use crate::local;
use crate::words::{shared, storage as words};
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
            <Alert kind=AlertKind::Warning title=words::full_in(&words::days(days))>
                <p>{words::full_way()} <a href="/schedules">{words::full_where()}</a></p>
            </Alert>
        }
    });
    let body = if view.backups.count + view.trash.count == 0 {
        view! {
            <EmptyState icon="storage" title=words::none()>
                <p>{words::none_means()}</p>
                <a class="button" href="/backups">{shared::back_to_backups()}</a>
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
        <PageHeader title=shared::storage()/>
        {soon}
        {disk}
        {body}
    }
    .into_any()
}

fn disk(view: &StorageView) -> AnyView {
    let Some((free_bytes, disk_bytes)) = view.disk else {
        return view! { <Alert kind=AlertKind::Failure title=words::away()><p>{words::away_means()}</p></Alert> }.into_any();
    };
    let bar = charts::disk(view, free_bytes, disk_bytes);
    let folder = view.folder.clone();
    let folder = (!folder.is_empty()).then(|| view! { <Fact term=words::folder()><span class="mono path">{folder}</span></Fact> });
    let trash = words::size_of(&local::bytes(view.trash.size_bytes), view.trash.count);
    let ours = words::size_of(&local::bytes(view.backups.size_bytes), view.backups.count);
    let free = words::free_of(&local::bytes(free_bytes), &local::bytes(disk_bytes));
    let own = words::own_files(&local::bytes(view.catalog_bytes), &local::bytes(view.reserve_bytes));
    let staging = Some(view.staging_bytes).filter(|bytes| *bytes > 0);
    let staging = staging.map(|bytes| view! { <Fact term=words::being_made()><Size bytes=bytes/></Fact> });
    let other = local::bytes(disk_bytes.saturating_sub(free_bytes).saturating_sub(view.backups.size_bytes + view.trash.size_bytes));
    view! {
        <Panel title=words::disk()>
            <div inner_html=bar></div>
            <DefinitionList>
                <Fact term=shared::backups()><span class="key ours" aria-hidden="true"></span>{ours}</Fact>
                <Fact term=shared::trash()><span class="key trash" aria-hidden="true"></span><a href="/trash">{trash}</a></Fact>
                <Fact term=words::other_files()><span class="key other" aria-hidden="true"></span>{other}</Fact>
                <Fact term=words::free()><span class="key free" aria-hidden="true"></span>{free}</Fact>
                {staging}
                <Fact term=words::own()>{own}</Fact>
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
        (None, _) => words::too_new().to_owned(),
        (Some(..=0), _) => words::no_growth().to_owned(),
        (Some(growth), days) => {
            let growth = local::bytes(growth.unsigned_abs());
            days.map_or_else(|| words::growth(&growth), |days| words::growth_until(&growth, &words::days(days)))
        }
    };
    let when = view.full.clone().map(|moment| view! { <span class="sub">{words::full_then()} <When moment=moment/></span> });
    // The last day of each week, and today.
    let last = view.history.len().saturating_sub(1);
    let rows: Vec<_> = view
        .history
        .iter()
        .enumerate()
        .rev()
        .filter(|(index, _)| (last - index).is_multiple_of(7))
        .map(|(index, day)| {
            let label = if index == last { words::today().to_owned() } else { day.label.clone() };
            view! {
                <tr>
                    <td data-label=words::day() class="t-name">{label}</td>
                    <td data-label=shared::size() class="number"><Size bytes=day.size_bytes/></td>
                </tr>
            }
        })
        .collect();
    view! {
        <Panel title=words::over_time()>
            <p>{words}{when}</p>
            <div inner_html=chart></div>
            <details>
                <summary>{words::as_table()}</summary>
                <Table
                    caption=words::by_week()
                    head=vec![Head::Text(words::day()), Head::Number(shared::size())]
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
                Some(growth) => format!("+{}", local::bytes(growth.unsigned_abs())),
            };
            let href = format!("/backups?db={database}");
            let cells = cells(*share, all);
            view! {
                <tr>
                    <td data-label=shared::database() class="t-name"><a class="strong" href=href>{database.to_string()}</a></td>
                    {cells}
                    <td data-label=words::a_day() class="number">{growth}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <Panel title=words::by_database() flush=true>
            <Table
                caption=words::database_caption()
                head=vec![Head::Text(shared::database()), Head::Number(shared::backups()), Head::Number(shared::size()), Head::Text(shared::share()), Head::Number(words::a_day())]
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
                    <td data-label=shared::kind() class="t-name"><a class="strong" href=href>{kind.to_string()}</a></td>
                    {cells}
                </tr>
            }
        })
        .collect();
    view! {
        <Panel title=words::by_kind() flush=true>
            <Table
                caption=words::kind_caption()
                head=vec![Head::Text(shared::kind()), Head::Number(shared::backups()), Head::Number(shared::size()), Head::Text(shared::share())]
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
        <td data-label=shared::backups() class="number">{local::count(share.count)}</td>
        <td data-label=shared::size() class="number"><Size bytes=share.size_bytes/></td>
        <td data-label=shared::share() class="wide">
            <svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                <rect class="track" width="100" height="6"></rect>
                <rect class="ours" width=percent.to_string() height="6"></rect>
            </svg>
            <span class="visually-hidden">{format!("{percent} %")}</span>
        </td>
    }
    .into_any()
}
