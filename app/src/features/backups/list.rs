//! The list of backups: a filter in the address, rows that lead to each backup, and the way through the pages.

use keepstone_model::{
    access::Role,
    backup::{BackupState, Verdict},
    id::Kind,
};
use leptos::prelude::*;
use leptos_router::{hooks::use_query_map, params::ParamsMap};

use super::api::{self, BackupList, BackupRow};
use crate::words::{backups as words, shared};
use crate::{
    live::use_changes,
    ui::{
        BackupBadge, EmptyState, Facts, FilterFold, Head, Icon, Loaded, PageHeader, Pagination, ProofMarks, Size, Table, When, here::may,
    },
};

/// The members of the address that this page knows, in the order in which they are written.
const MEMBERS: [&str; 8] = ["db", "kind", "state", "q", "from", "to", "sort", "page"];

#[component]
pub fn BackupsPage() -> impl IntoView {
    if use_query_map().with_untracked(|query| query.get_str("view") == Some("calendar")) {
        return view! { <super::calendar::CalendarPage/> }.into_any();
    }
    view! { <ListPage/> }.into_any()
}

#[component]
fn ListPage() -> impl IntoView {
    let query = use_query_map();
    let changes = use_changes();
    let members = Memo::new(move |_| query.with(|query| MEMBERS.map(|name| query.get(name).unwrap_or_default())));
    let backups = Facts::new(
        move || (members.get(), changes.get()),
        |([db, kind, state, q, from, to, sort, page], _)| api::list(db, kind, state, q, from, to, sort, page),
    );
    view! { <Loaded resource=backups show=move |list| show(list, &query.read_untracked())/> }
}

fn show(list: BackupList, query: &ParamsMap) -> AnyView {
    let value = |name: &str| query.get(name).unwrap_or_default();
    let filtered = MEMBERS[..6].iter().any(|name| !value(name).is_empty());
    let place = query.get("db").unwrap_or_default();
    let shown = list.any.then_some(View::List);
    let actions =
        Actions { shown, may_change: list.may_change, may_import: !list.databases.is_empty(), in_trash: list.in_trash }.show(&place);
    let body = match (list.rows.is_empty(), list.any, list.databases.is_empty()) {
        (false, ..) => view! { <List list=list.clone() query=query.clone()/> }.into_any(),
        (true, true, _) if filtered => view! {
            <EmptyState icon="filter" title=words::none_fits()>
                <a class="button" href="/backups">{words::show_all()}</a>
            </EmptyState>
        }
        .into_any(),
        (true, true, _) => view! {
            <EmptyState icon="backup" title=words::no_such_page()>
                <a class="button" href="/backups">{words::to_the_newest()}</a>
            </EmptyState>
        }
        .into_any(),
        (true, false, true) => view! {
            <EmptyState icon="database" title=words::no_database()>
                <p>{words::no_database_way()}</p>
                {may(Role::Admin).then(|| view! { <a class="button primary" href="/databases/new">{shared::add_database()}</a> })}
            </EmptyState>
        }
        .into_any(),
        (true, false, false) => view! {
            <EmptyState icon="backup" title=words::none_yet()>
                <p>{words::none_yet_way()}</p>
                {list.may_change.then(|| view! { <a class="button primary" href="/backups/new">{words::create_first()}</a> })}
            </EmptyState>
        }
        .into_any(),
    };
    view! {
        <PageHeader title=shared::backups()>{actions}</PageHeader>
        {(list.any || filtered).then(|| filter(&list, query, filtered))}
        {body}
    }
    .into_any()
}

fn filter(list: &BackupList, query: &ParamsMap, filtered: bool) -> AnyView {
    let value = |name: &str| query.get(name).unwrap_or_default();
    let databases = list.databases.iter().map(|id| (id.clone(), id.clone())).collect();
    let states = Verdict::ALL.map(Verdict::as_str).into_iter().chain(BackupState::ALL.map(BackupState::as_str));
    let states = states.map(|state| (state.to_owned(), state.to_owned())).collect();
    let sort = value("sort");
    let form = view! {
        <form class="filter" method="get" action="/backups" role="search" aria-label=words::filter()>
            {choice("db", shared::database(), shared::all_databases(), databases, &value("db"))}
            {kind_choice(&value("kind"))}
            {choice("state", shared::state(), shared::all_states(), states, &value("state"))}
            {input("q", shared::search(), "search", words::searched_in(), &value("q"))}
            {input("from", words::from_day(), "date", "", &value("from"))}
            {input("to", words::to_day(), "date", "", &value("to"))}
            {(!sort.is_empty()).then(|| view! { <input type="hidden" name="sort" value=sort/> })}
            <div class="filter-actions">
                <button type="submit" class="button"><Icon name="filter"/>{shared::filter()}</button>
                {filtered.then(|| view! { <a class="button quiet" href="/backups">{shared::clear_filter()}</a> })}
            </div>
        </form>
    };
    view! { <FilterFold active=filtered>{form}</FilterFold> }.into_any()
}

