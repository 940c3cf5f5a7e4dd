//! A number of bytes as people read it.

use crate::local;
use crate::words::parts as words;
use leptos::prelude::*;

/// e.g. `1.2 GB`, with the exact number in its title; a dash where it is not known.
#[component]
pub fn Size(#[prop(into)] bytes: Option<u64>) -> impl IntoView {
    match bytes {
        Some(bytes) => {
            view! { <data class="size" value=bytes.to_string() title=words::bytes(&local::count(bytes))>{local::bytes(bytes)}</data> }
                .into_any()
        }
        None => view! { <span class="muted">"–"</span> }.into_any(),
    }
}
