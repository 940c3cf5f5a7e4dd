//! Settings: the tokens of programs, the people who have accounts (each has a page in `features/people`), and what this installation is. For
//! admins.

pub mod api;
pub mod page;
mod people;
mod tokens;

pub use page::SettingsPage;
