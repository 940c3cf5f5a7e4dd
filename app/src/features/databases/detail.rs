//! One database: is it safe, what is there of it, when is the next backup, and what can be done.

use keepstone_model::{access::Role, database::Engine, human};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::{
    api::{DatabaseView, EditDatabase, show_database},
    parts::{CreateBackupButton, LatestBackups},
};
use crate::{
    live::use_changes,
    ui::{
        AgeMeter, Alert, AlertKind, ConfirmDialog, DefinitionList, EmptyState, Fact, Facts, Field, FormError, Icon, Loaded, PageHeader,
        Panel, Size, StateBadge, SubmitButton, When, crumb, fault_of, field_fault,
        here::may,
        schedule_table::{ScheduleRow, ScheduleTable, moment_or_dash},
        strip::{DayMark, Strip},
    },
};

#[component]
pub fn DatabasePage() -> impl IntoView {
    let changes = use_changes();
    let params = use_params_map();
    let id = move || params.with(|params| params.get("id").unwrap_or_default());
    let view = Facts::new(move || (changes.get(), id()), |(_, id)| show_database(id));
    let edit = ServerAction::<EditDatabase>::new();
    view! { <Loaded resource=view show=move |view| show(view, edit)/> }
}

fn show(view: DatabaseView, edit: ServerAction<EditDatabase>) -> AnyView {
    let id = view.row.id.clone();
    let lead = view! { <p class="mono path">{view.row.location.clone()}</p> };
    let export = format!("/databases/{id}/export");
    let export = may(Role::Operator).then(|| view! { <a class="button" href=export><Icon name="download"/>"Export…"</a> });
    let running =
        view.job.clone().map(|job| view! { <a class="button" href=format!("/jobs/{job}")><Icon name="activity"/>"Follow the job"</a> });
    let create = (!view.paused).then(|| view! { <CreateBackupButton database=id.clone() key=view.key.clone()/> });
    let failures = format!("/jobs?db={id}&state=failed");
    let trouble = view.row.last_error.clone().map(|error| {
        view! {
            <Alert kind=AlertKind::Failure title="The last run failed">
                <p>{error}</p>
                <p class="ways"><a href=failures>"See what failed"</a></p>
            </Alert>
        }
    });
    let paused = view.paused.then(|| {
        view! {
            <Alert kind=AlertKind::Warning title="Paused">
                <p>"No schedule runs for this database. What it has so far can be restored."</p>
            </Alert>
        }
    });
    let concern = view.row.concern.clone().map(|concern| {
        let look =
            view.row.suspect.clone().map(|id| view! { <p class="ways"><a href=format!("/backups/{id}")>"See the suspect backup"</a></p> });
        view! {
            <Alert kind=AlertKind::Failure title="At risk">
                <p>{concern}</p>
                {look}
            </Alert>
        }
    });
    let cleanup = view.cleanup_alarm.clone().map(|alarm| {
        let href = format!("/databases/{id}/retention");
        view! { <Alert kind=AlertKind::Warning title=alarm><p class="ways"><a href=href>"See the retention"</a></p></Alert> }
    });
    let recovered = view.recovered.clone().map(|(at, backup, kept)| {
        view! {
            <Alert kind=AlertKind::Warning title="It was damaged, and brought back by itself">
                <p><When moment=at/>": restored from "<a href=format!("/backups/{backup}")>"this backup"</a>". What was written after it is lost, unless it can be found in the damaged files, which are kept:"</p>
                <p class="mono path">{kept}</p>
            </Alert>
        }
    });
    let all = match view.backups_total {
        0 => ().into_any(),
        total => view! { <a class="button small" href=format!("/backups?db={id}")>{format!("All {}", human::count(total))}</a> }.into_any(),
    };
    let (schedules, about) = (schedules(view.schedules.clone()), about(&view));
    let settings = may(Role::Admin).then(|| settings(&view, edit));
    let change = view! { <a class="button small" href=format!("/schedules/{id}")>"Change schedules"</a> }.into_any();
    view! {
        <PageHeader
            title=id.to_string()
            breadcrumbs=vec![crumb("Databases", "/databases")]
            badge=view! { <StateBadge state=view.row.state/> }.into_any()
            lead=lead.into_any()
        >
            {running}
            {export}
            {create}
        </PageHeader>
        {concern}
        {trouble}
        {recovered}
        {cleanup}
        {paused}
        {protection(&view)}
        <Panel title="Newest backups" flush=true actions=all>
            <LatestBackups backups=view.backups.clone()/>
        </Panel>
        <Panel title="Schedules" flush=true actions=change>{schedules}</Panel>
        {about}
        {settings}
        {may(Role::Admin).then(|| view! { <Remove id=id.to_string()/> })}
    }
    .into_any()
}

