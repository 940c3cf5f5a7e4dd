//! Backups: the list, one backup with all that is known of it, and making a new one.

pub mod api;
pub mod bulk;
pub mod calendar;
pub mod detail;
pub mod edit;
#[cfg(feature = "ssr")]
mod facts;
pub mod list;
pub mod new;
mod new_server;
pub mod page;
pub mod selected;

pub use list::BackupsPage;
pub use new::NewBackupPage;
pub use page::BackupPage;
pub use selected::SelectedPage;
