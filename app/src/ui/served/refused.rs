//! What was filled into a form that the server refused: it comes back with the page that says why. Browser only.
//!
//! A form is sent as without JavaScript, and a refusal leads back to its page with the reason in the address. What was typed stays in this
//! tab's own storage until then; passwords never do.

use leptos::{ev, html, prelude::*};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlFormElement, HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement, Storage};

use super::browser::all;

const KEY: &str = "keepstone-form";
/// What the address of a page carries that a refused form leads back to.
const REFUSED: &str = "__err=";
const FIELDS: &str = "input,select,textarea";

/// Keeps what is in the form that is being sent.
pub(super) fn remember(event: &ev::SubmitEvent) {
    let Some(form) = event.target().and_then(|target| target.dyn_into::<HtmlFormElement>().ok()) else { return };
    let filled: Vec<(String, String)> = all(&form, FIELDS).filter_map(|field| Some((name(&field)?, value(&field)))).collect();
    if let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(&(form.action(), filled))) {
        // Where nothing can be stored, the form comes back empty, as without JavaScript.
        drop(storage.set_item(KEY, &text));
    }
}

/// Puts it back where the page is one that a refused form led to.
pub(super) fn restore(area: NodeRef<html::Div>) {
    let kept = storage().and_then(|storage| {
        let kept = storage.get_item(KEY).ok().flatten();
        drop(storage.remove_item(KEY));
        kept
    });
    let search = window().location().search().unwrap_or_default();
    let (Some(kept), Some(area), true) = (kept, area.get_untracked(), search.contains(REFUSED)) else { return };
    let Ok((action, filled)) = serde_json::from_str::<(String, Vec<(String, String)>)>(&kept) else { return };
    let form = all(&area, "form").filter_map(|form| form.dyn_into::<HtmlFormElement>().ok()).find(|form| form.action() == action);
    let Some(form) = form else { return };
    for (field, (_, text)) in all(&form, FIELDS).filter(|field| name(field).is_some()).zip(filled) {
        fill(&field, &text);
    }
}

/// Fields that a person fills in, but no secrets.
fn name(field: &Element) -> Option<String> {
    let kind = field.get_attribute("type").unwrap_or_default();
    field.get_attribute("name").filter(|_| kind != "password" && kind != "hidden" && kind != "file")
}

fn is_ticked(input: &HtmlInputElement) -> bool {
    matches!(input.type_().as_str(), "checkbox" | "radio")
}

fn value(field: &Element) -> String {
    if let Some(input) = field.dyn_ref::<HtmlInputElement>() {
        return if is_ticked(input) { input.checked().to_string() } else { input.value() };
    }
    let select = field.dyn_ref::<HtmlSelectElement>().map(HtmlSelectElement::value);
    select.or_else(|| field.dyn_ref::<HtmlTextAreaElement>().map(HtmlTextAreaElement::value)).unwrap_or_default()
}

/// Not where somebody has been quicker: what they typed meanwhile stays.
fn fill(field: &Element, text: &str) {
    if let Some(input) = field.dyn_ref::<HtmlInputElement>() {
        if is_ticked(input) {
            if input.checked() == input.default_checked() {
                input.set_checked(text == "true");
            }
        } else if input.value() == input.default_value() {
            input.set_value(text);
        }
    } else if let Some(select) = field.dyn_ref::<HtmlSelectElement>() {
        select.set_value(text);
    } else if let Some(area) = field.dyn_ref::<HtmlTextAreaElement>()
        && area.value() == area.default_value().unwrap_or_default()
    {
        area.set_value(text);
    }
}

fn storage() -> Option<Storage> {
    window().session_storage().ok().flatten()
}
