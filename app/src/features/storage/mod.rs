//! Storage: what the vault takes of its disk, how that grew, and when it is full.

pub mod api;
mod charts;
pub mod page;

pub use page::StoragePage;
