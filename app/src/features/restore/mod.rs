//! Restore and undo: the plan with its impact, and the confirmation of exactly that plan. Progress and result are the job's page.

pub mod api;
#[cfg(feature = "ssr")]
mod facts;
pub mod impact;
pub mod page;
pub mod undo;
mod ways;

pub use page::RestorePage;
pub use undo::UndoPage;
