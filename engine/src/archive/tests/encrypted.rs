//! Encrypted archives: they open with their password and nothing else; every change is found, and told from a wrong password.

use std::{collections::BTreeSet, os::unix::fs::FileExt, sync::Arc};

use keepstone_model::metadata::{Kdf, Slot};
use serde_json::{Value, json};

use super::{damage::forge, *};
use crate::keys::{Password, Stretched};

pub(super) const PASSWORD: &str = "correct horse battery staple — ünïcode";

/// The derivation is not the point here.
const CHEAP: Kdf = Kdf::Pbkdf2 { iterations: 1000 };

fn stretched(password: &str) -> Arc<Stretched> {
    Arc::new(Stretched::new(&Password::new(password), CHEAP).unwrap())
}

fn with(password: &str) -> Passwords {
    Passwords::of([Password::new("a wrong one before"), Password::new(password)])
}

pub(super) fn archive(image: &[u8], compression: Compression) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop_daily_20261120T030000Z_k3f9.zip");
    let options = options(compression);
    fill(ArchiveWriter::create_encrypted(&path, &options, &[stretched(PASSWORD)]).unwrap(), image, options).unwrap();
    (folder, path)
}

fn open(path: &Path) -> Result<Vec<u8>> {
    read_with(path, &with(PASSWORD))
}

fn must_be_corrupt(path: &Path, what: &str) {
    match open(path) {
        Err(Error::ArchiveCorrupt { .. }) => {}
        other => panic!("{what}: {:?}", other.map(|image| image.len())),
    }
}

/// The payload and the metadata of an archive, to be put together otherwise.
fn parts(path: &Path) -> (Vec<u8>, Value) {
    let bytes = fs::read(path).unwrap();
    let archive = Archive::open(path).unwrap();
    let start = usize::try_from(archive.payload.start).unwrap();
    let payload = bytes[start..start + usize::try_from(archive.payload.size_bytes).unwrap()].to_vec();
    let at = bytes.windows(2).rposition(|pair| pair == b"{\n").unwrap();
    // The outermost brace is the first one in column 0 after the payload.
    let text = &bytes[start + payload.len()..];
    let from = text.windows(2).position(|pair| pair == b"{\n").unwrap();
    assert!(at >= start + payload.len() + from);
    let to = text.windows(3).rposition(|end| end == b"\n}\n").unwrap() + 2;
    (payload, serde_json::from_slice(&text[from..to]).unwrap())
}

fn put_together(payload: &[u8], metadata: &Value) -> (TempDir, PathBuf) {
    forge("database.sqlite.zst.enc", payload, &serde_json::to_string_pretty(metadata).unwrap())
}

