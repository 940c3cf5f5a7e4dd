//! Databases under protection: the list, one of them, adding and removing.

pub mod add;
pub mod api;
pub mod detail;
pub mod list;
pub mod parts;

pub use add::AddDatabasePage;
pub use detail::DatabasePage;
pub use list::DatabasesPage;
