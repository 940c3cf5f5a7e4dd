//! The Program: what it left, made to the letter of its document, and what becomes of it.

use std::path::Path;

use serde_json::json;

use super::{PASSWORD, gzip, image, put, sha256};
use crate::import::cbc;

pub(super) const EXPECTED: &[&str] = &[
    "manual 2023-11-10T14:30:22Z by the-program: Pre-deployment backup [production,pre-deployment] Good",
    "interval 2023-11-11T14:30:22Z by the-program: Pre-deployment backup [production,pre-deployment] Good",
    "interval 2023-11-12T14:30:22Z by the-program: Pre-deployment backup [production,pre-deployment,unauthenticated] Good",
    "interval 2023-11-13T14:30:22Z by the-program: Pre-deployment backup [production,pre-deployment,unauthenticated] Good",
];

/// Every way in which it packs, with its metadata.
pub(super) fn make(root: &Path) {
    for (number, endings) in ["db", "db.gz", "db.enc", "db.gz.enc"].into_iter().enumerate() {
        let number = u32::try_from(number).unwrap();
        let (image, id) = (image(11 + number), format!("backup_2023111{number}_143022"));
        let mut bytes = image.clone();
        if endings.contains("gz") {
            bytes = gzip(&bytes);
        }
        if endings.contains("enc") {
            bytes = cbc::encrypt(&bytes, PASSWORD, [7; 16], [u8::try_from(number).unwrap(); 16]);
        }
        let metadata = json!({
            "backup_id": id, "filename": format!("{id}.{endings}"), "created_at": format!("2023-11-1{number}T14:30:22.000Z"),
            "backup_type": if number == 0 { "manual" } else { "scheduled" }, "status": "verified", "original_size": image.len(),
            "compressed_size": bytes.len(), "encrypted": endings.contains("enc"), "compressed": endings.contains("gz"),
            // Once of the file and once of the database: the document does not say of which.
            "checksum": if number % 2 == 0 { sha256(&bytes) } else { sha256(&image) }, "checksum_algorithm": "sha256",
            "schema_version": "93d218e8012f", "table_counts": {"users": 3, "alembic_version": 1}, "total_records": 4,
            "description": "Pre-deployment backup", "tags": ["production", "pre-deployment"], "verified": true,
            "verification_date": "2023-11-16T14:35:00.000Z", "verification_errors": [],
        });
        put(&root.join(format!("{id}.{endings}")), bytes);
        put(&root.join(".metadata").join(format!("{id}.json")), metadata.to_string());
    }
}
