//! The schedules of all databases; read only for now.

pub mod api;
pub mod page;

pub use page::SchedulesPage;
