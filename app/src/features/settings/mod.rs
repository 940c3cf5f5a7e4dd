//! Settings: the tokens of programs, the people who have accounts, and what this installation is. For admins.

pub mod api;
#[cfg(feature = "ssr")]
mod made;
pub mod page;
mod tokens;

pub use page::SettingsPage;
