//! Damage: every byte, every cut, every addition is found; versions and variants that this program cannot read are told apart from it.

use std::{fs::OpenOptions, os::unix::fs::FileExt};

use super::{super::container::Container, *};

fn must_be_corrupt(path: &Path, what: &str) {
    match read(path) {
        Err(Error::ArchiveCorrupt { .. }) => {}
        other => panic!("{what}: {:?}", other.map(|image| image.len())),
    }
}

#[test]
fn every_changed_byte_is_found() {
    for compression in ALL {
        let (_folder, path) = archive(&image(600, 5), compression);
        let sound = fs::read(&path).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        for (at, &byte) in sound.iter().enumerate() {
            for flip in [1 << (at % 8), 0xff] {
                file.write_all_at(&[byte ^ flip], at as u64).unwrap();
                must_be_corrupt(&path, &format!("{compression:?}: byte {at} of {} ^ {flip:#x}", sound.len()));
            }
            file.write_all_at(&[byte], at as u64).unwrap();
        }
        read(&path).unwrap();
    }
}

#[test]
fn every_cut_and_every_addition_is_found() {
    for compression in ALL {
        let (_folder, path) = archive(&image(600, 6), compression);
        let sound = fs::read(&path).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        for length in (0..sound.len()).rev() {
            file.set_len(length as u64).unwrap();
            must_be_corrupt(&path, &format!("{compression:?}: cut to {length} of {}", sound.len()));
        }
        for extra in [&b"\0"[..], b"\n", b"PK\x05\x06", &sound] {
            fs::write(&path, [&sound[..], extra].concat()).unwrap();
            must_be_corrupt(&path, "appended");
            fs::write(&path, [extra, &sound[..]].concat()).unwrap();
            must_be_corrupt(&path, "prepended");
        }
        for at in (1..sound.len()).step_by(7) {
            fs::write(&path, [&sound[..at], b"x", &sound[at..]].concat()).unwrap();
            must_be_corrupt(&path, "inserted");
            fs::write(&path, [&sound[..at - 1], &sound[at..]].concat()).unwrap();
            must_be_corrupt(&path, "taken out");
        }
    }
}

/// A zip as our writer makes it, of any payload and metadata.
pub(super) fn forge(payload_entry: &str, payload: &[u8], metadata: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forged.zip");
    let mut container = Container::begin(fs::File::create(&path).unwrap(), payload_entry).unwrap();
    container.write(payload).unwrap();
    container.finish(metadata.as_bytes()).unwrap();
    (folder, path)
}