fn protection(view: &DatabaseView) -> AnyView {
    let (row, age) = (&view.row, view.row.age.clone());
    let (objective, next) = (age.objective.clone(), moment_or_dash(row.next_run.clone()));
    let whence = if view.own_objective.is_some() { "set for this database" } else { "the longest gap of its schedules and 2 h" };
    let (kept, size) = (format!("{} backups", human::count(row.backup_count)), Some(row.archive_size_bytes));
    let (retention, policy) = (format!("/databases/{}/retention", row.id), view.retention.clone());
    let strip = view.marks.iter().any(|mark| *mark != DayMark::Nothing).then(|| {
        view! {
            <h3 class="strip-title">"Last 30 days"</h3>
            <Strip database=row.id.to_string() days=view.days.clone() marks=view.marks.clone()/>
        }
    });
    view! {
        <Panel title="Protection">
            <DefinitionList>
                <Fact term="Newest good backup"><AgeMeter age=age/></Fact>
                <Fact term="Objective">{objective}<span class="sub">{whence}</span></Fact>
                <Fact term="Next run">{next}</Fact>
                <Fact term="Kept">{kept}<span class="sub"><Size bytes=size/></span></Fact>
                <Fact term="Retention"><a href=retention>{policy}</a></Fact>
            </DefinitionList>
            {strip}
        </Panel>
    }
    .into_any()
}

fn schedules(rows: Vec<ScheduleRow>) -> AnyView {
    if rows.is_empty() {
        return view! {
            <EmptyState icon="schedule" title="No schedule">
                <p>"Backups of this database are made by hand only."</p>
            </EmptyState>
        }
        .into_any();
    }
    view! { <ScheduleTable rows=rows/> }.into_any()
}

