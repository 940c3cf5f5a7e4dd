//! The CRM: what it left, made to the letter of its document, and what becomes of it.

use std::path::Path;

use super::{image, put};

pub(super) const EXPECTED: &[&str] = &[
    "interval 2025-10-30T11:00:00Z by crm:  [] Good",
    "interval 2025-10-31T11:00:00Z by crm:  [] Good",
    "imported 2025-10-31T11:05:00Z by crm:  [] Suspect",
    "manual 2025-10-31T14:00:00Z by crm:  [] Good",
];

/// Automatic, manual and unlabelled ones, a link to the latest, and a database that was corrupt.
pub(super) fn make(root: &Path) {
    put(&root.join("data_backup_AUTO_20251031_120000.db"), image(7));
    put(&root.join("data_backup_MANUAL_20251031_150000.db"), image(8));
    put(&root.join("data_backup_20251030_120000.db"), image(9));
    std::os::unix::fs::symlink("data_backup_AUTO_20251031_120000.db", root.join("data_latest.db")).unwrap();
    let mut corrupted = image(10);
    let length = corrupted.len();
    corrupted[length - 200..length - 100].fill(0xff);
    put(&root.join("corrupted_20251031_120500.db"), corrupted);
}
