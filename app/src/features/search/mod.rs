//! The search of everything: databases, backups, jobs, people and the console's own pages, by a piece of their name.

pub mod api;
pub mod page;
#[cfg(feature = "ssr")]
mod places;

pub use page::SearchPage;
