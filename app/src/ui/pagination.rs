//! The way through a long list. Pages are addresses, so it works without JavaScript and the Back button knows it.

use leptos::prelude::*;

use super::Icon;
use crate::words::parts as words;

/// `text` says where one is, e.g. `51 to 100 of 340`.
#[component]
pub fn Pagination(
    #[prop(into)] text: String,
    previous: Option<String>,
    next: Option<String>,
    #[prop(default = (words::newer(), words::older()))] ways: (&'static str, &'static str),
) -> impl IntoView {
    let (before, after) = ways;
    view! {
        <nav class="pagination" aria-label=words::pages()>
            <span class="muted">{text}</span>
            <span class="pagination-links">
                {previous.map(|href| view! { <a class="button small" rel="prev" href=href><Icon name="chevron-left"/>{before}</a> })}
                {next.map(|href| view! { <a class="button small" rel="next" href=href>{after}<Icon name="chevron-right"/></a> })}
            </span>
        </nav>
    }
}
