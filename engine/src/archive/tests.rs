//! Writing and reading together: round trips, damage, other tools, old archives.
#![expect(clippy::unwrap_used, reason = "a test may stop at once")]

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use keepstone_model::{
    coverage::Coverage,
    database::Engine,
    id::Kind,
    job::Step,
    metadata::{Compression, FORMAT_VERSION, Metadata, Source, Tool},
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{Archive, ArchiveWriter, BLOCK_BYTES, PayloadFacts, WriteOptions, Written};
use crate::{
    Error, Result, Silent,
    image::{ImageSink, hex},
    keys::Passwords,
    throttle::Paced,
};

mod container;
mod damage;
mod encrypted;
mod faults;
mod fuzz;
mod golden;
mod museum;
mod tools;

const ALL: [Compression; 3] = [Compression::Zstd, Compression::Gzip, Compression::None];

/// Metadata that fits, of no particular database.
fn metadata_of(facts: &PayloadFacts, compression: Compression) -> Metadata {
    Metadata {
        format_version: FORMAT_VERSION,
        backup_id: "shop_daily_20261120T030000Z_k3f9".parse().unwrap(),
        sequence: 7,
        database: "shop".parse().unwrap(),
        database_uid: "00112233445566778899aabbccddeeff".parse().unwrap(),
        engine: Engine::Sqlite,
        backup_type: Kind::Daily,
        timestamp: "20261120T030000Z".to_owned(),
        created_at: "2026-11-20T03:00:00Z".parse().unwrap(),
        created_by: "schedule".to_owned(),
        description: "before the \"migration\" — ünïcode".to_owned(),
        tags: vec!["nightly".to_owned()],
        app_label: None,
        database_size: facts.original_size_bytes,
        original_size: facts.original_size_bytes,
        compressed_size: facts.compressed_size_bytes,
        compressed: compression != Compression::None,
        compression,
        encrypted: false,
        cipher: None,
        backup_hash: facts.backup_hash.clone(),
        restore_hash: facts.restore_hash.clone(),
        payload_hash: facts.payload_hash.clone(),
        checksum_algorithm: "sha256".to_owned(),
        schema_version: 3,
        migration_version: None,
        schema: std::collections::BTreeMap::default(),
        table_counts: std::collections::BTreeMap::default(),
        total_records: 0,
        source: Source::default(),
        tool: Tool { name: "keepstone".to_owned(), version: "0.1.0".to_owned() },
        origin: None,
        previous: None,
        slots: Vec::new(),
        suspect: None,
        suspect_cause: None,
        coverage: Coverage::Whole,
        left_out: None,
        globals: None,
    }
}

/// Bytes that compress about as well as a database does: half noise, half repetition. Always the same for a seed.
fn image(size_bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut noise = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes = Vec::with_capacity(size_bytes + 16);
    while bytes.len() < size_bytes {
        bytes.extend(noise().to_le_bytes());
        bytes.extend(b"somebody");
    }
    bytes.truncate(size_bytes);
    bytes
}

fn write(path: &Path, image: &[u8], options: WriteOptions) -> Result<Written> {
    fill(ArchiveWriter::create(path, &options)?, image, options)
}

fn fill(mut writer: ArchiveWriter, image: &[u8], options: WriteOptions) -> Result<Written> {
    writer.begin(image.len() as u64)?;
    // Pieces that fit neither a block nor a page.
    for piece in image.chunks(100_000) {
        writer.write(piece)?;
    }
    writer.finish(&mut |facts| metadata_of(facts, options.compression))
}

fn options(compression: Compression) -> WriteOptions {
    WriteOptions { compression, ..WriteOptions::default() }
}

/// Opens and extracts, as a verification does.
fn read(path: &Path) -> Result<Vec<u8>> {
    read_with(path, &Passwords::none())
}

fn read_with(path: &Path, passwords: &Passwords) -> Result<Vec<u8>> {
    let archive = Archive::open_with(path, passwords)?;
    let mut plain = Vec::new();
    archive.extract(&mut plain, Path::new("memory"), Step::Verify, &Silent)?;
    archive.check_payload(Step::Verify, &Silent)?;
    Ok(plain)
}

/// A folder with one archive of `image`.
fn archive(image: &[u8], compression: Compression) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop_daily_20261120T030000Z_k3f9.zip");
    write(&path, image, options(compression)).unwrap();
    (folder, path)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn what_goes_in_comes_out(
        size in prop_oneof![1_usize..2_000, 200_000_usize..600_000, Just(BLOCK_BYTES), Just(3 * BLOCK_BYTES), Just(BLOCK_BYTES + 1)],
        seed: u64,
        compression in prop::sample::select(&ALL[..]),
    ) {
        let image = image(size, seed);
        let (_folder, path) = archive(&image, compression);
        prop_assert!(read(&path).unwrap() == image);
    }
}

