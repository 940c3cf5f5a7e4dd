//! What the five predecessors left, made here to the letter of their documents; and the same, damaged.
//!
//! The samples also lie in `testdata/predecessors`, so that a change of this file cannot hide that old files are not read any more.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use keepstone_model::{
    backup::Backup,
    id::Kind,
    import::plan::{Decision, PlannedFile},
};
use proptest::prelude::*;
use rusqlite::Connection;
use serde_json::json;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::{
    Silent,
    backups::{self, BackupFilter},
    create::{CreateOptions, create},
    databases::{AddDatabaseOptions, add_database},
    restore::restore_file,
    sqlite::content_hash::content_hash,
    testing::{self, Fixture},
    verify::{VerifyOptions, verify},
};

const PASSWORD: &str = "a password of the old system";

/// A small database; the number makes each another one.
fn image(number: u32) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.db");
    let c = Connection::open(&path).unwrap();
    c.execute_batch(&format!(
        "CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE alembic_version(version_num TEXT);
         INSERT INTO alembic_version VALUES ('93d218e8012f'); INSERT INTO users(name) VALUES ('Ann'), ('Bob'), ('number {number}');"
    ))
    .unwrap();
    drop(c);
    fs::read(path).unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    crate::image::hex(&Sha256::digest(bytes))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn put(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn zip_of(entries: &[(&str, &[u8])], method: zip::CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// 1: zips in folders of their kinds.
fn cosmic(root: &Path) {
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

/// 2: plain databases in folders of their kinds, and a folder of metadata.
fn chame(root: &Path) {
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

/// 3: automatic, manual and unlabelled ones, a link to the latest, and a database that was corrupt.
fn crm(root: &Path) {
    put(&root.join("data_backup_AUTO_20251031_120000.db"), image(7));
    put(&root.join("data_backup_MANUAL_20251031_150000.db"), image(8));
    put(&root.join("data_backup_20251030_120000.db"), image(9));
    std::os::unix::fs::symlink("data_backup_AUTO_20251031_120000.db", root.join("data_latest.db")).unwrap();
    let mut corrupted = image(10);
    let length = corrupted.len();
    corrupted[length - 200..length - 100].fill(0xff);
    put(&root.join("corrupted_20251031_120500.db"), corrupted);
}

/// 4: every way in which it packs, with its metadata.
fn the_program(root: &Path) {
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

/// 5: dumps of PostgreSQL.
fn loopin(root: &Path) {
    put(&root.join("loopin_backup_daily_20250824_020000.sql"), "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n");
    put(
        &root.join("loopin_backup_daily_20250824_020000.json"),
        json!({"backup_type": "daily", "timestamp": "20250824_020000"}).to_string(),
    );
}

/// What nobody named: databases and scripts, packed and not.
fn bare(root: &Path) {
    put(&root.join("shop-20240101_000000.sqlite3"), image(20));
    put(&root.join("shop-20240102_000000.db.gz"), gzip(&image(21)));
    put(&root.join("shop-20240103_000000.db.zst"), zstd::encode_all(&image(22)[..], 3).unwrap());
    let script = "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t(a);\nINSERT INTO t VALUES('x;''y');\nCREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END;\nCOMMIT;\n";
    put(&root.join("shop-20240104_000000.sql"), script);
    put(&root.join("shop-20240105_000000.sql.gz"), gzip(script.replace("'x;", "'z;").as_bytes()));
    put(&root.join("notes.txt"), "no backup");
}

fn vault(name: &str) -> (Fixture, DatabaseId) {
    let f = testing::vault();
    let path = f.dir.path().join(format!("{name}.db"));
    fs::write(&path, image(0)).unwrap();
    let add = AddDatabaseOptions { location: path.display().to_string(), name: None, schedules: None, actor: "alice".to_owned() };
    let id = add_database(&f.vault, &add).unwrap().id;
    (f, id)
}

fn options(path: &Path, database: &DatabaseId) -> ImportOptions {
    ImportOptions {
        path: path.to_owned(),
        database: database.clone(),
        time_zone: Some("Europe/Berlin".to_owned()),
        passwords: vec![Password::new(PASSWORD), Password::new("wrong")],
        actor: "alice".to_owned(),
    }
}

fn imported(f: &Fixture, path: &Path, database: &DatabaseId) -> ImportReport {
    import(&f.vault, &options(path, database), &Silent).unwrap()
}

/// `kind time by creator: description [tags] state`, the oldest first.
fn listed(f: &Fixture) -> Vec<String> {
    let filter = BackupFilter {
        oldest_first: true,
        database: Some(crate::databases::databases(&f.vault).unwrap().remove(0).id),
        ..BackupFilter::default()
    };
    let told = |b: Backup| {
        let tags = b.tags.join(",");
        format!("{} {} by {}: {} [{tags}] {:?}", b.kind, b.created_at, b.created_by, b.description, b.verdict())
    };
    backups::list(&f.vault, &filter).unwrap().backups.into_iter().map(told).collect()
}

/// A folder's name, and what fills it.
type Sample = (&'static str, fn(&Path));

fn samples() -> [Sample; 6] {
    [("cosmic-teams", cosmic), ("chame", chame), ("crm", crm), ("the-program", the_program), ("loopin", loopin), ("bare", bare)]
}

fn expected(sample: &str) -> Vec<&'static str> {
    match sample {
        "cosmic-teams" => vec![
            "daily 2023-10-11T10:00:00Z by cosmic-teams:  [] Good",
            "manual 2023-10-12T10:00:00Z by cosmic-teams:  [] Good",
            "safety 2023-10-13T10:00:00Z by cosmic-teams:  [] Good",
        ],
        "chame" => vec![
            "weekly 2025-06-23T01:00:00Z by chame:  [] Good",
            "daily 2025-06-27T00:00:00Z by admin: Before migration [] Good",
            "manual 2025-06-27T12:30:22Z by admin: Before migration [] Good",
        ],
        "crm" => vec![
            "interval 2025-10-30T11:00:00Z by crm:  [] Good",
            "interval 2025-10-31T11:00:00Z by crm:  [] Good",
            "imported 2025-10-31T11:05:00Z by crm:  [] Suspect",
            "manual 2025-10-31T14:00:00Z by crm:  [] Good",
        ],
        "the-program" => vec![
            "manual 2023-11-10T14:30:22Z by the-program: Pre-deployment backup [production,pre-deployment] Good",
            "interval 2023-11-11T14:30:22Z by the-program: Pre-deployment backup [production,pre-deployment] Good",
            "interval 2023-11-12T14:30:22Z by the-program: Pre-deployment backup [production,pre-deployment] Good",
            "interval 2023-11-13T14:30:22Z by the-program: Pre-deployment backup [production,pre-deployment] Good",
        ],
        "bare" => vec![
            "imported 2023-12-31T23:00:00Z by file:  [] Good",
            "imported 2024-01-01T23:00:00Z by file:  [] Good",
            "imported 2024-01-02T23:00:00Z by file:  [] Good",
            "imported 2024-01-03T23:00:00Z by file:  [] Good",
            "imported 2024-01-04T23:00:00Z by file:  [] Good",
        ],
        _ => vec![],
    }
}

/// What lies in a folder: names, bytes, times.
fn picture(folder: &Path) -> Vec<(PathBuf, Vec<u8>, Option<std::time::SystemTime>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if entry.file_type().unwrap().is_dir() {
            found.extend(picture(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap(), entry.metadata().unwrap().modified().ok()));
        }
    }
    found.sort();
    found
}

#[test]
fn what_each_predecessor_left_is_adopted_whole_and_only_once() {
    cbc::FEWER.set(Some(2));
    for (sample, make) in samples() {
        let (f, id) = vault("chame");
        let root = f.dir.path().join("old");
        fs::create_dir(&root).unwrap();
        make(&root);
        let before = picture(&root);
        let own = create(&f.vault, &CreateOptions::new(id.clone(), "alice"), &Silent).unwrap().backup;
        imported(&f, &root, &id);
        let mut expected: Vec<String> = expected(sample).into_iter().map(str::to_owned).collect();
        let own_line = format!("manual {} by alice:  [] Good", own.created_at);
        expected.push(own_line);
        assert_eq!(listed(&f), expected, "{sample}");
        let again = imported(&f, &root, &id);
        assert_eq!(again.counts().0, 0, "{sample}: {:?}", again.files);
        assert_eq!(listed(&f), expected, "{sample}");
        assert_eq!(picture(&root), before, "{sample}: something was changed where it lay");
        let latest = backups::find(&f.vault, "latest", None).unwrap();
        assert_eq!(latest.id, own.id, "an own backup comes after every import");
        let filter = BackupFilter { database: Some(id.clone()), ..BackupFilter::default() };
        for backup in backups::list(&f.vault, &filter).unwrap().backups.into_iter().filter(|b| b.id != own.id) {
            assert!(backup.sequence < 1);
            let options = VerifyOptions::new(backup.id.clone(), "alice");
            let proof = verify(&f.vault, &options, &Silent).unwrap().proof;
            assert!(!proof.failed() || backup.suspect.is_some(), "{sample} {proof:?}");
            let detail = backups::detail(&f.vault, &backup.id).unwrap();
            let metadata = detail.metadata.unwrap();
            assert_eq!(metadata.origin.as_deref().unwrap().split(':').next(), Some(if sample == "bare" { "file" } else { sample }));
            if backup.suspect.is_none() {
                restore_file(
                    &detail.archive_path.unwrap(),
                    &crate::keys::Passwords::none(),
                    &f.dir.path().join(format!("{}.out", backup.id)),
                    &Silent,
                )
                .unwrap();
            }
        }
        // A vault that lost its catalog knows them again, and a third import still adds nothing.
        let backups_before = listed(&f);
        let (data, dir) = (f.vault.data_dir().to_owned(), f.dir);
        drop(f.vault);
        crate::vault::rebuild(&crate::vault::VaultOptions { data, backups: None, mode: crate::vault::OpenMode::Existing }, "alice")
            .unwrap();
        let f = Fixture { vault: testing::open(&dir), dir };
        assert_eq!(listed(&f), backups_before, "{sample}");
        assert_eq!(imported(&f, &root, &id).counts().0, 0, "{sample}");
    }
}

#[test]
fn the_samples_in_the_repository_are_still_read() {
    let samples_dir = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("testdata/predecessors");
    let mut named: Vec<_> =
        fs::read_dir(&samples_dir).unwrap().flatten().filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name()).collect();
    named.sort();
    let mut known: Vec<_> = samples().iter().map(|(name, _)| std::ffi::OsString::from(name)).collect();
    known.sort();
    assert_eq!(named, known);
    for (sample, _) in samples() {
        let (f, id) = vault("chame");
        imported(&f, &samples_dir.join(sample), &id);
        assert_eq!(listed(&f), expected(sample), "{sample}");
    }
}

/// `cargo test -p keepstone-engine write_the_samples -- --ignored` makes them anew, which only a new sample is a reason for.
#[test]
#[ignore = "writes into the checkout"]
fn write_the_samples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("testdata/predecessors");
    for (sample, make) in samples() {
        let folder = root.join(sample);
        fs::create_dir_all(&folder).unwrap();
        make(&folder);
    }
}

#[test]
fn each_is_restored_directly() {
    cbc::FEWER.set(Some(2));
    let dir = tempfile::tempdir().unwrap();
    the_program(dir.path());
    bare(dir.path());
    cosmic(dir.path());
    let restore = |file: &str, passwords: &[Password]| {
        let target = dir.path().join(format!("{}.restored", file.replace('/', "_")));
        restore_foreign(&dir.path().join(file), &target, passwords, &Silent).map(|report| (report, target))
    };
    let known = [Password::new(PASSWORD)];
    for (file, number) in
        [("backup_20231110_143022.db", 11), ("backup_20231113_143022.db.gz.enc", 14), ("daily/backup_daily_20231011_120000.zip", 1)]
    {
        let (report, target) = restore(file, &known).unwrap();
        assert_eq!(fs::read(&target).unwrap(), image(number), "{file}");
        assert_eq!(report.backup_hash, sha256(&image(number)));
    }
    assert!(is_foreign(&dir.path().join("shop-20240104_000000.sql")) && !is_foreign(&dir.path().join("none.db")));
    let (_, target) = restore("shop-20240104_000000.sql", &[]).unwrap();
    let value: String = Connection::open(target).unwrap().query_row("SELECT a FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(value, "x;'y");
    let code = |file: &str, passwords: &[Password]| restore(file, passwords).unwrap_err().code();
    assert_eq!(code("backup_20231112_143022.db.enc", &[]), "password_needed");
    assert_eq!(code("backup_20231112_143022.db.enc", &[Password::new("no")]), "wrong_password");
    assert_eq!(code("notes.txt", &[]), "not_a_backup");
    assert_eq!(code("backup_20231110_143022.db", &known), "target_exists");
    loopin(dir.path());
    assert_eq!(code("loopin_backup_daily_20250824_020000.sql", &[]), "postgres_not_supported");
    assert!(fs::read_dir(dir.path()).unwrap().flatten().all(|entry| !entry.file_name().to_string_lossy().ends_with(".tmp")));
}

#[test]
fn scripts_can_do_nothing_but_fill_their_file() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim.db");
    fs::write(&victim, image(1)).unwrap();
    let scripts = [
        format!("BEGIN; ATTACH '{}' AS v; DELETE FROM v.users;", victim.display()),
        "CREATE TABLE t(a); INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n;".to_owned(),
        "CREATE TABLE t(a); SELECT load_extension('/tmp/x.so');".to_owned(),
        "BEGIN; CREATE TABLE t(a); INSERT INTO t VALUES (1); ROLLBACK;".to_owned(),
        "BEGIN; CREATE TABLE t(a);".to_owned(),
        "CREATE TABLE t(a); INSERT INTO t VALUES ('x".to_owned(),
        "CREATE VIRTUAL TABLE t USING sqlite_dbpage; ".to_owned(),
        "CREATE TABLE t(a); UPDATE sqlite_dbpage SET data = zeroblob(4096);".to_owned(),
        "CREATE TABLE t(a); VACUUM INTO '/tmp/keepstone-must-not-be.db';".to_owned(),
        "CREATE TABLE t(a);\n.shell touch /tmp/keepstone-must-not-be\n;".to_owned(),
        "PRAGMA writable_schema=ON; CREATE TABLE t(a); UPDATE sqlite_schema SET rootpage = 1, sql = 'CREATE TABLE t(a, b)'; INSERT INTO t VALUES (1);".to_owned(),
    ];
    for script in scripts {
        let file = dir.path().join("evil.sql");
        fs::write(&file, &script).unwrap();
        let target = dir.path().join("out.db");
        let error = restore_foreign(&file, &target, &[], &Silent).expect_err(&script);
        assert_eq!(error.code(), "damaged", "{script}: {error}");
        assert!(!target.exists(), "{script}");
    }
    assert_eq!(fs::read(&victim).unwrap(), image(1));
    assert!(!Path::new("/tmp/keepstone-must-not-be").exists() && !Path::new("/tmp/keepstone-must-not-be.db").exists());
}

#[test]
fn a_script_of_an_export_gives_the_same_content_back() {
    let (f, id) = vault("shop");
    let live = f.dir.path().join("shop.db");
    Connection::open(&live)
        .unwrap()
        .execute_batch("CREATE VIRTUAL TABLE notes USING fts5(a); INSERT INTO notes VALUES ('quick fox'); CREATE TABLE seq(id INTEGER PRIMARY KEY AUTOINCREMENT, v); INSERT INTO seq(v) VALUES (X'00'), (1e999), ('a' || char(13, 10, 0)); CREATE TRIGGER t AFTER DELETE ON seq BEGIN SELECT 1; END;")
        .unwrap();
    let script = f.dir.path().join("shop.sql.zst");
    let export = crate::export::ExportOptions {
        source: crate::export::ExportSource::Database(id),
        format: keepstone_model::export::ExportFormat::Sql,
        tables: Vec::new(),
        include_sensitive: true,
        actor: "alice".to_owned(),
    };
    crate::export::export(&f.vault, &export, &script, &Silent).unwrap();
    let target = f.dir.path().join("again.db");
    restore_foreign(&script, &target, &[], &Silent).unwrap();
    let hash = |path: &Path| content_hash(path, &Silent).unwrap();
    assert_eq!(hash(&target), hash(&live));
}

fn decided(f: &Fixture, path: &Path, id: &DatabaseId) -> Vec<String> {
    let told = |file: PlannedFile| match file.decision {
        Decision::Adopt(adoption) => format!("{}: {}", file.path, adoption.kind),
        Decision::Skip { reason } => format!("{}: skip {reason}", file.path),
        Decision::Refuse { code, .. } => format!("{}: {code}", file.path),
    };
    plan_import(&f.vault, &options(path, id), &Silent).unwrap().into_iter().map(told).collect()
}

#[test]
fn what_is_in_use_or_leads_elsewhere_is_not_touched() {
    let (f, id) = vault("shop");
    let root = f.dir.path();
    let open = Connection::open(root.join("app.db")).unwrap();
    open.execute_batch("PRAGMA journal_mode=wal; CREATE TABLE t(a); INSERT INTO t VALUES (1);").unwrap();
    fs::hard_link(root.join("shop.db"), root.join("same.db")).unwrap();
    fs::write(root.join("zero.db"), "").unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("secret.db"), image(5)).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("secret.db"), root.join("link.db")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, root.join("pipe.db"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let mut found = decided(&f, root, &id);
    found.sort();
    let expected = [
        "app.db: in_use",
        "link.db: skip a link to what lies outside of the folder",
        "same.db: in_use",
        "shop.db: skip a link to same.db",
        "zero.db: empty",
    ];
    assert_eq!(found, expected);
    // The vault itself lies in that folder, and nothing of it was offered; its own archives cannot be named either.
    let own = f.vault.backups_dir().join("shop");
    fs::create_dir_all(&own).unwrap();
    assert_eq!(plan_import(&f.vault, &options(&own, &id), &Silent).unwrap_err().code(), "invalid");
    let zone = ImportOptions { time_zone: Some("Mars/Olympus".to_owned()), ..options(root, &id) };
    assert_eq!(import(&f.vault, &zone, &Silent).unwrap_err().code(), "invalid");
}

#[test]
fn archives_of_another_vault_are_imported_with_what_its_notes_say() {
    let (other, other_id) = vault("till");
    let made = CreateOptions { description: "old".to_owned(), kind: Kind::Weekly, pin: true, ..CreateOptions::new(other_id, "carol") };
    let made = create(&other.vault, &made, &Silent).unwrap().backup;
    let edit = backups::EditBackupOptions { description: Some("new".to_owned()), actor: "carol".to_owned(), ..Default::default() };
    backups::edit(&other.vault, &made.id, &edit).unwrap();
    let (f, id) = vault("shop");
    let report = imported(&f, other.vault.data_dir(), &id);
    assert_eq!(report.counts().0, 1, "{:?}", report.files);
    assert_eq!(listed(&f), [format!("weekly {} by carol: new [] Good", made.created_at)]);
    let backup = backups::list(&f.vault, &BackupFilter::default()).unwrap().backups.remove(0);
    assert!(backup.pinned);
    let detail = backups::detail(&f.vault, &backup.id).unwrap().metadata.unwrap();
    assert_eq!(detail.origin, Some(format!("keepstone: {}", made.id)));
    // The zip by itself is the same one.
    assert_eq!(imported(&f, &other.vault.archive_path(&made.id), &id).counts().1, 1);
}

#[test]
fn what_does_not_fit_its_metadata_is_refused_and_stops_nothing() {
    cbc::FEWER.set(Some(2));
    let (f, id) = vault("chame");
    let root = f.dir.path().join("old");
    chame(&root);
    the_program(&root);
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
    chame(&root);
    let stopped = import(&f.vault, &options(&root, &id), &StopAtSecond(0.into())).unwrap_err();
    assert_eq!(stopped.code(), "cancelled");
    assert_eq!(listed(&f).len(), 1);
    let report = imported(&f, &root, &id);
    assert_eq!((report.counts().0, report.counts().1), (2, 1));
    assert_eq!(listed(&f), expected("chame"));
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
