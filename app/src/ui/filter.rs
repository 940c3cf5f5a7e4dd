//! The filter of a list. On a phone it would take half of the screen: there it is folded away behind its name, unless something is filtered.

use leptos::prelude::*;

use super::Icon;
use crate::words::shared;

/// Around the form of a filter.
#[component]
pub fn FilterFold(active: bool, children: Children) -> impl IntoView {
    view! {
        <details class="filter-fold" open=active>
            <summary class="button"><Icon name="filter"/>{shared::filter()}</summary>
            {children()}
        </details>
    }
}
