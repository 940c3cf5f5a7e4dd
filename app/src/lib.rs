//! The console: pages, their server functions and the parts they are made of. Renders on the server and wakes up in the browser.

pub mod error;
pub mod live;
pub mod live_types;
#[cfg(feature = "ssr")]
pub mod server;
