//! Which page stands at which address, and the app around them.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::Router;

#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=|text: String| if text.is_empty() { "Keepstone".to_owned() } else { format!("{text} · Keepstone") }/>
        <Router><main></main></Router>
    }
}
