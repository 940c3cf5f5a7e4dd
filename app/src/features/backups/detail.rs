//! How one backup is laid out: what it is and what to do with it, then its facts, proof, schema and the log of its job.

use keepstone_model::backup::{BackupState, CheckResult, Verdict};
use leptos::{prelude::*, server::ServerActionError, server_fn::error::ServerFnUrlError};

use super::{
    api::{BackupDetail, CheckLine, FactLine, TableLine},
    edit::{ack_form, delete_form, notes, pin_form, verify_form},
    page::Acts,
};
use crate::error::AppError;
use crate::local;
use crate::ui::{
    Alert, AlertKind, BackupBadge, DefinitionList, EmptyState, Fact, FormError, Head, Icon, PageHeader, Panel, ProofMarks, Said, Size,
    Table, When, crumb, fault_of,
};
use crate::words::{backups as words, shared};

/// The trash is another area, which this one does not import: a plain form, and its fault comes back in the address.
const PUT_BACK: &str = "/fn/trash/put-back";
const ACK: &str = "/fn/backups/ack";
const CONVERT: &str = "/fn/backups/convert";

pub(super) fn show(backup: BackupDetail, acts: Acts) -> AnyView {
    let row = &backup.row;
    let badge = view! { <BackupBadge state=row.state verdict=row.verdict/> }.into_any();
    let database = row.database.clone();
    let lead = view! {
        <When moment=row.created.clone()/>
        " · "
        {row.kind.clone()}
        {words::lead_of()}
        <a href=format!("/databases/{database}")>{database.clone()}</a>
        {row.size_bytes.map(|bytes| view! { " · "<Size bytes=Some(bytes)/> })}
        {(!row.change.is_empty()).then(|| view! { <span class="muted">" ("{row.change.clone()}")"</span> })}
        {row.pinned.then(|| view! { " · "<span class="pinned"><Icon name="pin"/>{shared::pinned()}</span> })}
    }
    .into_any();
    let crumbs = vec![crumb(shared::backups(), "/backups"), crumb(&database, format!("/backups?db={database}"))];
    let faults = [
        fault_of(move || acts.verify.value().get()),
        fault_of(move || acts.pin.value().get()),
        fault_of(move || acts.delete.value().get()),
    ];
    let fault = Signal::derive(move || faults.iter().find_map(Get::get));
    let actions = actions(&backup, acts);
    let summary = (notes(&backup, acts), backup.facts.iter().map(fact_group).collect::<Vec<_>>(), hashes(&backup));
    view! {
        <PageHeader title=row.id.clone() breadcrumbs=crumbs badge=badge lead=lead mono=true>
            {actions}
        </PageHeader>
        <FormError error=fault/>
        {state_alert(&backup)}
        {conversion(&backup)}
        {neighbours(&backup)}
        <Panel title=words::summary()>
            {summary}
        </Panel>
        {proof(&backup)}
        {schema(&backup)}
        {log(&backup)}
    }
    .into_any()
}

fn actions(backup: &BackupDetail, acts: Acts) -> AnyView {
    let id = &backup.row.id;
    let trashed = backup.row.state == BackupState::Trashed;
    let running = backup.row.state == BackupState::Running;
    let download = (backup.has_archive && backup.may_operate).then(|| {
        let plain = backup.may_administer.then(|| {
            let href = format!("/backups/{id}/download/database");
            view! { <li><a href=href rel="external" download="">{words::plain_database()}<span class="muted">{words::plain_database_is()}</span></a></li> }
        });
        view! {
            <details class="menu">
                <summary class="button"><Icon name="download"/>{words::download()}<Icon name="chevron-down"/></summary>
                <ul>
                    <li>
                        <a href=format!("/backups/{id}/download") rel="external" download="">
                            {words::archive()}<span class="muted">{words::archive_is()}</span>
                        </a>
                    </li>
                    {plain}
                    <li><a href=format!("/backups/{id}/export")>{shared::export()}<span class="muted">{words::export_is()}</span></a></li>
                </ul>
            </details>
        }
    });
    view! {
        {(backup.may_operate && !trashed && !running).then(|| delete_form(backup, acts))}
        {(backup.may_operate && backup.has_archive).then(|| pin_form(backup, acts))}
        {(backup.may_operate && backup.has_archive).then(|| verify_form(backup, acts))}
        {download}
        {(backup.may_operate && backup.has_archive && backup.row.verdict != Verdict::Bad)
            .then(|| view! { <a class="button primary" href=format!("/backups/{id}/restore")><Icon name="restore"/>{shared::restore()}</a> })}
    }
    .into_any()
}