#[test]
fn a_large_image_goes_through_every_compression_and_level() {
    let image = image(21_000_000, 1);
    let levels = [(Compression::Zstd, Some(3)), (Compression::Zstd, None), (Compression::Gzip, Some(1)), (Compression::None, None)];
    let folder = tempfile::tempdir().unwrap();
    for (number, (compression, level)) in levels.into_iter().enumerate() {
        let path = folder.path().join(format!("{number}.zip"));
        let written = write(&path, &image, WriteOptions { compression, level, ..WriteOptions::default() }).unwrap();
        assert_eq!(written.archive_size_bytes, fs::metadata(&path).unwrap().len());
        assert_eq!(written.metadata.backup_hash, hex(&Sha256::digest(&image)));
        assert!(read(&path).unwrap() == image);
    }
}

#[test]
fn the_bytes_depend_on_the_content_only() {
    let image = image(900_000, 2);
    for compression in ALL {
        let ((_a, first), (_b, second)) = (archive(&image, compression), archive(&image, compression));
        assert!(fs::read(first).unwrap() == fs::read(second).unwrap(), "{compression:?}");
    }
}

#[test]
fn only_the_owner_may_read_it() {
    let (_folder, path) = archive(&image(4096, 3), Compression::Zstd);
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_open_archive_is_leased() {
    use crate::durable::{LockMode, try_lock};
    let (_folder, path) = archive(&image(4096, 3), Compression::Zstd);
    let open = Archive::open(&path).unwrap();
    let other_reader = Archive::open(&path).unwrap();
    assert!(try_lock(&path, LockMode::Exclusive).unwrap().is_none());
    drop((open, other_reader));
    assert!(try_lock(&path, LockMode::Exclusive).unwrap().is_some());
}

#[test]
fn reading_goes_no_faster_than_it_may() {
    let slowly = Paced::at(1_000);
    let (_folder, path) = archive(&image(1_000_000, 13), Compression::Zstd);
    let archive = Archive::open(&path).unwrap();
    let took = archive.extract_timed(&mut std::io::sink(), Path::new("sink"), Step::Verify, &slowly).unwrap();
    assert!(slowly.clock.napped().as_secs() >= 990);
    let second = std::time::Duration::from_secs(1);
    // Another thread reads what is stored, and such a clock passes for it, too, while this one waits.
    assert!(!took.stored.is_zero() && !took.decompression.is_zero() && took.decompression < second, "{took:?}");
    assert!(took.decryption.is_zero());
}

#[test]
fn reading_can_be_followed_and_cancelled() {
    struct Watch(std::sync::Mutex<Vec<u64>>, u64);
    impl crate::Monitor for Watch {
        fn progress(&self, progress: &keepstone_model::job::Progress) {
            assert!(progress.done_bytes <= progress.total_bytes);
            self.0.lock().unwrap().push(progress.done_bytes);
        }
        fn cancelled(&self) -> bool {
            self.0.lock().unwrap().last().is_some_and(|&done| done > self.1)
        }
    }
    let image = image(2_000_000, 4);
    let (_folder, path) = archive(&image, Compression::Zstd);
    let archive = Archive::open(&path).unwrap();

    let to_the_end = Watch(std::sync::Mutex::default(), u64::MAX);
    archive.extract(&mut std::io::sink(), Path::new("sink"), Step::Prove, &to_the_end).unwrap();
    assert_eq!(to_the_end.0.into_inner().unwrap().last(), Some(&2_000_000));
    let to_the_end = Watch(std::sync::Mutex::default(), u64::MAX);
    archive.check_payload(Step::Prove, &to_the_end).unwrap();
    assert_eq!(to_the_end.0.into_inner().unwrap().last(), Some(&archive.metadata().compressed_size));

    let cancelled = Watch(std::sync::Mutex::default(), 500_000);
    let mut plain = Vec::new();
    let outcome = archive.extract(&mut plain, Path::new("memory"), Step::Prove, &cancelled);
    assert!(matches!(outcome, Err(Error::CancelledHere)), "{outcome:?}");
    assert!(plain.len() < image.len());
    let cancelled = Watch(std::sync::Mutex::default(), 0);
    assert!(matches!(archive.check_payload(Step::Prove, &cancelled), Err(Error::CancelledHere)));
}

#[test]
fn a_failing_sink_is_named() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (_folder, path) = archive(&image(4096, 3), Compression::Gzip);
    let outcome = Archive::open(&path).unwrap().extract(&mut Full, Path::new("/scratch/image"), Step::Prove, &Silent);
    assert!(matches!(&outcome, Err(Error::NoSpace { path }) if path == Path::new("/scratch/image")), "{outcome:?}");
}
