//! In the browser: shows what the server wrote, and fetches it anew. Also opens the dialogs in it, since nothing in it listens by itself.
//!
//! What a person is about to do is never taken away from under them: while a dialog is open or a field was changed, the page stays as it is.

use std::time::Duration;

use leptos::{ev, html, prelude::*, task::spawn_local};
use leptos_router::hooks::use_location;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{DomParser, Element, HtmlDialogElement, HtmlElement, NodeList, Response, SupportedType};

use super::{AREA, Refresh, refused, tally};
use crate::{live::use_changes, ui::page::FocusWanted, words::parts as words};

/// How often a page that could not be renewed, because someone is using it, is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
const FOCUSABLE: &str = "h1,a[href],button,summary,input,select,textarea";

pub(super) fn show<V>(_page: &impl Fn() -> V, refresh: Refresh) -> AnyView {
    let page = Page {
        area: NodeRef::new(),
        html: RwSignal::new(loading()),
        asked: StoredValue::new(0),
        coming: StoredValue::new(false),
        touched: StoredValue::new(false),
        wanted: use_context::<FocusWanted>(),
    };
    let (place, changes) = (use_location(), use_changes());
    // The document that wakes up came with its page.
    let came_along = !document().document_element().is_some_and(|root| root.has_attribute("data-hydrated"));
    Effect::new(move |before: Option<(String, u64)>| {
        let search = place.search.get();
        let address = if search.is_empty() { place.pathname.get() } else { format!("{}?{search}", place.pathname.get()) };
        let changes = if refresh == Refresh::Live { changes.get() } else { 0 };
        match &before {
            None if came_along => refused::restore(page.area),
            // What is still on its way takes the focus when it comes, also where something happened meanwhile.
            Some((shown, _)) if *shown == address && !page.coming.get_value() => page.renew(address.clone()),
            _ => page.go(address.clone()),
        }
        (address, changes)
    });
    // One element, as on the server: beside another one it would be a list, which ends with a mark that is not there.
    view! {
        <div
            id=AREA
            node_ref=page.area
            inner_html=move || page.html.get()
            on:click=on_click
            on:input=move |event| {
                page.touched.set_value(true);
                tally::on_input(&event);
            }
            on:submit=|event| refused::remember(&event)
        ></div>
    }
    .into_any()
}

