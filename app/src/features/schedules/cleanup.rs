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

pub(super) fn panel(editor: &EditorView, action: ServerAction<SetCleanup>) -> AnyView {
    let Cleanup { words, last, next, alarm, .. } = editor.cleanup.clone();
    let alarm = alarm.map(|alarm| view! { <Alert kind=AlertKind::Warning title=alarm/> });
    let retention = format!("/databases/{}/retention", editor.database);
    let form = editor.may_change.then(|| form(editor, action));
    view! {
        <Panel title="Cleanup">
            {alarm}
            <DefinitionList>
                <Fact term="It looks">{words}<span class="sub"><a href=retention>"What it keeps"</a></span></Fact>
                <Fact term="Last cleanup">{moment_or_dash(last)}</Fact>
                <Fact term="Next cleanup">{moment_or_dash(next)}</Fact>
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
    let options = [option("interval", "so long after its last look"), option("cron", "at set times (cron)")];
    view! {
        <details open=refused>
            <summary>"Change when cleanup looks"</summary>
            <ActionForm action=action attr:class="form">
                <FormError error=fault_of(value)/>
                <input type="hidden" name="database" value=database/>
                <FieldBox label="Cleanup looks" name="look_on">
                    <select id="f-look_on" name="look_on">{options}</select>
                </FieldBox>
                <Field label="How long after" name="look_every" value=every placeholder="24h" autocomplete="off"
                    error=field_fault(value, "every")
                    help="A number with h, d or w: one hour at the least, 31 days at the most."/>
                <Field label="Cron of the cleanup" name="look_cron" value=cron mono=true placeholder="30 4 * * *" autocomplete="off"
                    error=field_fault(value, "cron")
                    help="For set times: minute, hour, day of month, month, day of week (0 is Sunday)."/>
                <Field label="Time zone of the cleanup" name="look_zone" value=zone placeholder="Europe/Berlin" autocomplete="off"
                    error=field_fault(value, "time_zone")/>
                <label class="check">
                    <input type="checkbox" name="look_after" value="on" checked=after_backups/>
                    <span>"Also after each scheduled backup"</span>
                </label>
                <label class="check">
                    <input type="checkbox" name="look_paused" value="on" checked=paused/>
                    <span>"Pause it: nothing is removed by itself"</span>
                </label>
                <div class="form-actions"><SubmitButton label="Save when cleanup looks" pending=action.pending()/></div>
            </ActionForm>
        </details>
    }
    .into_any()
}
