//! What holds for all jobs of this vault, in whichever process they run.

use leptos::prelude::*;

use super::{
    api::SetLimits,
    facts::{Limits, SchedulesView},
};
use crate::ui::{DefinitionList, Fact, Field, FormError, Panel, SubmitButton, fault_of, field_fault};

pub(super) fn panel(view: &SchedulesView, action: ServerAction<SetLimits>) -> AnyView {
    let Limits { max_running, hung_after_words, stop_within_words, .. } = view.limits.clone();
    let at_once = if max_running == 1 { "1 backup at once".to_owned() } else { format!("{max_running} backups at once") };
    let form = view.may_limit.then(|| form(&view.limits, action));
    view! {
        <Panel title="Limits of jobs">
            <DefinitionList>
                <Fact term="Running at once">{at_once}<span class="sub">"and as many verifications; restores and cleanups are not held back"</span></Fact>
                <Fact term="A job hangs">{format!("after {hung_after_words} without progress")}<span class="sub">"it is cancelled, a minute later abandoned, and an alarm says so"</span></Fact>
                <Fact term="Backups of a stop">{format!("within {stop_within_words}")}<span class="sub">"all together, then the process ends"</span></Fact>
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
            <summary>"Change the limits"</summary>
            <ActionForm action=action attr:class="form">
                <FormError error=fault_of(value)/>
                <Field label="Backups at once" name="max_running" value=max_running.to_string() error=field_fault(value, "max_running")
                    help="1 to 32, in all processes on this vault together."/>
                <Field label="Hung after" name="hung_after" value=hung_after error=field_fault(value, "hung_after")
                    help="Without any progress for so long, e.g. 15min: a minute at the least, a day at the most."/>
                <Field label="Time for a stop" name="stop_within" value=stop_within error=field_fault(value, "stop_within")
                    help="For the backups that are taken when Keepstone is stopped, e.g. 30s; what starts and stops it (systemd, say) must wait longer."/>
                <div class="form-actions"><SubmitButton label="Save the limits" pending=action.pending()/></div>
            </ActionForm>
        </details>
    }
    .into_any()
}
