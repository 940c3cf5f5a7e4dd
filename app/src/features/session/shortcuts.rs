//! The keyboard shortcuts: the dialog that lists them and, in the browser, the listening. Single letters act on nothing while someone types, and a
//! person can switch them off in the account (WCAG 2.1.4).

use keepstone_model::access::Role;
use leptos::prelude::*;

use super::frame::{Destination, destinations};
use crate::ui::here::may;
use crate::words::{session as words, shared};

const DIALOG: &str = "shortcuts";

/// The dialog. Its presence starts the listening, so it stands only where someone is signed in.
#[component]
pub fn Shortcuts() -> impl IntoView {
    #[cfg(feature = "hydrate")]
    browser::listen();
    let create = may(Role::Operator).then(|| line(&["c"], words::shortcut_create()));
    let pages: Vec<_> = destinations().map(|Destination { letter, word, .. }| line(&["g", letter], word)).collect();
    view! {
        <dialog id=DIALOG class="dialog" aria-labelledby="shortcuts-title">
            <h2 id="shortcuts-title">{words::shortcuts()}</h2>
            <dl class="shortcuts">
                {line(&["?"], words::shortcut_list())}
                {line(&["/"], shared::search())}
                {create}
                {pages}
            </dl>
            <p class="help">{words::shortcuts_before()}<a href="/account">{shared::your_account()}</a>{words::shortcuts_after()}</p>
            <form method="dialog"><button type="submit" class="button" autofocus>{shared::close()}</button></form>
        </dialog>
    }
}

fn line(keys: &[&'static str], what: &'static str) -> AnyView {
    let keys: Vec<_> = keys.iter().map(|key| view! { <kbd>{*key}</kbd> }).collect();
    view! { <div><dt>{keys}</dt><dd>{what}</dd></div> }.into_any()
}

/// Shows the dialog. Only a browser does.
pub(super) fn explain() {
    #[cfg(feature = "hydrate")]
    browser::explain();
}

#[cfg(feature = "hydrate")]
mod browser {
    use leptos::{ev, prelude::*};
    use leptos_router::hooks::use_navigate;
    use wasm_bindgen::JsCast;
    use web_sys::{Element, HtmlDialogElement, HtmlElement, KeyboardEvent};

    use super::{DIALOG, Destination, Role, destinations, may};
    use crate::ui::here::use_here;

    /// How long after `g` the letter counts.
    const SEQUENCE_MS: f64 = 1500.0;

    pub(super) fn listen() {
        if !use_here().shortcuts {
            return;
        }
        let navigate = use_navigate();
        let pages: Vec<_> = destinations().map(|Destination { letter, href, .. }| (letter, href)).collect();
        let may_create = may(Role::Operator);
        // Times count from the loading of the page: zero would be just now.
        let began = StoredValue::new(f64::NEG_INFINITY);
        let listening = window_event_listener(ev::keydown, move |event| {
            if !is_ours(&event) {
                return;
            }
            let key = event.key();
            let in_sequence = event.time_stamp() - began.get_value() < SEQUENCE_MS;
            began.set_value(f64::NEG_INFINITY);
            let page = pages.iter().find(|(letter, _)| in_sequence && *letter == key).map(|(_, href)| *href);
            match key.as_str() {
                _ if page.is_some() => navigate(page.unwrap_or_default(), leptos_router::NavigateOptions::default()),
                "g" => began.set_value(event.time_stamp()),
                "c" if may_create => navigate("/backups/new", leptos_router::NavigateOptions::default()),
                "?" => explain(),
                "/" => {
                    let Some(search) = document().get_element_by_id("search") else { return };
                    // An element that cannot take the focus is no field.
                    let _ = search.unchecked_into::<HtmlElement>().focus();
                }
                _ => return,
            }
            // What was a shortcut is not typed into what has the focus now.
            event.prevent_default();
        });
        on_cleanup(move || listening.remove());
    }

    pub(super) fn explain() {
        let dialog = document().get_element_by_id(DIALOG).and_then(|dialog| dialog.dyn_into::<HtmlDialogElement>().ok());
        if let Some(dialog) = dialog.filter(|dialog| !dialog.open()) {
            // Only a dialog outside the document refuses, and this one is in it.
            let _ = dialog.show_modal();
        }
    }

    /// Not a key that is typed into something, nor one of the browser's or of a screen reader, nor one for an open dialog.
    fn is_ours(event: &KeyboardEvent) -> bool {
        let elsewhere =
            event.default_prevented() || event.ctrl_key() || event.meta_key() || event.alt_key() || event.repeat() || event.is_composing();
        let typed = event
            .target()
            .and_then(|target| target.dyn_into::<Element>().ok())
            .is_some_and(|element| element.closest("input,select,textarea,[contenteditable]").is_ok_and(|field| field.is_some()));
        !elsewhere && !typed && document().query_selector("dialog[open]").is_ok_and(|dialog| dialog.is_none())
    }
}
