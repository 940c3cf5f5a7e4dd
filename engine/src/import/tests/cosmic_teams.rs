//! Cosmic Teams: what it left, made to the letter of its document, and what becomes of it.

use std::path::Path;

use serde_json::json;

use super::{image, put, sha256, zip_of};

pub(super) const EXPECTED: &[&str] = &[
    "daily 2023-10-11T10:00:00Z by cosmic-teams:  [] Good",
    "manual 2023-10-12T10:00:00Z by cosmic-teams:  [] Good",
    "safety 2023-10-13T10:00:00Z by cosmic-teams:  [] Good",
];

/// Zips in folders of their kinds.
pub(super) fn make(root: &Path) {
    for (number, kind) in [(1, "daily"), (2, "manual"), (3, "pre_restore")] {
        let image = image(number);
        let metadata = json!({
            "backup_type": kind, "timestamp": format!("2023101{number}_120000"), "created_at": format!("2023-10-1{number} 12:00:00"),
            "database_size": image.len(), "backup_hash": sha256(&image),
            "schema": {"users": {"columns": [{"name": "id", "type": "INTEGER"}, {"name": "name", "type": "TEXT"}], "row_count": 3}},
        });
        let zip =
            zip_of(&[("cosmic_teams.db", &image), ("metadata.json", metadata.to_string().as_bytes())], zip::CompressionMethod::Deflated);
        put(&root.join(kind).join(format!("backup_{kind}_2023101{number}_120000.zip")), zip);
    }
}
