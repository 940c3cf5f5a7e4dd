//! Any bytes as the metadata of an archive that is whole otherwise.
#![no_main]

use std::io::Write;

use keepstone_engine::{Silent, archive::Archive, model::job::Step};
use libfuzzer_sys::fuzz_target;
use zip::{CompressionMethod, DateTime, System, ZipWriter, write::SimpleFileOptions};

fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    // As `engine/src/archive/container.rs` writes it.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(true)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o600)
        .system(System::Unix);
    let mut zip = ZipWriter::new(file.reopen().unwrap());
    zip.start_file("database.sqlite", options).unwrap();
    zip.write_all(b"page").unwrap();
    zip.start_file("metadata.json", options).unwrap();
    zip.write_all(bytes).unwrap();
    zip.finish().unwrap();
    if let Ok(archive) = Archive::open(file.path()) {
        let _ = archive.extract(&mut std::io::sink(), file.path(), Step::Verify, &Silent);
    }
});
