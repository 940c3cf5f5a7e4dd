//! A base path in the browser, e.g. `/keepstone` of `https://host/keepstone/`. Pages and parts speak of addresses from the console's own root; what
//! they write gets the base here, as the server's edge does it with the documents that it sends (`server/src/http/base.rs`).

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::ui::here::use_here;

/// What the router takes off every address. The server renders without: its edge has done that.
#[cfg(not(feature = "hydrate"))]
pub(crate) fn of_router(_base: &str) -> &'static str {
    ""
}

/// What the router takes off every address. Called once, before anything is asked of the server.
#[cfg(feature = "hydrate")]
pub(crate) fn of_router(base: &str) -> &'static str {
    if base.is_empty() {
        return "";
    }
    // For as long as the document lives, which is as long as the program.
    let base: &'static str = base.to_owned().leak();
    // The second time it is the same.
    let _ = leptos::server_fn::client::try_set_server_url(base);
    browser::keep_links_below(base);
    base
}

/// The address of the page from the root of the console, as the routes have it.
pub(crate) fn use_path() -> Memo<String> {
    let (pathname, base) = (use_location().pathname, use_here().base);
    Memo::new(move |_| {
        pathname.with(|path| match path.strip_prefix(base.as_str()) {
            Some("") => "/".to_owned(),
            Some(rest) if rest.starts_with('/') => rest.to_owned(),
            _ => path.clone(),
        })
    })
}

#[cfg(feature = "hydrate")]
mod browser {
    use leptos::prelude::document;
    use wasm_bindgen::{JsCast, closure::Closure};
    use web_sys::{Element, MutationObserver, MutationObserverInit};

    const ATTRIBUTES: [&str; 2] = ["href", "action"];

    /// Puts the base before every address that is written into the document from now on. Whoever wrote it keeps its own notion of the value, so the
    /// two do not get in each other's way.
    pub(super) fn keep_links_below(base: &'static str) {
        let on_change = Closure::<dyn FnMut()>::new(move || complete(base));
        let Ok(observer) = MutationObserver::new(on_change.as_ref().unchecked_ref()) else { return };
        let what = MutationObserverInit::new();
        what.set_child_list(true);
        what.set_subtree(true);
        what.set_attributes(true);
        what.set_attribute_filter(&ATTRIBUTES.iter().map(|name| wasm_bindgen::JsValue::from_str(name)).collect::<js_sys::Array>());
        if observer.observe_with_options(&document(), &what).is_ok() {
            on_change.forget();
        }
    }

    fn complete(base: &str) {
        for name in ATTRIBUTES {
            let without = format!("[{name}^='/']:not([{name}^='//']):not([{name}^='{base}/']):not([{name}='{base}'])");
            let Ok(found) = document().query_selector_all(&without) else { return };
            for element in (0..found.length()).filter_map(|index| found.item(index)?.dyn_into::<Element>().ok()) {
                let address = element.get_attribute(name).unwrap_or_default();
                let _ = element.set_attribute(name, &format!("{base}{address}"));
            }
        }
    }
}
