//! On the server: the page, in its place.

use leptos::prelude::*;

use super::{AREA, Refresh};

pub(super) fn show<V: IntoView + 'static>(page: &impl Fn() -> V, _refresh: Refresh) -> AnyView {
    let shared = Owner::current_shared_context();
    // No component of it is made again in the browser, so what its resource holds need not travel, nor take part in counting them.
    if let Some(shared) = &shared {
        shared.set_is_hydrating(false);
    }
    let page = page().into_any();
    if let Some(shared) = &shared {
        shared.set_is_hydrating(true);
    }
    view! { <div id=AREA>{page}</div> }.into_any()
}
