//! How many rows of a list are ticked and how large they are together, said while one ticks; and the box that ticks all. Browser only.

use leptos::ev;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlInputElement};

use super::browser::all;
use crate::local;
use crate::words::browser as words;

const BOXES: &str = "input[data-bytes]";
const ALL: &str = "input[data-tick-all]";

/// Something was ticked or typed.
pub(super) fn on_input(event: &ev::Event) {
    let Some(input) = event.target().and_then(|target| target.dyn_into::<HtmlInputElement>().ok()) else { return };
    let (form, ticks_all) = (input.closest("form").ok().flatten(), input.has_attribute("data-tick-all"));
    let Some(form) = form.filter(|_| ticks_all || input.has_attribute("data-bytes")) else { return };
    if ticks_all {
        boxes(&form, BOXES).for_each(|one| one.set_checked(input.checked()));
    }
    say(&form);
}

fn say(form: &Element) {
    let ticked: Vec<_> = boxes(form, BOXES).filter(HtmlInputElement::checked).collect();
    let bytes = ticked.iter().filter_map(|one| one.get_attribute("data-bytes")?.parse::<u64>().ok()).sum();
    if let Some(place) = form.query_selector("[data-tally]").ok().flatten() {
        let text = if ticked.is_empty() { String::new() } else { words::selected(&ticked.len(), &local::bytes(bytes)) };
        place.set_text_content(Some(&text));
    }
    let every = boxes(form, BOXES).count() == ticked.len();
    for one in boxes(form, ALL) {
        one.set_checked(every);
        one.set_indeterminate(!every && !ticked.is_empty());
    }
}

fn boxes<'a>(form: &'a Element, selector: &'a str) -> impl Iterator<Item = HtmlInputElement> + 'a {
    all(form, selector).filter_map(|element| element.dyn_into().ok())
}