/// What a person must know of the state it is in, and what to do.
fn state_alert(backup: &BackupDetail) -> AnyView {
    let row = &backup.row;
    let job = row.job.clone().map(|job| view! { <a href=format!("/jobs/{job}")>{words::see_its_job()}</a> });
    let again = backup.may_operate.then(|| view! { <a href=format!("/backups/new?db={}", row.database)>{words::create_another()}</a> });
    let error = row.error.clone().unwrap_or_default();
    match row.state {
        BackupState::Running => view! {
            <Alert kind=AlertKind::Info title=words::being_made()><p>{words::being_made_means()}{job}</p></Alert>
        }
        .into_any(),
        BackupState::Failed => view! {
            <Alert kind=AlertKind::Failure title=words::failed()><p>{error}</p><p class="ways">{again}{job}</p></Alert>
        }
        .into_any(),
        BackupState::Interrupted => view! {
            <Alert kind=AlertKind::Failure title=words::interrupted()>
                <p>{words::interrupted_means()}{error}</p>
                <p class="ways">{again}{job}</p>
            </Alert>
        }
        .into_any(),
        BackupState::Missing => view! {
            <Alert kind=AlertKind::Failure title=words::missing()>
                <p>{words::missing_means()}{error}</p>
                <p class="ways">{again}</p>
            </Alert>
        }
        .into_any(),
        BackupState::Trashed => trashed(backup),
        BackupState::Complete if row.error.is_some() => view! {
            <Alert kind=AlertKind::Failure title=error>
                <p><Said sentence=words::lost_way().to_owned()/></p>
            </Alert>
        }
        .into_any(),
        BackupState::Complete => match row.verdict {
            Verdict::Bad => view! {
                <Alert kind=AlertKind::Failure title=words::bad()>
                    <p>{words::bad_way()}</p>
                    <p class="ways">{again}</p>
                </Alert>
            }
            .into_any(),
            // A doubt that somebody took away is told all the same.
            Verdict::Suspect | Verdict::Good => doubt(backup),
            Verdict::Partial => partial(backup.left_out.clone()),
            Verdict::Unproven => view! {
                <Alert kind=AlertKind::Warning title=words::unproven()>
                    <p>{words::unproven_way()}</p>
                </Alert>
            }
            .into_any(),
        },
    }
}

fn partial(left_out: String) -> AnyView {
    view! {
        <Alert kind=AlertKind::Info title=words::partial()>
            <p>{left_out}</p>
            <p>{words::partial_means()}</p>
        </Alert>
    }
    .into_any()
}

/// Why its source was in doubt, what that means for the older ones, and the form that takes note of it.
fn doubt(backup: &BackupDetail) -> AnyView {
    let Some(doubt) = backup.suspect.clone() else { return ().into_any() };
    let title = if doubt.damage { words::damaged() } else { words::poorer() };
    let (kind, meaning) = match (doubt.acknowledged.is_some(), doubt.damage) {
        (false, true) => (AlertKind::Failure, words::damaged_means()),
        (false, false) => (AlertKind::Warning, words::poorer_means()),
        (true, true) => (AlertKind::Warning, words::damaged_noted()),
        (true, false) => (AlertKind::Info, words::poorer_noted()),
    };
    let noted = doubt.acknowledged.clone().map(|noted| view! { <p>{words::acknowledged(&noted)}</p> });
    let form = (backup.may_operate && doubt.acknowledged.is_none()).then(|| ack_form(&backup.row.id, doubt.older));
    let fault = use_context::<ServerActionError>()
        .filter(|error| error.path() == ACK)
        .map(|error| ServerFnUrlError::<AppError>::decode_err(error.err()).message);
    view! {
        <FormError error=fault/>
        <Alert kind=kind title=title>
            <p>{doubt.why}</p>
            <p>{meaning}</p>
            {noted}
            {form}
        </Alert>
    }
    .into_any()
}

