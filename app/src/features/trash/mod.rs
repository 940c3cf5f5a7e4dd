//! The trash: what was deleted, until when it can be put back, and putting it back.

pub mod api;
pub mod page;

pub use page::TrashPage;
