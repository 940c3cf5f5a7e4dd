//! `LoopIn`: what it left, made to the letter of its document, and what becomes of it.

use std::path::Path;

use serde_json::json;

use super::put;

/// Nothing is adopted.
pub(super) const EXPECTED: &[&str] = &[];

/// Dumps of PostgreSQL.
pub(super) fn make(root: &Path) {
    put(&root.join("loopin_backup_daily_20250824_020000.sql"), "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n");
    put(
        &root.join("loopin_backup_daily_20250824_020000.json"),
        json!({"backup_type": "daily", "timestamp": "20250824_020000"}).to_string(),
    );
}