/// The two looks of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    List,
    Calendar,
}

/// What can be done on the page, the same in both looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Actions {
    /// None where there is nothing to look at yet.
    pub(super) shown: Option<View>,
    pub(super) may_change: bool,
    pub(super) may_import: bool,
    pub(super) in_trash: u64,
}

impl Actions {
    /// `database` is the one that is filtered for, or empty.
    pub(super) fn show(self, database: &str) -> AnyView {
        let Self { shown, may_change, may_import, in_trash } = self;
        let rest = if database.is_empty() { String::new() } else { format!("db={database}") };
        let views = shown.map(|shown| {
        let link = |view: View, href: String, word: &'static str| view! { <a href=href aria-current=(view == shown).then_some("page")>{word}</a> };
        let (list, calendar) = (format!("/backups?{rest}"), format!("/backups?view=calendar&{rest}"));
        view! {
            <nav class="segmented views" aria-label=words::look()>
                {link(View::List, list.trim_end_matches('?').to_owned(), words::look_list())}
                {link(View::Calendar, calendar.trim_end_matches('&').to_owned(), words::look_calendar())}
            </nav>
        }
    });
        let trash = if in_trash == 0 { shared::trash().to_owned() } else { words::trash_with(&in_trash) };
        let import = (may_change && may_import).then(|| view! { <a class="button" href="/import">{shared::import_backups()}</a> });
        let new = may_change.then(|| {
            let href = format!("/backups/new?{rest}");
            view! { <a class="button primary" href=href.trim_end_matches('?').to_owned()><Icon name="plus"/>{shared::create_backup()}</a> }
        });
        view! {
            {views}
            <a class="button" href="/trash"><Icon name="trash"/>{trash}</a>
            {import}
            {new}
        }
        .into_any()
    }
}

pub(super) fn kind_choice(chosen: &str) -> AnyView {
    choice("kind", shared::kind(), words::all_kinds(), Kind::ALL.iter().map(|kind| (kind.to_string(), kind.to_string())).collect(), chosen)
}

pub(super) fn choice(name: &'static str, label: &'static str, none: &'static str, options: Vec<(String, String)>, chosen: &str) -> AnyView {
    let options: Vec<_> = options
        .into_iter()
        .map(|(value, text)| {
            let selected = value == chosen;
            view! { <option value=value selected=selected>{text}</option> }
        })
        .collect();
    view! {
        <label class="filter-field">
            <span>{label}</span>
            <select name=name>
                <option value="">{none}</option>
                {options}
            </select>
        </label>
    }
    .into_any()
}

fn input(name: &'static str, label: &'static str, kind: &'static str, placeholder: &'static str, value: &str) -> AnyView {
    view! {
        <label class=format!("filter-field {kind}")>
            <span>{label}</span>
            <input type=kind name=name value=value.to_owned() placeholder=(!placeholder.is_empty()).then_some(placeholder) maxlength="200"/>
        </label>
    }
    .into_any()
}

#[component]
fn List(list: BackupList, query: ParamsMap) -> impl IntoView {
    let rows: Vec<_> = list.rows.into_iter().map(|row| table_row(row, list.may_change)).collect();
    let first = (list.page - 1) * list.page_size + 1;
    let last = first - 1 + rows.len() as u64;
    let text = words::page_of(first, last, list.total);
    let address = |page: u64| {
        let mut query = query.clone();
        query.replace("page", page.to_string());
        format!("/backups{}", query.to_query_string())
    };
    let oldest_first = query.get_str("sort") == Some("created");
    let turned = {
        let mut query = query.clone();
        query.remove("page");
        query.replace("sort", if oldest_first { "-created" } else { "created" }.to_owned());
        format!("/backups{}", query.to_query_string())
    };
    let (sorted, arrow, turn) =
        if oldest_first { ("ascending", "↑", words::newest_first()) } else { ("descending", "↓", words::oldest_first()) };
    let selecting = list.may_change.then(|| {
        view! {
            <p class="select-bar">
                <button type="submit" class="button small">{words::to_the_ticked()}</button>
                <output class="muted" data-tally=""></output>
            </p>
        }
    });
    let when = view! {
        <th scope="col" aria-sort=sorted>
            <a class="sort" href=turned title=turn>{words::by_time()}<span aria-hidden="true">{arrow}</span></a>
        </th>
    };
    let head = [list.may_change.then(select_all), Some(Head::Text(shared::state())), Some(Head::Own(when.into_any()))]
        .into_iter()
        .flatten()
        .chain([Head::Text(shared::database()), Head::Text(shared::kind()), Head::Number(shared::size()), Head::Text(shared::proof())])
        .chain([Head::Text(words::kept_until_and_why()), Head::Unseen(shared::actions())])
        .collect();
    let previous = (list.page > 1).then(|| address(list.page - 1));
    let next = (last < list.total).then(|| address(list.page + 1));
    view! {
        <form class="table-box" method="get" action="/backups/selected">
            <Table caption=words::times_in(&list.zone) class="backups" head=head rows=rows.into_any()/>
            {selecting}
        </form>
        <Pagination text=text previous=previous next=next/>
    }
}

