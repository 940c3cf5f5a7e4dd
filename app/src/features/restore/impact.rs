//! What a plan will do, table by table, with its space, its time and its warnings; the same for a restore and for an undo.

use keepstone_model::restore::StateBefore;
use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use super::api::{ImpactLine, PlanView, SinceLine};
use crate::local;
use crate::ui::{Alert, AlertKind, DefinitionList, Fact, Head, Panel, Size, Table, When};
use crate::words::{restore as words, shared};

/// The way of a restore; the last two steps are the job's page.
pub(super) fn stepper(now: usize) -> AnyView {
    let steps: Vec<_> = [words::step_plan(), words::impact(), words::confirm(), words::step_progress(), shared::result()]
        .into_iter()
        .enumerate()
        .map(|(i, step)| {
            let number = i + 1;
            let class = if number < now { "past" } else { "" };
            view! { <li class=class aria-current=(number == now).then_some("step")><span class="stepper-number">{number}</span>{step}</li> }
        })
        .collect();
    view! { <ol class="stepper" aria-label=words::steps_label()>{steps}</ol> }.into_any()
}

pub(super) fn impact(plan: &PlanView) -> AnyView {
    let warnings: Vec<_> = plan.warnings.iter().cloned().map(|warning| view! { <Alert kind=AlertKind::Warning title=warning/> }).collect();
    let no_space = (plan.space_free_bytes < plan.space_needed_bytes).then(|| {
        let (needed, free) = (local::bytes(plan.space_needed_bytes), local::bytes(plan.space_free_bytes));
        view! {
            <Alert kind=AlertKind::Failure title=words::no_space()>
                <p>{words::no_space_means(&needed, &free)}</p>
            </Alert>
        }
    });
    let wait = plan.writers_wait.clone().map(|wait| view! { <Fact term=words::writers_wait()>{words::writers_wait_for(&wait)}</Fact> });
    let safety = plan.replaces.then(|| {
        let text = match plan.before {
            StateBefore::SafetyBackup | StateBefore::Untouched => words::safety_kept(),
            StateBefore::KeptOnServer => words::safety_on_server(),
            StateBefore::KeptAside => words::safety_aside(),
            StateBefore::Absent => words::safety_absent(),
            StateBefore::Lost => words::safety_none(),
        };
        view! { <Fact term=words::safety_backup()>{text}</Fact> }
    });
    // Beside the live database nothing is compared with it.
    let tables = plan.replaces.then(|| tables(plan));
    let target = match (plan.replaces, plan.server) {
        (true, false) => words::writes_over(),
        (true, true) => words::takes_place(),
        (false, false) => words::writes_file(),
        (false, true) => words::makes_database(),
    };
    let sessions = plan
        .sessions
        .filter(|sessions| *sessions > 0)
        .map(|sessions| view! { <Fact term=words::sessions_ended()>{words::sessions_end(sessions)}</Fact> });
    let (path, planned, expires) = (plan.path.clone(), plan.planned.clone(), plan.expires.clone());
    let (size, needed, free) = (plan.size_bytes, plan.space_needed_bytes, plan.space_free_bytes);
    // Of a server's disk nothing is known here.
    let space = (needed > 0 || free > 0)
        .then(|| view! { <Fact term=words::space()>{words::space_of(&local::bytes(needed), &local::bytes(free))}</Fact> });
    view! {
        {headline(plan)}
        {warnings}
        {no_space}
        <Panel title=words::impact() flush=true>
            {tables}
            <div class="panel-pad">
                <DefinitionList>
                    <Fact term=target><span class="path mono">{path}</span></Fact>
                    <Fact term=words::size_after()><Size bytes=Some(size)/></Fact>
                    {space}
                    {wait}
                    {sessions}
                    {safety}
                    <Fact term=words::planned()><When moment=planned/>{words::planned_until()}<When moment=expires/></Fact>
                </DefinitionList>
            </div>
        </Panel>
    }
    .into_any()
}

/// What the one who is about to confirm has to know beside the plan: what was written since it was made.
pub(super) fn recounted(plan: &PlanView, since: &[SinceLine]) -> AnyView {
    let planned = plan.planned.clone();
    if plan.is_as_files() {
        return view! {
            <Alert kind=AlertKind::Info title=words::looked_again()>
                <p>{words::counted_before()}<When moment=planned/>{"."}</p>
            </Alert>
        }
        .into_any();
    }
    let kept = plan.before == StateBefore::SafetyBackup;
    if since.is_empty() {
        let uncounted = if kept { words::counted_after() } else { words::counted_after_lost() };
        return view! {
            <Alert kind=AlertKind::Info title=words::counted_again()>
                <p>{words::counted_before()}<When moment=planned/>{uncounted}</p>
            </Alert>
        }
        .into_any();
    }
    let lines: Vec<_> = since
        .iter()
        .map(|SinceLine { table, planned_rows, rows }| {
            let counts = words::since_counts(*rows, *planned_rows);
            view! { <li><code>{table.clone()}</code>{counts}</li> }
        })
        .collect();
    let lost = if kept { words::lost_and_kept() } else { words::lost() };
    view! {
        <Alert kind=AlertKind::Warning title=words::written_since()>
            <p>{words::counted_before()}<When moment=planned/>{lost}</p>
            <ul>{lines}</ul>
        </Alert>
    }
    .into_any()
}

