//! The schedules of one database: what there is, a form that is checked before it is saved, and presets. Checking is a link
//! to this page with the form in its address, saving a plain form: both work without a script.

use keepstone_model::schedule::TIMED_KINDS;
use leptos::prelude::*;
use leptos_router::hooks::{use_params_map, use_query_map};

use super::{
    api::{self, Change, SetCleanup},
    cleanup,
    facts::{EditorView, Form, Preview},
};
use crate::words::{schedules as words, shared};
use crate::{
    live::use_changes,
    ui::{
        Alert, AlertKind, EmptyState, Facts, Field, FieldBox, FormError, Loaded, PageHeader, Panel, PresetChoice, SubmitButton, crumb,
        schedule_table::{Actions, ScheduleRow, ScheduleTable},
    },
};

const FIELDS: [&str; 8] = ["number", "on", "cron", "zone", "every", "kind", "if_missed", "jitter"];

#[component]
pub fn ScheduleEditorPage() -> impl IntoView {
    let (change, rhythm) = (ServerAction::<Change>::new(), ServerAction::<SetCleanup>::new());
    let (changes, params, query) = (use_changes(), use_params_map(), use_query_map());
    let id = move || params.with(|params| params.get("id").unwrap_or_default());
    let fields = move || query.with(|query| FIELDS.map(|name| query.get(name).unwrap_or_default()));
    let facts = Facts::new(
        move || (changes.get(), id(), fields(), change.version().get() + rhythm.version().get()),
        |(_, id, [number, on, cron, zone, every, kind, if_missed, jitter], _)| {
            api::editor(id, number, on, cron, zone, every, kind, if_missed, jitter)
        },
    );
    view! { <Loaded resource=facts show=move |editor| show(editor, change, rhythm)/> }
}

fn show(editor: EditorView, change: ServerAction<Change>, rhythm: ServerAction<SetCleanup>) -> AnyView {
    // What is wrong with a field was said by the check; what a change is refused for stands above all of it.
    let refused = Signal::derive(move || change.value().get().and_then(Result::err).map(|error| error.message));
    let database = editor.database.clone();
    let retention = format!("/databases/{}/retention", editor.database);
    let lead = view! {
        <p>{words::objective(&editor.objective)}<a href=retention>{words::which_are_kept()}</a></p>
    }
    .into_any();
    let paused = editor.paused.then(|| {
        view! {
            <Alert kind=AlertKind::Warning title=words::paused()>
                <p>{words::paused_means()}</p>
            </Alert>
        }
    });
    let (table, cleanup) = (table(&editor, change), cleanup::panel(&editor, rhythm));
    let off = editor.off.then(super::page::off);
    let forms = editor.may_change.then(|| {
        view! {
            {form(&editor)}
            {editor.preview.clone().map(|preview| result(&editor, preview, change))}
            {presets(&editor, change)}
        }
    });
    view! {
        <PageHeader
            title=words::title(&database)
            breadcrumbs=vec![crumb(shared::schedules(), "/schedules"), crumb(database.clone(), format!("/databases/{database}"))]
            lead=lead
        />
        <FormError error=refused/>
        {off}
        {paused}
        <Panel title=shared::schedules() flush=true>{table}</Panel>
        {forms}
        {cleanup}
    }
    .into_any()
}

fn table(editor: &EditorView, change: ServerAction<Change>) -> AnyView {
    if editor.rows.is_empty() {
        return view! {
            <EmptyState icon="schedule" title=words::no_schedule()>
                <p>{words::no_schedule_means()}</p>
            </EmptyState>
        }
        .into_any();
    }
    if !editor.may_change {
        return view! { <ScheduleTable rows=editor.rows.clone()/> }.into_any();
    }
    let key = editor.key.clone();
    let actions: Actions = Box::new(move |row| row_actions(row, &key, change));
    view! { <ScheduleTable rows=editor.rows.clone() actions=actions/> }.into_any()
}

fn row_actions(row: &ScheduleRow, key: &str, change: ServerAction<Change>) -> AnyView {
    let kind = row.kind.as_str();
    let (hold, hold_word) = if row.paused { ("resume", words::resume()) } else { ("pause", words::pause()) };
    let own = row.managed_by.is_none();
    let edit = own.then(|| {
        let href = format!("?number={}#h-change-it", row.number);
        view! { <a class="button small quiet" href=href>{shared::change()}<span class="visually-hidden">{format!(" {kind}")}</span></a> }
    });
    let remove = own.then(|| act("remove", words::remove(), kind));
    let (database, number, key) = (row.database.to_string(), row.number.to_string(), key.to_owned());
    view! {
        <ActionForm action=change attr:class="row-forms">
            <input type="hidden" name="database" value=database/>
            <input type="hidden" name="number" value=number/>
            <input type="hidden" name="key" value=key/>
            {act("trigger", words::run_now(), kind)}
            {act(hold, hold_word, kind)}
            {edit}
            {remove}
        </ActionForm>
    }
    .into_any()
}

fn act(value: &'static str, word: &'static str, kind: &'static str) -> AnyView {
    view! { <button type="submit" class="button small quiet" name="act" value=value>{word}<span class="visually-hidden">{format!(" {kind}")}</span></button> }
        .into_any()
}

