//! Taking the rows of a database or a backup out, as JSON, CSV or SQL. The file itself is the server's: `server/src/http/exports.rs`.

pub mod api;
pub mod page;

pub use page::ExportPage;
