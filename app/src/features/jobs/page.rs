//! The page of one job: its steps while it runs, what came out, and the next thing to do.

use keepstone_model::job::{JobState, Verb};
use leptos::prelude::*;
use leptos_router::hooks::use_params_map;

use super::{
    api::{self, Cancel, JobDetail},
    live_progress::{Steps, verb_title},
};
use crate::words::{jobs as words, shared};
use crate::{
    live::{use_changes, use_live},
    ui::{
        Ago, Alert, AlertKind, DefinitionList, Fact, Facts, FormError, Icon, JobBadge, Loaded, PageHeader, Panel, Said, SubmitButton, When,
        crumb, fault_of,
    },
};

#[component]
pub fn JobPage() -> impl IntoView {
    let cancel = ServerAction::<Cancel>::new();
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let changes = use_changes();
    let live = use_live();
    // Its log grows with each step, and that is no change of the catalog that a page would otherwise hear of in time.
    let step = Memo::new(move |_| {
        let state = live.state();
        id.with(|id| state.running.iter().find(|job| job.id.as_str() == id).and_then(|job| Some(job.progress.as_ref()?.step)))
    });
    let job = Facts::new(move || (id.get(), changes.get(), step.get(), cancel.version().get()), |(id, ..)| api::show(id));
    view! { <Loaded resource=job show=move |job| show(job, cancel)/> }
}

fn show(job: JobDetail, cancel: ServerAction<Cancel>) -> AnyView {
    let row = &job.row;
    let badge = view! { <JobBadge state=row.state unsound=row.unsound/> }.into_any();
    let lead = view! { {words::lead_before()}<Ago moment=row.created.clone()/>{words::lead_by(&row.created_by)} }.into_any();
    let cancel_form = (job.may_operate && !row.state.is_over()).then(|| cancel_form(&job, cancel));
    let steps = view! { <Steps job=job.clone()/> };
    let waiting = waiting(&job);
    view! {
        <PageHeader title=verb_title(row.verb, row.database.as_deref()) breadcrumbs=vec![crumb(shared::backups(), "/backups"), crumb(shared::jobs(), "/jobs")] badge=badge lead=lead>
            {cancel_form}
        </PageHeader>
        <FormError error=fault_of(move || cancel.value().get())/>
        {outcome(&job)}
        <Panel title=words::steps()>
            {steps}
            {waiting}
        </Panel>
        {facts(&job)}
        {log(&job)}
    }
    .into_any()
}

fn cancel_form(job: &JobDetail, cancel: ServerAction<Cancel>) -> AnyView {
    if job.cancel_requested {
        return view! { <span class="muted">{words::stopping()}</span> }.into_any();
    }
    let id = job.row.id.to_string();
    view! {
        <ActionForm action=cancel>
            <input type="hidden" name="id" value=id/>
            <SubmitButton label=words::cancel() tone="plain" icon="stop" pending=cancel.pending()/>
        </ActionForm>
    }
    .into_any()
}

fn waiting(job: &JobDetail) -> AnyView {
    let text = match (job.row.state, job.row.verb) {
        (JobState::Queued, _) => words::queued_means(),
        (JobState::Running, Verb::Restore | Verb::Undo) => words::writing_means(),
        (JobState::Running, _) => words::running_means(),
        _ => return ().into_any(),
    };
    view! { <p class="help">{text}</p> }.into_any()
}

/// What came out, and the next action.
fn outcome(job: &JobDetail) -> AnyView {
    let row = &job.row;
    let said = row.said.clone();
    let backup = row
        .backup
        .clone()
        .map(|id| view! { <a class="button" href=format!("/backups/{id}")><Icon name="backup"/>{words::see_backup()}</a> });
    let hint = job.hint.clone().map(|hint| view! { <p><Said sentence=hint/></p> });
    let title = verb_title(row.verb, row.database.as_deref());
    let (before, undo, again) = (state_before(job), undo(job), again(job));
    let trash =
        (row.verb == Verb::Cleanup).then(|| view! { <a class="button" href="/trash"><Icon name="trash"/>{words::to_the_trash()}</a> });
    let unchanged = if row.verb == Verb::Cleanup { words::cleanup_undoable() } else { words::nothing_changed() };
    match row.state {
        JobState::Queued | JobState::Running => ().into_any(),
        JobState::Done if matches!(row.verb, Verb::Restore | Verb::Undo) => restored(job),
        JobState::Done => {
            let title = if row.took.is_empty() { words::done(&title) } else { words::done_in(&title, &row.took) };
            view! {
                <Alert kind=AlertKind::Good title=title>
                    <p>{said}</p>
                    <div class="alert-actions">{backup}{trash}</div>
                </Alert>
            }
            .into_any()
        }
        JobState::Failed => {
            let unchanged = match row.verb {
                // Not twice.
                // It may be done all the same.
                Verb::Restore | Verb::Undo if matches!(job.error_code.as_deref(), Some("commit_unknown" | "unsure")) => "",
                Verb::Restore | Verb::Undo
                    if job.hint.as_deref().is_some_and(|hint| hint.to_lowercase().contains("nothing was changed")) =>
                {
                    ""
                }
                Verb::Restore | Verb::Undo => words::nothing_changed(),
                Verb::Create => words::failed_create(),
                Verb::Import => words::failed_import(),
                Verb::Convert => words::failed_convert(),
                Verb::Verify => "",
                Verb::Cleanup => words::failed_cleanup(),
            };
            view! {
                <Alert kind=AlertKind::Failure title=words::failed(&title)>
                    <p>{said}</p>
                    {hint}
                    <p>{unchanged}</p>
                    {before}
                    <div class="alert-actions">{undo}{backup}{again}</div>
                </Alert>
            }
            .into_any()
        }
        JobState::Cancelled => view! {
            <Alert kind=AlertKind::Info title=words::cancelled(&title)>
                <p>{unchanged}</p>
                <div class="alert-actions">{again}</div>
            </Alert>
        }
        .into_any(),
        JobState::Abandoned => view! {
            <Alert kind=AlertKind::Failure title=words::interrupted(&title)>
                <p>{words::interrupted_means()}</p>
                <p>{said}</p>
                {before}
                <div class="alert-actions">{undo}{backup}{again}</div>
            </Alert>
        }
        .into_any(),
    }
}