fn loading() -> String {
    format!(r#"<p class="loading" role="status">{}</p>"#, words::loading())
}

fn unreachable() -> String {
    let (title, way) = (words::fault_unreachable(), crate::words::browser::load_again());
    format!(r#"<div class="empty fault"><h1 tabindex="-1">{title}</h1><p class="empty-title">{way}</p></div>"#)
}

#[derive(Clone, Copy)]
struct Page {
    area: NodeRef<html::Div>,
    html: RwSignal<String>,
    /// The number of the newest question: answers to older ones come too late.
    asked: StoredValue<u32>,
    /// The page of a new address was asked for, and is not there yet.
    coming: StoredValue<bool>,
    /// Someone has begun to fill something in.
    touched: StoredValue<bool>,
    wanted: Option<FocusWanted>,
}

enum Answer {
    Page {
        html: String,
        title: String,
    },
    /// It is no page of this sort: it is loaded as a document.
    Elsewhere(String),
}

impl Page {
    /// Another address: its page comes as soon as it is there, and takes the focus as a new page does.
    fn go(self, address: String) {
        let number = self.number();
        self.coming.set_value(true);
        spawn_local(async move {
            let answer = fetch(&address).await;
            if self.is_newest(number) {
                self.coming.set_value(false);
                self.touched.set_value(false);
                match answer {
                    Ok(answer) => self.take(answer),
                    Err(_) => self.html.set(unreachable()),
                }
                self.focus_heading();
            }
        });
    }

    /// The same address, because something happened. What fails here comes again with the next thing that happens.
    fn renew(self, address: String) {
        let number = self.number();
        spawn_local(async move {
            let Ok(answer) = fetch(&address).await else { return };
            if !self.is_newest(number) {
                return;
            }
            if self.is_used() {
                set_timeout(
                    move || {
                        if self.is_newest(number) {
                            self.renew(address);
                        }
                    },
                    LOOK_AGAIN,
                );
            } else {
                self.keep_place(|| self.take(answer));
            }
        });
    }

    fn take(self, answer: Answer) {
        match answer {
            Answer::Page { html, title } => {
                self.html.set(html);
                document().set_title(&title);
            }
            Answer::Elsewhere(address) => drop(window().location().assign(&address)),
        }
    }

    fn number(self) -> u32 {
        self.asked.update_value(|number| *number += 1);
        self.asked.get_value()
    }

    /// False also when the page is gone.
    fn is_newest(self, number: u32) -> bool {
        self.asked.try_get_value() == Some(number)
    }

    fn is_used(self) -> bool {
        let open = |area: web_sys::HtmlDivElement| matches!(area.query_selector("dialog[open],:popover-open,.menu[open]"), Ok(Some(_)));
        self.touched.get_value() || self.area.get_untracked().is_some_and(open)
    }

    /// What was unfolded stays so, and the focus stays where it was, as far as the new page has the same places.
    fn keep_place(self, renew: impl FnOnce()) {
        let Some(area) = self.area.get_untracked() else { return renew() };
        let unfolded: Vec<bool> = all(&area, "details").map(|details| details.has_attribute("open")).collect();
        let focused = document().active_element().filter(|focused| area.contains(Some(focused)));
        let place = focused.and_then(|focused| all(&area, FOCUSABLE).position(|element| element == focused));
        renew();
        // The effect that writes the page runs after this one.
        request_animation_frame(move || {
            for (details, open) in all(&area, "details").zip(unfolded) {
                let _ = if open { details.set_attribute("open", "") } else { details.remove_attribute("open") };
            }
            if let Some(element) = place.and_then(|place| all(&area, FOCUSABLE).nth(place)) {
                let _ = element.unchecked_into::<HtmlElement>().focus();
            }
        });
    }

    /// What was followed is gone with the page before, and with it the focus, also where no more than the query changed.
    fn focus_heading(self) {
        if let Some(FocusWanted(wanted)) = self.wanted {
            let _ = wanted.try_set_value(false);
        }
        request_animation_frame(move || {
            let heading = self.area.get_untracked().and_then(|area| area.query_selector("h1").ok().flatten());
            if let Some(heading) = heading {
                let _ = heading.unchecked_into::<HtmlElement>().focus();
            }
        });
    }
}

async fn fetch(address: &str) -> Result<Answer, JsValue> {
    use wasm_bindgen_futures::JsFuture;

    let response: Response = JsFuture::from(window().fetch_with_str(address)).await?.unchecked_into();
    if response.redirected() {
        return Ok(Answer::Elsewhere(response.url()));
    }
    let text = JsFuture::from(response.text()?).await?.as_string().unwrap_or_default();
    let document = DomParser::new()?.parse_from_string(&text, SupportedType::TextHtml)?;
    Ok(match document.get_element_by_id(AREA) {
        Some(area) => Answer::Page { html: area.inner_html(), title: document.title() },
        None => Answer::Elsewhere(address.to_owned()),
    })
}

/// A link with `data-opens` opens the dialog of that id as a modal one; one with `dialog-close` closes the dialog that it stands in.
fn on_click(event: ev::MouseEvent) {
    let Some(target) = event.target().and_then(|target| target.dyn_into::<Element>().ok()) else { return };
    let closest = |selector: &str| target.closest(selector).ok().flatten();
    // Any other menu that is unfolded folds up again.
    if let Some(area) = document().get_element_by_id(AREA) {
        for menu in all(&area, ".menu[open]").filter(|menu| !menu.contains(Some(&target))) {
            let _ = menu.remove_attribute("open");
        }
    }
    if let Some(link) = closest("[data-opens]") {
        let dialog = link.get_attribute("data-opens").and_then(|id| document().get_element_by_id(&id));
        if let Some(dialog) = dialog.and_then(|dialog| dialog.dyn_into::<HtmlDialogElement>().ok()) {
            event.prevent_default();
            if !dialog.open() {
                // Only a dialog outside the document refuses, and this one is in it.
                let _ = dialog.show_modal();
            }
        }
    } else if closest(".dialog-close").is_some()
        && let Some(dialog) = closest("dialog").and_then(|dialog| dialog.dyn_into::<HtmlDialogElement>().ok())
    {
        event.prevent_default();
        dialog.close();
    }
}

pub(super) fn all(area: &Element, selector: &str) -> impl Iterator<Item = Element> {
    let found: Option<NodeList> = area.query_selector_all(selector).ok();
    let length = found.as_ref().map_or(0, NodeList::length);
    (0..length).filter_map(move |index| found.as_ref()?.item(index)?.dyn_into().ok())
}
