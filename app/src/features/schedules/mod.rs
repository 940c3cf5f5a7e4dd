//! The schedules of all databases, and the editor of those of one.

pub mod api;
mod cleanup;
pub mod editor;
pub mod facts;
mod limits;
#[cfg(feature = "ssr")]
mod on_the_server;
pub mod page;

pub use editor::ScheduleEditorPage;
pub use page::SchedulesPage;