/// An archive of the days before encryption, and the button that writes it anew.
fn conversion(backup: &BackupDetail) -> AnyView {
    if !backup.convertible {
        return ().into_any();
    }
    let (id, key) = (backup.row.id.clone(), backup.key.clone());
    let form = backup.may_operate.then(|| {
        view! {
            <form method="post" action=CONVERT>
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="key" value=key/>
                <button type="submit" class="button">{words::encrypt_it()}</button>
            </form>
        }
    });
    let fault = use_context::<ServerActionError>()
        .filter(|error| error.path() == CONVERT)
        .map(|error| ServerFnUrlError::<AppError>::decode_err(error.err()).message);
    view! {
        <FormError error=fault/>
        <Alert kind=AlertKind::Info title=words::unencrypted()>
            <p>{words::unencrypted_means()}</p>
            {form}
        </Alert>
    }
    .into_any()
}

fn trashed(backup: &BackupDetail) -> AnyView {
    let until =
        backup.trash_until.clone().map(|until| view! { {words::trashed_until_before()}<When moment=until/>{words::trashed_until_after()} });
    let id = backup.row.id.clone();
    let put_back = backup.may_operate.then(|| {
        view! {
            <form method="post" action=PUT_BACK>
                <input type="hidden" name="id" value=id/>
                <button type="submit" class="button primary"><Icon name="undo"/>{shared::put_back()}</button>
            </form>
        }
    });
    let fault = use_context::<ServerActionError>()
        .filter(|error| error.path() == PUT_BACK)
        .map(|error| ServerFnUrlError::<AppError>::decode_err(error.err()).message);
    view! {
        <FormError error=fault/>
        <Alert kind=AlertKind::Info title=words::in_trash()>
            <p>{until}" "<a href="/trash">{words::see_trash()}</a></p>
            {put_back}
        </Alert>
    }
    .into_any()
}

fn neighbours(backup: &BackupDetail) -> AnyView {
    let link = |id: &Option<String>, text: &'static str, rel: &'static str| {
        id.clone().map(|id| view! { <a rel=rel href=format!("/backups/{id}")>{text}</a> })
    };
    view! {
        <nav class="neighbours" aria-label=words::neighbours()>
            {link(&backup.previous, words::previous(), "prev")}
            {link(&backup.next, words::next(), "next")}
        </nav>
    }
    .into_any()
}

fn fact_group((heading, facts): &(String, Vec<FactLine>)) -> AnyView {
    let facts: Vec<_> =
        facts.iter().cloned().map(|fact| view! { <Fact term=fact.term><span class:mono=fact.mono>{fact.value}</span></Fact> }).collect();
    view! {
        <h3>{heading.clone()}</h3>
        <DefinitionList>{facts}</DefinitionList>
    }
    .into_any()
}

/// Folded away: three long numbers that are seldom read.
fn hashes(backup: &BackupDetail) -> AnyView {
    if backup.hashes.is_empty() {
        return ().into_any();
    }
    let lines: Vec<_> = backup
        .hashes
        .iter()
        .cloned()
        .map(|hash| view! { <Fact term=hash.term><span class="mono path">{hash.value}</span></Fact> })
        .collect();
    view! {
        <details class="hashes">
            <summary>{words::hashes()}</summary>
            <DefinitionList>{lines}</DefinitionList>
        </details>
    }
    .into_any()
}