/// As a forger would make it who knows the format.
fn checksum(slots: &Value) -> Value {
    // The members of `Value` are sorted, and it is written without spaces.
    json!(hex(&Sha256::digest(serde_json::to_string(slots).unwrap())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn what_goes_in_comes_out(
        size in prop_oneof![1_usize..2_000, 200_000_usize..600_000, Just(65_536), Just(3 * 65_536), Just(BLOCK_BYTES + 1)],
        seed: u64,
        compression in prop::sample::select(&ALL[..]),
    ) {
        let image = image(size, seed);
        let (_folder, path) = archive(&image, compression);
        prop_assert!(open(&path).unwrap() == image);
        let tried = |outcome: Result<Vec<u8>>| if let Err(Error::WrongPassword { tried, .. }) = outcome { Some(tried) } else { None };
        prop_assert_eq!(tried(read(&path)), Some(0));
        prop_assert_eq!(tried(read_with(&path, &with("not this one"))), Some(2));
    }
}

#[test]
fn without_a_password_only_the_readable_is_there() {
    let (_folder, path) = archive(&image(100_000, 1), Compression::Zstd);
    let locked = Archive::open(&path).unwrap();
    assert!(locked.is_locked());
    let seen = locked.metadata().clone();
    assert_eq!((seen.description.as_str(), seen.tags.len(), seen.backup_hash.as_str(), seen.total_records), ("", 0, "", 0));
    assert_eq!((seen.backup_id.as_str(), seen.sequence, seen.original_size), ("shop_daily_20261120T030000Z_k3f9", 7, 100_000));
    locked.check_payload(Step::Verify, &Silent).unwrap();
    let outcome = locked.extract(&mut std::io::sink(), Path::new("sink"), Step::Verify, &Silent);
    assert!(matches!(outcome, Err(Error::WrongPassword { .. })), "{outcome:?}");
    drop(locked);

    let open = Archive::open_with(&path, &with(PASSWORD)).unwrap();
    assert_eq!(open.metadata().description, "before the \"migration\" — ünïcode");
    let bytes = fs::read(&path).unwrap();
    for secret in ["migration", "nightly", "somebody", open.metadata().backup_hash.as_str(), PASSWORD] {
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret} is in clear");
    }
}

#[test]
fn two_archives_of_the_same_share_nothing_but_the_salt() {
    let same = image(50_000, 2);
    let with = stretched(PASSWORD);
    let folder = tempfile::tempdir().unwrap();
    let made = ["a", "b"].map(|name| {
        let path = folder.path().join(name);
        fill(
            ArchiveWriter::create_encrypted(&path, &options(Compression::None), &[Arc::clone(&with)]).unwrap(),
            &same,
            options(Compression::None),
        )
        .unwrap();
        let (payload, metadata) = parts(&path);
        (payload, metadata["sealed"].clone(), metadata["slots"][0].clone())
    });
    let [a, b] = &made;
    assert!(a.0 != b.0 && a.1 != b.1 && a.2["wrap_salt"] != b.2["wrap_salt"] && a.2["wrapped"] != b.2["wrapped"]);
    assert_eq!(a.2["salt"], b.2["salt"]);
    let chunks: BTreeSet<&[u8]> = made.iter().flat_map(|(payload, ..)| payload.chunks(16)).collect();
    assert_eq!(chunks.len(), made.iter().map(|(payload, ..)| payload.chunks(16).len()).sum::<usize>(), "no keystream is used twice");
}

#[test]
fn every_changed_byte_is_found() {
    for compression in ALL {
        let (_folder, path) = archive(&image(600, 5), compression);
        let sound = fs::read(&path).unwrap();
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        for (at, &byte) in sound.iter().enumerate() {
            for flip in [1 << (at % 8), 0xff] {
                file.write_all_at(&[byte ^ flip], at as u64).unwrap();
                must_be_corrupt(&path, &format!("{compression:?}: byte {at} of {} ^ {flip:#x}", sound.len()));
            }
            file.write_all_at(&[byte], at as u64).unwrap();
        }
        open(&path).unwrap();
        for length in (0..sound.len()).rev().step_by(3) {
            file.set_len(length as u64).unwrap();
            must_be_corrupt(&path, &format!("{compression:?}: cut to {length} of {}", sound.len()));
        }
    }
}

/// Who can write to the file makes every checksum fit; only the tags are beyond that.
#[test]
fn every_forged_payload_is_found() {
    let (_folder, path) = archive(&image(500_000, 6), Compression::Zstd);
    let (payload, metadata) = parts(&path);
    let chunk = 65_552;
    assert!(payload.len() > 3 * chunk);
    let (_folder, other) = archive(&image(500_000, 7), Compression::Zstd);
    let mut flipped = payload.clone();
    flipped[70_000] ^= 1;
    let swapped = [&payload[chunk..2 * chunk], &payload[..chunk], &payload[2 * chunk..]].concat();
    for (what, payload) in [
        ("a bit", flipped),
        ("chunks that changed places", swapped),
        ("without its last chunk", payload[..2 * chunk].to_vec()),
        ("cut within a chunk", payload[..payload.len() - 1].to_vec()),
        ("without its first chunk", payload[chunk..].to_vec()),
        ("a chunk twice", [&payload[..chunk], &payload].concat()),
        ("another archive's", parts(&other).0),
    ] {
        let mut forged = metadata.clone();
        forged["payload_hash"] = json!(hex(&Sha256::digest(&payload)));
        forged["compressed_size"] = json!(payload.len());
        must_be_corrupt(&put_together(&payload, &forged).1, what);
    }
    assert!(open(&put_together(&payload, &metadata).1).is_ok(), "what is put together rightly opens");
}

#[test]
fn every_forged_readable_field_is_found() {
    let (_folder, path) = archive(&image(5_000, 8), Compression::Zstd);
    let (payload, metadata) = parts(&path);
    let forgeries = [
        ("backup_id", json!("shop_daily_20261121T030000Z_k3f9")),
        ("sequence", json!(8)),
        ("database", json!("forum")),
        ("database_uid", json!("ff112233445566778899aabbccddeeff")),
        ("backup_type", json!("manual")),
        ("timestamp", json!("20261121T030000Z")),
        ("created_at", json!("2026-11-20T03:00:01Z")),
        ("created_by", json!("mallory")),
        ("tool", json!({"name": "keepstone", "version": "9"})),
        ("previous", json!({"id": "shop_daily_20261119T030000Z_k3f9", "hash": "0".repeat(64)})),
        ("payload_hash", json!("0".repeat(64))),
        ("coverage", json!("partial")),
        ("added", json!(true)),
    ];
    for (field, value) in forgeries {
        let mut forged = metadata.clone();
        forged[field] = value;
        must_be_corrupt(&put_together(&payload, &forged).1, field);
    }
    let fields = metadata.as_object().unwrap();
    for field in fields.keys() {
        let mut forged = fields.clone();
        forged.remove(field);
        must_be_corrupt(&put_together(&payload, &Value::Object(forged)).1, field);
    }
    for sealed in ["description", "total_records", "suspect", "backup_hash"] {
        let mut forged = metadata.clone();
        forged[sealed] = json!("in clear");
        let forged = put_together(&payload, &forged);
        assert!(matches!(Archive::open(&forged.1), Err(Error::ArchiveCorrupt { .. })), "{sealed}");
    }
}

#[test]
fn damaged_slots_are_told_from_a_wrong_password() {
    let (_folder, path) = archive(&image(5_000, 9), Compression::Zstd);
    let (payload, metadata) = parts(&path);
    let with_slots = |slots: Value, fitting: bool| {
        let mut forged = metadata.clone();
        if fitting {
            forged["slots_checksum"] = checksum(&slots);
        }
        forged["slots"] = slots;
        put_together(&payload, &forged)
    };
    let sound = metadata["slots"].clone();
    assert_eq!(metadata["slots_checksum"], checksum(&sound));
    let changed = |field: &str, value: Value| {
        let mut slots = sound.clone();
        slots[0][field] = value;
        slots
    };
    for (field, value) in [
        ("salt", json!("00".repeat(16))),
        ("wrap_salt", json!("00".repeat(32))),
        ("wrapped", json!("00".repeat(48))),
        ("iterations", json!(1001)),
    ] {
        // Damage: the checksum does not fit, whatever the password.
        let damaged = with_slots(changed(field, value.clone()), false);
        assert!(matches!(Archive::open(&damaged.1), Err(Error::ArchiveCorrupt { .. })), "{field}");
        // Changed with the checksum, it is another slot, which this password does not open.
        let other = with_slots(changed(field, value), true);
        assert!(matches!(open(&other.1), Err(Error::WrongPassword { .. })), "{field}");
    }
    let none_that_is_written = [
        json!([]),
        changed("salt", json!("short")),
        changed("wrapped", json!("00".repeat(47))),
        changed("iterations", json!(u32::MAX)),
        changed("kdf", json!("md5")),
        json!(vec![sound[0].clone(); 17]),
        json!("slots"),
    ];
    for slots in none_that_is_written {
        let forged = with_slots(slots.clone(), true);
        assert!(matches!(Archive::open(&forged.1), Err(Error::ArchiveCorrupt { .. })), "{slots}");
    }
    // The slots of another archive open, and give a key that fits nothing.
    let (_other_folder, other) = archive(&image(5_000, 10), Compression::Zstd);
    must_be_corrupt(&with_slots(parts(&other).1["slots"].clone(), true).1, "another archive's slots");
    let mut sealed = metadata.clone();
    sealed["sealed"] = parts(&other).1["sealed"].clone();
    must_be_corrupt(&put_together(&payload, &sealed).1, "another archive's sealed fields");
}

#[test]
fn no_wrong_password_opens_it() {
    let (_folder, path) = archive(&image(3_000, 11), Compression::Gzip);
    let mut others: Vec<String> = (0..2_000).map(|n| format!("{PASSWORD}{n}")).collect();
    others.extend([&PASSWORD[1..], &PASSWORD.to_uppercase(), &format!("{PASSWORD} "), &format!("{PASSWORD}\n"), ""].map(str::to_owned));
    for other in others {
        let outcome = read_with(&path, &Passwords::of([Password::new(other)]));
        assert!(matches!(outcome, Err(Error::WrongPassword { tried: 1, .. })), "{outcome:?}");
    }
}

#[test]
fn any_one_of_its_passwords_opens_it() {
    let image = image(70_000, 12);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    let options = options(Compression::Zstd);
    let both = [stretched("the first of two"), stretched("the second of two")];
    fill(ArchiveWriter::create_encrypted(&path, &options, &both).unwrap(), &image, options).unwrap();
    for password in ["the first of two", "the second of two"] {
        assert!(read_with(&path, &with(password)).unwrap() == image);
    }
    assert!(ArchiveWriter::create_encrypted(&folder.path().join("b.zip"), &options, &[]).is_err());
}

#[test]
fn other_slots_leave_every_other_byte() {
    let image = image(300_000, 13);
    let (folder, path) = archive(&image, Compression::Zstd);
    let archive = Archive::open_with(&path, &with(PASSWORD)).unwrap();
    let slot: Slot = archive.data_key().unwrap().wrap(&stretched("another password")).unwrap();
    let copy = folder.path().join("copy.zip");
    archive.rewrap(&copy, vec![slot], &Silent).unwrap();
    assert!(read_with(&copy, &with("another password")).unwrap() == image);
    assert!(matches!(open(&copy), Err(Error::WrongPassword { .. })));
    let ((payload, mut before), (same, mut after)) = (parts(&path), parts(&copy));
    assert!(payload == same);
    for metadata in [&mut before, &mut after] {
        let fields = metadata.as_object_mut().unwrap();
        assert!(fields.remove("slots").is_some() && fields.remove("slots_checksum").is_some());
    }
    assert_eq!(before, after);
    assert_eq!(open(&path).unwrap(), image, "the first one is as it was");
}