fn again(job: &JobDetail) -> AnyView {
    if !job.may_operate {
        return ().into_any();
    }
    match (job.row.verb, &job.row.database, &job.row.backup) {
        (Verb::Create, Some(database), _) => {
            view! { <a class="button" href=format!("/backups/new?db={database}")>{words::create_another()}</a> }.into_any()
        }
        (Verb::Restore, _, Some(backup)) => {
            view! { <a class="button" href=format!("/backups/{backup}/restore")><Icon name="restore"/>{words::plan_again()}</a> }.into_any()
        }
        _ => ().into_any(),
    }
}

fn restored(job: &JobDetail) -> AnyView {
    let row = &job.row;
    let said = row.said.clone();
    let path = job.new_path.clone();
    let what = if path.as_ref().is_some_and(|path| path.contains("://")) { words::new_database() } else { words::new_file() };
    let path = path.map(|path| view! { <p>{what}<code class="path">{path}</code></p> });
    let backup = row
        .backup
        .clone()
        .map(|id| view! { <a class="button" href=format!("/backups/{id}")><Icon name="backup"/>{words::see_backup()}</a> });
    let (kind, title) = match job.unsound {
        None if job.put_back => (AlertKind::Good, words::undone()),
        None => (AlertKind::Good, words::restored()),
        Some(_) => (AlertKind::Failure, words::unsound()),
    };
    let (before, undo) = (state_before(job), undo(job));
    view! {
        <Alert kind=kind title=title>
            <p>{said}</p>
            {path}
            {before}
            <div class="alert-actions">{undo}{backup}</div>
        </Alert>
    }
    .into_any()
}

fn state_before(job: &JobDetail) -> AnyView {
    // Of one that failed or was interrupted it is kept only if it can be put back.
    let kept = job.kept.clone().filter(|_| job.row.state == JobState::Done || job.can_undo);
    let kept = kept.map(|(name, until)| {
        let until = until.map(|until| view! { {words::kept_until()}<When moment=until/> });
        view! { <p>{words::kept_before()}<code>{name}</code>{until}</p> }
    });
    let safety = job.safety_backup.clone().map(|id| {
        view! { <p>{words::state_before()}<a href=format!("/backups/{id}") class="mono">{id.clone()}</a></p> }
    });
    view! { {safety}{kept} }.into_any()
}

fn undo(job: &JobDetail) -> AnyView {
    let undo = (job.can_undo && job.may_operate).then(|| {
        view! { <a class="button" href=format!("/jobs/{}/undo", job.row.id)><Icon name="undo"/>{words::undo_do()}</a> }
    });
    view! { {undo} }.into_any()
}

fn facts(job: &JobDetail) -> AnyView {
    let row = &job.row;
    let when = |term: &'static str, moment: &Option<crate::ui::Moment>| {
        moment.clone().map(|moment| view! { <Fact term=term><When moment=moment/></Fact> })
    };
    let database =
        row.database.clone().map(|id| view! { <Fact term=shared::database()><a href=format!("/databases/{id}")>{id.clone()}</a></Fact> });
    let backup = row
        .backup
        .clone()
        .map(|id| view! { <Fact term=words::backup()><a class="mono" href=format!("/backups/{id}")>{id.clone()}</a></Fact> });
    let code = job.error_code.clone().map(|code| view! { <Fact term=words::error_code()><code>{code}</code></Fact> });
    let id = row.id.to_string();
    let (started, finished) = (when(words::started(), &job.started), when(words::finished(), &job.finished));
    let took = Some(row.took.clone()).filter(|took| !took.is_empty());
    let took = took.map(|took| view! { <Fact term=shared::took()>{took}</Fact> });
    view! {
        <Panel title=words::facts()>
            <DefinitionList>
                <Fact term=shared::job()><span class="mono">{id}</span></Fact>
                {database}
                {backup}
                {started}
                {finished}
                {took}
                {code}
            </DefinitionList>
        </Panel>
    }
    .into_any()
}

fn log(job: &JobDetail) -> AnyView {
    let text = if job.log.is_empty() {
        if job.row.state.is_over() { words::log_none() } else { words::log_empty() }.to_owned()
    } else {
        job.log.join("\n")
    };
    view! {
        <Panel title=shared::log()>
            <pre class="log" tabindex="0" aria-label=words::log_label()>{text}</pre>
        </Panel>
    }
    .into_any()
}
