//! The index of everything: `<data>/catalog.sqlite`. All SQL of the catalog stays below this folder.

mod backups;
mod jobs;
mod live;
mod users;
mod watch;

pub(crate) use jobs::JobRow;
pub use live::Live;
pub use users::{Session, SetupLink, User};
pub use watch::{Change, Watch};

/// The open catalog: WAL, synchronous=FULL. What is written is durable when the call returns.
#[derive(Debug)]
pub struct Catalog {}
