//! Taking in what other backup systems left: from a folder of the server or by upload; first the plan, then the job.

pub mod api;
#[cfg(feature = "ssr")]
mod on_the_server;
pub mod page;

pub use page::ImportPage;
