//! The pages, one folder for each area: `api.rs` (server functions and what they return), `page.rs`, and parts. Areas do not import each
//! other; they meet in `ui` and `routes`.

pub mod activity;
pub mod backups;
pub mod databases;
pub mod export;
pub mod import;
pub mod jobs;
pub mod overview;
pub mod people;
pub mod restore;
pub mod retention;
pub mod schedules;
pub mod search;
pub mod session;
pub mod settings;
pub mod storage;
pub mod trash;
