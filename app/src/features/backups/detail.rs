//! How one backup is laid out: what it is and what to do with it, then its facts, proof, schema and the log of its job.

use keepstone_model::{
    backup::{BackupState, CheckResult, Verdict},
    human,
};
use leptos::{prelude::*, server::ServerActionError, server_fn::error::ServerFnUrlError};

use super::{
    api::{BackupDetail, CheckLine, FactLine, TableLine},
    edit::{ack_form, delete_form, notes, pin_form, verify_form},
    page::Acts,
};
use crate::error::AppError;
use crate::ui::{
    Alert, AlertKind, BackupBadge, DefinitionList, EmptyState, Fact, FormError, Head, Icon, PageHeader, Panel, ProofMarks, Size, Table,
    When, crumb, fault_of,
};

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
        " backup of "
        <a href=format!("/databases/{database}")>{database.clone()}</a>
        {row.size_bytes.map(|bytes| view! { " · "<Size bytes=Some(bytes)/> })}
        {(!row.change.is_empty()).then(|| view! { <span class="muted">" ("{row.change.clone()}")"</span> })}
        {row.pinned.then(|| view! { " · "<span class="pinned"><Icon name="pin"/>"pinned"</span> })}
    }
    .into_any();
    let crumbs = vec![crumb("Backups", "/backups"), crumb(&database, format!("/backups?db={database}"))];
    let faults = [
        fault_of(move || acts.verify.value().get()),
        fault_of(move || acts.pin.value().get()),
        fault_of(move || acts.delete.value().get()),
    ];
    let fault = Signal::derive(move || faults.iter().find_map(Get::get));
    let actions = actions(&backup, acts);
    let summary = (notes(&backup, acts), backup.facts.iter().map(fact_group).collect::<Vec<_>>());
    view! {
        <PageHeader title=row.id.clone() breadcrumbs=crumbs badge=badge lead=lead mono=true>
            {actions}
        </PageHeader>
        <FormError error=fault/>
        {state_alert(&backup)}
        {conversion(&backup)}
        {neighbours(&backup)}
        <Panel title="Summary">
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
            view! { <li><a href=href rel="external" download="">"Plain database"<span class="muted">"unpacked, opens in SQLite"</span></a></li> }
        });
        view! {
            <details class="menu">
                <summary class="button"><Icon name="download"/>"Download"<Icon name="chevron-down"/></summary>
                <ul>
                    <li>
                        <a href=format!("/backups/{id}/download") rel="external" download="">
                            "Archive"<span class="muted">"with its metadata"</span>
                        </a>
                    </li>
                    {plain}
                    <li><a href=format!("/backups/{id}/export")>"Export…"<span class="muted">"its rows as JSON, CSV or SQL"</span></a></li>
                </ul>
            </details>
        }
    });
    view! {
        {(backup.may_operate && !trashed && !running).then(|| delete_form(backup, acts))}
        {(backup.may_operate && backup.has_archive).then(|| pin_form(backup, acts))}
        {(backup.may_operate && backup.has_archive).then(|| verify_form(backup, acts))}
        {download}
        {(backup.may_operate && backup.has_archive)
            .then(|| view! { <a class="button primary" href=format!("/backups/{id}/restore")><Icon name="restore"/>"Restore…"</a> })}
    }
    .into_any()
}

