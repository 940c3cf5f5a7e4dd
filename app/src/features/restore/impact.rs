//! What a plan will do, table by table, with its space, its time and its warnings; the same for a restore and for an undo.

use keepstone_model::human;
use leptos::prelude::*;
use leptos_router::params::ParamsMap;

use super::api::{ImpactLine, PlanView, SinceLine};
use crate::ui::{Alert, AlertKind, DefinitionList, Fact, Head, Panel, Size, Table, When};

/// The way of a restore; the last two steps are the job's page.
pub(super) fn stepper(now: usize) -> AnyView {
    let steps: Vec<_> = ["Plan", "Impact", "Confirm", "Progress", "Result"]
        .into_iter()
        .enumerate()
        .map(|(i, step)| {
            let number = i + 1;
            let class = if number < now { "past" } else { "" };
            view! { <li class=class aria-current=(number == now).then_some("step")><span class="stepper-number">{number}</span>{step}</li> }
        })
        .collect();
    view! { <ol class="stepper" aria-label="Steps of a restore">{steps}</ol> }.into_any()
}

pub(super) fn impact(plan: &PlanView) -> AnyView {
    let warnings: Vec<_> = plan.warnings.iter().cloned().map(|warning| view! { <Alert kind=AlertKind::Warning title=warning/> }).collect();
    let no_space = (plan.space_free_bytes < plan.space_needed_bytes).then(|| {
        let (needed, free) = (human::bytes(plan.space_needed_bytes), human::bytes(plan.space_free_bytes));
        view! {
            <Alert kind=AlertKind::Failure title="There is not enough space">
                <p>{format!("{needed} are needed and {free} are free. Free some, then look again.")}</p>
            </Alert>
        }
    });
    let wait = plan.writers_wait.clone().map(|wait| view! { <Fact term="Writers wait">"about "{wait}", once"</Fact> });
    let safety = plan.replaces.then(|| {
        let text = match (plan.safety_backup, plan.server) {
            (true, false) => "yes: of exactly the moment before, so that it can be undone",
            (true, true) => "the database before stays on the server for a day, so that it can be undone",
            (false, _) => "no: this cannot be undone",
        };
        view! { <Fact term="Safety backup">{text}</Fact> }
    });
    let tables = tables(plan);
    let target = match (plan.replaces, plan.server) {
        (true, false) => "Writes over",
        (true, true) => "Takes the place of",
        (false, false) => "Writes the new file",
        (false, true) => "Makes the new database",
    };
    let sessions = plan
        .sessions
        .filter(|sessions| *sessions > 0)
        .map(|sessions| view! { <Fact term="Sessions ended">{human::count(sessions)}", when the names change"</Fact> });
    let (path, planned, expires) = (plan.path.clone(), plan.planned.clone(), plan.expires.clone());
    let (size, needed, free) = (plan.size_bytes, plan.space_needed_bytes, plan.space_free_bytes);
    // Of a server's disk nothing is known here.
    let space = (needed > 0 || free > 0)
        .then(|| view! { <Fact term="Space">"needs "<Size bytes=Some(needed)/>", "<Size bytes=Some(free)/>" are free"</Fact> });
    view! {
        {headline(plan)}
        {warnings}
        {no_space}
        <Panel title="Impact" flush=true>
            {tables}
            <div class="panel-pad">
                <DefinitionList>
                    <Fact term=target><span class="path mono">{path}</span></Fact>
                    <Fact term="Size after"><Size bytes=Some(size)/></Fact>
                    {space}
                    {wait}
                    {sessions}
                    {safety}
                    <Fact term="Planned"><When moment=planned/>", to be confirmed until "<When moment=expires/></Fact>
                </DefinitionList>
            </div>
        </Panel>
    }
    .into_any()
}

