//! What the five predecessors left, made here to the letter of their documents; and the same, damaged.
//!
//! The samples also lie in `testdata/predecessors`, so that a change of this file cannot hide that old files are not read any more.

mod bare;
mod chame;
mod cosmic_teams;
mod crm;
mod damage;
mod direct;
mod loopin;
mod own;
mod places;
mod scripts;
mod the_program;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use keepstone_model::backup::Backup;
use rusqlite::Connection;
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::{
    Silent,
    backups::{self, BackupFilter},
    create::{CreateOptions, create},
    databases::{AddDatabaseOptions, add_database},
    restore::restore_file,
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

/// A folder's name, what fills it, and what becomes of that.
type Sample = (&'static str, fn(&Path), &'static [&'static str]);

fn samples() -> [Sample; 5] {
    [
        ("cosmic-teams", cosmic_teams::make, cosmic_teams::EXPECTED),
        ("chame", chame::make, chame::EXPECTED),
        ("crm", crm::make, crm::EXPECTED),
        ("the-program", the_program::make, the_program::EXPECTED),
        ("bare", bare::make, bare::EXPECTED),
    ]
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
    for (sample, make, expected) in samples() {
        let (f, id) = vault("chame");
        let root = f.dir.path().join("old");
        fs::create_dir(&root).unwrap();
        make(&root);
        let before = picture(&root);
        let own = create(&f.vault, &CreateOptions::new(id.clone(), "alice"), &Silent).unwrap().backup;
        imported(&f, &root, &id);
        let mut expected: Vec<String> = expected.iter().map(|&line| line.to_owned()).collect();
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
    let mut known: Vec<_> = samples().iter().map(|(name, ..)| std::ffi::OsString::from(name)).chain(["loopin".into()]).collect();
    known.sort();
    assert_eq!(named, known);
    for (sample, _, expected) in samples() {
        let (f, id) = vault("chame");
        imported(&f, &samples_dir.join(sample), &id);
        assert_eq!(listed(&f), expected, "{sample}");
    }
    let (f, id) = loopin::vault_of_a_server();
    imported(&f, &samples_dir.join("loopin"), &id);
    assert_eq!(listed(&f), loopin::EXPECTED);
}

/// `cargo test -p keepstone-engine write_the_samples -- --ignored` makes them anew, which only a new sample is a reason for.
#[test]
#[ignore = "writes into the checkout"]
fn write_the_samples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("testdata/predecessors");
    for (sample, make) in samples().map(|(sample, make, _)| (sample, make)).into_iter().chain([("loopin", loopin::make as fn(&Path))]) {
        let folder = root.join(sample);
        fs::create_dir_all(&folder).unwrap();
        make(&folder);
    }
}