/// What a person must know of the state it is in, and what to do.
fn state_alert(backup: &BackupDetail) -> AnyView {
    let row = &backup.row;
    let job = row.job.clone().map(|job| view! { <a href=format!("/jobs/{job}")>"See its job"</a> });
    let again = backup.may_operate.then(|| view! { <a href=format!("/backups/new?db={}", row.database)>"Create another backup"</a> });
    let error = row.error.clone().unwrap_or_default();
    match row.state {
        BackupState::Running => view! {
            <Alert kind=AlertKind::Info title="This backup is being made"><p>"It counts once it is read back and checked. "{job}</p></Alert>
        }
        .into_any(),
        BackupState::Failed => view! {
            <Alert kind=AlertKind::Failure title="This backup failed; there is no archive"><p>{error}</p><p class="ways">{again}{job}</p></Alert>
        }
        .into_any(),
        BackupState::Interrupted => view! {
            <Alert kind=AlertKind::Failure title="This backup was interrupted; there is no archive">
                <p>"The process that made it ended before the archive was whole. The database was not touched. "{error}</p>
                <p class="ways">{again}{job}</p>
            </Alert>
        }
        .into_any(),
        BackupState::Missing => view! {
            <Alert kind=AlertKind::Failure title="The archive is missing">
                <p>"The catalog knows this backup, and the backups folder does not hold its file. Put the file back, or delete the backup. "{error}</p>
                <p class="ways">{again}</p>
            </Alert>
        }
        .into_any(),
        BackupState::Trashed => trashed(backup),
        BackupState::Complete => match row.verdict {
            Verdict::Bad => view! {
                <Alert kind=AlertKind::Failure title="Do not restore this backup: a check failed">
                    <p>"Take another one, and look below which check failed."</p>
                    <p class="ways">{again}</p>
                </Alert>
            }
            .into_any(),
            // A doubt that somebody took away is told all the same.
            Verdict::Suspect | Verdict::Good => doubt(backup),
            Verdict::Partial => partial(backup.left_out.clone()),
            Verdict::Unproven => view! {
                <Alert kind=AlertKind::Warning title="Not proven: nobody has yet seen that this backup can be restored">
                    <p>"Verify reads it back, opens the database in it and counts its rows."</p>
                </Alert>
            }
            .into_any(),
        },
    }
}

fn partial(left_out: String) -> AnyView {
    view! {
        <Alert kind=AlertKind::Info title="Not the whole database: rows were left out on purpose">
            <p>{left_out}</p>
            <p>"It restores into a new database. It never counts as a good backup, and never takes the live database's place."</p>
        </Alert>
    }
    .into_any()
}

/// Why its source was in doubt, what that means for the older ones, and the form that takes note of it.
fn doubt(backup: &BackupDetail) -> AnyView {
    let Some(doubt) = backup.suspect.clone() else { return ().into_any() };
    let title =
        if doubt.damage { "The database was damaged when this was taken" } else { "The database lacked what an earlier backup had" };
    let (kind, meaning) = match (doubt.acknowledged.is_some(), doubt.damage) {
        (false, true) => (AlertKind::Failure, "It never counts as good. Until somebody acknowledges it, no older good backup is removed."),
        (false, false) => (
            AlertKind::Warning,
            "If that was meant, acknowledge it, and it counts like any other; if not, restore an older one. Until then no older good backup is removed.",
        ),
        (true, true) => (AlertKind::Warning, "It never counts as good. It holds no older backup any more."),
        (true, false) => (AlertKind::Info, "It counts like any other."),
    };
    let noted = doubt.acknowledged.clone().map(|noted| view! { <p>"Acknowledged. "{noted}</p> });
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
                <button type="submit" class="button">"Encrypt this backup"</button>
            </form>
        }
    });
    let fault = use_context::<ServerActionError>()
        .filter(|error| error.path() == CONVERT)
        .map(|error| ServerFnUrlError::<AppError>::decode_err(error.err()).message);
    view! {
        <FormError error=fault/>
        <Alert kind=AlertKind::Info title="Not encrypted, though new backups of this database are">
            <p>"It can be written anew: the same database to the byte, encrypted, checked, in the same place. The old archive goes to the trash."</p>
            {form}
        </Alert>
    }
    .into_any()
}