/// Ticks every row of the page; a script does it, so without one it is not there.
fn select_all() -> Head {
    let tick = view! { <input type="checkbox" class="needs-script" data-tick-all="" aria-label=words::select_all() autocomplete="off"/> };
    Head::Own(view! { <th scope="col" class="select"><span class="visually-hidden">{words::select()}</span>{tick}</th> }.into_any())
}

fn table_row(row: BackupRow, may_change: bool) -> impl IntoView {
    let href = format!("/backups/{}", row.id);
    let restore = (may_change && row.state == BackupState::Complete && row.verdict != Verdict::Bad).then(|| {
        let label = words::restore_one(&row.id);
        view! { <a class="button small" href=format!("{href}/restore") aria-label=label>{shared::restore()}</a> }
    });
    let menu = may_change.then(|| row_menu(&row.id, row.state == BackupState::Complete));
    let proof = match (row.state, row.error) {
        (BackupState::Complete, None) => view! { <ProofMarks level=row.level checks=row.checks/> }.into_any(),
        (BackupState::Running, _) => row.job.map(|job| view! { <a href=format!("/jobs/{job}")>{words::see_progress()}</a> }).into_any(),
        (_, Some(error)) => view! { <span class="row-error">{error}</span> }.into_any(),
        (_, None) => view! { <span class="muted">"–"</span> }.into_any(),
    };
    let until = row.until.map(|moment| view! { <When moment=moment/> });
    let why = (!row.why.is_empty()).then(|| view! { <span class="sub">{row.why}</span> });
    let tags: Vec<_> = row.tags.into_iter().map(|tag| view! { <span class="tag">{tag}</span> }).collect();
    let note = (!row.description.is_empty() || !tags.is_empty())
        .then(|| view! { <span class="row-note"><span class="row-description">{row.description}</span>{tags}</span> });
    let (id, label, bytes) = (row.id.clone(), words::select_one(&row.id), row.size_bytes.unwrap_or(0).to_string());
    let select = may_change.then(|| {
        view! { <td data-label=words::select() class="select"><input type="checkbox" name="ids" value=id data-bytes=bytes aria-label=label autocomplete="off"/></td> }
    });
    view! {
        <tr>
            {select}
            <td data-label=shared::state() class="t-state">
                <BackupBadge state=row.state verdict=row.verdict/>
                {row.pinned.then(|| view! { <span class="pinned" title=words::pinned_means()><Icon name="pin"/>{shared::pinned()}</span> })}
            </td>
            <td data-label=shared::when() class="t-name">
                <a class="row-link" href=href><When moment=row.created/></a>
                {note}
            </td>
            <td data-label=shared::database() class="of"><a href=format!("/databases/{}", row.database)>{row.database.clone()}</a></td>
            <td data-label=shared::kind() class="nowrap">{row.kind}</td>
            <td data-label=shared::size() class="number">
                <Size bytes=row.size_bytes/>
                {(!row.change.is_empty()).then(|| view! { <span class="muted change">" "{row.change}</span> })}
            </td>
            <td data-label=shared::proof() class="wide">{proof}</td>
            <td data-label=shared::kept_until() class="kept">{until}{why}</td>
            <td class="row-actions">{restore}{menu}</td>
        </tr>
    }
}

/// What else can be done with one: links alone, since a row stands within the form of the ticked ones.
fn row_menu(id: &str, has_archive: bool) -> AnyView {
    let archive = has_archive.then(|| {
        view! {
            <li><a href=format!("/backups/{id}/download") rel="external" download="">{words::download_archive()}</a></li>
        }
    });
    view! {
        <details class="menu" name="row">
            <summary class="button small quiet" aria-label=words::more_of(&id)>"⋯"</summary>
            <ul>
                {archive}
                <li><a href=format!("/backups/selected?ids={id}")>{words::verify_or_pin()}</a></li>
                <li><a href=format!("/backups/{id}?confirm=delete")>{words::delete_one()}</a></li>
            </ul>
        </details>
    }
    .into_any()
}
