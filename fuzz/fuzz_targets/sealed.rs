//! Any edits of what is inside an encrypted archive of the museum, with a zip around it that fits: who knows the password gets what was stored, or
//! nothing.
#![no_main]

use std::{
    fs::File,
    io::{Read, Write},
    path::Path,
    sync::LazyLock,
};

use keepstone_engine::{
    Silent,
    archive::Archive,
    keys::{Password, Passwords},
    model::{job::Step, metadata::Metadata},
};
use libfuzzer_sys::fuzz_target;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// As `testdata/archives/README.md` tells. Stretched once for each salt.
static PASSWORDS: LazyLock<Passwords> = LazyLock::new(|| Passwords::of([Password::new("Museumsschlüssel: offen für alle, für immer")]));
static EXHIBITS: LazyLock<Vec<Exhibit>> = LazyLock::new(exhibits);

struct Exhibit {
    name: String,
    payload: Vec<u8>,
    metadata: Vec<u8>,
    plain: Vec<u8>,
    told: Metadata,
}

fn exhibits() -> Vec<Exhibit> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/archives");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().contains("encrypted"));
    paths.sort();
    let exhibit = |path: &std::path::PathBuf| {
        let mut zip = ZipArchive::new(File::open(path).unwrap()).unwrap();
        let mut read = |number| {
            let (mut entry, mut bytes) = (zip.by_index(number).unwrap(), Vec::new());
            entry.read_to_end(&mut bytes).unwrap();
            (entry.name().unwrap().into_owned(), bytes)
        };
        let ((name, payload), (_, metadata)) = (read(0), read(1));
        let (told, plain) = open(&packed(&name, &payload, &metadata)).expect("what was not edited opens");
        Exhibit { name, payload, metadata, plain, told }
    };
    paths.iter().map(exhibit).collect()
}

/// As `engine/src/archive/container.rs` writes it.
fn packed(name: &str, payload: &[u8], metadata: &[u8]) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new_in("/dev/shm").unwrap();
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(true)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o600)
        .system(System::Unix);
    let mut zip = ZipWriter::new(file.reopen().unwrap());
    for (name, bytes) in [(name, payload), ("metadata.json", metadata)] {
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
    file
}

fn open(file: &tempfile::NamedTempFile) -> Option<(Metadata, Vec<u8>)> {
    let archive = Archive::open_with(file.path(), &PASSWORDS).ok()?;
    let mut plain = Vec::new();
    archive.extract(&mut plain, Path::new("memory"), Step::Verify, &Silent).ok()?;
    Some((archive.metadata().clone(), plain))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((which, edits)) = bytes.split_first() else { return };
    let exhibit = &EXHIBITS[usize::from(*which) % EXHIBITS.len()];
    let (mut payload, mut metadata) = (exhibit.payload.clone(), exhibit.metadata.clone());
    for edit in edits.chunks_exact(4) {
        let edited = if edit[0] & 1 == 0 { &mut metadata } else { &mut payload };
        if edited.is_empty() {
            continue;
        }
        let at = usize::from(u16::from_le_bytes([edit[1], edit[2]])) % edited.len();
        match edit[0] >> 1 & 3 {
            0 | 1 => edited[at] = edit[3],
            2 => edited.insert(at, edit[3]),
            _ => drop(edited.remove(at)),
        }
    }
    if let Some((told, plain)) = open(&packed(&exhibit.name, &payload, &metadata)) {
        assert!(plain == exhibit.plain, "something else came out");
        assert!(told == exhibit.told, "and was told of");
    }
});
