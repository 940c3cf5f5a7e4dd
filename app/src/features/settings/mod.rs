//! Settings: the tokens of programs, the people who have accounts (each has a page in `features/people`), and what holds for the installation. For
//! admins.

pub mod api;
mod facts;
pub mod new_token;
pub mod page;
mod people;
mod tokens;

pub use new_token::NewTokenPage;
pub use page::SettingsPage;
