//! Pages that only the server writes. The browser shows their HTML and fetches it anew when the address changes or something happened; what
//! such a page is made of (its views, its facts, how they are read) is in no bundle.
//!
//! Most pages are read, and their forms and links work by themselves: they gain nothing from a second copy of themselves in WASM. A page that
//! moves while one looks at it, or answers at once, is hydrated as usual instead.

#[cfg(feature = "hydrate")]
mod browser;
#[cfg(feature = "hydrate")]
mod refused;
#[cfg(not(feature = "hydrate"))]
mod server;
#[cfg(feature = "hydrate")]
mod tally;

#[cfg(feature = "hydrate")]
use browser::show;
use leptos::prelude::*;
#[cfg(not(feature = "hydrate"))]
use server::show;

/// Where the page's HTML stands in a document: there the browser finds it in what it fetched.
const AREA: &str = "served";

/// Whether the page is fetched anew when something in the catalog changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    Live,
    /// What is on it is read or filled in first: it stays as it was.
    Never,
}

/// The view of a route whose page the server writes.
pub fn served<V: IntoView + 'static>(
    page: impl Fn() -> V + Clone + Send + Sync + 'static,
    refresh: Refresh,
) -> impl Fn() -> AnyView + Clone + Send + Sync + 'static {
    move || show(&page, refresh)
}
