//! What the import page shows and does.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

/// A file that was found, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLine {
    pub path: String,
    /// Which system laid it down, e.g. `chame`.
    pub from: String,
    /// Mark, tone and word: `✔ good import`.
    pub fate: Fate,
    /// Kind and time, or why not.
    pub what: String,
    pub size_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Import,
    Suspect,
    Skip,
    Refuse,
}

/// What an import would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanView {
    pub files: Vec<FileLine>,
    /// How many more there are than are shown.
    pub more: usize,
    pub summary: String,
    /// Whether there is anything to import.
    pub any: bool,
    /// Something in it is encrypted.
    pub encrypted: bool,
}

/// Everything on the page. The form is its address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportView {
    pub databases: Vec<String>,
    pub database: String,
    pub path: String,
    /// Names what was uploaded.
    pub upload: String,
    pub zone: String,
    /// Folders of the server that may be imported from.
    pub roots: Vec<String>,
    /// e.g. `4.0 GB`.
    pub upload_limit: String,
    pub plan: Option<PlanView>,
    /// By name of the field, what is wrong with it.
    pub faults: Vec<(String, String)>,
    /// Sent along, so that a form sent twice is one job.
    pub key: String,
}

/// Looks at what would be imported; changes nothing.
#[server(prefix = "/fn", endpoint = "import/plan")]
pub async fn plan(
    #[server(default)] db: String,
    #[server(default)] path: String,
    #[server(default)] upload: String,
    #[server(default)] zone: String,
) -> Result<ImportView, AppError> {
    crate::server::person_with(keepstone_model::access::Role::Operator)?;
    super::on_the_server::plan(super::on_the_server::Wish { db, path, upload, zone }).await
}

/// Queues the import and leads to its job.
#[server(prefix = "/fn", endpoint = "import/start")]
pub async fn start(
    db: String,
    #[server(default)] path: String,
    #[server(default)] upload: String,
    #[server(default)] zone: String,
    #[server(default)] password: String,
    #[server(default)] key: String,
) -> Result<(), AppError> {
    let person = crate::server::person_with(keepstone_model::access::Role::Operator)?;
    let wish = super::on_the_server::Wish { db, path, upload, zone };
    super::on_the_server::start(&person, wish, password, &key).await
}
