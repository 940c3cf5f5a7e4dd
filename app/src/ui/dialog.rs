//! A question before something that cannot be taken back lightly.

use leptos::{ev::MouseEvent, html, prelude::*};
use leptos_router::hooks::{use_location, use_query_map};

/// A link that opens a modal `<dialog>` with the question; the answer is a form among its children. Without JavaScript the link leads to
/// this page with `?confirm=<name>`, where the dialog stands open.
#[component]
pub fn ConfirmDialog(
    name: &'static str,
    /// What the link says, e.g. "Remove shop…".
    #[prop(into)]
    label: String,
    #[prop(into)] title: String,
    /// The link's class; `button` unless said otherwise.
    #[prop(default = "button")]
    class: &'static str,
    #[prop(optional)] icon: Option<&'static str>,
    children: Children,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    let pathname = use_location().pathname;
    let open = use_query_map().with_untracked(|query| query.get_str("confirm") == Some(name));
    let ask = move |event: MouseEvent| {
        if let Some(dialog) = dialog.get_untracked() {
            event.prevent_default();
            if !dialog.open() {
                // Only a dialog outside the document refuses, and this one is in it.
                let _ = dialog.show_modal();
            }
        }
    };
    let leave = move |event: MouseEvent| {
        if let Some(dialog) = dialog.get_untracked() {
            event.prevent_default();
            dialog.close();
        }
    };
    let heading = format!("d-{name}");
    let labelled_by = heading.clone();
    view! {
        <a class=class href=format!("?confirm={name}") on:click=ask>
            {icon.map(|name| view! { <super::Icon name=name/> })}
            {label}
        </a>
        <dialog class="dialog" open=open aria-labelledby=labelled_by node_ref=dialog>
            <h2 id=heading>{title}</h2>
            {children()}
            <a class="dialog-close button" autofocus href=move || pathname.get() on:click=leave>"Cancel"</a>
        </dialog>
    }
}
