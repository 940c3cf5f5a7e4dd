//! Any bytes as the directory of a zip that ends as it should: what stands in it is where to look, and never believed.
#![no_main]

use std::io::Write;

use keepstone_engine::archive::Archive;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    let start = bytes.len().min(u16::MAX as usize) as u32 / 3;
    file.write_all(bytes).unwrap();
    file.write_all(b"PK\x05\x06\0\0\0\0\x02\0\x02\0\0\0\0\0").unwrap();
    file.write_all(&start.to_le_bytes()).unwrap();
    file.write_all(&[0, 0]).unwrap();
    let _ = Archive::open(file.path());
});
