//! Chame: what it left, made to the letter of its document, and what becomes of it.

use std::path::Path;

use serde_json::json;

use super::{image, put, sha256};

pub(super) const EXPECTED: &[&str] = &[
    "weekly 2025-06-23T01:00:00Z by chame:  [] Good",
    "daily 2025-06-27T00:00:00Z by admin: Before migration [] Good",
    "manual 2025-06-27T12:30:22Z by admin: Before migration [] Good",
];

/// Plain databases in folders of their kinds, and a folder of metadata.
pub(super) fn make(root: &Path) {
    for (number, kind, time, iso) in [
        (4, "daily", "20250627_020000", "2025-06-27T02:00:00"),
        (5, "weekly", "20250623_030000", "2025-06-23T03:00:00"),
        (6, "manual", "20250627_143022", "2025-06-27T14:30:22"),
    ] {
        let (image, name) = (image(number), format!("chame_backup_{kind}_{time}.db"));
        put(&root.join(kind).join(&name), &image);
        // The weekly one has lost its metadata.
        if kind != "weekly" {
            let metadata = json!({"timestamp": iso, "backup_type": kind, "database_version": "1", "file_size": image.len(),
                "checksum": sha256(&image), "description": "Before migration", "created_by": "admin"});
            put(&root.join("metadata").join(format!("{name}.json")), metadata.to_string());
        }
    }
}
