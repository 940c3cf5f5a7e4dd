//! What an export would hold.

use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::AppError;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableLine {
    pub name: String,
    pub row_count: u64,
    /// Columns that are exported.
    pub columns: Vec<String>,
    /// Columns that look sensitive.
    pub sensitive: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportView {
    /// The id of the database or of the backup.
    pub id: String,
    pub of_backup: bool,
    pub tables: Vec<TableLine>,
    /// Whether the person may take the sensitive columns along.
    pub may_have_all: bool,
}

/// The tables, and which of their columns look sensitive.
#[server(prefix = "/fn", endpoint = "export/show")]
pub async fn show(id: String, of_backup: bool) -> Result<ExportView, AppError> {
    use keepstone_engine::export::{ExportSource, outline};
    use keepstone_model::access::Role;

    let person = crate::server::person_with(Role::Operator)?;
    let unknown = || crate::server::answer(AppError::not_found());
    let source = if of_backup {
        ExportSource::Backup(id.parse().map_err(|_| unknown())?)
    } else {
        ExportSource::Database(id.parse().map_err(|_| unknown())?)
    };
    let found = crate::server::blocking(move |vault| outline(vault, &source)).await?;
    let tables = found.into_iter().map(|table| {
        let (sensitive, columns): (Vec<_>, Vec<_>) = table.columns.into_iter().partition(|(_, sensitive)| *sensitive);
        let names = |columns: Vec<(String, bool)>| columns.into_iter().map(|(name, _)| name).collect();
        TableLine { name: table.name, row_count: table.row_count, columns: names(columns), sensitive: names(sensitive) }
    });
    Ok(ExportView { id, of_backup, tables: tables.collect(), may_have_all: person.role >= Role::Admin })
}
