//! Damage: every byte of every archive of the museum changed, and every cut of it. All of it is found, and found before a target is touched.

use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use keepstone_engine::{Silent, archive::Archive, model::job::Step};

use crate::{
    effort::{Effort, figures},
    scene::in_memory,
    support::{Host, content, shop},
};

fn museum() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/archives");
    let mut archives: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    archives.retain(|path| path.extension().is_some_and(|end| end == "zip"));
    archives.sort();
    archives
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    /// These bits of this byte.
    Flip(u64, u8),
    Cut(u64),
}

/// Whether the archive is taken for whole, by all that reads the stored bytes.
fn is_believed(path: &Path) -> bool {
    let Ok(archive) = Archive::open(path) else { return false };
    archive.check_payload(Step::Verify, &Silent).is_ok()
}

#[test]
fn every_flipped_byte_and_every_cut_of_the_museum_is_found() {
    let effort = Effort::begin();
    let (host, archives) = (in_memory(), museum());
    let mut all = Vec::new();
    for (number, path) in archives.iter().enumerate() {
        let copy = host.path(&format!("{number}.zip"));
        fs::copy(path, &copy).unwrap();
        let length = fs::metadata(&copy).unwrap().len();
        // A variant that this version only knows of is refused whatever is in it.
        if is_believed(&copy) {
            all.extend((0..length).map(|at| (copy.clone(), Damage::Flip(at, 1 << (at % 8)))));
            all.extend((0..length).map(|at| (copy.clone(), Damage::Flip(at, 0xff))));
            all.extend((0..length).map(|at| (copy.clone(), Damage::Cut(at))));
        }
    }
    assert!(all.len() > 100_000);
    let (planned, mut flips, mut cuts, mut missed) = (all.len() as u64, 0, 0, Vec::new());
    for (path, damage) in effort.choose(all, 3000) {
        if effort.is_over() {
            break;
        }
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let believed = match damage {
            Damage::Flip(at, bits) => {
                let mut byte = [0];
                file.read_exact_at(&mut byte, at).unwrap();
                file.write_all_at(&[byte[0] ^ bits], at).unwrap();
                flips += 1;
                let believed = is_believed(&path);
                file.write_all_at(&byte, at).unwrap();
                believed
            }
            Damage::Cut(length) => {
                let whole = fs::read(&path).unwrap();
                file.set_len(length).unwrap();
                cuts += 1;
                let believed = is_believed(&path);
                fs::write(&path, whole).unwrap();
                believed
            }
        };
        if believed {
            missed.push(format!("{} {damage:?}", path.display()));
        }
    }
    let exhibits = archives.len() as u64;
    figures("damage", &[("archives", exhibits), ("planned", planned), ("flips", flips), ("cuts", cuts), ("missed", missed.len() as u64)]);
    assert!(missed.is_empty(), "{missed:?}");
}

/// By the real binary, onto a live database: the file is the same byte for byte after each refusal.
#[test]
fn a_damaged_archive_touches_no_target() {
    let effort = Effort::begin();
    let host = Host::new();
    drop(shop(&host.path("shop.db"), 40));
    host.ok(&["db", "add", "shop.db"]);
    let id = host.create(&["shop", "--compress=none"]);
    let archive = host.path(&format!("keepstone-data/backups/shop/manual/{id}.zip"));
    let (sound, live) = (fs::read(&archive).unwrap(), fs::read(host.path("shop.db")).unwrap());
    let mut tried = 0;
    for at in effort.choose((0..sound.len()).collect(), 4) {
        if effort.is_over() {
            break;
        }
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&archive, bytes).unwrap();
        let (exit, document) = host.json(&["restore", &id, "--replace", "--yes", "--no-verify"]);
        assert_eq!(exit, 4, "byte {at}: {document}");
        assert!(fs::read(host.path("shop.db")).unwrap() == live, "byte {at}: the live database was touched");
        let (exit, document) = host.json(&["restore", "--path", archive.to_str().unwrap(), "--to", "new.sqlite"]);
        assert_eq!(exit, 4, "byte {at}: {document}");
        assert!(!host.path("new.sqlite").exists());
        tried += 1;
    }
    fs::write(&archive, &sound).unwrap();
    host.ok(&["restore", &id, "--replace", "--yes"]);
    content(&host.path("shop.db"));
    figures("damage against a live database", &[("archives", tried), ("touched", 0)]);
}
