//! Wakes the page that the server rendered; nothing else.

/// Called by the module in the document's head once the WASM is there.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(keepstone_app::App);
}