fn headline(plan: &PlanView) -> AnyView {
    if !plan.replaces {
        let what = if plan.server { words::headline_new_database() } else { words::headline_new_file() };
        return view! {
            <Alert kind=AlertKind::Info title=words::headline_new()>
                <p>{what}</p>
            </Alert>
        }
        .into_any();
    }
    if plan.is_as_files() {
        let text = if plan.before == StateBefore::Absent { words::comes_back_absent() } else { words::comes_back_aside() };
        return view! {
            <Alert kind=AlertKind::Warning title=words::comes_back(&plan.age)>
                <p>{text}</p>
            </Alert>
        }
        .into_any();
    }
    let lost = words::rows_fewer(plan.rows_lost);
    let gone = plan.tables.iter().filter(|line| line.after_rows.is_none()).count();
    let gone = (gone > 0).then(|| view! { <p>{words::tables_gone(gone as u64)}</p> });
    view! {
        <Alert kind=AlertKind::Warning title=words::you_lose(&plan.age)>
            <p>{lost}</p>
            {gone}
        </Alert>
    }
    .into_any()
}

fn tables(plan: &PlanView) -> AnyView {
    // Those that change first: they are what one has to read.
    let (changed, same): (Vec<_>, Vec<_>) =
        plan.tables.iter().cloned().partition(|line| line.live_rows != line.after_rows || !line.changes.is_empty());
    let same_count = same.len();
    let changed: Vec<_> = changed.into_iter().map(table_row).collect();
    let none = changed.is_empty().then(|| view! { <tr><td colspan="4" class="muted">{words::no_table_changes()}</td></tr> });
    let unchanged = (same_count > 0).then(|| {
        let title = words::same_tables(same_count as u64);
        let rows: Vec<_> = same.into_iter().map(table_row).collect();
        view! {
            <details class="panel-pad">
                <summary>{title}</summary>
                <Table caption=words::same_caption() head=head() rows=rows.into_any()/>
            </details>
        }
    });
    view! {
        <Table caption=words::changing_caption() head=head() rows=(none, changed).into_any()/>
        {unchanged}
    }
    .into_any()
}

fn head() -> Vec<Head> {
    vec![Head::Text(shared::table()), Head::Number(words::rows_now()), Head::Number(words::rows_after()), Head::Number(words::rows_lost())]
}

fn table_row(line: ImpactLine) -> impl IntoView {
    let rows = |rows: Option<u64>| rows.map_or_else(|| "–".to_owned(), local::count);
    let lost =
        if line.rows_lost > 0 { view! { <strong class="lost">{local::count(line.rows_lost)}</strong> }.into_any() } else { "0".into_any() };
    let changes: Vec<_> = line.changes.into_iter().map(|change| view! { <li>{change}</li> }).collect();
    view! {
        <tr>
            <td data-label=shared::table() class="t-name">
                <code>{line.table}</code>
                {(!changes.is_empty()).then(|| view! { <ul class="changes">{changes}</ul> })}
            </td>
            <td data-label=words::rows_now() class="number">{rows(line.live_rows)}</td>
            <td data-label=words::rows_after() class="number">{rows(line.after_rows)}</td>
            <td data-label=words::rows_lost() class="number">{lost}</td>
        </tr>
    }
}

/// The box for a database that somebody has open although SQLite cannot open it.
pub(super) fn although_open(plan: &PlanView) -> Option<AnyView> {
    (!plan.holders.is_empty()).then(|| {
        view! {
            <label class="check">
                <input type="checkbox" name="although_open" value="on" required=true/>
                <span>{words::although_open(&plan.holders.join(", "))}</span>
            </label>
        }
        .into_any()
    })
}

/// The way on from a refused confirmation: a fresh password is given, or a new plan looked at; then back to `here`.
pub(super) fn way_on(code: impl Fn() -> Option<String> + Send + Sync + 'static, here: String) -> impl IntoView {
    move || {
        let (href, text) = match code()?.as_str() {
            "sign_in_again" => {
                let mut query = ParamsMap::new();
                query.insert("next", here.clone());
                (format!("/login{}", query.to_query_string()), words::sign_in_again())
            }
            "stale_plan" => (here.clone(), words::look_again()),
            _ => return None,
        };
        Some(view! { <p><a class="button" href=href rel="external">{text}</a></p> })
    }
}
