//! What can be changed on a backup's page: description, tags, pin; and the forms that verify and delete it.

use leptos::prelude::*;

use super::{api::BackupDetail, page::Acts};
use crate::ui::{ConfirmDialog, Field, FormError, SubmitButton, fault_of, field_fault};
use crate::words::{backups as words, shared};

/// Description and tags, folded away until someone wants to change them.
pub(super) fn notes(backup: &BackupDetail, acts: Acts) -> AnyView {
    let row = &backup.row;
    let description = if row.description.is_empty() { words::no_description().to_owned() } else { row.description.clone() };
    let tags: Vec<_> = row.tags.iter().map(|tag| view! { <span class="tag">{tag.clone()}</span> }).collect();
    let value = move || acts.edit.value().get();
    let (id, text, tag_text) = (row.id.clone(), row.description.clone(), row.tags.join(", "));
    // Without JavaScript a refused form comes back with its fault: that must be seen.
    let refused = acts.edit.value().with_untracked(|value| matches!(value, Some(Err(_))));
    let edit = (backup.may_operate && backup.has_archive).then(|| {
        view! {
            <details class="edit" open=refused>
                <summary>{words::edit_notes()}</summary>
                <ActionForm action=acts.edit attr:class="form">
                    <FormError error=fault_of(value)/>
                    <input type="hidden" name="id" value=id/>
                    <Field label=words::description() name="description" value=text error=field_fault(value, "description")/>
                    <Field label=words::tags() name="tags" value=tag_text error=field_fault(value, "tags") help=words::tags_help()/>
                    <div class="form-actions"><SubmitButton label=words::save() small=true pending=acts.edit.pending()/></div>
                </ActionForm>
            </details>
        }
    });
    view! {
        <div class="notes">
            <p class=if row.description.is_empty() { "muted" } else { "description" }>{description}</p>
            {(!tags.is_empty()).then(|| view! { <p class="tags">{tags}</p> })}
            {edit}
        </div>
    }
    .into_any()
}

pub(super) fn verify_form(backup: &BackupDetail, acts: Acts) -> AnyView {
    let (id, key) = (backup.row.id.clone(), backup.key.clone());
    view! {
        <ActionForm action=acts.verify>
            <input type="hidden" name="id" value=id/>
            <input type="hidden" name="key" value=key/>
            <SubmitButton label=shared::verify() tone="plain" icon="shield" pending=acts.verify.pending()/>
        </ActionForm>
    }
    .into_any()
}

pub(super) fn pin_form(backup: &BackupDetail, acts: Acts) -> AnyView {
    let (id, pinned) = (backup.row.id.clone(), backup.row.pinned);
    view! {
        <ActionForm action=acts.pin>
            <input type="hidden" name="id" value=id/>
            <input type="hidden" name="pinned" value=(!pinned).to_string()/>
            <SubmitButton label=if pinned { words::unpin() } else { words::pin() } tone="plain" icon="pin" pending=acts.pin.pending()/>
        </ActionForm>
    }
    .into_any()
}

/// Takes note of a suspect backup; `older` says how many more there are to take note of. A plain form: it works before the page is live.
pub(super) fn ack_form(id: &str, older: u64) -> AnyView {
    let more = (older > 0).then(|| {
        view! {
            <label class="check"><input type="checkbox" name="with_older"/>{words::older_too(older)}</label>
        }
    });
    view! {
        <form method="post" action="/fn/backups/ack" class="form">
            <input type="hidden" name="id" value=id.to_owned()/>
            <Field label=words::ack_reason() name="reason"/>
            {more}
            <div class="form-actions"><SubmitButton label=words::acknowledge() tone="plain"/></div>
        </form>
    }
    .into_any()
}

/// The question before a delete says what happens and until when it can be taken back.
pub(super) fn delete_form(backup: &BackupDetail, acts: Acts) -> AnyView {
    if let Some(refusal) = backup.delete_refusal.clone() {
        return view! {
            <ConfirmDialog name="delete" label=shared::delete() title=words::not_deletable() icon="trash" leave=shared::close()>
                <p>{refusal}</p>
            </ConfirmDialog>
        }
        .into_any();
    }
    let (id, shown) = (backup.row.id.clone(), backup.row.id.clone());
    view! {
        <ConfirmDialog name="delete" label=shared::delete() title=words::delete_title() icon="trash">
            <p class="mono">{shown}</p>
            <p>{words::delete_means()}</p>
            <ActionForm action=acts.delete>
                <input type="hidden" name="id" value=id/>
                <SubmitButton label=words::delete_do() tone="danger" icon="trash" pending=acts.delete.pending()/>
            </ActionForm>
        </ConfirmDialog>
    }
    .into_any()
}
