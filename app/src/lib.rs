//! The console: pages rendered on the server and hydrated in the browser, and the server functions behind them.
//!
//! `ui` holds the parts, `features` the pages (which do not import each other), `routes` says which page is where, `shell` the document
//! around them. What only the server knows stands in `server`; verbs and decisions are those of the engine and the model.
#![recursion_limit = "512"]
#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test may stop at once"))]

mod base;
pub mod error;
pub mod features;
pub mod live;
pub mod live_types;
mod local;
pub mod routes;
#[cfg(feature = "ssr")]
pub mod server;
#[cfg(feature = "ssr")]
pub mod shell;
pub mod ui;
#[cfg_attr(not(feature = "ssr"), expect(dead_code, reason = "most pages are written by the server alone, and so are their texts"))]
mod words;

pub use routes::App;
#[cfg(feature = "ssr")]
pub use shell::shell;