fn proof(backup: &BackupDetail) -> AnyView {
    if backup.checks.is_empty() {
        return backup
            .has_archive
            .then(|| {
                view! {
                    <Panel title=shared::proof()>
                        <EmptyState icon="shield" title=words::no_check()>
                            <p>{words::no_check_way()}</p>
                        </EmptyState>
                    </Panel>
                }
            })
            .into_any();
    }
    let rows: Vec<_> = backup.checks.iter().cloned().map(check_row).collect();
    let marks = view! { <ProofMarks level=backup.row.level checks=backup.row.checks.clone()/> };
    let (id, key) = (backup.row.id.clone(), backup.key.clone());
    let test = (backup.may_operate && backup.has_archive).then(|| {
        view! {
            <form method="post" action="/fn/backups/verify">
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="key" value=key/>
                <input type="hidden" name="restore" value="on"/>
                <button type="submit" class="button small">{words::test_a_restore()}</button>
            </form>
        }
    });
    let checked = backup.checked.clone().map(|at| view! { <p class="muted">{words::last_checked()}<When moment=at/></p> }.into_any());
    view! {
        <Panel title=shared::proof() actions=checked.unwrap_or_else(|| ().into_any()) flush=true>
            <div class="panel-pad proof-head">{marks}{test}</div>
            <Table
                caption=words::checks_caption()
                head=vec![Head::Text(shared::result()), Head::Text(words::check()), Head::Number(words::check_time())]
                rows=rows.into_any()
            />
        </Panel>
    }
    .into_any()
}

fn check_row(check: CheckLine) -> impl IntoView {
    let (tone, mark) = match check.result {
        CheckResult::Passed => ("good", "✔"),
        CheckResult::Failed => ("bad", "✖"),
        CheckResult::CouldNotRun => ("warn", "▲"),
        CheckResult::NotApplicable => ("quiet", "–"),
    };
    let time = if check.result == CheckResult::NotApplicable { "–".to_owned() } else { check.time };
    view! {
        <tr>
            <td data-label=shared::result() class="t-state">
                <span class=format!("badge {tone}")>
                    <span class="mark" aria-hidden="true">{mark}</span>
                    {check.result.as_str()}
                </span>
            </td>
            <td data-label=words::check() class="t-name">
                <span class="check-meaning">{check.meaning}</span>
                <span class="check-detail muted">
                    <code>{check.name}</code>
                    {(!check.detail.is_empty()).then(|| view! { " · "{check.detail} })}
                </span>
            </td>
            <td data-label=words::check_time() class="number">{time}</td>
        </tr>
    }
}

fn schema(backup: &BackupDetail) -> AnyView {
    if backup.tables.is_empty() {
        return ().into_any();
    }
    let rows: u64 = backup.tables.iter().map(|table| table.row_count).sum();
    let title = words::schema_amount(backup.tables.len() as u64, rows);
    let tables: Vec<_> = backup.tables.iter().cloned().map(table_row).collect();
    view! {
        <Panel title=words::schema() actions=view! { <p class="muted">{title}</p> }.into_any() flush=true>
            <Table
                caption=words::tables_caption()
                head=vec![Head::Text(shared::table()), Head::Text(shared::columns()), Head::Number(shared::rows())]
                rows=tables.into_any()
            />
        </Panel>
    }
    .into_any()
}

fn table_row(table: TableLine) -> impl IntoView {
    let count = table.columns.len();
    let columns: Vec<_> = table
        .columns
        .into_iter()
        .map(|(name, declared)| view! { <li><code>{name}</code>{(!declared.is_empty()).then(|| view! { " "<span class="muted">{declared}</span> })}</li> })
        .collect();
    let summary = shared::column_count(count as u64);
    view! {
        <tr>
            <td data-label=shared::table() class="t-name"><code>{table.name}</code></td>
            <td data-label=shared::columns()><details><summary>{summary}</summary><ul class="columns">{columns}</ul></details></td>
            <td data-label=shared::rows() class="number">{local::count(table.row_count)}</td>
        </tr>
    }
}

fn log(backup: &BackupDetail) -> AnyView {
    if backup.job_log.is_empty() {
        return ().into_any();
    }
    let job = backup.row.job.clone().map(|job| view! { <a href=format!("/jobs/{job}")>{words::see_the_job()}</a> }.into_any());
    let text = backup.job_log.join("\n");
    view! {
        <Panel title=shared::log() actions=job.unwrap_or_else(|| ().into_any())>
            <pre class="log" tabindex="0" aria-label=words::log_label()>{text}</pre>
        </Panel>
    }
    .into_any()
}
