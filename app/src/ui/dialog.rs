//! A question before something that cannot be taken back lightly.

use crate::words::shared;
use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

/// A link that opens a modal `<dialog>` with the question; the answer is a form among its children. Without JavaScript the link leads to
/// this page with `?confirm=<name>`, where the dialog stands open. What opens and closes it stands in `served/browser.rs`.
#[component]
pub fn ConfirmDialog(
    /// Its name in the address.
    #[prop(into)]
    name: String,
    /// What the link says, e.g. "Remove shop…".
    #[prop(into)]
    label: String,
    #[prop(into)] title: String,
    /// The link's class; `button` unless said otherwise.
    #[prop(default = "button")]
    class: &'static str,
    #[prop(optional)] icon: Option<&'static str>,
    /// What its last link says, "Cancel" unless there is nothing to cancel.
    #[prop(default = shared::cancel())]
    leave: &'static str,
    children: Children,
) -> impl IntoView {
    let pathname = use_location().pathname;
    let open = use_query_map().with_untracked(|query| query.get_str("confirm") == Some(name.as_str()));
    let (id, heading) = (format!("ask-{name}"), format!("d-{name}"));
    let labelled_by = heading.clone();
    view! {
        <a class=class href=format!("?confirm={name}") data-opens=id.clone()>
            {icon.map(|name| view! { <super::Icon name=name/> })}
            {label}
        </a>
        <dialog id=id class="dialog" open=open aria-labelledby=labelled_by>
            <h2 id=heading>{title}</h2>
            {children()}
            <a class="dialog-close button" autofocus href=move || pathname.get()>{leave}</a>
        </dialog>
    }
}
