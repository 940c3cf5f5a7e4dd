//! Jobs: the list, and one job with its steps, live progress, log and what to do next.

pub mod api;
pub mod list;
pub mod live_progress;
pub mod page;

pub use list::JobsPage;
pub use page::JobPage;
