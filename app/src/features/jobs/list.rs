//! The list of jobs, the newest first.

use keepstone_model::job::JobState;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::{
    api::{self, JobList, JobRow},
    live_progress::verb_title,
};
use crate::words::{jobs as words, shared};
use crate::{
    live::use_changes,
    ui::{Ago, EmptyState, Facts, Head, Icon, JobBadge, Loaded, PageHeader, Table, crumb},
};

#[component]
pub fn JobsPage() -> impl IntoView {
    let query = use_query_map();
    let changes = use_changes();
    let filter = Memo::new(move |_| query.with(|query| ["db", "state"].map(|name| query.get(name).unwrap_or_default())));
    let jobs = Facts::new(move || (filter.get(), changes.get()), |([db, state], _)| api::list(db, state));
    view! { <Loaded resource=jobs show=move |list| show(list, &filter.get_untracked())/> }
}

fn show(list: JobList, [db, state]: &[String; 2]) -> AnyView {
    let filtered = !db.is_empty() || !state.is_empty();
    let body = match (list.rows.is_empty(), filtered) {
        (true, true) => view! {
            <EmptyState icon="filter" title=words::none_fits()><a class="button" href="/jobs">{words::show_all()}</a></EmptyState>
        }
        .into_any(),
        (true, false) => view! {
            <EmptyState icon="backup" title=words::none_yet()>
                <p>{words::none_yet_means()}</p>
            </EmptyState>
        }
        .into_any(),
        (false, _) => table(list.rows),
    };
    let option = |value: &str, chosen: &str| {
        let (text, value, selected) = (value.to_owned(), value.to_owned(), value == chosen);
        view! { <option value=value selected=selected>{text}</option> }
    };
    view! {
        <PageHeader title=shared::jobs() breadcrumbs=vec![crumb(shared::backups(), "/backups")]/>
        <form class="filter" method="get" action="/jobs" role="search" aria-label=words::filter()>
            <label class="filter-field">
                <span>{shared::database()}</span>
                <select name="db">
                    <option value="">{shared::all_databases()}</option>
                    {list.databases.iter().map(|id| option(id, db)).collect::<Vec<_>>()}
                </select>
            </label>
            <label class="filter-field">
                <span>{shared::state()}</span>
                <select name="state">
                    <option value="">{shared::all_states()}</option>
                    {JobState::ALL.iter().map(|known| option(known.as_str(), state)).collect::<Vec<_>>()}
                </select>
            </label>
            <div class="filter-actions">
                <button type="submit" class="button"><Icon name="filter"/>{shared::filter()}</button>
                {filtered.then(|| view! { <a class="button quiet" href="/jobs">{shared::clear_filter()}</a> })}
            </div>
        </form>
        {body}
    }
    .into_any()
}

fn table(rows: Vec<JobRow>) -> AnyView {
    let rows: Vec<_> = rows.into_iter().map(table_row).collect();
    view! {
        <div class="table-box">
            <Table
                caption=words::caption()
                head=vec![Head::Text(shared::state()), Head::Text(shared::job()), Head::Text(words::begun()), Head::Text(words::by()), Head::Number(shared::took()), Head::Text(shared::result())]
                rows=rows.into_any()
            />
        </div>
    }
    .into_any()
}

fn table_row(row: JobRow) -> impl IntoView {
    let percent = row.progress.as_ref().and_then(keepstone_model::job::Progress::percent);
    let result = match (row.said.is_empty(), percent) {
        (false, _) => row.said,
        (true, Some(percent)) => format!("{percent} %"),
        (true, None) => "–".to_owned(),
    };
    view! {
        <tr>
            <td data-label=shared::state() class="t-state"><JobBadge state=row.state unsound=row.unsound/></td>
            <td data-label=shared::job() class="t-name"><a class="row-link" href=format!("/jobs/{}", row.id)>{verb_title(row.verb, row.database.as_deref())}</a></td>
            <td data-label=words::begun() class="nowrap"><Ago moment=row.created/></td>
            <td data-label=words::by() class="nowrap">{row.created_by}</td>
            <td data-label=shared::took() class="number">{if row.took.is_empty() { "–".to_owned() } else { row.took }}</td>
            <td data-label=shared::result() class="wide"><span class="row-result">{result}</span></td>
        </tr>
    }
}