fn about(view: &DatabaseView) -> AnyView {
    let engine = match view.row.engine {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    let replacing = if view.never_replace { "never: restores go into new files only" } else { "allowed, after a plan and a confirmation" };
    let recovery = if view.auto_recovery { "on: at the start, at most once a day" } else { "off: a corrupt database waits for a person" };
    // A server looks after its databases itself.
    let recovery = (view.row.engine == Engine::Sqlite).then(|| view! { <Fact term="Auto-recovery">{recovery}</Fact> });
    let encryption = match (view.encrypt_forced, view.encrypt) {
        (true, _) => "on: set by the environment for every backup",
        (false, true) => "on: its backups are encrypted",
        (false, false) => "off",
    };
    let defaults = if view.defaults_by_environment { format!("{} (set by the environment)", view.defaults) } else { view.defaults.clone() };
    let (size, added, loss) = (view.row.size_bytes, view.added_at.clone(), view.loss.clone());
    view! {
        <Panel title="About">
            <DefinitionList>
                <Fact term="Engine">{engine}</Fact>
                <Fact term="Size when last backed up"><Size bytes=size/></Fact>
                <Fact term="Added"><When moment=added/></Fact>
                <Fact term="Replacing it by a restore">{replacing}</Fact>
                {recovery}
                <Fact term="Encryption">{encryption}</Fact>
                <Fact term="New backups">{defaults}</Fact>
                <Fact term="A backup is suspect if it lost">{loss}</Fact>
            </DefinitionList>
        </Panel>
    }
    .into_any()
}

/// What an admin may set. Folded away: it is changed once in a while, and read on the page above.
fn settings(view: &DatabaseView, edit: ServerAction<EditDatabase>) -> AnyView {
    let value = move || edit.value().get();
    // Without JavaScript a refused form comes back with its fault: that must be seen.
    let refused = edit.value().with_untracked(|value| matches!(value, Some(Err(_))));
    let (id, objective) = (view.row.id.to_string(), view.own_objective.clone().unwrap_or_default());
    let (never_replace, paused, auto_recovery) = (view.never_replace, view.paused, view.auto_recovery);
    let encrypt_by = view.managed.iter().find(|(setting, _)| setting == "encrypt").map(|(_, by)| by.clone());
    let encrypt = encrypt(view.encrypt, view.encrypt_forced, encrypt_by);
    let (loss_share, loss_tables) = (view.loss_share.clone(), view.loss_tables.clone());
    let set_by = |name: &str| view.managed.iter().find(|(setting, _)| setting == name).map(|(_, by)| by.clone());
    let notice = managed_notice(view);
    let objective = match set_by("objective") {
        Some(_) => view! { <input type="hidden" name="objective" value=objective/> }.into_any(),
        None => view! {
            <Field label="Objective" name="objective" value=objective placeholder="by its schedules" autocomplete="off"
                help="The largest age of the newest good backup, e.g. 26h or 7d; older is \"at risk\". Empty: the schedules' longest gap and 2 h."
                error=field_fault(value, "objective")/>
        }
        .into_any(),
    };
    let checks: Vec<_> = [
        ("never_replace", never_replace, "Never replace it: refuse every restore over the live database"),
        ("paused", paused, "Pause it: take no scheduled backups"),
        ("auto_recovery", auto_recovery, "Auto-recovery: at the start, restore the newest good backup if the database is corrupt"),
    ]
    .into_iter()
    .filter(|(name, ..)| *name != "auto_recovery" || view.row.engine == Engine::Sqlite)
    .map(|(name, on, words)| {
        let managed = set_by(name).is_some();
        // What cannot be changed is not sent by the browser; its value is all the same.
        let kept = (managed && on).then(|| view! { <input type="hidden" name=name value="true"/> });
        view! {
            <label class="check">
                <input type="checkbox" name=name value="true" checked=on disabled=managed/>
                <span>{words}</span>
            </label>
            {kept}
        }
    })
    .collect();
    view! {
        <Panel title="Settings">
            {notice}
            <details open=refused>
                <summary>{format!("Change the settings of {id}")}</summary>
                <ActionForm action=edit attr:class="form">
                    <FormError error=fault_of(value)/>
                    <input type="hidden" name="id" value=id/>
                    {objective}
                    {checks}
                    {encrypt}
                    <Field label="A table lost rows" name="loss_share" value=loss_share error=field_fault(value, "loss_share")
                        help="A backup is suspect if a table lost more than this share of its rows, e.g. 50%; off: never"/>
                    <Field label="Other shares by table" name="loss_tables" value=loss_tables error=field_fault(value, "loss_tables")
                        help="e.g. jobs=off, orders=5%"/>
                    <div class="form-actions"><SubmitButton label="Save the settings" pending=edit.pending()/></div>
                </ActionForm>
            </details>
        </Panel>
    }
    .into_any()
}

/// What the environment sets is shown, and sent back as it is stored.
fn encrypt(stored: bool, forced: bool, managed_by: Option<String>) -> AnyView {
    if let Some(by) = managed_by.filter(|_| !forced) {
        let kept = stored.then(|| view! { <input type="hidden" name="encrypt" value="true"/> });
        return view! {
            {kept}
            <label class="check">
                <input type="checkbox" checked=stored disabled=true/>
                <span>{format!("Encrypt its backups: set by the {by}, and changed only there")}</span>
            </label>
        }
        .into_any();
    }
    if forced {
        let kept = stored.then(|| view! { <input type="hidden" name="encrypt" value="true"/> });
        return view! {
            {kept}
            <label class="check">
                <input type="checkbox" checked=true disabled=true/>
                <span>"Encrypt its backups: set by the environment for every backup, and changed only there"</span>
            </label>
        }
        .into_any();
    }
    view! {
        <label class="check">
            <input type="checkbox" name="encrypt" value="true" checked=stored/>
            <span>"Encrypt its backups, with the password that the vault or its environment has"</span>
        </label>
    }
    .into_any()
}

/// What is set from outside, and by whom.
fn managed_notice(view: &DatabaseView) -> AnyView {
    let mut by: Vec<&String> = view.managed.iter().map(|(_, by)| by).collect();
    by.dedup();
    let notices: Vec<_> = by
        .into_iter()
        .map(|by| {
            let names: Vec<_> = view.managed.iter().filter(|(_, of)| of == by).map(|(name, _)| name.replace('_', " ")).collect();
            let text = format!("{} of this database: changed only there.", names.join(", "));
            view! { <Alert kind=AlertKind::Info title=format!("Set by the {by}")><p>{text}</p></Alert> }
        })
        .collect();
    notices.into_any()
}

#[component]
fn Remove(id: String) -> impl IntoView {
    view! {
        <section class="panel danger-zone" aria-label="Remove">
            <div class="danger-text">
                <p class="strong">{format!("Remove {id} from Keepstone")}</p>
                <p class="muted">"Its schedules end. The archives stay in the backup folder and can still be restored."</p>
            </div>
            <ConfirmDialog name="remove" label=format!("Remove {id}…") title=format!("Remove {id}?") class="button danger-outline">
                <p>"From now on nothing of this database is backed up. Its archives stay where they are, and adding the same database again finds them."</p>
                <form method="post" action="/fn/databases/remove">
                    <input type="hidden" name="id" value=id.clone()/>
                    <SubmitButton label=format!("Remove {id}") tone="danger"/>
                </form>
            </ConfirmDialog>
        </section>
    }
}