fn trashed(backup: &BackupDetail) -> AnyView {
    let until = backup.trash_until.clone().map(|until| view! { "It can be put back until "<When moment=until/>"." });
    let id = backup.row.id.clone();
    let put_back = backup.may_operate.then(|| {
        view! {
            <form method="post" action=PUT_BACK>
                <input type="hidden" name="id" value=id/>
                <button type="submit" class="button primary"><Icon name="undo"/>"Put back"</button>
            </form>
        }
    });
    let fault = use_context::<ServerActionError>()
        .filter(|error| error.path() == PUT_BACK)
        .map(|error| ServerFnUrlError::<AppError>::decode_err(error.err()).message);
    view! {
        <FormError error=fault/>
        <Alert kind=AlertKind::Info title="This backup is in the trash">
            <p>{until}" "<a href="/trash">"See the trash"</a></p>
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
        <nav class="neighbours" aria-label="Neighbouring backups">
            {link(&backup.previous, "← Previous backup", "prev")}
            {link(&backup.next, "Next backup →", "next")}
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

fn proof(backup: &BackupDetail) -> AnyView {
    if backup.checks.is_empty() {
        return backup
            .has_archive
            .then(|| {
                view! {
                    <Panel title="Proof">
                        <EmptyState icon="shield" title="No check was made yet">
                            <p>"Verify checks it now; nothing is changed by that."</p>
                        </EmptyState>
                    </Panel>
                }
            })
            .into_any();
    }
    let rows: Vec<_> = backup.checks.iter().cloned().map(check_row).collect();
    let marks = view! { <ProofMarks level=backup.row.level checks=backup.row.checks.clone()/> };
    let checked = backup.checked.clone().map(|at| view! { <p class="muted">"Last checked "<When moment=at/></p> }.into_any());
    view! {
        <Panel title="Proof" actions=checked.unwrap_or_else(|| ().into_any()) flush=true>
            <div class="panel-pad">{marks}</div>
            <Table
                caption="The checks of this backup"
                head=vec![Head::Text("Result"), Head::Text("Check"), Head::Number("Time")]
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
            <td data-label="Result" class="t-state">
                <span class=format!("badge {tone}")>
                    <span class="mark" aria-hidden="true">{mark}</span>
                    {check.result.as_str()}
                </span>
            </td>
            <td data-label="Check" class="t-name">
                <span class="check-meaning">{check.meaning}</span>
                <span class="check-detail muted">
                    <code>{check.name}</code>
                    {(!check.detail.is_empty()).then(|| view! { " · "{check.detail} })}
                </span>
            </td>
            <td data-label="Time" class="number">{time}</td>
        </tr>
    }
}

fn schema(backup: &BackupDetail) -> AnyView {
    if backup.tables.is_empty() {
        return ().into_any();
    }
    let rows: u64 = backup.tables.iter().map(|table| table.row_count).sum();
    let title = format!("{} tables, {} rows", backup.tables.len(), human::count(rows));
    let tables: Vec<_> = backup.tables.iter().cloned().map(table_row).collect();
    view! {
        <Panel title="Schema" actions=view! { <p class="muted">{title}</p> }.into_any() flush=true>
            <Table
                caption="The tables of this backup"
                head=vec![Head::Text("Table"), Head::Text("Columns"), Head::Number("Rows")]
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
    let summary = if count == 1 { "1 column".to_owned() } else { format!("{count} columns") };
    view! {
        <tr>
            <td data-label="Table" class="t-name"><code>{table.name}</code></td>
            <td data-label="Columns"><details><summary>{summary}</summary><ul class="columns">{columns}</ul></details></td>
            <td data-label="Rows" class="number">{human::count(table.row_count)}</td>
        </tr>
    }
}

fn log(backup: &BackupDetail) -> AnyView {
    if backup.job_log.is_empty() {
        return ().into_any();
    }
    let job = backup.row.job.clone().map(|job| view! { <a href=format!("/jobs/{job}")>"See the job"</a> }.into_any());
    let text = backup.job_log.join("\n");
    view! {
        <Panel title="Log" actions=job.unwrap_or_else(|| ().into_any())>
            <pre class="log" tabindex="0" aria-label="Log of the job that made it">{text}</pre>
        </Panel>
    }
    .into_any()
}
