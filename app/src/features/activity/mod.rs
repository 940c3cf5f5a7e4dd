//! The activity log: who did what to what, when, with which result.

pub mod api;
pub mod filter;
pub mod page;

pub use page::ActivityPage;