/// What the one who is about to confirm has to know beside the plan: what was written since it was made.
pub(super) fn recounted(plan: &PlanView, since: &[SinceLine]) -> AnyView {
    let planned = plan.planned.clone();
    if since.is_empty() {
        return view! {
            <Alert kind=AlertKind::Info title="Counted again: no table has another number of rows than in the plan">
                <p>"Planned "<When moment=planned/>". Rows that were changed in place are not counted; the safety backup holds them, too."</p>
            </Alert>
        }
        .into_any();
    }
    let lines: Vec<_> = since
        .iter()
        .map(|SinceLine { table, planned_rows, rows }| {
            let counts = format!(": {} rows, {} in the plan", human::count(*rows), human::count(*planned_rows));
            view! { <li><code>{table.clone()}</code>{counts}</li> }
        })
        .collect();
    let lost = if plan.safety_backup { ". This is lost as well, and kept in the safety backup:" } else { ". This is lost as well:" };
    view! {
        <Alert kind=AlertKind::Warning title="Applications have written since the plan">
            <p>"Planned "<When moment=planned/>{lost}</p>
            <ul>{lines}</ul>
        </Alert>
    }
    .into_any()
}

fn headline(plan: &PlanView) -> AnyView {
    if !plan.replaces {
        let what = if plan.server {
            "The backup is restored into a new database beside it, and its rows are counted."
        } else {
            "The backup is written into a new file and compared with what was backed up."
        };
        return view! {
            <Alert kind=AlertKind::Info title="The live database stays as it is">
                <p>{what}</p>
            </Alert>
        }
        .into_any();
    }
    let lost = match plan.rows_lost {
        0 => "No table will have fewer rows than now; rows that were changed since go back to what they were.".to_owned(),
        1 => "One row fewer than now, and rows that were changed since go back to what they were.".to_owned(),
        rows => format!("{} rows fewer than now, and rows that were changed since go back to what they were.", human::count(rows)),
    };
    view! {
        <Alert kind=AlertKind::Warning title=format!("You will lose what changed in the last {}", plan.age)>
            <p>{lost}</p>
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
    let none = changed
        .is_empty()
        .then(|| view! { <tr><td colspan="4" class="muted">"No table changes its number of rows or its columns."</td></tr> });
    let unchanged = (same_count > 0).then(|| {
        let title = if same_count == 1 {
            "1 table keeps its number of rows".to_owned()
        } else {
            format!("{same_count} tables keep their number of rows")
        };
        let rows: Vec<_> = same.into_iter().map(table_row).collect();
        view! {
            <details class="panel-pad">
                <summary>{title}</summary>
                <Table caption="Tables that keep their number of rows" head=head() rows=rows.into_any()/>
            </details>
        }
    });
    view! {
        <Table caption="Tables that change" head=head() rows=(none, changed).into_any()/>
        {unchanged}
    }
    .into_any()
}

fn head() -> Vec<Head> {
    vec![Head::Text("Table"), Head::Number("Rows now"), Head::Number("After"), Head::Number("Lost")]
}

fn table_row(line: ImpactLine) -> impl IntoView {
    let rows = |rows: Option<u64>| rows.map_or_else(|| "–".to_owned(), human::count);
    let lost =
        if line.rows_lost > 0 { view! { <strong class="lost">{human::count(line.rows_lost)}</strong> }.into_any() } else { "0".into_any() };
    let changes: Vec<_> = line.changes.into_iter().map(|change| view! { <li>{change}</li> }).collect();
    view! {
        <tr>
            <td data-label="Table" class="t-name">
                <code>{line.table}</code>
                {(!changes.is_empty()).then(|| view! { <ul class="changes">{changes}</ul> })}
            </td>
            <td data-label="Rows now" class="number">{rows(line.live_rows)}</td>
            <td data-label="After" class="number">{rows(line.after_rows)}</td>
            <td data-label="Lost" class="number">{lost}</td>
        </tr>
    }
}

/// The way on from a refused confirmation: a fresh password is given, or a new plan looked at; then back to `here`.
pub(super) fn way_on(code: impl Fn() -> Option<String> + Send + Sync + 'static, here: String) -> impl IntoView {
    move || {
        let (href, text) = match code()?.as_str() {
            "sign_in_again" => {
                let mut query = ParamsMap::new();
                query.insert("next", here.clone());
                (format!("/login{}", query.to_query_string()), "Sign in again, then confirm")
            }
            "stale_plan" => (here.clone(), "Look again"),
            _ => return None,
        };
        Some(view! { <p><a class="button" href=href rel="external">{text}</a></p> })
    }
}
