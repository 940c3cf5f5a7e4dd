//! The way through a long list. Pages are addresses, so it works without JavaScript and the Back button knows it.

use leptos::prelude::*;

use super::Icon;

/// `text` says where one is, e.g. `51 to 100 of 340`.
#[component]
pub fn Pagination(
    #[prop(into)] text: String,
    previous: Option<String>,
    next: Option<String>,
    #[prop(default = ("Newer", "Older"))] words: (&'static str, &'static str),
) -> impl IntoView {
    let (before, after) = words;
    view! {
        <nav class="pagination" aria-label="Pages">
            <span class="muted">{text}</span>
            <span class="pagination-links">
                {previous.map(|href| view! { <a class="button small" rel="prev" href=href><Icon name="chevron-left"/>{before}</a> })}
                {next.map(|href| view! { <a class="button small" rel="next" href=href>{after}<Icon name="chevron-right"/></a> })}
            </span>
        </nav>
    }
}