#[test]
fn a_newer_version_is_refused_by_its_number_alone() {
    let (_folder, path) = forge("something.else", b"?", r#"{"new": true, "format_version": 2}"#);
    let outcome = Archive::open(&path).unwrap_err();
    assert!(matches!(outcome, Error::ArchiveTooNew { found: 2, known: FORMAT_VERSION, .. }), "{outcome:?}");
    let (_folder, path) = forge("something.else", b"?", r#"{"format_version": 99999999999}"#);
    assert!(matches!(Archive::open(&path), Err(Error::ArchiveTooNew { .. })), "however large it is");
    let (_folder, path) = forge("database.sqlite", b"?", r#"{"format_version": 0}"#);
    assert!(matches!(Archive::open(&path), Err(Error::ArchiveCorrupt { .. })));
}

#[test]
fn a_newer_version_with_more_entries_is_still_a_newer_version() {
    use zip::{ZipWriter, write::SimpleFileOptions};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("newer.zip");
    let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
    for (name, content) in [("pages.index", "?"), ("pages.data", "??"), ("metadata.json", r#"{"format_version": 3}"#)] {
        zip.start_file(name, SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored)).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
    assert!(matches!(Archive::open(&path), Err(Error::ArchiveTooNew { found: 3, .. })));
}

#[test]
fn a_name_that_does_not_fit_the_metadata_is_damage() {
    for (entry, metadata) in [
        ("database.sqlite.zst.enc", r#"{"format_version": 1}"#),
        ("database.sqlite.zst.enc", r#"{"format_version": 1, "encrypted": true}"#),
        ("database.sqlite.zst", r#"{"format_version": 1, "encrypted": true}"#),
        ("database.dump.enc", r#"{"format_version": 1, "encrypted": true}"#),
        ("database.dump", r#"{"format_version": 1}"#),
        ("database.sql.gz", r#"{"format_version": 1}"#),
        ("database.sql.zip", r#"{"format_version": 1}"#),
    ] {
        let (_folder, path) = forge(entry, b"?", metadata);
        assert!(matches!(Archive::open(&path), Err(Error::ArchiveCorrupt { .. })), "{entry}");
    }
    for entry in ["database.sqlitf.zst", "database.sql.xz", "../database.sqlite", "", ".enc"] {
        let (_folder, path) = forge(entry, b"?", r#"{"format_version": 1}"#);
        assert!(matches!(Archive::open(&path), Err(Error::ArchiveCorrupt { .. })), "{entry}");
    }
}

/// An entry's name and content.
type Named<'a> = (&'a str, &'a [u8]);

/// A zip of these entries, all stored; names that the writer would not take twice are put in afterwards.
fn zip_of(entries: &[Named<'_>]) -> (TempDir, PathBuf) {
    use zip::{ZipWriter, write::SimpleFileOptions};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forged.zip");
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored).large_file(true);
    let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
    let stand_in = |number: usize, name: &str| format!("{number}{}", "_".repeat(name.len() - 1));
    for (number, (name, content)) in entries.iter().enumerate() {
        zip.start_file(stand_in(number, name), options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    for (number, (name, _)) in entries.iter().enumerate() {
        let wrong = stand_in(number, name).into_bytes();
        while let Some(at) = bytes.windows(wrong.len()).position(|window| window == wrong) {
            bytes[at..at + wrong.len()].copy_from_slice(name.as_bytes());
        }
    }
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

#[test]
fn doubled_swapped_and_traversing_entries_are_refused() {
    let sound = claim(Compression::None, b"page", 4, |_| {});
    let metadata = serde_json::to_string(Archive::open(&sound.1).unwrap().metadata()).unwrap();
    let payload: Named = ("database.sqlite", b"page");
    let other: Named = ("database.sqlite", b"evil");
    let metadata: Named = ("metadata.json", metadata.as_bytes());
    for (what, entries) in [
        ("two payloads", vec![payload, other, metadata]),
        ("two payloads, the other way", vec![other, payload, metadata]),
        ("two metadata", vec![payload, metadata, metadata]),
        ("no payload", vec![metadata]),
        ("swapped", vec![metadata, payload]),
        ("nothing", vec![]),
        ("traversing", vec![("../../etc/passwd", b"page"), metadata]),
        ("absolute", vec![("/etc/passwd", b"page"), metadata]),
        ("traversing to the right name", vec![("./database.sqlite", b"page"), metadata]),
        ("one more that traverses", vec![payload, ("../../x", b"x"), metadata]),
        ("a folder", vec![("database.sqlite/", b""), metadata]),
        ("with a zero byte", vec![("database.sqlite\0", b"page"), metadata]),
    ] {
        let (_folder, path) = zip_of(&entries);
        must_be_corrupt(&path, what);
    }
}

/// An archive of `payload` whose metadata claims `original_size`, and is otherwise true.
fn claim(compression: Compression, payload: &[u8], original_size: u64, change: impl FnOnce(&mut Metadata)) -> (TempDir, PathBuf) {
    let hash = hex(&Sha256::digest(payload));
    let facts = PayloadFacts {
        original_size_bytes: original_size,
        compressed_size_bytes: payload.len() as u64,
        backup_hash: hash.clone(),
        restore_hash: hash.clone(),
        payload_hash: hash,
    };
    let mut metadata = metadata_of(&facts, compression);
    change(&mut metadata);
    forge(keepstone_model::metadata::Form::Sqlite.entry(compression), payload, &serde_json::to_string(&metadata).unwrap())
}

#[test]
fn a_bomb_is_stopped_at_the_declared_size() {
    let bomb = vec![0; 50_000_000];
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&bomb).unwrap();
        encoder.finish().unwrap()
    };
    for (compression, payload) in [(Compression::Zstd, zstd::bulk::compress(&bomb, 19).unwrap()), (Compression::Gzip, gzip)] {
        let (_folder, path) = claim(compression, &payload, 512, |_| {});
        let mut plain = Vec::new();
        let outcome = Archive::open(&path).unwrap().extract(&mut plain, Path::new("memory"), Step::Verify, &Silent);
        assert!(matches!(outcome, Err(Error::ArchiveCorrupt { .. })), "{outcome:?}");
        assert!(plain.len() <= 512);
    }
}

#[test]
fn a_decoder_may_not_be_made_to_hold_a_huge_window() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.long_distance_matching(true).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&[1; 3000]).unwrap();
    let (_folder, path) = claim(Compression::Zstd, &encoder.finish().unwrap(), 3000, |_| {});
    assert!(matches!(read(&path), Err(Error::ArchiveCorrupt { .. })));
}

type Change = fn(&mut Metadata);

#[test]
fn metadata_that_does_not_fit_its_archive_is_refused() {
    let sound = claim(Compression::None, b"page", 4, |_| {});
    assert_eq!(read(&sound.1).unwrap(), b"page");
    let changes: [(&str, Change); 18] = [
        ("size", |m| m.original_size = 5),
        ("both sizes", |m| (m.original_size, m.database_size) = (5, 5)),
        ("stored size", |m| m.compressed_size = 5),
        ("compression", |m| m.compression = Compression::Zstd),
        ("compressed", |m| m.compressed = true),
        ("algorithm", |m| m.checksum_algorithm = "md5".to_owned()),
        ("hash", |m| m.backup_hash = m.backup_hash.replace('a', "A")),
        ("image hash", |m| m.backup_hash = "0".repeat(64)),
        ("restore hash", |m| m.restore_hash = "0".repeat(64)),
        ("database", |m| m.database = "other".parse().unwrap()),
        ("kind", |m| m.backup_type = Kind::Monthly),
        ("time", |m| m.timestamp = "20261120T030001Z".to_owned()),
        ("no time", |m| m.timestamp = "x".to_owned()),
        ("the last of all numbers", |m| m.sequence = i64::MAX),
        ("the first of all numbers", |m| m.sequence = i64::MIN),
        ("more bytes than the catalog counts", |m| (m.original_size, m.database_size) = (1 << 63, 1 << 63)),
        ("more rows than the catalog counts", |m| (m.total_records, m.table_counts) = (1 << 63, [("t".to_owned(), 1 << 63)].into())),
        ("another sum of rows", |m| m.total_records = 5),
    ];
    for (what, change) in changes {
        let (_folder, path) = claim(Compression::None, b"page", 4, change);
        must_be_corrupt(&path, what);
    }
}

#[test]
fn what_is_no_file_is_no_archive() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("shop_daily_20261120T030000Z_k3f9.zip");
    let outcome = Archive::open(&nothing).unwrap_err();
    assert!(matches!(&outcome, Error::ArchiveMissing { id, .. } if id == "shop_daily_20261120T030000Z_k3f9"), "{outcome:?}");
    assert!(matches!(Archive::open(&nothing.join("below")), Err(Error::ArchiveMissing { .. })));
    assert!(matches!(Archive::open(folder.path()), Err(Error::ArchiveCorrupt { .. })));
    // A pipe that nobody writes to must not be waited for.
    let pipe = folder.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(matches!(Archive::open(&pipe), Err(Error::ArchiveCorrupt { .. })));
}
