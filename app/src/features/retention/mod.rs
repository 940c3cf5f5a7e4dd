//! Retention: which backups of a database stay, tried out on the real ones; and cleaning up now.

pub mod api;
mod editor;
pub mod page;
mod preview;
mod timeline;

pub use page::RetentionPage;
