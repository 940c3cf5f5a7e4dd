//! One database: is it safe, what is there of it, when is the next backup, and what can be done.

use keepstone_model::{
    access::Role,
    database::{DatabaseState, Engine},
};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::{
    api::{DatabaseView, EditDatabase, show_database},
    parts::{CreateBackupButton, LatestBackups},
};
use crate::local;
use crate::words::{databases as words, shared};
use crate::{
    live::use_changes,
    ui::{
        AgeMeter, Alert, AlertKind, ConfirmDialog, DefinitionList, EmptyState, Fact, Facts, Field, FormError, Icon, Loaded, PageHeader,
        Panel, Said, Size, StateBadge, SubmitButton, When, crumb, fault_of, field_fault,
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
    let export = may(Role::Operator).then(|| view! { <a class="button" href=export><Icon name="download"/>{shared::export()}</a> });
    let running = view
        .job
        .clone()
        .map(|job| view! { <a class="button" href=format!("/jobs/{job}")><Icon name="activity"/>{shared::follow_job()}</a> });
    let create = (!view.paused).then(|| view! { <CreateBackupButton database=id.clone() key=view.key.clone()/> });
    let failures = format!("/jobs?db={id}&state=failed");
    let trouble = view.row.last_error.clone().map(|error| {
        view! {
            <Alert kind=AlertKind::Failure title=words::last_run_failed()>
                <p>{error}</p>
                <p class="ways"><a href=failures>{words::see_failed()}</a></p>
            </Alert>
        }
    });
    let paused = view.paused.then(|| {
        view! {
            <Alert kind=AlertKind::Warning title=words::paused()>
                <p>{words::paused_means()}</p>
            </Alert>
        }
    });
    let concern = view.row.concern.clone().map(|concern| {
        let look = view.row.look_at.clone().map(|(id, way)| view! { <p class="ways"><a href=format!("/backups/{id}")>{way}</a></p> });
        let (kind, title) = match view.row.state {
            DatabaseState::Unproven => (AlertKind::Warning, words::unproven()),
            DatabaseState::Protected => (AlertKind::Warning, words::not_all_well()),
            _ => (AlertKind::Failure, words::at_risk()),
        };
        view! {
            <Alert kind=kind title=title>
                <p><Said sentence=concern/></p>
                {look}
            </Alert>
        }
    });
    let cleanup = view.cleanup_alarm.clone().map(|alarm| {
        let href = format!("/databases/{id}/retention");
        view! { <Alert kind=AlertKind::Warning title=alarm><p class="ways"><a href=href>{words::see_retention()}</a></p></Alert> }
    });
    let recovered = view.recovered.clone().map(|(at, backup, kept)| {
        view! {
            <Alert kind=AlertKind::Warning title=words::recovered()>
                <p><When moment=at/>{words::recovered_from()}<a href=format!("/backups/{backup}")>{words::recovered_backup()}</a>{words::recovered_lost()}</p>
                <p class="mono path">{kept}</p>
            </Alert>
        }
    });
    let all = match view.backups_total {
        0 => ().into_any(),
        total => {
            view! { <a class="button small" href=format!("/backups?db={id}")>{words::all_backups(&local::count(total))}</a> }.into_any()
        }
    };
    let (schedules, about) = (schedules(view.schedules.clone()), about(&view));
    let settings = may(Role::Admin).then(|| settings(&view, edit));
    let change = view! { <a class="button small" href=format!("/schedules/{id}")>{words::change_schedules()}</a> }.into_any();
    view! {
        <PageHeader
            title=id.to_string()
            breadcrumbs=vec![crumb(shared::databases(), "/databases")]
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
        <Panel title=words::newest_backups() flush=true actions=all>
            <LatestBackups backups=view.backups.clone()/>
        </Panel>
        <Panel title=shared::schedules() flush=true actions=change>{schedules}</Panel>
        {about}
        {settings}
        {may(Role::Admin).then(|| view! { <Remove id=id.to_string()/> })}
    }
    .into_any()
}

fn protection(view: &DatabaseView) -> AnyView {
    let (row, age) = (&view.row, view.row.age.clone());
    let (objective, next) = (age.objective.clone(), moment_or_dash(row.next_run.clone()));
    let whence = if view.own_objective.is_some() { words::objective_own() } else { words::objective_by_schedules() };
    let (kept, size) = (words::backups_kept(row.backup_count), Some(row.archive_size_bytes));
    let (retention, policy) = (format!("/databases/{}/retention", row.id), view.retention.clone());
    let strip = view.marks.iter().any(|mark| *mark != DayMark::Nothing).then(|| {
        view! {
            <h3 class="strip-title">{words::last_days()}</h3>
            <Strip database=row.id.to_string() days=view.days.clone() marks=view.marks.clone()/>
        }
    });
    view! {
        <Panel title=words::protection()>
            <DefinitionList>
                <Fact term=words::newest_good()><AgeMeter age=age/></Fact>
                <Fact term=words::objective()>{objective}<span class="sub">{whence}</span></Fact>
                <Fact term=shared::next_run()>{next}</Fact>
                <Fact term=words::kept()>{kept}<span class="sub"><Size bytes=size/></span></Fact>
                <Fact term=shared::retention()><a href=retention>{policy}</a></Fact>
            </DefinitionList>
            {strip}
        </Panel>
    }
    .into_any()
}

fn schedules(rows: Vec<ScheduleRow>) -> AnyView {
    if rows.is_empty() {
        return view! {
            <EmptyState icon="schedule" title=words::no_schedule()>
                <p>{words::no_schedule_means()}</p>
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
    let replacing = if view.never_replace { words::replacing_never() } else { words::replacing_allowed() };
    let recovery = if view.auto_recovery { words::auto_recovery_on() } else { words::auto_recovery_off() };
    // A server looks after its databases itself.
    let recovery = (view.row.engine == Engine::Sqlite).then(|| view! { <Fact term=words::auto_recovery()>{recovery}</Fact> });
    let globals = (view.row.engine == Engine::Postgres).then(|| {
        let text = if view.globals { words::globals_on() } else { words::globals_off() };
        view! { <Fact term=words::globals()>{text}</Fact> }
    });
    let encryption = match (view.encrypt_forced, view.encrypt) {
        (true, _) => words::encryption_forced(),
        (false, true) => words::encryption_on(),
        (false, false) => words::encryption_off(),
    };
    let defaults = if view.defaults_by_environment { words::by_environment(&view.defaults) } else { view.defaults.clone() };
    let snapshots = (view.row.engine == Engine::Sqlite).then(|| view.snapshot.clone());
    let snapshots = snapshots.map(|limits| view! { <Fact term=words::snapshots()>{limits}</Fact> });
    let (size, added, loss) = (view.row.size_bytes, view.added_at.clone(), view.loss.clone());
    view! {
        <Panel title=words::about()>
            <DefinitionList>
                <Fact term=words::engine()>{engine}</Fact>
                <Fact term=words::last_size()><Size bytes=size/></Fact>
                <Fact term=shared::added()><When moment=added/></Fact>
                <Fact term=words::replacing()>{replacing}</Fact>
                {recovery}
                {globals}
                <Fact term=words::encryption()>{encryption}</Fact>
                <Fact term=words::new_backups()>{defaults}</Fact>
                <Fact term=words::suspect_if_lost()>{loss}</Fact>
                {snapshots}
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
    let limits = (view.row.engine == Engine::Sqlite).then(|| {
        let managed = set_by("snapshot").is_some();
        snapshot_limits(view.snapshot_limits.clone(), managed, edit)
    });
    let objective = match set_by("objective") {
        Some(_) => view! { <input type="hidden" name="objective" value=objective/> }.into_any(),
        None => view! {
            <Field label=words::objective() name="objective" value=objective placeholder=words::objective_by_default() autocomplete="off"
                help=words::objective_help()
                error=field_fault(value, "objective")/>
        }
        .into_any(),
    };
    let checks: Vec<_> = [
        ("never_replace", never_replace, words::never_replace()),
        ("paused", paused, words::pause()),
        ("auto_recovery", auto_recovery, words::auto_recovery_do()),
        ("globals", view.globals, words::globals_do()),
    ]
    .into_iter()
    .filter(|(name, ..)| match view.row.engine {
        Engine::Sqlite => *name != "globals",
        Engine::Postgres => *name != "auto_recovery",
    })
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
        <Panel title=shared::settings()>
            {notice}
            <details open=refused>
                <summary>{words::settings_change(&id)}</summary>
                <ActionForm action=edit attr:class="form">
                    <FormError error=fault_of(value)/>
                    <input type="hidden" name="id" value=id/>
                    {objective}
                    {checks}
                    {encrypt}
                    <Field label=words::loss_share() name="loss_share" value=loss_share error=field_fault(value, "loss_share")
                        help=words::loss_share_help()/>
                    <Field label=words::loss_tables() name="loss_tables" value=loss_tables error=field_fault(value, "loss_tables")
                        help=words::loss_tables_help()/>
                    {limits}
                    <div class="form-actions"><SubmitButton label=words::settings_save() pending=edit.pending()/></div>
                </ActionForm>
            </details>
        </Panel>
    }
    .into_any()
}

/// How long a snapshot may go on. What is set elsewhere is sent back as it is.
fn snapshot_limits([hold, wal, free]: [String; 3], managed: bool, edit: ServerAction<EditDatabase>) -> AnyView {
    let value = move || edit.value().get();
    if managed {
        let fields = [("snapshot_hold", hold), ("snapshot_wal", wal), ("snapshot_free", free)];
        return fields.map(|(name, text)| view! { <input type="hidden" name=name value=text/> }).into_any();
    }
    let auto = words::snapshot_auto();
    view! {
        <Field label=words::snapshot_hold() name="snapshot_hold" value=hold placeholder=auto error=field_fault(value, "snapshot_hold")
            help=words::snapshot_hold_help()/>
        <Field label=words::snapshot_wal() name="snapshot_wal" value=wal placeholder=auto error=field_fault(value, "snapshot_wal")
            help=words::snapshot_wal_help()/>
        <Field label=words::snapshot_free() name="snapshot_free" value=free placeholder=auto error=field_fault(value, "snapshot_free")
            help=words::snapshot_free_help()/>
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
                <span>{words::encrypt_managed(&by)}</span>
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
                <span>{words::encrypt_forced()}</span>
            </label>
        }
        .into_any();
    }
    view! {
        <label class="check">
            <input type="checkbox" name="encrypt" value="true" checked=stored/>
            <span>{words::encrypt()}</span>
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
            let text = words::managed(&names.join(", "));
            view! { <Alert kind=AlertKind::Info title=words::managed_by(&by)><p>{text}</p></Alert> }
        })
        .collect();
    notices.into_any()
}

#[component]
fn Remove(id: String) -> impl IntoView {
    view! {
        <section class="panel danger-zone" aria-label=words::remove()>
            <div class="danger-text">
                <p class="strong">{words::remove_one(&id)}</p>
                <p class="muted">{words::remove_means()}</p>
            </div>
            <ConfirmDialog name="remove" label=words::remove_ask(&id) title=words::remove_title(&id) class="button danger-outline">
                <p>{words::remove_warning()}</p>
                <form method="post" action="/fn/databases/remove">
                    <input type="hidden" name="id" value=id.clone()/>
                    <SubmitButton label=words::remove_do(&id) tone="danger"/>
                </form>
            </ConfirmDialog>
        </section>
    }
}
