//! What holds for all jobs of this vault, in whichever process they run.

use leptos::prelude::*;

use super::{
    api::SetLimits,
    facts::{Limits, SchedulesView},
};
use crate::ui::{DefinitionList, Fact, Field, FormError, Panel, SubmitButton, fault_of, field_fault};
use crate::words::schedules as words;

pub(super) fn panel(view: &SchedulesView, action: ServerAction<SetLimits>) -> AnyView {
    let Limits { max_running, hung_after_words, stop_within_words, .. } = view.limits.clone();
    let at_once = words::at_once(u64::from(max_running));
    let form = view.may_limit.then(|| form(&view.limits, action));
    view! {
        <Panel title=words::limits()>
            <DefinitionList>
                <Fact term=words::running()>{at_once}<span class="sub">{words::running_means()}</span></Fact>
                <Fact term=words::hung()>{words::hung_after(&hung_after_words)}<span class="sub">{words::hung_means()}</span></Fact>
                <Fact term=words::stop()>{words::stop_within(&stop_within_words)}<span class="sub">{words::stop_means()}</span></Fact>
            </DefinitionList>
            {form}
        </Panel>
    }
    .into_any()
}

/// Folded away: it is changed once in a while.
fn form(limits: &Limits, action: ServerAction<SetLimits>) -> AnyView {
    let value = move || action.value().get();
    let refused = action.value().with_untracked(|value| matches!(value, Some(Err(_))));
    let Limits { max_running, hung_after, stop_within, .. } = limits.clone();
    view! {
        <details open=refused>
            <summary>{words::limits_change()}</summary>
            <ActionForm action=action attr:class="form">
                <FormError error=fault_of(value)/>
                <Field label=words::limits_running() name="max_running" value=max_running.to_string() error=field_fault(value, "max_running")
                    help=words::limits_running_help()/>
                <Field label=words::limits_hung() name="hung_after" value=hung_after error=field_fault(value, "hung_after")
                    help=words::limits_hung_help()/>
                <Field label=words::limits_stop() name="stop_within" value=stop_within error=field_fault(value, "stop_within")
                    help=words::limits_stop_help()/>
                <div class="form-actions"><SubmitButton label=words::limits_save() pending=action.pending()/></div>
            </ActionForm>
        </details>
    }
    .into_any()
}
