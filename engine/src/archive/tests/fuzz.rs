//! Anything at all in place of an archive: never a panic, and never taken for whole. The fuzz targets in `fuzz/` look deeper for the same.

use proptest::prelude::*;

use super::{
    super::{
        container::Container,
        layout::{Entry, Layout},
    },
    *,
};

/// An archive of a small image, and its parts.
fn small(compression: Compression) -> Vec<u8> {
    let (_folder, path) = archive(&image(600, 12), compression);
    fs::read(path).unwrap()
}

fn in_a_file(bytes: &[u8]) -> Result<Vec<u8>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    read(file.path())
}

/// Some change of some bytes, as disks, tools and people make them.
#[derive(Debug, Clone)]
enum Edit {
    Set(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Swap(prop::sample::Index, prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    use prop::sample::Index;
    let index = any::<Index>;
    prop_oneof![
        4 => (index(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        1 => (index(), prop::collection::vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        1 => (index(), 1_usize..60).prop_map(|(at, length)| Edit::Remove(at, length)),
        1 => (index(), index(), 1_usize..80).prop_map(|(one, other, length)| Edit::Swap(one, other, length)),
        1 => (index(), 1_usize..200).prop_map(|(at, length)| Edit::Repeat(at, length)),
    ]
}

fn apply(bytes: &mut Vec<u8>, edit: &Edit) {
    let end = |at: usize, length: usize, bytes: &[u8]| (at + length).min(bytes.len());
    match edit {
        Edit::Set(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Edit::Insert(at, more) => {
            let at = at.index(bytes.len());
            drop(bytes.splice(at..at, more.iter().copied()));
        }
        Edit::Remove(at, length) => {
            let at = at.index(bytes.len());
            drop(bytes.drain(at..end(at, *length, bytes)));
        }
        Edit::Swap(one, other, length) => {
            let (one, other) = (one.index(bytes.len()), other.index(bytes.len()));
            for step in 0..*length {
                if one + step < bytes.len() && other + step < bytes.len() {
                    bytes.swap(one + step, other + step);
                }
            }
        }
        Edit::Repeat(at, length) => {
            let at = at.index(bytes.len());
            let copy = bytes[at..end(at, *length, bytes)].to_vec();
            drop(bytes.splice(at..at, copy));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn edited_archives_are_corrupt(which in 0..ALL.len(), edits in prop::collection::vec(edit(), 1..5)) {
        let sound = small(ALL[which]);
        let mut bytes = sound.clone();
        for edit in &edits {
            if !bytes.is_empty() {
                apply(&mut bytes, edit);
            }
        }
        match in_a_file(&bytes) {
            Ok(_) => prop_assert_eq!(bytes, sound, "taken for whole"),
            Err(Error::ArchiveCorrupt { .. } | Error::ArchiveTooNew { .. } | Error::Unsupported { .. }) => {}
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn any_bytes_are_no_archive(bytes in prop::collection::vec(any::<u8>(), 0..600), end in any::<bool>()) {
        let mut bytes = bytes;
        if end {
            // With the ending of a zip they get further.
            bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0\x02\0\x02\0");
            bytes.extend_from_slice(&[0; 10]);
        }
        let _ = super::super::directory::directory_start(&bytes);
        let _ = super::super::directory::entries(&bytes);
        let _ = super::super::directory::local_header_bytes(&bytes);
        prop_assert!(in_a_file(&bytes).is_err());
    }

    /// One field of the metadata is anything else, in an archive that is whole otherwise: refused, or a field that says nothing about the payload.
    #[test]
    fn forged_metadata_never_gives_another_image(which in 0..ALL.len(), field in any::<prop::sample::Index>(), value in json()) {
        let plain = image(600, 12);
        let (folder, path) = archive(&plain, ALL[which]);
        let archive = Archive::open(&path).unwrap();
        let mut metadata = serde_json::to_value(archive.metadata()).unwrap();
        let names: Vec<String> = metadata.as_object().unwrap().keys().cloned().collect();
        let name = &names[field.index(names.len())];
        metadata[name] = value;
        let entry = archive.form().entry(archive.metadata().compression);
        let bytes = fs::read(&path).unwrap();
        let size_bytes = archive.metadata().compressed_size;
        let any_crc = |name| Entry { name, size_bytes, crc: 0 };
        let start = usize::try_from(Layout::of(any_crc(entry), any_crc("metadata.json")).payload_start()).unwrap();
        let payload = &bytes[start..start + usize::try_from(size_bytes).unwrap()];
        let forged = folder.path().join("forged.zip");
        let mut container = Container::begin(fs::File::create(&forged).unwrap(), entry).unwrap();
        container.write(payload).unwrap();
        container.finish(metadata.to_string().as_bytes()).unwrap();
        if let Ok(image) = read(&forged) {
            prop_assert!(image == plain, "{name}");
        }
    }
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::json;
    prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        any::<u64>().prop_map(|value| json!(value)),
        any::<f64>().prop_map(|value| json!(value)),
        ".{0,80}".prop_map(|value| json!(value)),
        "[0-9a-f]{64}".prop_map(|value| json!(value)),
        Just(json!(["../../etc/passwd"])),
        Just(json!({"../x": {"columns": [], "row_count": u64::MAX}})),
    ]
}
