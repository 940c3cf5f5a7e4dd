//! The pages, one folder for each area: `api.rs` (server functions and what they return), `page.rs`, and parts. Areas do not import each
//! other; they meet in `ui` and `routes`.

pub mod backups;
pub mod jobs;
pub mod restore;
pub mod trash;
