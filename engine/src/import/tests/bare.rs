//! Files that no system named: databases and scripts, packed and not.

use std::path::Path;

use super::{gzip, image, put};

pub(super) const EXPECTED: &[&str] = &[
    "imported 2023-12-31T23:00:00Z by file:  [] Good",
    "imported 2024-01-01T23:00:00Z by file:  [] Good",
    "imported 2024-01-02T23:00:00Z by file:  [] Good",
    "imported 2024-01-03T23:00:00Z by file:  [] Good",
    "imported 2024-01-04T23:00:00Z by file:  [] Good",
];

/// What nobody named: databases and scripts, packed and not.
pub(super) fn make(root: &Path) {
    put(&root.join("shop-20240101_000000.sqlite3"), image(20));
    put(&root.join("shop-20240102_000000.db.gz"), gzip(&image(21)));
    put(&root.join("shop-20240103_000000.db.zst"), zstd::encode_all(&image(22)[..], 3).unwrap());
    let script = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\nINSERT INTO t VALUES('x;''y');\nCREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END;\nCOMMIT;\n";
    put(&root.join("shop-20240104_000000.sql"), script);
    put(&root.join("shop-20240105_000000.sql.gz"), gzip(script.replace("'x;", "'z;").as_bytes()));
    put(&root.join("notes.txt"), "no backup");
}
