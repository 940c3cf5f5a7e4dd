//! The first page: is everything safe, and what is to be done now?

pub mod api;
pub mod facts;
pub mod page;
pub mod parts;

pub use page::OverviewPage;
