//! The icons: one sprite of line drawings that the document carries once, after the app, and references to it.

use leptos::prelude::*;

/// `<symbol>`s on a 16 × 16 grid. Not hydrated: the shell writes it behind the app.
pub const SPRITE: &str = include_str!("icons.svg");

/// An icon of the sprite by its name, e.g. `database`. Always beside a word, so it says nothing to a screen reader.
#[component]
pub fn Icon(name: &'static str) -> impl IntoView {
    view! { <svg class="icon" width="16" height="16" aria-hidden="true"><use_ href=format!("#i-{name}")></use_></svg> }
}
