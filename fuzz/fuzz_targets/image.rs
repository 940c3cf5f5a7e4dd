//! Any bytes as a database image that is looked into with every defence.
#![no_main]

use std::io::Write;

use keepstone_engine::{Silent, sqlite::inspect::inspect_image};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    file.write_all(bytes).unwrap();
    let _ = inspect_image(file.path(), &Silent);
});