/// The form of a new schedule, or of one that is being changed. Its button only checks.
fn form(editor: &EditorView) -> AnyView {
    let Form { number, on, cron, zone, every, kind, if_missed, jitter } = editor.form.clone();
    let fault = |name: &str| {
        let found = editor.faults.iter().find(|(field, _)| field == name).map(|(_, message)| message.clone());
        Signal::stored(found)
    };
    let [cron_fault, zone_fault, every_fault, kind_fault, jitter_fault] = ["cron", "zone", "every", "kind", "jitter"].map(fault);
    let option = |value: &'static str, text: &'static str, chosen: &str| {
        let selected = value == chosen;
        view! { <option value=value selected=selected>{text}</option> }.into_any()
    };
    let on = if on.is_empty() { "cron".to_owned() } else { on };
    let kinds: Vec<_> = std::iter::once(option("", words::kind_fitting(), &kind))
        .chain(TIMED_KINDS.map(|known| option(known.as_str(), known.as_str(), &kind)))
        .collect();
    let changing = !number.is_empty();
    let page = format!("/schedules/{}", editor.database);
    let cancel = changing.then(|| {
        let page = page.clone();
        view! { <a class="button quiet" href=page>{shared::cancel()}</a> }
    });
    let title = if changing { words::change() } else { words::add() };
    let other_faults: Vec<_> = editor
        .faults
        .iter()
        .filter(|(field, _)| !FIELDS.contains(&field.as_str()))
        .map(|(_, message)| view! { <p class="form-error">{message.clone()}</p> })
        .collect();
    view! {
        <Panel title=title>
            <form class="form pairs schedule-form" method="get" action=page>
                {other_faults}
                <input type="hidden" name="number" value=number/>
                <FieldBox label=words::run() name="on">
                    <select id="f-on" name="on">
                        {option("cron", words::on_cron(), &on)}
                        {option("interval", words::on_interval(), &on)}
                        {option("start", words::on_start(), &on)}
                        {option("stop", words::on_stop(), &on)}
                    </select>
                </FieldBox>
                <Field label=words::cron() name="cron" value=cron mono=true placeholder="0 2 * * *" autocomplete="off" error=cron_fault
                    help=words::cron_help()/>
                <Field label=words::zone() name="zone" value=zone placeholder="Europe/Berlin" autocomplete="off" error=zone_fault
                    help=words::zone_help()/>
                <Field label=words::interval() name="every" value=every placeholder="12h" autocomplete="off" error=every_fault
                    help=words::interval_help()/>
                <FieldBox label=words::kind() name="kind" error=kind_fault>
                    <select id="f-kind" name="kind">{kinds}</select>
                </FieldBox>
                <FieldBox label=words::if_missed() name="if_missed" help=words::if_missed_help()>
                    <select id="f-if_missed" name="if_missed" aria-describedby="p-if_missed">
                        {option("run_once", words::if_missed_run(), &if_missed)}
                        {option("skip", words::if_missed_skip(), &if_missed)}
                    </select>
                </FieldBox>
                <Field label=words::delay() name="jitter" value=jitter placeholder=words::no_delay() autocomplete="off" error=jitter_fault
                    help=words::delay_help()/>
                <div class="form-actions">
                    <SubmitButton label=words::check()/>
                    {cancel}
                </div>
            </form>
        </Panel>
    }
    .into_any()
}

/// What the form would do, and the button that saves it.
fn result(editor: &EditorView, preview: Preview, change: ServerAction<Change>) -> AnyView {
    let Form { number, on, cron, zone, every, kind, if_missed, jitter } = editor.form.clone();
    let label = if number.is_empty() { words::add_do() } else { words::save_do() };
    let database = editor.database.clone();
    let hidden = |name: &'static str, value: String| view! { <input type="hidden" name=name value=value/> };
    let runs: Vec<_> = preview
        .runs
        .into_iter()
        .map(|run| {
            let note = run.note.map(|note| view! { <span class="sub">{note}</span> });
            view! { <li><time datetime=run.iso>{run.local}</time>" "<span class="muted">{run.relative}</span>{note}</li> }
        })
        .collect();
    let next = (!runs.is_empty()).then(|| view! { <h3>{words::next_runs()}</h3><ol class="runs">{runs}</ol> });
    let notes: Vec<_> = preview.clock_notes.into_iter().map(|note| view! { <li>{note}</li> }).collect();
    let notes = (!notes.is_empty()).then(|| view! { <h3>{words::clock_changes()}</h3><ul class="runs">{notes}</ul> });
    view! {
        <Panel title=words::would_do()>
            <p><strong>{preview.words}</strong>{words::would_do_kind()}<span class="kind">{preview.kind}</span></p>
            {next}
            {notes}
            <ActionForm action=change>
                {hidden("act", "save".to_owned())}
                {hidden("database", database)}
                {hidden("number", number)}
                {hidden("on", on)}
                {hidden("cron", cron)}
                {hidden("zone", zone)}
                {hidden("every", every)}
                {hidden("kind", kind)}
                {hidden("if_missed", if_missed)}
                {hidden("jitter", jitter)}
                <div class="form-actions"><SubmitButton label=label pending=change.pending()/></div>
            </ActionForm>
        </Panel>
    }
    .into_any()
}

fn presets(editor: &EditorView, change: ServerAction<Change>) -> AnyView {
    let database = editor.database.clone();
    let help = match &editor.retention_managed_by {
        None => words::presets_help().to_owned(),
        Some(by) => words::presets_help_managed(&by),
    };
    view! {
        <Panel title=words::presets()>
            <ActionForm action=change attr:class="form">
                <input type="hidden" name="act" value="preset"/>
                <input type="hidden" name="database" value=database/>
                <PresetChoice legend=words::preset() help=help/>
                <div class="form-actions"><SubmitButton label=words::preset_use() tone="plain" pending=change.pending()/></div>
            </ActionForm>
        </Panel>
    }
    .into_any()
}
