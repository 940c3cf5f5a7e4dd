//! The form of a policy: one field for each rule. It asks for a preview by the address, and saves by the same fields.

use keepstone_model::retention::PolicyText;
use leptos::prelude::*;

use super::{
    api::RetentionView,
    preview::{amount, outcome},
};
use crate::ui::{Alert, AlertKind, FieldBox, SubmitButton};
use crate::words::retention as words;

/// In the order of [`PolicyText::FIELDS`]: label and help.
fn labels() -> [(&'static str, &'static str); 10] {
    [
        (words::last(), words::last_help()),
        (words::hourly(), words::hourly_help()),
        (words::daily(), words::daily_help()),
        (words::weekly(), words::weekly_help()),
        (words::monthly(), words::monthly_help()),
        (words::yearly(), words::yearly_help()),
        (words::at_start(), words::at_start_help()),
        (words::at_stop(), words::at_stop_help()),
        (words::greatest_age(), words::greatest_age_help()),
        (words::at_most(), words::at_most_help()),
    ]
}

pub(super) fn editor(view: &RetentionView, text: RwSignal<PolicyText>) -> AnyView {
    let id = view.id.to_string();
    let action = format!("/databases/{id}/retention");
    let (stored, tried) = (view.stored.text(), view.tried.text());
    let rows: Vec<_> = PolicyText::FIELDS
        .into_iter()
        .zip(labels())
        .enumerate()
        .map(|(index, (name, (label, help)))| {
            let value = tried.values[index].clone();
            // What is typed since is judged by the preview: a signal of this form would be gone when the next form takes its place.
            let fault = view.fault.as_ref().filter(|(field, _)| field == name).map(|(_, message)| message.clone());
            let (invalid, described) = (fault.is_some().then_some("true"), crate::ui::form::described_by(name, true, fault.is_some()));
            view! {
                <FieldBox label=label name=name help=help error=fault>
                    <input id=format!("f-{name}") name=name value=value inputmode="numeric" maxlength="12" autocomplete="off" placeholder=words::no_rule()
                        aria-describedby=described aria-invalid=invalid
                        on:input=move |event| text.update(|text| text.values[index] = event_target_value(&event))/>
                </FieldBox>
            }
            .into_any()
        })
        .collect();
    let save = (view.may_change && view.managed_by.is_none()).then(|| {
        view! { <button type="submit" class="button primary" formmethod="post" formaction="/fn/retention/save">{words::save()}</button> }
    });
    let changed = tried != stored;
    let back = action.clone();
    view! {
        <form class="form retention-form" method="get" action=action>
            <input type="hidden" name="try" value="1"/>
            <input type="hidden" name="id" value=id/>
            <div class="retention-fields">{rows}</div>
            <label class="check">
                <input type="checkbox" name="imported" value="on" checked=tried.imported
                    on:change=move |event| text.update(|text| text.imported = event_target_checked(&event))/>
                <span>{words::imported()}</span>
            </label>
            <p class="help">
                {words::rules()}
            </p>
            <div class="form-actions">
                {save}
                <button type="submit" class="button">{words::preview()}</button>
                {changed.then(|| view! { <a class="button" href=back>{words::back_to_stored()}</a> })}
            </div>
        </form>
    }
    .into_any()
}

/// The question before a policy is saved that removes many at once.
pub(super) fn question(view: &RetentionView) -> AnyView {
    let text = view.tried.text();
    let Some(policy) = text.policy().ok().filter(|_| view.asks && view.may_change && view.managed_by.is_none()) else {
        return ().into_any();
    };
    let outcome = outcome(view, &policy);
    let what = amount((outcome.plan.removed.len() as u64, outcome.freed_bytes));
    let hidden: Vec<_> = PolicyText::FIELDS
        .into_iter()
        .zip(text.values)
        .map(|(name, value)| view! { <input type="hidden" name=name value=value/> }.into_any())
        .collect();
    let imported = text.imported.then(|| view! { <input type="hidden" name="imported" value="on"/> });
    let id = view.id.to_string();
    view! {
        <Alert kind=AlertKind::Warning title=words::would_remove(&what)>
            <p>{words::would_remove_means(&policy.words())}</p>
            <form method="post" action="/fn/retention/save">
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="confirmed" value="on"/>
                {hidden}
                {imported}
                <SubmitButton label=words::save_and_remove(&what) tone="danger"/>
            </form>
        </Alert>
    }
    .into_any()
}
