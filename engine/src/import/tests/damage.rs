//! What does not fit, is damaged, or is cut off in the middle.

use std::fs;

use proptest::prelude::*;
use serde_json::json;

use super::{PASSWORD, chame, gzip, image, imported, listed, options, put, sha256, the_program, vault, zip_of};
use crate::{
    Error, Monitor, Silent,
    import::{Outcome, Password, cbc, import, restore_foreign},
};

#[test]
fn what_does_not_fit_its_metadata_is_refused_and_stops_nothing() {
    cbc::FEWER.set(Some(2));
    let (f, id) = vault("chame");
    let root = f.dir.path().join("old");
    chame::make(&root);
    the_program::make(&root);
    let daily = root.join("daily/chame_backup_daily_20250627_020000.db");
    fs::write(&daily, image(99)).unwrap();
    let cut = root.join("backup_20231110_143022.db");
    fs::write(&cut, &image(11)[..5000]).unwrap();
    put(&root.join(".metadata/backup_20231111_143022.json"), json!({"table_counts": {"users": 4}}).to_string());
    let flipped = root.join("backup_20231112_143022.db.enc");
    let mut bytes = fs::read(&flipped).unwrap();
    let length = bytes.len();
    bytes[length - 40] ^= 1;
    fs::write(&flipped, bytes).unwrap();
    let bomb = root.join("backup_20240101_000000.db.gz");
    let mut image_bytes = image(50);
    image_bytes.resize(70 << 20, 0);
    fs::write(&bomb, gzip(&image_bytes)).unwrap();
    let report = imported(&f, &root, &id);
    let refused: Vec<String> = report
        .files
        .iter()
        .filter_map(|file| if let Outcome::Refused { code, .. } = &file.outcome { Some(format!("{}: {code}", file.path)) } else { None })
        .collect();
    let expected = [
        "backup_20231110_143022.db: damaged",
        "backup_20231111_143022.db.gz: counts_differ",
        "backup_20231112_143022.db.enc: checksum_mismatch",
        "backup_20240101_000000.db.gz: too_large",
        "daily/chame_backup_daily_20250627_020000.db: checksum_mismatch",
    ];
    let mut sorted = refused.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    assert_eq!(report.counts().0, 3, "{:?}", report.files);
}

/// Says stop when the second file begins.
struct StopAtSecond(std::sync::atomic::AtomicUsize);
impl Monitor for StopAtSecond {
    fn log(&self, line: &str) {
        if line.contains("imported as") {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    }
    fn cancelled(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed) > 0
    }
}

#[test]
fn an_import_that_was_killed_goes_on() {
    let (f, id) = vault("chame");
    let root = f.dir.path().join("old");
    chame::make(&root);
    let stopped = import(&f.vault, &options(&root, &id), &StopAtSecond(0.into())).unwrap_err();
    assert_eq!(stopped.code(), "cancelled");
    assert_eq!(listed(&f).len(), 1);
    let report = imported(&f, &root, &id);
    assert_eq!((report.counts().0, report.counts().1), (2, 1));
    assert_eq!(listed(&f), chame::EXPECTED);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Damage is refused or harmless: what comes out is the database that went in, or nothing.
    #[test]
    fn damaged_samples_never_give_something_else(which in 0_usize..5, at: prop::sample::Index, with in 1_u8..=255, cut: bool) {
        cbc::FEWER.set(Some(2));
        let dir = tempfile::tempdir().unwrap();
        let good = image(1);
        let metadata = json!({"backup_hash": sha256(&good), "created_at": "2023-10-16 12:00:00"}).to_string();
        let (name, mut bytes) = match which {
            0 => ("a.zip", zip_of(&[("a.db", &good), ("metadata.json", metadata.as_bytes())], zip::CompressionMethod::Deflated)),
            1 => ("backup_20231116_143022.db.gz.enc", cbc::encrypt(&gzip(&good), PASSWORD, [1; 16], [2; 16])),
            2 => ("backup_20231116_143022.db.gz", gzip(&good)),
            3 => ("a.sql", b"BEGIN;CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT);INSERT INTO users VALUES(1,'Ann');COMMIT;".to_vec()),
            _ => ("a.db.zst", zstd::encode_all(&good[..], 1).unwrap()),
        };
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= with }
        put(&dir.path().join(name), &bytes);
        if which != 0 && which != 3 {
            put(&dir.path().join(format!("metadata/{name}.json")), json!({"checksum": sha256(&good)}).to_string());
        }
        let target = dir.path().join("out.db");
        match restore_foreign(&dir.path().join(name), &target, &[Password::new(PASSWORD)], &Silent) {
            // The hash may have been what was damaged: then it is not compared, and the rest was.
            Ok(_) if which == 3 => {}
            Ok(_) => prop_assert_eq!(fs::read(&target).unwrap(), good),
            Err(error) => {
                prop_assert!(!target.exists());
                prop_assert!(!matches!(error, Error::Internal(_) | Error::Io { .. }), "{}", error);
            }
        }
    }
}
