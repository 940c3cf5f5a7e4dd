//! Any bytes as an archive: never a panic, and nothing that does not fit its own hashes is given out.
#![no_main]

use std::{io::Write, path::Path};

use keepstone_engine::{Silent, archive::Archive, model::job::Step};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    file.write_all(bytes).unwrap();
    if let Ok(archive) = Archive::open(file.path()) {
        let stored = archive.check_payload(Step::Verify, &Silent);
        let mut plain = Vec::new();
        let extracted = archive.extract(&mut plain, Path::new("memory"), Step::Verify, &Silent);
        assert!(extracted.is_err() || stored.is_ok(), "an image came out of a payload that is not the stored one");
        assert!(plain.len() as u64 <= archive.metadata().original_size, "more came out than was declared");
    }
});
