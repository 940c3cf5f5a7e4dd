//! When cleanup looks at a database by itself: how it stands, and the form that changes it.

use leptos::prelude::*;

use super::{
    api::SetCleanup,
    facts::{Cleanup, EditorView},
};
use crate::ui::{
    Alert, AlertKind, DefinitionList, Fact, Field, FieldBox, FormError, Panel, SubmitButton, fault_of, field_fault,
    schedule_table::moment_or_dash,
};
use crate::words::schedules as words;

pub(super) fn panel(editor: &EditorView, action: ServerAction<SetCleanup>) -> AnyView {
    let Cleanup { words, last, next, alarm, .. } = editor.cleanup.clone();
    let alarm = alarm.map(|alarm| view! { <Alert kind=AlertKind::Warning title=alarm/> });
    let retention = format!("/databases/{}/retention", editor.database);
    let form = editor.may_change.then(|| form(editor, action));
    view! {
        <Panel title=words::cleanup()>
            {alarm}
            <DefinitionList>
                <Fact term=words::cleanup_looks()>{words}<span class="sub"><a href=retention>{words::cleanup_keeps()}</a></span></Fact>
                <Fact term=words::last_cleanup()>{moment_or_dash(last)}</Fact>
                <Fact term=words::next_cleanup()>{moment_or_dash(next)}</Fact>
            </DefinitionList>
            {form}
        </Panel>
    }
    .into_any()
}

/// Folded away: it is changed once in a while.
fn form(editor: &EditorView, action: ServerAction<SetCleanup>) -> AnyView {
    let value = move || action.value().get();
    // Without JavaScript a refused form comes back with its fault: that must be seen.
    let refused = action.value().with_untracked(|value| matches!(value, Some(Err(_))));
    let Cleanup { on, cron, zone, every, after_backups, paused, .. } = editor.cleanup.clone();
    let database = editor.database.clone();
    let option = |name: &'static str, text: &'static str| {
        let selected = name == on;
        view! { <option value=name selected=selected>{text}</option> }.into_any()
    };
    let options = [option("interval", words::cleanup_after()), option("cron", words::on_cron())];
    view! {
        <details open=refused>
            <summary>{words::cleanup_change()}</summary>
            <ActionForm action=action attr:class="form">
                <FormError error=fault_of(value)/>
                <input type="hidden" name="database" value=database/>
                <FieldBox label=words::cleanup_on() name="look_on">
                    <select id="f-look_on" name="look_on">{options}</select>
                </FieldBox>
                <Field label=words::cleanup_every() name="look_every" value=every placeholder="24h" autocomplete="off"
                    error=field_fault(value, "every")
                    help=words::cleanup_every_help()/>
                <Field label=words::cleanup_cron() name="look_cron" value=cron mono=true placeholder="30 4 * * *" autocomplete="off"
                    error=field_fault(value, "cron")
                    help=words::cron_help()/>
                <Field label=words::cleanup_zone() name="look_zone" value=zone placeholder="Europe/Berlin" autocomplete="off"
                    error=field_fault(value, "time_zone")/>
                <label class="check">
                    <input type="checkbox" name="look_after" value="on" checked=after_backups/>
                    <span>{words::cleanup_after_each()}</span>
                </label>
                <label class="check">
                    <input type="checkbox" name="look_paused" value="on" checked=paused/>
                    <span>{words::cleanup_pause()}</span>
                </label>
                <div class="form-actions"><SubmitButton label=words::cleanup_save() pending=action.pending()/></div>
            </ActionForm>
        </details>
    }
    .into_any()
}
