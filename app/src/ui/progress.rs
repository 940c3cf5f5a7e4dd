//! How far something is.

use leptos::prelude::*;

/// A bar from 0 to 100; without a number it says only that something goes on. The label is for screen readers, the numbers stand beside.
#[component]
pub fn ProgressBar(#[prop(into)] percent: Signal<Option<u64>>, #[prop(into)] label: String) -> impl IntoView {
    view! { <progress class="bar" max="100" value=move || percent.get().map(|p| p.min(100).to_string()) aria-label=label></progress> }
}
